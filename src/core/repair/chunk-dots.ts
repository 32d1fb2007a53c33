/** What a chunk says of dots. */
import type { ActorId } from '../bytes.ts'
import * as intervals from '../intervals.ts'
import type { Intervals } from '../intervals.ts'
import type { DotRange } from '../wire/dots.ts'
import type { KeyState } from './key-state.ts'

/** What deletes that the answerer remembers have removed. */
export function provedIn(states: readonly KeyState[]): Map<ActorId, Intervals> {
  const proved = new Map<ActorId, Intervals>()
  for (const { proofs } of states) {
    for (const { actor, counter } of proofs.map((proof) => proof.removed)) {
      const before = proved.get(actor) ?? intervals.EMPTY
      proved.set(actor, intervals.addRange(before, counter, counter))
    }
  }
  return proved
}

/** A range less some of its dots, which are named by `dotText`. */
export function without(
  range: DotRange,
  missing: ReadonlySet<string>,
): { from: number; to: number }[] {
  if (missing.size === 0) return [range]
  let set: Intervals = [range.from, range.to]
  for (const text of missing) {
    const counter = Number(text.slice(16))
    if (text.startsWith(range.actor)) set = intervals.subtract(set, [counter, counter])
  }
  const parts: { from: number; to: number }[] = []
  for (let i = 0; i < set.length; i += 2) parts.push({ from: set[i]!, to: set[i + 1]! })
  return parts
}
