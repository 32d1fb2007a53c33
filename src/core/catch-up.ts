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
  /** Monotonic time at which this run began with something that it had only heard of; absent where there was nothing. */
  readonly #beganAt: number | undefined
  readonly #left = new Set<Peer>()

  /** @param beganAt monotonic time of the start of a run that begins with dots that are dead by hearsay */
  constructor(peers: ReadonlyMap<string, Peer>, beganAt: number | undefined) {
    this.#peers = peers
    this.#beganAt = beganAt
  }

  left(peer: Peer, context: Context): void {
    if (!peer.hasMore(context)) return
    this.#left.add(peer)
    const [oldest] = this.#left
    if (this.#left.size > LEFT_MAX) this.#left.delete(oldest!)
  }

  /** Whether what took the place of something dead by hearsay may be lacking here. */
  mayLackSuccessors(context: Context, mono: number): boolean {
    const hasJustBegun = this.#beganAt !== undefined && mono - this.#beganAt <= LASTING_MS
    return hasJustBegun || this.isUnderWay(context, mono)
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
