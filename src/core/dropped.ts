/**
 * Items that were let go lately because they had expired, or because a peer knows their dot and does not hold it under their
 * key. Where it holds another content of the dot under another key, neither side sees the other's in the list of one key, and
 * what was let go here would be called removed there without a word. With it still at hand, that shows as soon as the other
 * content does (R14).
 */
import { dotText, hashPrefix } from './item.ts'
import type { Dot, Item } from './item.ts'

const ITEMS_MAX = 4096
/** Of their envelopes together. */
const BYTES_MAX = 8 * 1024 * 1024

export class Dropped {
  /** The oldest first. */
  readonly #byDot = new Map<string, Item>()
  #bytes = 0

  add(item: Item): void {
    this.delete(item)
    item.detach()
    this.#byDot.set(dotText(item), item)
    this.#bytes += item.envelopeBytes
    for (const oldest of this.#byDot.values()) {
      if (this.#byDot.size <= ITEMS_MAX && this.#bytes <= BYTES_MAX) return
      this.delete(oldest)
    }
  }

  delete(dot: Dot): void {
    const text = dotText(dot)
    const item = this.#byDot.get(text)
    if (item === undefined) return
    this.#byDot.delete(text)
    this.#bytes -= item.envelopeBytes
  }

  /** What was let go under the dot, if its content is not the one with this hash. */
  other(dot: Dot, prefix: string): Item | undefined {
    const item = this.#byDot.get(dotText(dot))
    return item === undefined || hashPrefix(item) === prefix ? undefined : item
  }
}

/**
 * Whether an item that was let go is kept of two contents of its dot, given the hash of the other one: the content that would
 * stay if both were held, else each could take the place of the next, round a ring of replicas, for ever. What expires gives
 * way, because it goes again by itself.
 */
export function outlasts(dropped: Item, prefix: string): boolean {
  return dropped.expiry === 0 && hashPrefix(dropped) > prefix
}
