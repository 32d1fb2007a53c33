/**
 * The dial loop: bootstrap addresses and peers of the address book are dialled for as long as the transport runs.
 *
 * Each has its own exponential backoff with jitter. Bootstrap addresses are dialled whenever they are not linked; peers of
 * the book only while there are fewer links than wanted, so that a large fleet does not become a full mesh.
 */
import type { AddressBook } from './address-book.ts'
import { parseAddress } from './addresses.ts'
import type { Log } from './log.ts'
import type { PeerId } from './transport.ts'

export interface DialTuning {
  /** Backoff after the first failure; doubles with each. */
  dialBackoffMinMs: number
  dialBackoffMaxMs: number
  /** Peers of the address book are dialled while there are fewer links than this. */
  linksWanted: number
}

/** Dials under way at a time: a burst of dead addresses must not delay a live one much, nor cost much. */
const PARALLEL_DIALS_MAX = 8

interface Target {
  /** As configured; absent for a peer of the book. */
  bootstrap: string | undefined
  /** Who answered, or must answer, there. */
  peer: PeerId | undefined
  failures: number
  /** Wall clock. */
  dueAt: number
  dialling: boolean
}

export interface DiallerDeps {
  /** Dials until a link is up. */
  dial: (addresses: string[]) => Promise<PeerId>
  isUp: (peer: PeerId) => boolean
  linkCount: () => number
  /** Whether the address has turned out to be this process. */
  isOwn: (address: string) => boolean
  book: AddressBook
  tuning: DialTuning
  log: Log
}

export class Dialler {
  readonly #deps: DiallerDeps
  readonly #bootstrap: Target[]
  readonly #byPeer = new Map<PeerId, Target>()
  /** Peers that must not be dialled before a time, wall clock. */
  readonly #held = new Map<PeerId, number>()
  #timer: NodeJS.Timeout | undefined
  #running = false
  #dialling = 0

  constructor(bootstrap: readonly string[], deps: DiallerDeps) {
    this.#deps = deps
    this.#bootstrap = [...new Set(bootstrap)].map((address) => ({
      bootstrap: address,
      peer: parseAddress(address).peer ?? peerAt(deps.book, address),
      failures: 0,
      dueAt: 0,
      dialling: false,
    }))
  }

  start(): void {
    this.#running = true
    this.#turn()
  }

  stop(): void {
    this.#running = false
    clearTimeout(this.#timer)
  }

  /**
   * A link was lost. One that did not live long counts as a failure, although its dial succeeded: else two peers that
   * cannot get on would meet again and again without a pause.
   */
  linkDown(peer: PeerId, stable: boolean): void {
    if (this.#deps.book.get(peer) !== undefined) this.#bookTarget(peer)
    for (const target of this.#targetsOf(peer)) {
      if (stable) target.failures = 0
      else target.failures++
      target.dueAt = Date.now() + this.#backoffMs(target.failures)
    }
    this.#turn()
  }

  /** The book has new addresses. */
  bookChanged(): void {
    this.#turn()
  }

  /** Does not dial a peer for a while. */
  hold(peer: PeerId, ms: number): void {
    this.#held.set(peer, Date.now() + ms)
    this.#turn()
  }

  release(peer: PeerId): void {
    this.#held.delete(peer)
    this.#turn()
  }

  *#targetsOf(peer: PeerId): Generator<Target> {
    for (const target of this.#bootstrap) if (target.peer === peer) yield target
    const target = this.#byPeer.get(peer)
    if (target !== undefined) yield target
  }

  /** Dials what is due, and comes back when the next is. */
  #turn(): void {
    if (!this.#running) return
    clearTimeout(this.#timer)
    const now = Date.now()
    for (const [peer, until] of this.#held) if (until <= now) this.#held.delete(peer)
    let next = Infinity
    for (const target of this.#targets()) {
      const dueAt = Math.max(target.dueAt, this.#held.get(target.peer ?? '') ?? 0)
      if (dueAt > now) next = Math.min(next, dueAt)
      else if (this.#dialling < PARALLEL_DIALS_MAX) this.#dial(target)
    }
    if (next < Infinity) {
      this.#timer = setTimeout(() => this.#turn(), Math.min(next - now, TURN_MS_MAX))
    }
  }

  /** What should be dialled now or later, in the order of urgency. */
  *#targets(): Generator<Target> {
    const { book, isUp, isOwn, linkCount, tuning } = this.#deps
    const busy = new Set<PeerId>()
    for (const target of [...this.#bootstrap, ...this.#byPeer.values()]) {
      if (target.dialling && target.peer !== undefined) busy.add(target.peer)
    }
    for (const target of this.#bootstrap) {
      if (target.dialling || isOwn(target.bootstrap ?? '')) continue
      if (target.peer !== undefined && (isUp(target.peer) || busy.has(target.peer))) continue
      if (target.peer !== undefined) busy.add(target.peer)
      yield target
    }
    for (const peer of this.#byPeer.keys()) {
      if (book.get(peer) === undefined) this.#byPeer.delete(peer)
    }
    for (const { peer, addresses } of [...book.entries()].reverse()) {
      if (linkCount() + this.#dialling >= tuning.linksWanted) return
      if (busy.has(peer) || isUp(peer) || addresses.length === 0) continue
      yield this.#bookTarget(peer)
    }
  }

  #bookTarget(peer: PeerId): Target {
    let target = this.#byPeer.get(peer)
    if (target === undefined) {
      // Not at once: a fleet that starts together would dial itself in every direction.
      const dueAt = Date.now() + this.#backoffMs(0)
      target = { bootstrap: undefined, peer, failures: 0, dueAt, dialling: false }
      this.#byPeer.set(peer, target)
    }
    return target
  }

  #dial(target: Target): void {
    const addresses = this.#addressesOf(target)
    target.dialling = true
    this.#dialling++
    this.#deps
      .dial(addresses)
      .then(
        (peer) => {
          target.peer = peer
        },
        (error: unknown) => {
          target.failures++
          this.#report(target, addresses, error)
        },
      )
      .finally(() => {
        target.dialling = false
        this.#dialling--
        target.dueAt = Date.now() + this.#backoffMs(target.failures)
        this.#turn()
      })
      .catch(() => {})
  }

  #addressesOf(target: Target): string[] {
    if (target.bootstrap !== undefined) return [target.bootstrap]
    const peer = target.peer ?? ''
    return (this.#deps.book.get(peer)?.addresses ?? []).map((address) => `${address}/p2p/${peer}`)
  }

  /** The first failure of a bootstrap address and then each at the longest backoff are worth a line. */
  #report(target: Target, addresses: string[], error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const { isOwn, log } = this.#deps
    if (target.bootstrap === undefined || isOwn(target.bootstrap) || target.failures % 8 !== 1) {
      log.debug({ addresses, failures: target.failures, reason }, 'dial failed')
    } else {
      log.warn({ address: target.bootstrap, reason }, 'bootstrap peer not reached; trying on')
    }
  }

  #backoffMs(failures: number): number {
    const { dialBackoffMinMs, dialBackoffMaxMs } = this.#deps.tuning
    const ceiling = Math.min(dialBackoffMaxMs, dialBackoffMinMs * 2 ** Math.max(0, failures - 1))
    return ceiling * (0.5 + Math.random() / 2)
  }
}

/** A turn at least this often, so that a clock that was set does not stop the loop. */
const TURN_MS_MAX = 60_000

function peerAt(book: AddressBook, address: string): PeerId | undefined {
  for (const { peer, addresses } of book.entries()) if (addresses.includes(address)) return peer
  return undefined
}
