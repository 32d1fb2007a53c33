/**
 * The state after records of the store were lost (R8).
 *
 * The replica then has the intact items, and their dots as its context: it says "removed" of nothing, and is complete of
 * nothing. The state lasts until each connected peer has given all that it had when it was first compared with, and ends at
 * once where no peer is configured. Only what no peer ever had is lost, and `dotsLost` and the log tell of that.
 */
import type { Peer } from './peer.ts'
import type { Replica } from './replica.ts'

export class LossWatch {
  readonly #replica: Replica
  readonly #peers: ReadonlyMap<string, Peer>
  readonly #hasPeers: boolean
  /** Wall clock, milliseconds: when the loss was found; 0 when there is none to make up for. */
  #since: number

  constructor(
    since: number,
    options: { replica: Replica; peers: ReadonlyMap<string, Peer>; hasPeers: boolean },
  ) {
    this.#since = since
    this.#replica = options.replica
    this.#peers = options.peers
    this.#hasPeers = options.hasPeers
  }

  get since(): number {
    return this.#since
  }

  /** True at the moment at which the state ends. */
  ends(): boolean {
    if (this.#since === 0 || !this.#madeUp()) return false
    this.#since = 0
    return true
  }

  #madeUp(): boolean {
    if (!this.#hasPeers && this.#peers.size === 0) return true
    const peers = [...this.#peers.values()]
    return peers.length > 0 && peers.every((peer) => peer.hasGivenAll(this.#replica.context))
  }
}
