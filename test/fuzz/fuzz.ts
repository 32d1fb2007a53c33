/**
 * Fuzzes every decoder: `npm run fuzz -- --runs 5000000` (each), `--only chunk,resolved`, `--seed 1`.
 *
 * Inputs are mutations of the samples in `corpus/` and of those accepted lately. Each target runs in a worker with a small
 * heap, which is watched from outside: an exception, more memory than any input may cost, or no progress ends it, and the
 * input is kept in `corpus/`, where `fuzz.test.ts` runs it for ever after.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { Seeded } from '../support/seeded.ts'
import { corpusOf, CORPUS } from './corpus.ts'
import { fuzzTargets } from './targets.ts'
import type { Target } from './targets.ts'

const HEAP_MIB = 256
const ARRAY_BUFFERS_BYTES_MAX = 256 * 1024 * 1024
/** Inputs between two looks from outside. */
const SLICE = 2_000
/** A slice takes a fraction of a second; a machine with a load of its own some seconds. */
const HANG_MS = 120_000
const INPUT_BYTES_MAX = 64 * 1024
/** Inputs that were accepted lately are mutated further, so that several changes add up. */
const POOL_MAX = 256

interface Job {
  name: string
  runs: number
  seed: number
  /** Length and bytes of the input under way. */
  input: SharedArrayBuffer
}

interface Progress {
  runs: number
  accepted: number
}

function workOn({ name, runs, seed, input }: Job): void {
  const target = fuzzTargets().find((one) => one.name === name)!
  const random = new Seeded(seed, name)
  const pool = [...corpusOf(target)]
  const fixed = pool.length
  const length = new Uint32Array(input, 0, 1)
  const bytes = new Uint8Array(input, 4)
  let accepted = 0
  for (let run = 1; run <= runs; run++) {
    const mutated = target.mutate(random.pick(pool), random.pick(pool), random)
    length[0] = Math.min(mutated.length, INPUT_BYTES_MAX)
    bytes.set(mutated.subarray(0, INPUT_BYTES_MAX))
    if (target.run(mutated)) {
      accepted++
      if (pool.length < POOL_MAX) pool.push(mutated)
      else if (random.chance(0.01)) pool[random.int(fixed, POOL_MAX - 1)] = mutated
    }
    if (run % SLICE === 0 || run === runs) {
      if (process.memoryUsage().arrayBuffers > ARRAY_BUFFERS_BYTES_MAX) {
        throw new Error('the arrays take too much memory')
      }
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has none
      parentPort!.postMessage({ runs: run, accepted } satisfies Progress)
    }
  }
}

async function fuzz(target: Target, runs: number, seed: number): Promise<Progress> {
  const input = new SharedArrayBuffer(4 + INPUT_BYTES_MAX)
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { name: target.name, runs, seed, input } satisfies Job,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  })
  let progress: Progress = { runs: 0, accepted: 0 }
  try {
    await new Promise<void>((resolve, reject) => {
      let watch = setTimeout(() => undefined, 0)
      const arm = (): void => {
        clearTimeout(watch)
        watch = setTimeout(() => reject(new Error(`no progress for ${HANG_MS} ms`)), HANG_MS)
      }
      arm()
      worker.on('message', (message: Progress) => {
        progress = message
        arm()
      })
      worker.once('error', reject)
      worker.once('exit', () => {
        clearTimeout(watch)
        resolve()
      })
    })
  } catch (error) {
    const file = keep(target, new Uint8Array(input))
    throw new Error(`${target.name}, kept in ${file}: ${String(error)}`, { cause: error })
  } finally {
    await worker.terminate()
  }
  return progress
}

function keep(target: Target, shared: Uint8Array): string {
  const copy = shared.slice()
  const [length] = new Uint32Array(copy.buffer, 0, 1)
  const input = copy.subarray(4, 4 + length!)
  const directory = path.join(CORPUS, target.name.replaceAll(' ', '-'))
  mkdirSync(directory, { recursive: true })
  const name = `found-${Buffer.from(input).toString('base64url').slice(0, 12)}-${input.length}`
  const file = path.join(directory, name)
  writeFileSync(file, input)
  return file
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '100000' },
      seed: { type: 'string', default: '1' },
      only: { type: 'string' },
    },
  })
  const only = values.only?.split(',')
  const targets = fuzzTargets().filter(({ name }) => only?.includes(name) ?? true)
  if (targets.length === 0) throw new Error(`no such target: ${values.only}`)
  let failed = 0
  for (const target of targets) {
    const started = performance.now()
    try {
      const { runs, accepted } = await fuzz(target, Number(values.runs), Number(values.seed))
      const seconds = (performance.now() - started) / 1000
      const share = ((100 * accepted) / runs).toFixed(1)
      process.stdout.write(
        `${target.name.padEnd(16)} ${runs} runs, ${share} % accepted, ${Math.round(runs / seconds)}/s\n`,
      )
    } catch (error) {
      failed++
      process.stdout.write(`FAILED ${String(error)}\n${(error as Error).stack ?? ''}\n`)
    }
  }
  process.exitCode = failed === 0 ? 0 : 1
}

if (isMainThread) await main()
else workOn(workerData as Job)
