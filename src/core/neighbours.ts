/**
 * Who is linked to whom, as far as this daemon's neighbours say.
 *
 * A publisher sends each payload to all of its neighbours itself. So a receiver need not forward it to those of its own
 * neighbours that are the publisher's as well; where that is all of them, each payload crosses each link once instead of
 * once per pair of neighbours. What stale knowledge leaves out, repair brings.
 */
import { fromBinary, toBinary } from './bytes.ts'
import type { Peer } from './peer.ts'

export const NONCE_BYTES = 8
/** A peer changes its links in bursts; one message tells of a burst. */
const TELL_AFTER_MS = 200
/** More links than any daemon keeps. */
const NEIGHBOURS_MAX = 4096

export class NeighbourWatch {
  readonly #peers: ReadonlyMap<string, Peer>
  /** Monotonic time at which the neighbours are told. */
  tellAt = Infinity

  constructor(peers: ReadonlyMap<string, Peer>) {
    this.#peers = peers
  }

  changed(mono: number): void {
    this.tellAt = Math.min(this.tellAt, mono + TELL_AFTER_MS)
  }

  /** The message to tell now. */
  take(): { nonces: Uint8Array<ArrayBuffer> } {
    this.tellAt = Infinity
    const nonces = [...this.#peers.values()].map((peer) => peer.hello?.nonce ?? '').join('')
    return { nonces: fromBinary(nonces) }
  }

  /** False when the message is malformed. */
  heard(peer: Peer, nonces: Uint8Array): boolean {
    if (nonces.length % NONCE_BYTES !== 0 || nonces.length > NEIGHBOURS_MAX * NONCE_BYTES) {
      return false
    }
    const text = toBinary(nonces)
    const neighbours = new Set<string>()
    for (let at = 0; at < text.length; at += NONCE_BYTES) {
      neighbours.add(text.slice(at, at + NONCE_BYTES))
    }
    peer.neighbours = neighbours
    return true
  }

  /** Whether a payload of this author may be news to one of our neighbours. */
  needsForwarding(author: string): boolean {
    const publisher = this.#peers.get(author)
    if (publisher === undefined) return true
    for (const peer of this.#peers.values()) {
      if (peer === publisher) continue
      if (peer.hello === undefined || !publisher.neighbours.has(peer.hello.nonce)) return true
    }
    return false
  }
}
