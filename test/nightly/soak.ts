/**
 * `npm run soak -- --minutes N`: a small fleet under load and churn for so long, and
 * whether what its daemons use grows: memory, file descriptors, and the context, sampled every few seconds.
 *
 * Three daemons stay all the time and are measured. The others come and go every quarter of a minute: restarted, killed and
 * started again, or thrown away for a new one. A fixed number of keys is written and deleted over and over; watches are opened
 * and closed; `converged` is asked, and every yes checked (judge.ts).
 *
 * Before each sample the three collect their garbage (collector.ts): left to itself V8 does so every ten minutes or so in a process
 * that has little to do, and what grows until then says nothing. Two of them are interpreted (interpreted.ts), and the claim is
 * about these. The third runs as everywhere: the code that V8 compiles for it is shown beside them, and not judged.
 *
 * Before all this one daemon writes and deletes more keys than a daemon's log of removals remembers: while it fills, memory grows
 * as it should. The first fifth is warming up: caches fill, the collector finds its size. Through the rest go lines by least squares; each
 * slope is printed with its 95 % confidence interval. The claim is that nothing is shown to grow: it fails when even the lower
 * end of an interval of the two is above what is allowed. A context has one interval for each run that ever wrote, by design; what must
 * not grow are intervals beyond that, its gaps. Exit code 0 says that the claim held. The plot is an SVG file.
 */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Mutation } from '../../src/daemon-api.ts'
import { residentMiB } from '../bench/machine.ts'
import { converged } from '../support/daemons.ts'
import type { DaemonOptions, TestDaemon } from '../support/daemons.ts'
import { program, wholeNumber } from '../support/program.ts'
import { PATIENCE_MS } from './patience.ts'
import { plot } from './plot.ts'
import { seconds } from './scenario.ts'
import { fit } from './slope.ts'
import type { Sample } from './slope.ts'
import { closeOnSignals, closeWorlds, meshed, World } from './world.ts'

const JUDGED = 2
const STAYING = JUDGED + 1
const SAMPLE_MS = 5_000
const CHURN_MS = 15_000
const WARM_UP_PART = 0.2
/** More than the removal log has room for (`src/core/removal-log.ts`). */
const REMOVALS = 70_000
const MiB = 2 ** 20
const INTERPRETED = new URL('interpreted.js', import.meta.url).href
const COLLECTOR = new URL('collector.js', import.meta.url).href

interface Quantity {
  title: string
  unit: string
  of(daemon: TestDaemon): Promise<number> | number
  /** Growth per hour that is about zero, given the mean. */
  allowed: (mean: number) => number
}

const QUANTITIES: readonly Quantity[] = [
  {
    title: 'resident memory',
    unit: 'MiB',
    of: ({ pid }) => residentMiB(pid),
    allowed: (mean) => 0.02 * mean,
  },
  {
    title: 'heap in use',
    unit: 'MiB',
    of: async ({ client }) => (await client.status()).memory.heapUsedBytes / MiB,
    allowed: (mean) => 0.02 * mean,
  },
  {
    title: 'gaps of the context',
    unit: 'intervals',
    of: async ({ client }) => (await client.status()).context.gaps,
    allowed: () => 1,
  },
  {
    title: 'file descriptors',
    unit: 'open',
    of: ({ pid }) => readdirSync(`/proc/${pid}/fd`).length,
    allowed: () => 1,
  },
]

/** Samples of each quantity of each daemon. */
type Samples = Map<Quantity, Map<TestDaemon, Sample[]>>

async function sample(daemons: readonly TestDaemon[], at: number, samples: Samples): Promise<void> {
  for (const daemon of daemons) {
    daemon.signal('SIGUSR2')
    // An answer takes it several turns of its event loop; the signal is handled in the first.
    await daemon.client.id()
  }
  for (const quantity of QUANTITIES) {
    for (const daemon of daemons) {
      samples
        .get(quantity)!
        .get(daemon)!
        .push({ at, value: await quantity.of(daemon) })
    }
  }
}

/** One of those that come and go does so, in one of three ways. */
async function churn(world: World, staying: readonly TestDaemon[]): Promise<void> {
  const { random, load } = world
  const one = random.pick(world.running.filter((daemon) => !staying.includes(daemon)))
  const how = random.pick(['restart', 'kill', 'replace'] as const)
  if (how === 'restart') await one.stop()
  else await one.kill()
  if (how !== 'replace') {
    await one.start()
    return
  }
  await load.stop(one)
  rmSync(one.data, { recursive: true })
  const fresh = await (await world.create(staying)).start()
  world.write([fresh])
}

function* fillers(op: Mutation['op']): Generator<Mutation> {
  for (let i = 0; i < REMOVALS; i++) {
    const key = Buffer.from(`filler-${i}`)
    yield op === 'put' ? { op, key, value: key } : { op, key }
  }
}

async function fillRemovalLogs(world: World, { client }: TestDaemon): Promise<void> {
  for (const op of ['put', 'delete'] as const) {
    for await (const answer of client.write(fillers(op))) {
      if ('error' in answer) throw answer.error
    }
  }
  await converged(world.running, { waitMs: PATIENCE_MS })
}

