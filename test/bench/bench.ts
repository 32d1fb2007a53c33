/**
 * The benchmark: real daemons in real processes, measured against goals and, where they are installed, against redis,
 * etcd and NATS doing the same work.
 *
 *     npm run bench -- --help
 *
 * The whole takes an hour or more, `--quick` some minutes: it shows that nothing is broken and where the figures are.
 * JSON lines are the machine, every measurement as it is made, every summary, every failure.
 *
 * Where it is permitted everything runs in a network namespace of its own, so that nobody else's bytes are counted;
 * where not, the output says so. Everything else on the machine disturbs times. CPU seconds and bytes are disturbed
 * least: trust them most, and ratios between systems of one run before absolute times.
 *
 * What the figures mean:
 *
 * - Every figure is `median (minimum–maximum)` over the repetitions, in which the systems take turns.
 * - Keys have 16 bytes and values 256, half noise, half repeating text, unless a workload says otherwise.
 * - Clients speak through unix sockets, which the loopback device does not count. NATS has none: its wire bytes contain
 *   what its clients say.
 * - CPU: user and system time of the processes of the fleet, without the driver, from /proc, in steps of 10 ms. The driver is this
 *   process: it makes the load, and on a small machine takes part of it away.
 * - Peak memory: greatest resident size of one process within the window.
 * - Wire bytes: what the loopback device counted: every packet once, with its headers. Message bytes: encoded messages, before
 *   encryption and framing.
 * - "In flight": acknowledgements that are waited for at a time, by one client on one connection.
 * - W2 holds all watches and the writer in one process, so there is one clock.
 * - W3: "wire bytes per byte of payload and receiver" divides all wire bytes by the published gossip times the other daemons: it
 *   contains all framing and repair. Copies are of gossip payloads, by the count of their receivers.
 * - The header of each workload's file says the rest.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, appendFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { namesAmong, program, wholeNumber } from '../support/program.ts'
import { Bench, summarise } from './bench-run.ts'
import type { Workload } from './bench-run.ts'
import { limitsOf, limitsText } from './limits.ts'
import type { Limits } from './limits.ts'
import { describeMachine, enterNamespace } from './machine.ts'
import type { Machine } from './machine.ts'
import { pictureOf } from './pictures.ts'
import { profileText } from './profile.ts'
import { Screen } from './screen.ts'
import { hearsay, profileInto } from './systems/hearsay.ts'
import { installedRivals } from './systems/rivals.ts'
import type { System } from './systems/system.ts'
import { failureText, tableOf } from './tables.ts'
import { w1 } from './workloads/w1-writes.ts'
import { w2 } from './workloads/w2-propagation.ts'
import { w3 } from './workloads/w3-convergence.ts'
import { w4 } from './workloads/w4-catch-up.ts'
import { w5 } from './workloads/w5-repair.ts'
import { w6 } from './workloads/w6-size.ts'
import { w7 } from './workloads/w7-reads.ts'
import { w8 } from './workloads/w8-idle.ts'
import { w9 } from './workloads/w9-overwrites.ts'
import { w10 } from './workloads/w10-neighbour.ts'
import { w11 } from './workloads/w11-restart.ts'
import { w12 } from './workloads/w12-removals.ts'

const WORKLOADS: readonly Workload[] = [w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12]
const REPETITIONS = 3

interface Options {
  quick: boolean
  only: string[]
  json?: string
  markdown?: string
  picture?: string
  profile?: string[]
  profileDir?: string
  repetitions: number
  /** Undefined: unless quick. */
  rivals?: boolean
  pin: boolean
  dir: string
}

function optionsOf(): Options {
  const ids = WORKLOADS.map(({ id }) => id)
  return program(
    'npm run bench --',
    'Real daemons against goals, and against redis, etcd and NATS where they are installed.',
  )
    .option('--quick', 'small counts, hearsay alone, not pinned', false)
    .option('--only <ids>', 'of the workloads', namesAmong(ids), ids)
    .option('--repetitions <n>', 'in which the systems take turns', wholeNumber(1), REPETITIONS)
    .option('--rivals', 'the others too, also with --quick')
    .option('--no-rivals', 'hearsay alone')
    .option('--no-pin', 'not also pinned to one core')
    .option('--dir <dir>', 'for the data directories: the disk that is measured', tmpdir())
    .option('--json <file>', 'write JSON lines; - is standard output, instead of the tables')
    .option('--markdown <file>', 'write the tables to a file as well')
    .option('--picture <file>', 'draw some of them (SVG)')
    .option(
      '--profile <ids>',
      'instead, profile these workloads of hearsay alone, once, in the last daemon of each fleet',
      namesAmong(ids),
    )
    .option('--profile-dir <dir>', 'where the profiles go')
    .parse()
    .opts()
}

