/**
 * Whether this replica catches up: a peer has told of dots that are on their way here, or has not told yet. What took the
 * place of a dot that is dead here by a peer's word alone may be among them (R5). A peer that has left meanwhile still had them;
 * what does not come for long is not waited for (R16).
 */
import type { Context } from './context.ts'
import type { Peer } from './peer.ts'

/** Peers that left; beyond it the oldest are forgotten. */
const LEFT_MAX = 64

export class CatchUp {
  readonly #peers: ReadonlyMap<string, Peer>
  readonly #left = new Set<Peer>()

  constructor(peers: ReadonlyMap<string, Peer>) {
    this.#peers = peers
  }

  left(peer: Peer, context: Context): void {
    if (!peer.hasMore(context)) return
    this.#left.add(peer)
    const [oldest] = this.#left
    if (this.#left.size > LEFT_MAX) this.#left.delete(oldest!)
  }

  /** @param mono monotonic milliseconds */
  isUnderWay(context: Context, mono: number): boolean {
    for (const peer of this.#left) {
      if (peer.isAhead(context, mono)) return true
      this.#left.delete(peer)
    }
    return [...this.#peers.values()].some((peer) => peer.isAhead(context, mono))
  }
}
