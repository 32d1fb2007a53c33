/**
 * Measures stores for what hearsay does with one.
 *
 *     node dist/test/bench/store.js
 *
 * Every measurement runs in a process of its own. Rates and times are the best of several runs, in which the engines
 * take turns: what else the machine does can only slow a run down. Damage is done to copies of a small store, each opened and read to
 * its end; a case that kills its process is counted and the row goes on behind it. It ends before five minutes are over.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { LEVEL_OPTIONS } from '../../src/store/level-open.ts'
import { program } from '../support/program.ts'
import { ENGINES } from './store-engines.ts'
import type { EngineName } from './store-engines.ts'
import type { Outcome, Task } from './store-worker.ts'
import { DAMAGES } from './store-damage.ts'
import type { DamageKind } from './store-damage.ts'

const WORKER = fileURLToPath(new URL('./store-worker.js', import.meta.url))
const RATE_RUNS = 5
const LOAD_RUNS = 3
/** A damaged store may also send its reader round for ever. */
const SILENCE_MS_MAX = 20_000
/** Under five minutes, however slow the machine: what is not measured by then is not measured. */
const DEADLINE_MS = 285_000

interface Options {
  quick: boolean
  damage: boolean
  dir: string
}

const flags = program(
  'node dist/test/bench/store.js',
  'Measures stores for what hearsay does with one, in less than five minutes.',
)
  .option('--quick', 'a tenth of everything', false)
  .option('--damage', 'do the damage alone', false)
  .option('--dir <dir>', 'the disk that is measured', tmpdir())
  .parse()
  .opts<Options>()
const scale = flags.quick ? 0.1 : 1
const parent = mkdtempSync(path.join(flags.dir, 'hearsay-bench-'))
let directories = 0

function freshDirectory(): string {
  return path.join(parent, String(directories++), 'db')
}

class TimeUp extends Error {}

/** Runs a task in a process; the values it printed, and whether it ended by itself. */
async function run(task: Task): Promise<{ printed: unknown[]; ended: boolean }> {
  const child = spawn(process.execPath, [WORKER, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', task.task === 'damage' ? 'ignore' : 'inherit'],
  })
  const closed = new Promise<boolean>((resolve) => {
    child.once('close', (code) => resolve(code === 0))
  })
  const printed: unknown[] = []
  const timeUp = setTimeout(
    () => child.kill('SIGKILL'),
    Math.max(0, DEADLINE_MS - performance.now()),
  )
  const silence = setTimeout(() => child.kill('SIGKILL'), SILENCE_MS_MAX)
  if (task.task !== 'damage') clearTimeout(silence)
  for await (const line of createInterface({ input: child.stdout })) {
    if (task.task === 'damage') silence.refresh()
    printed.push(JSON.parse(line))
  }
  const ended = await closed
  clearTimeout(silence)
  clearTimeout(timeUp)
  if (!ended && performance.now() >= DEADLINE_MS) throw new TimeUp()
  return { printed, ended }
}

async function measure<T>(task: Task): Promise<T> {
  const { printed, ended } = await run(task)
  if (!ended || printed.length !== 1) throw new Error(`the task failed: ${JSON.stringify(task)}`)
  return printed[0] as T
}