const flags = optionsOf()

function chosen(): Workload[] {
  const ids = flags.profile ?? flags.only
  return WORKLOADS.filter(({ id }) => ids.includes(id))
}

/** Everything that runs puts its data below one directory, which goes away whatever happens. */
function useDirectory(): string {
  const directory = mkdtempSync(path.join(flags.dir, 'hsb-'))
  process.env['TMPDIR'] = directory
  process.on('exit', () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }))
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(130))
  }
  return directory
}

function profileDirectory(): string {
  const directory = flags.profileDir ?? mkdtempSync(path.join(flags.dir, 'hearsay-profile-'))
  mkdirSync(directory, { recursive: true })
  profileInto(path.resolve(directory))
  return directory
}

function headText(
  machine: Machine,
  limits: Limits,
  systems: readonly Pick<System, 'name' | 'version' | 'durability'>[],
  settings: { quick: boolean; repetitions: number; pinned: boolean },
): string {
  const { cpu, cores, memoryGiB, kernel, node, disk, loadBefore } = machine
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; Linux ${kernel}; Node ${node}; disk: ${disk}; load before: ${loadBefore}.`,
    `${Object.entries(machine.packages)
      .map((one) => one.join(' '))
      .join(', ')}.`,
    limitsText(limits),
    machine.namespace
      ? 'In a network namespace of its own: wire bytes are exact.'
      : 'No network namespace of its own could be had: wire bytes contain everything on loopback.',
    `${settings.quick ? 'Quick: small counts. ' : ''}Repetitions: ${settings.repetitions}; median (minimum–maximum).`,
    `W1 and W2 ${settings.pinned ? 'also pinned to one core' : 'not pinned'}.`,
    '',
    '| system | version | an acknowledged write is |',
    '|---|---|---|',
    ...systems.map((one) => `| ${one.name} | ${one.version} | ${one.durability} |`),
  ].join('\n')
}

async function main(): Promise<void> {
  const workloads = chosen()
  enterNamespace()
  const directory = useDirectory()
  const alone = flags.profile !== undefined || !(flags.rivals ?? !flags.quick)
  const rivals = alone ? [] : installedRivals()
  const profiles = flags.profile === undefined ? undefined : profileDirectory()

  const screen = new Screen()
  const toStdout = flags.json === '-'
  if (flags.json !== undefined && !toStdout) writeFileSync(flags.json, '')
  const json = (kind: string, value: object): void => {
    if (flags.json === undefined) return
    const line = `${JSON.stringify({ kind, ...value })}\n`
    if (toStdout) process.stdout.write(line)
    else appendFileSync(flags.json, line)
  }
  const markdown: string[] = []
  const print = (text: string): void => {
    screen.clear()
    markdown.push(text)
    if (!toStdout) process.stdout.write(`${text}\n\n`)
  }

  const machine = describeMachine(directory)
  const limits = limitsOf(directory)
  const settings = {
    quick: flags.quick,
    repetitions: flags.profile === undefined ? flags.repetitions : 1,
    pinned: flags.pin && !flags.quick,
  }
  const systems = [hearsay, ...rivals].map(({ name, version, durability }) => ({
    name,
    version,
    durability,
  }))
  json('machine', { ...machine, limits, systems, settings })
  print(headText(machine, limits, systems, settings))

  const bench = new Bench({
    quick: flags.quick,
    repetitions: settings.repetitions,
    rivals,
    pin: settings.pinned && flags.profile === undefined,
    measured: (measurement) => json('measurement', measurement),
    progress: (text) => screen.show(text),
  })
  for (const workload of workloads) {
    await bench.run(workload)
    const summaries = summarise(bench.measurements.filter((m) => m.workload === workload.id))
    for (const summary of summaries) json('summary', summary)
    print(tableOf(workload, summaries))
    for (const failure of bench.failures.filter((f) => f.workload === workload.id)) {
      json('failure', failure)
      print(failureText(failure))
    }
  }
  if (profiles !== undefined) {
    print(`profiles in ${profiles}\n\n${profileText(profiles)}`)
  }
  if (flags.markdown !== undefined) writeFileSync(flags.markdown, `${markdown.join('\n\n')}\n`)
  if (flags.picture !== undefined) {
    const { cpu, cores, node, loadBefore } = machine
    const title = `${cpu}, ${cores} cores; Node ${node}; load before: ${loadBefore}`
    writeFileSync(flags.picture, pictureOf(title, summarise(bench.measurements)))
  }
  // A failed turn may leave connections behind, which would keep this process alive.
  process.exit(bench.failures.length === 0 ? 0 : 1)
}

await main()
