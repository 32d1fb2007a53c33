/**
 * The search for a fleet that loses something, or never agrees.
 *
 *     npm run simulate -- --seeds 10000 --from 1      runs seeds 1 to 10,000 on all cores
 *     npm run simulate -- --replay 17                 runs one seed and prints every event
 *
 * Each seed is a whole fleet with its own faults (`draw.ts`), run on the very core that the daemon runs, and checked from
 * outside (`test/support/fleet-checks.ts`). A seed that fails is made as small as it gets and printed with the command that
 * runs it again; the exit code is 1 then.
 */
import 'core-js/actual/promise/with-resolvers.js'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { program, wholeNumber, wholeNumbers } from '../support/program.ts'
import { cutUp } from '../support/stretch-ledger.ts'
import type { Stretch } from '../support/stretch-ledger.ts'
import type { Failure, StretchResult } from './batch.ts'
import { challenge } from './challenge.ts'
import { draw } from './draw.ts'
import { large } from './large.ts'
import { codeHash, Ledger } from './ledger.ts'
import { progressLine, report } from './report.ts'
import { Run } from './run.ts'
import { describeStep, describeWorld } from './scenario.ts'
import { commandFor, reduce, shrink, stepsOf } from './shrink.ts'
import type { Reduction } from './shrink.ts'

/** Seeds that a thread gets at a time: a second or less of work. */
const STRETCH_SEEDS = 25
const SHRINK_MS = 60_000
const PROGRESS_EVERY_MS = 1_000
const QUIET_PROGRESS_EVERY_MS = 30_000
const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..')

interface Options {
  seeds: number
  from: number
  jobs: number
  failures: number
  ledger?: string
  replay?: number
  keep?: number[]
  calm: string[]
  challenge: boolean
  large: number[]
}

function optionsOf(): Options {
  return program(
    'npm run simulate --',
    'The search for a fleet that loses something, or never agrees.',
  )
    .option('--seeds <n>', 'how many seeds', wholeNumber(1), 1_000)
    .option('--from <seed>', 'the first one', wholeNumber(1), 1)
    .option('--jobs <j>', 'threads', wholeNumber(1), availableParallelism())
    .option('--ledger <file>', 'keep what passed in a file, and go on from there')
    .option('--failures <k>', 'stop after so many seeds have failed', wholeNumber(1), 1)
    .option('--replay <seed>', 'run one seed and print every event', wholeNumber(1))
    .option('--keep <list>', 'with --replay: only these steps, or "none"', steps)
    .option('--calm <list>', 'with --replay: without these faults', listOf, [])
    .option('--challenge', 'measure the broadcast challenge instead', false)
    .option('--large <list>', 'measure fleets of so many nodes instead', wholeNumbers(1), [])
    .parse()
    .opts()
}

function listOf(text: string): string[] {
  return text.split(',').filter((one) => one !== '' && one !== 'none')
}

function steps(text: string): number[] {
  return listOf(text).map(wholeNumber(0))
}

// One seed.

function replay(seed: number, reduction: Reduction): boolean {
  const scenario = reduce(draw(seed), reduction)
  console.log(describeWorld(scenario.world))
  for (const step of scenario.steps) console.log(describeStep(step))
  const run = new Run(scenario, true)
  try {
    const result = run.run()
    console.log(run.fleet.history.join('\n'))
    console.log(result)
    return true
  } catch (error) {
    console.log(run.fleet.history.join('\n'))
    console.log(error)
    return false
  }
}

function explain({ seed, failure, message }: Failure): void {
  const scenario = draw(seed)
  console.log(`\nseed ${seed} fails: ${message}\n\n${describeWorld(scenario.world)}\n`)
  const reduction = shrink(scenario, failure, SHRINK_MS)
  const steps = stepsOf(scenario, reduction)
  console.log(`${steps.length} of ${scenario.steps.length} steps are enough for it:`)
  for (const step of steps) console.log(`  ${describeStep(step)}`)
  console.log(`\n${commandFor(seed, reduction)}\n`)
}

// Many seeds.

async function search(options: Options): Promise<boolean> {
  const ledger = new Ledger(options.ledger, codeHash(ROOT))
  const before = ledger.tally.runs
  const stretches = ledger
    .rest({ from: options.from, count: options.seeds })
    .flatMap((stretch) => cutUp(stretch, STRETCH_SEEDS))
  if (before > 0) console.log(`${before} runs of this code stand in ${options.ledger}`)
  const failures: Failure[] = []
  const startedAt = performance.now()
  const cpu = process.cpuUsage()
  const every = process.stderr.isTTY ? PROGRESS_EVERY_MS : QUIET_PROGRESS_EVERY_MS
  const progress = setInterval(() => {
    const ended = process.stderr.isTTY ? '\r' : '\n'
    const seconds = (performance.now() - startedAt) / 1_000
    process.stderr.write(progressLine(ledger.tally, before, options.seeds, seconds) + ended)
  }, every)
  await inThreads(options.jobs, stretches, (result) => {
    if (result.failures.length === 0) ledger.passed(result, result.tally)
    failures.push(...result.failures)
    return failures.length < options.failures
  })
  clearInterval(progress)
  const used = process.cpuUsage(cpu)
  const cpuMs = (used.user + used.system) / 1_000
  console.log(report(ledger.tally, ledger.tally.runs - before, cpuMs))
  for (const failure of failures.slice(0, options.failures)) explain(failure)
  return failures.length === 0
}

/** Hands the stretches out until none is left, or `take` has had enough. */
async function inThreads(
  jobs: number,
  stretches: readonly Stretch[],
  take: (result: StretchResult) => boolean,
): Promise<void> {
  const todo = stretches.toReversed()
  await Promise.all(
    Array.from({ length: Math.min(jobs, todo.length) }, async () => {
      const worker = new Worker(new URL('worker.js', import.meta.url))
      try {
        for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
          if (!take(await ask(worker, next))) todo.length = 0
        }
      } finally {
        await worker.terminate()
      }
    }),
  )
}

function ask(worker: Worker, stretch: Stretch): Promise<StretchResult> {
  return new Promise((resolve, reject) => {
    worker.once('message', (result: StretchResult) => {
      worker.removeListener('error', reject)
      resolve(result)
    })
    worker.once('error', reject)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a thread, which has no origin
    worker.postMessage(stretch)
  })
}

/** Fleet sizes and repair intervals (milliseconds) of the measurement. */
const CHALLENGES: readonly (readonly [nodes: number, repairIntervalMs: number])[] = [
  [25, 5_000],
  [25, 30_000],
]

/** Of a large fleet, milliseconds. */
function intervalFor(nodes: number): number {
  return nodes <= 100 ? 5_000 : nodes <= 1_000 ? 30_000 : 120_000
}

const options = optionsOf()
if (options.large.length > 0) {
  for (const nodes of options.large) console.log(large(nodes, intervalFor(nodes)))
} else if (options.challenge) {
  for (const [nodes, intervalMs] of CHALLENGES) console.log(challenge(nodes, intervalMs))
} else {
  const { replay: seed } = options
  const passed = seed === undefined ? await search(options) : replay(seed, options)
  process.exitCode = passed ? 0 : 1
}
