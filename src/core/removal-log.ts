/**
 * The removal log: which keys the latest deletes touched, by the dot of the delete.
 *
 * A delete leaves no item behind, so a dead dot by itself does not say which key it emptied. While the log remembers, a
 * pull names the key beside the dead dot and the asker can drop what was removed in the same round trip; when the log
 * has forgotten (it is bounded, and begins empty at start), the range step of repair finds the key instead. Only deletes
 * are logged: a put that removed something is itself an item and names its key as long as it is held.
 */
import type { ActorId } from './bytes.ts'
import { RangeIndex } from './range-index.ts'
import { compareDots, dotText } from './item.ts'
import type { Dot } from './item.ts'

/** About 300 bytes each: at most some 20 MiB. Beyond that the oldest are forgotten. */
const REMOVALS_MAX = 65_536

export interface Removal extends Dot {
  /** `actor` and `counter` name the mutation; this is what it removed. */
  removed: Dot
  key: string
}

export class RemovalLog {
  readonly #byMutation = new RangeIndex<Removal>({
    compare: (a, b) => compareDots(a, b) || compareDots(a.removed, b.removed),
  })
  readonly #byRemoved = new Map<string, Removal>()
  readonly #oldestFirst = new Set<Removal>()

  add(removal: Removal): void {
    if (!this.#byMutation.insert(removal)) return
    this.#oldestFirst.add(removal)
    this.#byRemoved.set(dotText(removal.removed), removal)
    if (this.#oldestFirst.size <= REMOVALS_MAX) return
    for (const oldest of this.#oldestFirst) {
      this.#oldestFirst.delete(oldest)
      this.#byMutation.delete(oldest)
      const text = dotText(oldest.removed)
      if (this.#byRemoved.get(text) === oldest) this.#byRemoved.delete(text)
      break
    }
  }

  /** The delete that removed an item, if it is remembered. */
  of(removed: Dot): Dot | undefined {
    return this.#byRemoved.get(dotText(removed))
  }

  /** Removals by mutations of `actor` with counters in [from, to], ascending. */
  *inRange(actor: ActorId, from: number, to: number): Generator<Removal> {
    const start = { actor, counter: from }
    for (const removal of this.#byMutation.from((entry) => compareDots(entry, start))) {
      if (removal.actor !== actor || removal.counter > to) return
      yield removal
    }
  }
}
