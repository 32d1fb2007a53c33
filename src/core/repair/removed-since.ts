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
import type { Item } from '../item.ts'
import { gather, rangeOf } from '../wire/dots.ts'
import type { DotRange } from '../wire/dots.ts'

/** Added up when there are so many. */
const UNSORTED_MAX = 1024

export class RemovedSince {
  readonly session: number
  readonly #sets = new Map<ActorId, Intervals>()
  #unsorted: DotRange[] = []

  constructor(session: number) {
    this.session = session
  }

  add(items: Iterable<Item>): void {
    for (const item of items) this.#unsorted.push(rangeOf(item))
    if (this.#unsorted.length >= UNSORTED_MAX) this.#sort()
  }

  of(actor: ActorId): Intervals {
    this.#sort()
    return this.#sets.get(actor) ?? intervals.EMPTY
  }

  #sort(): void {
    if (this.#unsorted.length === 0) return
    for (const [actor, set] of gather(this.#unsorted)) {
      this.#sets.set(actor, intervals.union(this.#sets.get(actor) ?? intervals.EMPTY, set))
    }
    this.#unsorted = []
  }
}
