/**
 * For how long things have been as they are with each peer. A comparison tells how much is missing now; whether that is
 * the usual moment of lag or something stuck, only time tells.
 */
import type { PeerStatus } from '../daemon-api.ts'

/** How often the shell looks: what lasts shorter than this needs no name. */
export const PEER_WATCH_INTERVAL_MS = 1_000

interface Seen {
  /** The link that these times belong to. */
  connectedAt: number
  behindSince: number | undefined
  /** Least number of missing dots since then, and when it last became less. */
  leastBehind: number
  progressAt: number
  differsSince: number | undefined
}

export type PeerTimes = Pick<PeerStatus, 'behindMs' | 'stuckMs' | 'differsMs'>

export class PeerWatch {
  readonly #seen = new Map<string, Seen>()
  #dots = -1
  #changedAt = 0

  /** Milliseconds since the map last changed, as of the latest look. */
  quietMs(mono: number): number {
    return Math.max(0, Math.round(mono - this.#changedAt))
  }

  /** One look at all peers; `dots` is the number of mutations seen here. */
  look(peers: readonly PeerStatus[], dots: number, mono: number): void {
    if (dots !== this.#dots) {
      this.#dots = dots
      this.#changedAt = mono
    }
    const linked = new Set(peers.map(({ peer }) => peer))
    for (const peer of this.#seen.keys()) if (!linked.has(peer)) this.#seen.delete(peer)
    for (const peer of peers) this.#note(peer, mono)
  }

  times(peer: PeerStatus, mono: number): PeerTimes {
    const seen = this.#seen.get(peer.peer)
    if (seen === undefined) return {}
    const { behindSince, progressAt, differsSince } = seen
    return {
      ...(behindSince === undefined
        ? {}
        : { behindMs: Math.round(mono - behindSince), stuckMs: Math.round(mono - progressAt) }),
      ...(differsSince === undefined ? {} : { differsMs: Math.round(mono - differsSince) }),
    }
  }

  #note(peer: PeerStatus, mono: number): void {
    let seen = this.#seen.get(peer.peer)
    if (seen === undefined || seen.connectedAt !== peer.connectedAt) {
      seen = {
        connectedAt: peer.connectedAt,
        behindSince: undefined,
        leastBehind: 0,
        progressAt: mono,
        differsSince: undefined,
      }
      this.#seen.set(peer.peer, seen)
    }
    const behind = peer.dotsBehind ?? 0
    if (behind === 0) seen.behindSince = undefined
    else if (seen.behindSince === undefined || behind < seen.leastBehind) {
      seen.behindSince ??= mono
      seen.leastBehind = behind
      seen.progressAt = mono
    }
    if (peer.lastDigest?.agreed === false) seen.differsSince ??= mono
    else seen.differsSince = undefined
  }
}
