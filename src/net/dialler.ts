/**
 * The dial loop: bootstrap addresses, peers of the address book and addresses that were discovered on the network are
 * dialled for as long as the transport runs, each with its own exponential backoff with jitter.
 *
 * Whom to dial is said in `neighbourhood.ts`: the ring always, others and bootstrap addresses only while there are
 * fewer links than wanted, and then now and then one at random.
 *
 * What was discovered is nobody's word: anyone on the network can announce anything. So it is kept apart from the address
 * book, in small number, for a short time; who answers and is admitted is in the book like everyone else.
 */
import type { AddressBook } from './address-book.ts'
import { parseAddress } from './addresses.ts'
import type { Log } from './log.ts'
import { shuffled, toDial } from './neighbourhood.ts'
import type { PeerId } from './transport.ts'

export interface DialTuning {
  /** Backoff after the first failure; doubles with each. */
  dialBackoffMinMs: number
  dialBackoffMaxMs: number
  /** Peers are dialled while there are fewer links than this. */
  linksWanted: number
  /** With that many links, one more peer is dialled this often. */
  exploreIntervalMs: number
}

/** Dials under way at a time: a burst of dead addresses must not delay a live one much, nor cost much. */
const PARALLEL_DIALS_MAX = 8
/** Failures in a row after which a peer is no longer taken for one that is there. */
const LIKELY_FAILURES_MAX = 1
/** That long after the last try such a peer is given another: a fleet may have been cut in two meanwhile. */
const UNLIKELY_FOR_MS = 10 * 60_000
/** Peers that were discovered and not met; the network may be full of strangers. */
const DISCOVERED_MAX = 64
/** Who was discovered and never met is forgotten unless it is discovered again. */
const DISCOVERED_FOR_MS = 10 * 60_000

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
  self: PeerId
  /** Dials until a link is up. */
  dial: (addresses: string[]) => Promise<PeerId>
  /** Those whose links are up. */
  linked: () => ReadonlySet<PeerId>
  /** Whether the peer would be admitted. */
  allows: (peer: PeerId) => boolean
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
  readonly #discovered = new Map<PeerId, { addresses: string[]; until: number }>()
  #exploreAt = Infinity
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
    this.#exploreLater()
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

  /** The book has new addresses of these peers: worth trying soon, however long the old ones have failed. */
  learned(peers: Iterable<PeerId>): void {
    for (const peer of peers) this.#soon(peer)
    this.#turn()
  }

  /** Somebody on the network says that a peer is there. */
  discovered(peer: PeerId, addresses: string[]): void {
    const known = this.#discovered.delete(peer)
    if (!known && this.#discovered.size >= DISCOVERED_MAX) return
    this.#discovered.set(peer, { addresses, until: Date.now() + DISCOVERED_FOR_MS })
    this.#turn()
  }

  /** What was refused may be admitted now: nobody waits for a long backoff to end. */
  afresh(): void {
    for (const target of [...this.#bootstrap, ...this.#byPeer.values()]) {
      target.failures = 0
      target.dueAt = Math.min(target.dueAt, Date.now() + this.#backoffMs(0))
    }
    this.#turn()
  }

  /** Drops what is known of a peer's dials. */
  forget(peer: PeerId): void {
    this.#byPeer.delete(peer)
    this.#discovered.delete(peer)
  }

  #soon(peer: PeerId): void {
    const target = this.#byPeer.get(peer)
    if (target === undefined || this.#deps.linked().has(peer)) return
    target.failures = 0
    target.dueAt = Math.min(target.dueAt, Date.now() + this.#backoffMs(0))
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
    this.#expire(now)
    const exploring = now >= this.#exploreAt
    if (exploring) this.#exploreLater()
    let next = this.#exploreAt
    for (const target of this.#targets(exploring)) {
      const dueAt = Math.max(target.dueAt, this.#held.get(target.peer ?? '') ?? 0)
      if (dueAt > now) next = Math.min(next, dueAt)
      else if (this.#dialling < PARALLEL_DIALS_MAX) this.#dial(target)
    }
    this.#timer = setTimeout(() => this.#turn(), Math.min(next - now, TURN_MS_MAX))
  }

  #expire(now: number): void {
    for (const [peer, until] of this.#held) if (until <= now) this.#held.delete(peer)
    for (const [peer, { until }] of this.#discovered) {
      if (until <= now) this.#discovered.delete(peer)
    }
    for (const [peer, { dialling }] of this.#byPeer) {
      const known = this.#deps.book.get(peer) !== undefined || this.#discovered.has(peer)
      if (!known && !dialling) this.#byPeer.delete(peer)
    }
  }

  /** What should be dialled now or later, in the order of urgency. */
  *#targets(exploring: boolean): Generator<Target> {
    const { self, linked, tuning } = this.#deps
    const up = linked()
    const busy = new Set<PeerId>(up)
    for (const target of [...this.#bootstrap, ...this.#byPeer.values()]) {
      if (target.dialling && target.peer !== undefined) busy.add(target.peer)
    }
    const isFull = (): boolean => up.size + this.#dialling >= tuning.linksWanted
    const bootstrap = this.#bootstrap.filter((target) => this.#isOpen(target, busy))
    if (isFull() && exploring) {
      const book = this.#unlinked(busy).map((peer) => this.#bookTarget(peer))
      yield* shuffled([...bootstrap, ...book], Math.random).slice(0, 1)
    }
    for (const target of bootstrap) {
      if (isFull()) break
      if (target.peer !== undefined) busy.add(target.peer)
      yield target
    }
    const unlinked = this.#unlinked(busy)
    const likely = unlinked.filter((peer) => this.#isLikely(peer))
    const unlikely = unlinked.filter((peer) => !this.#isLikely(peer))
    const { ring, others } = toDial({ self, linked: up, likely, unlikely }, Math.random)
    for (const peer of ring) yield this.#bookTarget(peer)
    for (const peer of others) {
      if (isFull()) return
      yield this.#bookTarget(peer)
    }
  }

  /** A bootstrap address that may be dialled. */
  #isOpen(target: Target, busy: ReadonlySet<PeerId>): boolean {
    if (target.dialling || this.#deps.isOwn(target.bootstrap ?? '')) return false
    const { peer } = target
    return peer === undefined || (!busy.has(peer) && this.#deps.allows(peer))
  }

  #unlinked(busy: ReadonlySet<PeerId>): PeerId[] {
    const peers = new Set<PeerId>()
    for (const { peer, addresses } of this.#deps.book.entries()) {
      if (addresses.length > 0) peers.add(peer)
    }
    for (const peer of this.#discovered.keys()) peers.add(peer)
    return [...peers].filter((peer) => !busy.has(peer) && this.#deps.allows(peer))
  }

  #isLikely(peer: PeerId): boolean {
    const target = this.#byPeer.get(peer)
    if (target === undefined || target.failures <= LIKELY_FAILURES_MAX) return true
    return Date.now() - target.dueAt > UNLIKELY_FOR_MS
  }

  #exploreLater(): void {
    this.#exploreAt = Date.now() + this.#deps.tuning.exploreIntervalMs * (0.5 + Math.random())
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
    const known = this.#deps.book.get(peer)?.addresses ?? []
    const found = this.#discovered.get(peer)?.addresses ?? []
    return [...new Set([...found, ...known])].map((address) => `${address}/p2p/${peer}`)
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
