/**
 * Whether this replica catches up: a peer has told of dots that are on their way here, or has not told yet. What took the
 * place of a dot that is dead here by a peer's word alone may be among them (R5). A peer that has left meanwhile still had them;
 * what does not come for long is not waited for (R16). What was on its way when the replica was last stopped is not stored: it
 * may be anything, as long after the start as it would have been waited for.
 */
import type { Context } from './context.ts'
import { LASTING_MS } from './peer.ts'
import type { Peer } from './peer.ts'

/** Peers that left; beyond it the oldest are forgotten. */
const LEFT_MAX = 64

export class CatchUp {
  readonly #peers: ReadonlyMap<string, Peer>
  readonly #startedAt: number
  readonly #left = new Set<Peer>()

  /** @param mono of the start of this run */
  constructor(peers: ReadonlyMap<string, Peer>, mono: number) {
    this.#peers = peers
    this.#startedAt = mono
  }

  left(peer: Peer, context: Context): void {
    if (!peer.hasMore(context)) return
    this.#left.add(peer)
    const [oldest] = this.#left
    if (this.#left.size > LEFT_MAX) this.#left.delete(oldest!)
  }

  /** Whether what took the place of something dead by hearsay may be lacking here. */
  mayLackSuccessors(context: Context, mono: number): boolean {
    return mono - this.#startedAt <= LASTING_MS || this.isUnderWay(context, mono)
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
