/**
 * Whether the simulator would notice: `npm run mutations` breaks each rule of the core, and all must be caught.
 *
 * Caught means that a checker outside the core names a property that does not hold, with the assertions inside the core
 * switched off, while the same seed passes on the original. Of random mutations an exception, or a run that does not
 * end, counts as well.
 */
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Failure } from '../simulation/batch.ts'
import { namesAmong, program, wholeNumber } from '../support/program.ts'
import { makeMutant, removeMutant } from './mutant.ts'
import { randomMutations } from './random.ts'
import { RULE_MUTATIONS } from './rules.ts'
import type { Mutation } from './rules.ts'

const ROOT = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', '..')
const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))
/** Processor time for one seed: most take a fraction of a second, a heavy one some seconds. */
const HANG_CPU_MS = 60_000
const LOOK_EVERY_MS = 2_000
/** Of `/proc`, on every Linux. */
const TICK_MS = 10
const HEAP_MIB = 1024

type Outcome =
  | { kind: 'survived'; seeds: number }
  | { kind: 'caught'; seed: number; property: string }
  | { kind: 'crashed' | 'hung'; seed: number; property: string }

interface Options {
  seeds: number
  jobs: number
  only: string[]
  random: number
  seed: number
}

/** The first word of a name: what is broken. */
function ruleOf({ name }: Mutation): string {
  return name.split(' ')[0]!
}

function optionsOf(): Options {
  const rules = [...new Set(RULE_MUTATIONS.map(ruleOf))]
  return program(
    'npm run mutations --',
    'Breaks one rule of the core after the other: would the simulator notice?',
  )
    .option('--only <rules>', 'such as R5,R8', namesAmong(rules), rules)
    .option('--random <n>', 'instead so many small changes drawn at random', wholeNumber(0), 0)
    .option('--seed <s>', 'what is drawn', wholeNumber(0), 1)
    .option('--seeds <n>', 'after which a mutant is given up', wholeNumber(1), 20_000)
    .option('--jobs <j>', 'mutants at a time', wholeNumber(1), availableParallelism())
    .parse()
    .opts()
}

/** Runs seeds until one fails. */
function runSeeds(build: string, from: number, to: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = fork(WORKER, [build, String(from), String(to)], {
      execArgv: [`--max-old-space-size=${HEAP_MIB}`],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let seed = from
    let said = ''
    let outcome: Outcome | undefined
    let cpuAtSeed = cpuMsOf(child.pid)
    const watch = setInterval(() => {
      if (cpuMsOf(child.pid) - cpuAtSeed < HANG_CPU_MS) return
      const property = `no end within ${HANG_CPU_MS / 1000} s of processor time`
      outcome = { kind: 'hung', seed, property }
      child.kill('SIGKILL')
    }, LOOK_EVERY_MS)
    child.stderr?.on('data', (text: Buffer) => (said = (said + text.toString()).slice(-2_000)))
    child.on('message', (message: Failure | { seed: number }) => {
      cpuAtSeed = cpuMsOf(child.pid)
      if ('failure' in message) outcome = outcomeOf(message)
      else seed = message.seed + 1
    })
    child.once('exit', (code) => {
      clearInterval(watch)
      const ended = seed > to ? { kind: 'survived' as const, seeds: to - from + 1 } : undefined
      const property = `exit ${code}: ${said.trim().split('\n').at(-1) ?? ''}`
      resolve(outcome ?? ended ?? { kind: 'crashed', seed, property })
    })
  })
}

/** What a process has used: a busy machine must not look like a run that does not end. */
function cpuMsOf(pid: number | undefined): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return 0
  }
}

/** Properties have short names; anything else that was thrown is an exception of the core or the simulator. */
function outcomeOf({ seed, failure, message }: Failure): Outcome {
  const isCheck = message.startsWith('CheckFailure')
  const property = isCheck ? failure : (message.split('\n')[0] ?? failure)
  return { kind: isCheck ? 'caught' : 'crashed', seed, property }
}

async function judge(mutation: Mutation, seeds: number, original: string): Promise<Outcome> {
  const build = makeMutant(ROOT, mutation)
  try {
    const { from = 1 } = mutation
    const outcome = await runSeeds(build, from, from + seeds - 1)
    if (outcome.kind === 'survived') return outcome
    const unmutated = await runSeeds(original, outcome.seed, outcome.seed)
    if (unmutated.kind !== 'survived') {
      throw new Error(`seed ${outcome.seed} fails without any mutation: ${unmutated.property}`)
    }
    return outcome
  } finally {
    removeMutant(build)
  }
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.kind === 'survived') return `SURVIVED ${outcome.seeds} seeds`
  return `${outcome.kind} by seed ${outcome.seed}: ${outcome.property}`
}

async function main(): Promise<void> {
  const { seeds, jobs, only, random, seed } = optionsOf()
  const mutations =
    random > 0
      ? randomMutations(ROOT, random, seed)
      : RULE_MUTATIONS.filter((mutation) => only.includes(ruleOf(mutation)))
  const original = makeMutant(ROOT, undefined)
  const todo = mutations.toReversed()
  const outcomes: Outcome[] = []
  try {
    await Promise.all(
      Array.from({ length: jobs }, async () => {
        for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
          const outcome = await judge(next, seeds, original)
          outcomes.push(outcome)
          console.log(
            `${next.name.padEnd(14)} ${describeOutcome(outcome)}\n${' '.repeat(15)}${next.what}`,
          )
        }
      }),
    )
  } finally {
    removeMutant(original)
  }
  const count = (kind: Outcome['kind']): number =>
    outcomes.filter((one) => one.kind === kind).length
  const noticed = outcomes.length - count('survived')
  console.log(
    `\n${noticed} of ${outcomes.length} mutations noticed: ${count('caught')} by a checker, ${count('crashed')} by an exception, ` +
      `${count('hung')} by a run that does not end; ${count('survived')} survived`,
  )
  const enough = random > 0 || count('caught') === outcomes.length
  process.exitCode = enough ? 0 : 1
}

await main()
