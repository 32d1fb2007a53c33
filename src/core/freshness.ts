/**
 * How stale this replica may be: for each linked peer the latest moment at which it is known to have had all that the peer
 * had. A comparison that found everything equal tells it for the moment at which it began, and so does a proof. Where that
 * is too long ago, peers are asked now. Ages are counted back from the question: to bear none at all is to want what was
 * there when it was asked.
 */
import type { CoreEffect } from './events.ts'
import type { Peer } from './peer.ts'
import type { Proofs } from './proofs.ts'
import type { Now } from './settings.ts'

/** Clients that wait at a time; what is beyond is answered by what is known already. */
const WAITS_MAX = 4096

export interface FreshnessHost {
  peers: ReadonlyMap<string, Peer>
  proofs: Proofs
  now(): Now
  emit(effect: CoreEffect): void
}

export interface PeerFreshness {
  peer: string
  /** This replica has all that the peer had so long before the question; absent when that was never shown on this link. */
  ageMs?: number
}

interface Question {
  open: number
}

export class Freshness {
  readonly #host: FreshnessHost
  #waiting = 0

  constructor(host: FreshnessHost) {
    this.#host = host
  }

  /** Answers at the latest after `withinMs`, and at once where every peer is known to be no further ahead than `staleMs`. */
  ask(id: number, staleMs: number, withinMs: number): void {
    const { mono } = this.#host.now()
    const stale = this.#stale(staleMs, mono)
    if (stale.length === 0 || this.#waiting >= WAITS_MAX) return this.#answer(id, mono)
    const question: Question = { open: stale.length }
    this.#waiting++
    const by = mono + withinMs
    for (const peer of stale) {
      this.#host.proofs.want(peer, by, () => {
        if (--question.open > 0) return
        this.#waiting--
        this.#answer(id, mono)
      })
    }
  }

  #stale(staleMs: number, mono: number): Peer[] {
    return [...this.#host.peers.values()].filter(
      ({ provenAt }) => provenAt === undefined || mono - provenAt > staleMs,
    )
  }

  #answer(id: number, askedAt: number): void {
    const peers = [...this.#host.peers.values()].map(({ id: peer, provenAt }): PeerFreshness => {
      return provenAt === undefined ? { peer } : { peer, ageMs: Math.max(0, askedAt - provenAt) }
    })
    this.#host.emit({ type: 'freshness', id, peers })
  }
}