/** A client that comes, waits for a change and goes. */
async function watch({ client }: TestDaemon): Promise<void> {
  const abort = new AbortController()
  const changes = await client.watch(new Uint8Array(0), { signal: abort.signal })
  for await (const _ of changes) break
  abort.abort()
}

/** Of the daemon that is started as the `index`-th: the judged ones first, then whoever else stays. */
function optionsFor(index: number): DaemonOptions {
  if (index >= STAYING) return {}
  const loaded = index < JUDGED ? [INTERPRETED, COLLECTOR] : [COLLECTOR]
  return { wrap: ['env', `NODE_OPTIONS=${loaded.map((file) => `--import=${file}`).join(' ')}`] }
}

async function soak(
  world: World,
  ms: number,
): Promise<{ staying: TestDaemon[]; samples: Samples }> {
  const daemons = await world.form(world.plan.count, optionsFor)
  const staying = daemons.slice(0, STAYING)
  const samples: Samples = new Map(
    QUANTITIES.map((one) => [one, new Map(staying.map((daemon) => [daemon, []]))]),
  )
  await fillRemovalLogs(world, daemons[0]!)
  world.write(daemons)
  const begun = performance.now()
  const over = new AbortController()
  const sampling = async (): Promise<void> => {
    for (; performance.now() - begun < ms; await pause(SAMPLE_MS)) {
      await sample(staying, (performance.now() - begun) / 1000, samples)
    }
    over.abort()
  }
  const churning = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const [next] = await Promise.all([pause(CHURN_MS, true), ...staying.map(watch)])
      if (next) await churn(world, staying)
    }
  }
  await world.asked(() => Promise.all([sampling(), churning()]))
  await meshed(world.running)
  await world.settled()
  return { staying, samples }
}

/** A line for each quantity and daemon, and those that show growth of one that is judged. */
function judged(samples: Samples, from: number): { lines: string[]; growing: string[] } {
  const lines: string[] = []
  const growing: string[] = []
  for (const [{ title, unit, allowed }, ofDaemons] of samples) {
    for (const [index, [{ name }, all]] of [...ofDaemons].entries()) {
      const { slope, uncertainty, mean } = fit(all.filter(({ at }) => at >= from))
      const isJudged = index < JUDGED
      const grows = isJudged && slope - uncertainty > allowed(mean)
      const remark = grows ? ', which is growth' : isJudged ? '' : ', with compiled code'
      const line = `${title} of ${name}: mean ${mean.toFixed(1)} ${unit}, slope ${slope.toFixed(2)} ± ${uncertainty.toFixed(2)} an hour${remark}`
      lines.push(line)
      if (grows) growing.push(line)
    }
  }
  return { lines, growing }
}

function drawn(samples: Samples, from: number, title: string): string {
  const panels = [...samples].map(([{ title: what, unit }, ofDaemons]) => ({
    title: `${what}, ${unit}`,
    series: [...ofDaemons].map(([{ name }, all]) => ({
      name,
      samples: all,
      line: fit(all.filter(({ at }) => at >= from)),
    })),
  }))
  return plot(title, panels, from)
}

interface Options {
  minutes: number
  daemons: number
  seed: number
  svg: string
}

function optionsOf(): Options {
  return program('npm run soak --', 'Whether anything grows in a fleet under load and churn.')
    .option('--minutes <m>', 'how long', wholeNumber(2), 60)
    .option('--daemons <n>', 'how many', wholeNumber(STAYING + 1), 5)
    .option('--seed <s>', 'what is drawn', wholeNumber(0), 1)
    .option('--svg <file>', 'where the plot goes', path.join(tmpdir(), 'hearsay-soak.svg'))
    .parse()
    .opts()
}

async function main(): Promise<number> {
  const { minutes, daemons, seed, svg } = optionsOf()
  const plan = { count: daemons, minutes, seed }
  const startedAt = performance.now()
  const world = new World(plan, 'soak')
  const { staying, samples } = await soak(world, minutes * 60_000)
  const from = WARM_UP_PART * minutes * 60
  const { lines, growing } = judged(samples, from)
  const title = `hearsay: ${minutes} minutes, ${plan.count} daemons, ${world.ledger.acknowledged} writes`
  writeFileSync(svg, drawn(samples, from, title))
  for (const { client, name } of staying) {
    const { context, digest } = await client.status()
    lines.push(
      `context of ${name}: ${context.actors} actors, of ${world.fleet.daemons.length} data directories and all their runs; ${context.dots} dots, ${digest.items} items`,
    )
  }
  const { yes, no, lies } = world.judge
  for (const line of lines) console.log(line)
  console.log(
    `${growing.length === 0 ? 'nothing grows' : 'SOMETHING GROWS'}: ${title}; converged: yes ${yes}, no ${no}, lies ${lies.length}; ${seconds(performance.now() - startedAt)}; the plot is ${svg}`,
  )
  return growing.length === 0 && lies.length === 0 ? 0 : 1
}

closeOnSignals()
try {
  process.exitCode = await main()
} finally {
  await closeWorlds()
}
process.exit()
