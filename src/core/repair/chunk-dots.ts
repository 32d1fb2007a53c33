/** What a chunk says of dots. */
import type { ActorId } from '../bytes.ts'
import * as intervals from '../intervals.ts'
import type { Intervals } from '../intervals.ts'
import { gather, rangeOf } from '../wire/dots.ts'
import type { DotRange } from '../wire/dots.ts'
import type { KeyState } from './key-state.ts'

/** What deletes that the answerer remembers have removed. */
export function provedIn(states: readonly KeyState[]): Map<ActorId, Intervals> {
  return gather(states.flatMap(({ proofs }) => proofs.map(({ removed }) => rangeOf(removed))))
}

/** A range less some of its dots, which are named by `dotText`. */
export function without(range: DotRange, missing: ReadonlySet<string>): intervals.Range[] {
  if (missing.size === 0) return [range]
  let set: Intervals = [range.from, range.to]
  for (const text of missing) {
    const counter = Number(text.slice(16))
    if (text.startsWith(range.actor)) set = intervals.subtract(set, [counter, counter])
  }
  return intervals.rangesOf(set)
}