function table(head: string[], rows: (string | number)[][]): void {
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'))
  console.log([head, rule, ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n'), '\n')
}

function thousands(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

async function rates(): Promise<void> {
  const kinds = [
    ['single puts, synced', 1, true],
    ['batches of 64, synced', 64, true],
    ['batches of 1,000, synced', 1000, true],
    ['batches of 64, unsynced', 64, false],
    ['batches of 1,000, unsynced', 1000, false],
  ] as const
  const rows: (string | number)[][] = []
  for (const [title, batch, sync] of kinds) {
    const seen = new Map<EngineName, number[]>(ENGINES.map((engine) => [engine, []]))
    for (let i = 0; i < RATE_RUNS; i++) {
      for (const engine of ENGINES) {
        if (engine === 'hearsay' && !sync) continue
        const at = freshDirectory()
        const ms = 800 * scale
        seen.get(engine)!.push(await measure<number>({ task: 'rate', engine, at, batch, sync, ms }))
        rmSync(at, { recursive: true })
      }
    }
    const of = (engine: EngineName): string =>
      seen.get(engine)!.length === 0 ? 'syncs always' : thousands(Math.max(...seen.get(engine)!))
    rows.push([title, ...ENGINES.map(of)])
  }
  table(['records/s', ...ENGINES], rows)
}

interface Filled {
  perSecond: number
  bytes: number
}

interface Loaded {
  records: number
  bytes: number
  ms: number
  anonymousMiB: number
  fileMiB: number
}

async function loads(): Promise<void> {
  for (const records of [100_000 * scale, 1_000_000 * scale]) {
    const rows: (string | number)[][] = []
    for (const engine of ENGINES) {
      const at = freshDirectory()
      const sync = true
      const filled = await measure<Filled>({
        task: 'fill',
        engine,
        at,
        records,
        keys: records,
        sync,
      })
      const all: Loaded[] = []
      for (let i = 0; i < LOAD_RUNS; i++)
        all.push(await measure<Loaded>({ task: 'load', engine, at }))
      if (all.some((each) => each.records !== records)) throw new Error('records are missing')
      const ms = Math.min(...all.map((each) => each.ms))
      const read =
        engine === 'hearsay'
          ? 'none'
          : thousands(
              await measure<number>({ task: 'reads', engine, at, records, ms: 1000 * scale }),
            )
      const { anonymousMiB, fileMiB } = all[0]!
      const MiB = Math.round(filled.bytes / 2 ** 20)
      rows.push([engine, thousands(filled.perSecond), MiB, Math.round(ms)])
      rows.at(-1)!.push(thousands(records / (ms / 1000)), anonymousMiB, fileMiB, read)
      rmSync(at, { recursive: true })
    }
    const head = ['written/s', 'MiB on disk', 'start ms', 'loaded/s', 'MiB own', 'MiB mapped']
    table([`${thousands(records)} records`, ...head, 'point reads/s'], rows)
  }
}

async function overwrites(): Promise<void> {
  const rows: (string | number)[][] = []
  const records = 1_000_000 * scale
  const keys = 10_000 * scale
  for (const engine of ENGINES) {
    const at = freshDirectory()
    const filled = await measure<Filled>({ task: 'fill', engine, at, records, keys, sync: true })
    rows.push([engine, thousands(filled.perSecond), (filled.bytes / 2 ** 20).toFixed(1)])
    rmSync(at, { recursive: true })
  }
  const title = `${thousands(records)} overwrites of ${thousands(keys)} keys`
  table([title, 'written/s', 'MiB on disk'], rows)
}

type Tally = Record<Outcome | 'died', number>

async function damages(): Promise<void> {
  const cases = 100 * scale
  const rows: (string | number)[][] = []
  for (const engine of ENGINES) {
    const at = freshDirectory()
    const states = await measure<string[]>({ task: 'sample', engine, at })
    const files = readdirSync(at).filter((name) => !/^(LOG|LOG\.old|LOCK|lock\.mdb)$/.test(name))
    for (const file of files.sort()) {
      for (const kind of DAMAGES) {
        const tally = await damageRow({ engine, at, file, kind, states }, cases)
        const { correct, died, wrong } = tally
        const row = [tally['clean error'], correct, tally['earlier state'], wrong, died]
        rows.push([`${engine}: ${file}, ${kind}`, ...row])
      }
    }
    rmSync(at, { recursive: true })
  }
  const head = ['clean error', 'correct', 'an earlier state', 'silently wrong', 'process died']
  table([`${cases} cases each`, ...head], rows)
}

async function damageRow(
  what: { engine: EngineName; at: string; file: string; kind: DamageKind; states: string[] },
  cases: number,
): Promise<Tally> {
  const tally: Tally = { correct: 0, 'clean error': 0, 'earlier state': 0, wrong: 0, died: 0 }
  for (let from = 0; from < cases;) {
    const { printed } = await run({ task: 'damage', ...what, from, to: cases })
    const done = printed.filter((line) => (line as object).hasOwnProperty('outcome'))
    for (const line of done) tally[(line as { outcome: Outcome }).outcome]++
    from += done.length
    if (from === cases) break
    if (printed.length === done.length) throw new Error('a damage task did not begin')
    tally.died++
    from++
  }
  return tally
}

function version(name: string): string {
  const entry = fileURLToPath(import.meta.resolve(name))
  const file = path.join(entry.slice(0, entry.lastIndexOf(name)), name, 'package.json')
  return `${name} ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`
}

async function main(): Promise<void> {
  const [cpu] = cpus()
  console.log(`${cpu!.model}, ${cpus().length} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`)
  console.log(`${process.platform} ${release()}, Node ${process.version}, in ${parent}`)
  console.log(`${version('classic-level')} ${JSON.stringify(LEVEL_OPTIONS)}, ${version('lmdb')}`)
  console.log(`load average when it began: ${loadavg()[0]!.toFixed(1)}`)
  console.log('keys of 25 bytes, values of 330, half of them compressible\n')
  try {
    if (!flags.damage) {
      await rates()
      await loads()
      await overwrites()
    }
    await damages()
  } catch (error) {
    if (!(error instanceof TimeUp)) throw error
    console.log(
      'The time is up; the rest was not measured. Try an idle machine, --quick or --damage.',
    )
    process.exitCode = 1
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}

await main()
