/**
 * A set of positive integers that grows by very many small steps. To add to a list of intervals copies all of it; here a step
 * copies what came lately, and now and then that is joined with the rest.
 */
import type { ActorId } from './bytes.ts'
import * as intervals from './intervals.ts'
import type { Intervals } from './intervals.ts'

/** Numbers in the list of what came lately: to copy so many is quicker than anything else that is done with a dot. */
const RECENT_MAX = 1024

export class GrowingSet {
  #settled = intervals.EMPTY
  #recent = intervals.EMPTY

  /** `from` > `to` adds nothing. */
  addRange(from: number, to: number): void {
    this.#recent = intervals.addRange(this.#recent, from, to)
    if (this.#recent.length > RECENT_MAX) this.#settle()
  }

  covers(n: number): boolean {
    return intervals.covers(this.#recent, n) || intervals.covers(this.#settled, n)
  }

  /** Greatest member; 0 when there is none. */
  get head(): number {
    return Math.max(intervals.head(this.#recent), intervals.head(this.#settled))
  }

  get all(): Intervals {
    this.#settle()
    return this.#settled
  }

  /** Members of `set` that are not in this one. */
  missingOf(set: Intervals): Intervals {
    return intervals.subtract(intervals.subtract(set, this.#settled), this.#recent)
  }

  #settle(): void {
    this.#settled = intervals.union(this.#settled, this.#recent)
    this.#recent = intervals.EMPTY
  }
}

/** Dots that become more in that way. */
export class GrowingDots implements Iterable<[ActorId, Intervals]> {
  readonly #sets = new Map<ActorId, GrowingSet>()

  /** Number of actors. */
  get size(): number {
    return this.#sets.size
  }

  addRange(actor: ActorId, from: number, to: number): void {
    let set = this.#sets.get(actor)
    if (set === undefined) this.#sets.set(actor, (set = new GrowingSet()))
    set.addRange(from, to)
  }

  covers(actor: ActorId, counter: number): boolean {
    return this.#sets.get(actor)?.covers(counter) === true
  }

  /** Greatest counter of an actor; 0 when there is none. */
  head(actor: ActorId): number {
    return this.#sets.get(actor)?.head ?? 0
  }

  /** Those counters of an actor that are not in here. */
  missingOf(actor: ActorId, counters: Intervals): Intervals {
    return this.#sets.get(actor)?.missingOf(counters) ?? counters
  }

  *[Symbol.iterator](): Generator<[ActorId, Intervals], undefined> {
    for (const [actor, { all }] of this.#sets) yield [actor, all]
  }
}
