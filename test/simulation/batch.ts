/** Runs a stretch of seeds, one after the other: the part of the work that a thread does at a time. */
import type { Stretch } from '../support/stretch-ledger.ts'
import { draw } from './draw.ts'
import { Run } from './run.ts'
import { failureOf } from './shrink.ts'
import { add, emptyTally, tallyOf } from './tally.ts'
import type { Tally } from './tally.ts'

/** One run in so many is done twice: all of its events must be the same again. */
const REPEATED_EVERY = 50

export interface Failure {
  seed: number
  /** The property that does not hold. */
  failure: string
  message: string
}

export interface StretchResult extends Stretch {
  tally: Tally
  failures: Failure[]
}

export function runStretch({ from, count }: Stretch): StretchResult {
  let tally = emptyTally()
  const failures: Failure[] = []
  for (let seed = from; seed < from + count; seed++) {
    const one = runSeed(seed)
    if ('failure' in one) failures.push(one)
    else tally = add(tally, one)
  }
  return { from, count, tally, failures }
}

export function runSeed(seed: number): Tally | Failure {
  try {
    const scenario = draw(seed)
    const result = new Run(scenario).run()
    const tally = tallyOf(scenario, result)
    if (seed % REPEATED_EVERY !== 0) return tally
    const again = new Run(draw(seed)).run()
    if (again.hash !== result.hash) {
      return { seed, failure: 'same seed', message: 'two runs of one seed had different events' }
    }
    return { ...tally, repeated: 1 }
  } catch (error) {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { seed, failure: failureOf(error), message }
  }
}
