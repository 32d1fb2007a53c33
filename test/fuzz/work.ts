/** A thread of `fuzz.ts`: runs the stretches that it is sent, and says how far it is. */
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { Seeded } from '../support/seeded.ts'
import { corpusOf } from './corpus.ts'
import { fuzzTargets } from './targets.ts'
import { INPUT_BYTES_MAX, LENGTH_BYTES } from './thread.ts'
import type { FuzzJob, FuzzTally, FuzzWord } from './thread.ts'

const ARRAY_BUFFERS_BYTES_MAX = 256 * 1024 * 1024
/** Inputs between two looks from outside. */
const SLICE_RUNS = 2_000
/** Inputs that were accepted lately are mutated further, so that several changes add up. */
const POOL_MAX = 256
/** Few larger ones get into the pool: they are many times slower. */
const POOL_BYTES_MAX = 2_048
const LARGE_CHANCE = 0.02

/** Samples are made once. */
const targets = new Map(fuzzTargets().map((target) => [target.name, target]))

function work(
  { name, from, count }: FuzzJob,
  input: SharedArrayBuffer,
  say: (done: boolean, tally: FuzzTally) => void,
): void {
  const target = targets.get(name)!
  const random = new Seeded(from, name)
  const pool = corpusOf(target)
  const fixed = pool.length
  const length = new Uint32Array(input, 0, 1)
  const bytes = new Uint8Array(input, LENGTH_BYTES)
  const startedAt = cpuMs()
  let accepted = 0
  for (let run = 1; run <= count; run++) {
    const mutated = target.mutate(random.pick(pool), random.pick(pool), random)
    length[0] = Math.min(mutated.length, INPUT_BYTES_MAX)
    bytes.set(mutated.subarray(0, INPUT_BYTES_MAX))
    if (target.run(mutated)) {
      accepted++
      if (mutated.length <= POOL_BYTES_MAX || random.chance(LARGE_CHANCE)) {
        if (pool.length < POOL_MAX) pool.push(mutated)
        else if (random.chance(0.01)) pool[random.int(fixed, POOL_MAX - 1)] = mutated
      }
    }
    if (run % SLICE_RUNS !== 0 && run !== count) continue
    if (process.memoryUsage().arrayBuffers > ARRAY_BUFFERS_BYTES_MAX) {
      throw new Error('the arrays take too much memory')
    }
    say(run === count, { runs: run, accepted, cpuMs: cpuMs() - startedAt })
  }
}

function cpuMs(): number {
  try {
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ', 1)[0]) / 1e6
  } catch {
    return performance.now()
  }
}

parentPort?.on('message', (job: FuzzJob) => {
  // Most inputs are refused, by errors whose stacks nobody reads.
  Error.stackTraceLimit = 0
  work(job, workerData as SharedArrayBuffer, (done, tally) =>
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a thread, which has no origin
    parentPort!.postMessage({ done, tally } satisfies FuzzWord),
  )
})
