/**
 * Deltas of local writes that wait to be broadcast.
 *
 * Each payload costs every receiver a signature check and a commit, so what comes one by one leaves at once and what comes
 * in numbers travels in numbers: after a payload the next waits a little for each delta that was in it, unless it is
 * well filled before. A writer of a few puts a second never waits; one of thousands sends some twenty payloads a second.
 */
import { encodeGossip, gossipSizeOf } from './wire/gossip.ts'
import type { Delta } from './wire/gossip.ts'

/** Room for gossipsub's own envelope within its 64 KiB. */
const PAYLOAD_BYTES_MAX = 60 * 1024
/** Does not wait for more: as much again may come with the next commit. */
const WELL_FILLED_BYTES = PAYLOAD_BYTES_MAX / 2
const PAUSE_PER_DELTA_MS = 5
/** Short beside the second for which pulls leave a new dot to gossip. */
const PAUSE_MAX_MS = 50

export class Outbox {
  readonly #inlineBytes: number
  #deltas: Delta[] = []
  #bytes = 0
  /** Monotonic time until which more is waited for. */
  #pauseUntil = -Infinity

  /** `inlineBytes`: items above it are announced. */
  constructor(inlineBytes: number) {
    this.#inlineBytes = inlineBytes
  }

  add(deltas: readonly Delta[]): void {
    for (const delta of deltas) {
      this.#deltas.push(delta)
      this.#bytes += gossipSizeOf(delta, this.#inlineBytes)
    }
  }

  /** Monotonic time at which something is to leave. */
  deadline(): number {
    return this.#deltas.length === 0 ? Infinity : this.#pauseUntil
  }

  /** The payloads that are to leave now. */
  due(mono: number): Uint8Array[] {
    return mono < this.#pauseUntil && this.#bytes < WELL_FILLED_BYTES ? [] : this.take(mono)
  }

  /** All there is. */
  take(mono: number): Uint8Array[] {
    const deltas = this.#deltas
    if (deltas.length === 0) return []
    this.#deltas = []
    this.#bytes = 0
    this.#pauseUntil = mono + Math.min(deltas.length * PAUSE_PER_DELTA_MS, PAUSE_MAX_MS)
    return encodeGossip(deltas, this.#inlineBytes, PAYLOAD_BYTES_MAX)
  }
}
