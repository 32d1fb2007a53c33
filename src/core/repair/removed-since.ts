/**
 * Dots whose items were removed here since an asker's first request of a session.
 *
 * What took the place of such an item may not be in what the session tells: it came after `ctx0`, or after the buckets were
 * compared, into one that was equal then. So none of these dots is told as dead: the asker would know that the item is gone
 * and not what replaced it, and would have others remove it with nothing to show instead (R5). The next pull tells of them.
 */
import type { ActorId } from '../bytes.ts'
import * as intervals from '../intervals.ts'
import type { Intervals } from '../intervals.ts'
import type { Dot, Item } from '../item.ts'

/** Added up when there are so many. */
const UNSORTED_MAX = 1024

export class RemovedSince {
  readonly session: number
  readonly #sets = new Map<ActorId, Intervals>()
  #unsorted: Dot[] = []
  /** Changes with every addition. */
  version = 0

  constructor(session: number) {
    this.session = session
  }

  add(items: Iterable<Item>): void {
    for (const { actor, counter } of items) {
      this.#unsorted.push({ actor, counter })
      this.version++
    }
    if (this.#unsorted.length >= UNSORTED_MAX) this.#sort()
  }

  of(actor: ActorId): Intervals {
    this.#sort()
    return this.#sets.get(actor) ?? intervals.EMPTY
  }

  #sort(): void {
    if (this.#unsorted.length === 0) return
    const counters = new Map<ActorId, number[]>()
    for (const { actor, counter } of this.#unsorted) {
      const list = counters.get(actor)
      if (list === undefined) counters.set(actor, [counter])
      else list.push(counter)
    }
    this.#unsorted = []
    for (const [actor, list] of counters) {
      const set = intervals.fromAscending(list.sort((a, b) => a - b))
      this.#sets.set(actor, intervals.union(this.#sets.get(actor) ?? intervals.EMPTY, set))
    }
  }
}
