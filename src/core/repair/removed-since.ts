/**
 * Dots whose items were removed here since an asker's first request of a session.
 *
 * What took the place of such an item may not be in what the session tells: it came after `ctx0`, or after the buckets were
 * compared, into one that was equal then. So none of these dots is told as dead: the asker would know that the item is gone
 * and not what replaced it, and would have others remove it with nothing to show instead (R5). The next pull tells of them.
 */
import type { ActorId } from '../bytes.ts'
import { GrowingDots } from '../growing-set.ts'
import type { Intervals } from '../intervals.ts'
import type { Item } from '../item.ts'

export class RemovedSince {
  readonly session: number
  readonly #dots = new GrowingDots()

  constructor(session: number) {
    this.session = session
  }

  add(items: Iterable<Item>): void {
    for (const { actor, counter } of items) this.#dots.addRange(actor, counter, counter)
  }

  /** Those of the dots `from`..`to` that are not among them. */
  missingOf(actor: ActorId, from: number, to: number): Intervals {
    return this.#dots.missingOf(actor, [from, to])
  }
}
