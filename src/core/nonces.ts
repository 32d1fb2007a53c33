/**
 * Two processes under one peer id (a copied data directory) are told apart by the nonce that each draws at its start.
 *
 * A daemon that restarts comes with a new nonce and never returns to an old one. So when an old nonce is heard again
 * after a newer one, both processes are alive, and the newer one is the copy that was started later.
 */

/** Peers and nonces remembered; a fleet is far smaller, and the oldest are forgotten first. */
const PEERS_MAX = 4096
const NONCES_MAX = 16

export class Nonces {
  /** Nonces of a peer in the order in which they were first heard, and those refused. */
  readonly #byPeer = new Map<string, { heard: string[]; refused: Set<string> }>()

  /** Whether the process that says hello with this nonce may stay. */
  admit(peer: string, nonce: string): boolean {
    const known = this.#byPeer.get(peer) ?? { heard: [], refused: new Set<string>() }
    this.#byPeer.delete(peer)
    this.#byPeer.set(peer, known)
    for (const oldest of this.#byPeer.keys()) {
      if (this.#byPeer.size <= PEERS_MAX) break
      this.#byPeer.delete(oldest)
    }
    const at = known.heard.indexOf(nonce)
    if (at === -1) {
      known.heard.push(nonce)
      if (known.heard.length > NONCES_MAX) known.refused.delete(known.heard.shift()!)
    } else {
      for (const later of known.heard.slice(at + 1)) known.refused.add(later)
    }
    return !known.refused.has(nonce)
  }
}
