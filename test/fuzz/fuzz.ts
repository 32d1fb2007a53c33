/**
 * Fuzzes every decoder: `npm run fuzz -- --runs 5000000` (each). It may be stopped at any time: with `--ledger FILE` the next
 * call goes on where this one ended, as long as the code is the same.
 *
 * Inputs are mutations of the samples, of what is in `corpus/`, and of what was accepted lately. They run in threads with a
 * small heap, watched from outside: an exception, more memory than any input may cost, or no progress ends a thread, and the
 * input is added to `corpus/`, where `fuzz.test.ts` runs it for ever after.
 */
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { namesAmong, program, wholeNumber } from '../support/program.ts'
import { codeHash, cutUp, StretchLedger } from '../support/stretch-ledger.ts'
import type { Stretch } from '../support/stretch-ledger.ts'
import { corpusOf, keep, writeCorpus } from './corpus.ts'
import { Distillery } from './distil.ts'
import { fuzzTargets } from './targets.ts'
import { addTally, FuzzThread, NOTHING } from './thread.ts'
import type { FuzzTally } from './thread.ts'

/** Runs that begin anew with the corpus alone: a few seconds of work. */
const STRETCH_RUNS = 50_000
const ROOT = path.join(import.meta.dirname, '..', '..')
/** The code under test, and what makes the inputs. */
const CODE = {
  'src/core': /./,
  'src/control': /^(?:json|lines|percent)/,
  'src/daemon': /^token/,
  'src/net': /^(?:addresses|frames|peer-exchange)/,
  'test/fuzz': /^(?:corpus|mutate|samples|targets|thread|work)/,
}

interface Options {
  runs: number
  only: string[]
  ledger?: string
  minutes?: number
  jobs: number
  distil: boolean
}

function optionsOf(): Options {
  const names = fuzzTargets().map(({ name }) => name)
  return program('npm run fuzz --', 'Fuzzes every decoder.')
    .option(
      '--runs <n>',
      `of each decoder, rounded up to ${STRETCH_RUNS}s`,
      wholeNumber(1),
      100_000,
    )
    .option('--only <names>', 'of the decoders', namesAmong(names), names)
    .option('--ledger <file>', 'keep what passed in a file, and go on from there')
    .option('--minutes <m>', 'stop after so long', wholeNumber(1))
    .option('--jobs <j>', 'threads', wholeNumber(1), availableParallelism())
    .option(
      '--distil',
      'instead, write anew what is in corpus/: inputs that reach all that any of so many runs reached',
      false,
    )
    .parse()
    .opts()
}

type TargetLedger = StretchLedger<FuzzTally>

function ledgersOf({ only, ledger }: Options): Map<string, TargetLedger> {
  const code = codeHash(ROOT, CODE)
  return new Map(
    only.map((name) => [name, new StretchLedger(ledger, `${code} ${name}`, NOTHING, addTally)]),
  )
}

interface Job {
  name: string
  stretch: Stretch
}

/** One stretch of each decoder after the other, so that all have got as far when time is over. */
function* jobsOf(ledgers: ReadonlyMap<string, TargetLedger>, runs: number): Generator<Job> {
  const count = Math.ceil(runs / STRETCH_RUNS) * STRETCH_RUNS
  const left = new Map(
    [...ledgers].map(([name, ledger]) => {
      const stretches = ledger.rest({ from: 1, count })
      return [name, stretches.flatMap((one) => cutUp(one, STRETCH_RUNS)).values()]
    }),
  )
  while (left.size > 0) {
    for (const [name, stretches] of left) {
      const { value: stretch } = stretches.next()
      if (stretch === undefined) left.delete(name)
      else yield { name, stretch }
    }
  }
}

/** Names of the decoders that failed. */
async function fuzz(
  ledgers: ReadonlyMap<string, TargetLedger>,
  options: Options,
): Promise<Set<string>> {
  const failed = new Set<string>()
  const jobs = jobsOf(ledgers, options.runs)
  const until = performance.now() + (options.minutes ?? Infinity) * 60_000
  await Promise.all(
    Array.from({ length: options.jobs }, async () => {
      let thread = new FuzzThread()
      try {
        for (const { name, stretch } of jobs) {
          if (performance.now() > until) break
          if (failed.has(name)) continue
          try {
            ledgers.get(name)!.passed(stretch, await thread.run(name, stretch))
          } catch (error) {
            failed.add(name)
            const where = keep(name, thread.input)
            process.stdout.write(`FAILED ${name}, kept in ${where}: ${String(error)}\n`)
            await thread.end()
            thread = new FuzzThread()
          }
        }
      } finally {
        await thread.end()
      }
    }),
  )
  return failed
}

function distil(names: readonly string[], runs: number): void {
  const distillery = new Distillery()
  for (const target of fuzzTargets().filter(({ name }) => names.includes(name))) {
    const reached = distillery.distil(target, corpusOf(target), runs)
    const inputs = reached.filter((input) => !target.samples.includes(input))
    writeCorpus(target.name, inputs)
    process.stdout.write(`${target.name}: ${inputs.length} inputs\n`)
  }
  distillery.end()
}

/** Of all stretches in the ledger; a second is one of a thread's processor time. */
function report(ledgers: ReadonlyMap<string, TargetLedger>): string {
  const row = (name: string, { runs, accepted, cpuMs }: FuzzTally): string => {
    const share = runs === 0 ? '–' : `${((100 * accepted) / runs).toFixed(1)} % accepted`
    const rate = cpuMs === 0 ? '–' : `${Math.round(runs / (cpuMs / 1_000))}/s`
    return `${name.padEnd(26)} ${String(runs).padStart(11)} runs ${share.padStart(16)} ${rate.padStart(9)}`
  }
  const tallies = [...ledgers].map(([name, { tally }]) => [name, tally] as const)
  const all = tallies.reduce((sum, [, tally]) => addTally(sum, tally), NOTHING)
  return [...tallies.map(([name, tally]) => row(name, tally)), row('all', all)].join('\n')
}

const options = optionsOf()
const ledgers = ledgersOf(options)
if (options.distil) distil(options.only, options.runs)
else {
  const failed = await fuzz(ledgers, options)
  process.stdout.write(`${report(ledgers)}\n`)
  if (failed.size > 0) process.exitCode = 1
}
