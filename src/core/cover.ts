/**
 * Waiting for single writes to be where they are wanted.
 *
 * - *Confirm*: a client wants a write of this daemon on so many peers. Each linked peer is asked (`coverAsk`), also one that
 *   is linked meanwhile, and answers (`coverAnswer`) once a synced commit of its own has the write. Silence is no.
 * - *Await*: a client wants to read here what it wrote at another daemon.
 *
 * A write is somewhere when its dots are covered there and what it removed is not held any more: a dot alone may be covered
 * before the removal that it stands for is applied. What does not come by gossip within a moment is fetched.
 *
 * Bounds: waits at a time, those of one peer, dots in one, and the time that each may take.
 */
import type { CoreEffect } from './events.ts'
import type { Dot } from './item.ts'
import type { Peer } from './peer.ts'
import type { Proofs } from './proofs.ts'
import type { Replica } from './replica.ts'
import type { Now } from './settings.ts'
import { ActorTable, decodeActors, decodeDots } from './wire/dots.ts'
import type { LinkBodies, LinkType } from './wire/link.ts'
import { barrier } from './work.ts'
import type { Work } from './work.ts'

/** Clients that wait at a time, and asks of one peer; past it a client is refused, and a peer hears nothing. */
export const WAITS_MAX = 4096
const ASKS_MAX = 4096
/** Dots in one ask; a write has one, and removes at most as many as its key has siblings. */
export const COVER_DOTS_MAX = 1024
const WITHIN_MS_MAX = 10 * 60_000
/** Gossip takes milliseconds; what has not come by then was lost, or its writer is no neighbour. */
const FETCH_AFTER_MS = 250
/** And again, doubling up to the usual interval of repair. */
const FETCH_AGAIN_MAX_MS = 5_000

export interface Target {
  dots: readonly Dot[]
  /** What the write removed. */
  gone: readonly Dot[]
}

export interface CoverHost {
  replica: Replica
  peers: ReadonlyMap<string, Peer>
  proofs: Proofs
  now(): Now
  emit(effect: CoreEffect): void
  submit(work: Work): void
  send<T extends LinkType>(peer: Peer, type: T, body: LinkBodies[T]): void
}

interface Confirmation {
  id: number
  target: Target
  wanted: number
  by: number
  on: Set<string>
}

/** Waits for the target here, for a client or for a peer. */
interface Wait {
  target: Target
  by: number
  fetchAt: number
  fetches: number
  /** The peer that asked; it has what it asks for. Absent for a client. */
  peer: Peer | undefined
  done(covered: boolean): void
}

export class Cover {
  readonly #host: CoverHost
  readonly #confirmations = new Map<number, Confirmation>()
  #waits: Wait[] = []

  constructor(host: CoverHost) {
    this.#host = host
  }

  // Clients.

  confirm(id: number, target: Target, wanted: number, withinMs: number): void {
    const by = this.#until(withinMs)
    const one: Confirmation = { id, target, wanted, by, on: new Set() }
    const isFull = this.#confirmations.size >= WAITS_MAX
    if (wanted <= 0 || isFull || tooMany(target)) return this.#confirmed(one)
    this.#confirmations.set(id, one)
    for (const peer of this.#host.peers.values()) this.#ask(one, peer)
  }

  await(id: number, target: Target, withinMs: number): void {
    const waits = this.#waits.filter(({ peer }) => peer === undefined).length
    const done = (covered: boolean): void => {
      const missing = covered ? 0 : Math.max(this.#missing(target), 1)
      this.#host.emit({ type: 'awaited', id, missing })
    }
    if (this.#isHere(target)) return done(true)
    if (waits >= WAITS_MAX) return done(false)
    this.#wait(target, withinMs, undefined, done)
  }

  #confirmed({ id, on }: Confirmation): void {
    this.#confirmations.delete(id)
    this.#host.emit({ type: 'confirmed', id, peers: [...on] })
  }

  #ask({ id, target, by }: Confirmation, peer: Peer): void {
    if (peer.hello === undefined) return
    const table = new ActorTable()
    const withinMs = Math.ceil(Math.max(by - this.#host.now().mono, 0))
    const dots = table.dots(target.dots)
    const gone = table.dots(target.gone)
    const { actors } = table
    this.#host.send(peer, 'coverAsk', { id: id >>> 0, withinMs, actors, dots, gone })
  }

  /** A peer has just said hello. */
  linked(peer: Peer): void {
    for (const one of this.#confirmations.values()) if (!one.on.has(peer.id)) this.#ask(one, peer)
  }

  onAnswer(peer: Peer, { id }: LinkBodies['coverAnswer']): void {
    const one = this.#confirmations.get(id)
    if (one === undefined) return
    one.on.add(peer.id)
    if (one.on.size >= one.wanted) this.#confirmed(one)
  }

  // Peers.

  /** False when the message is malformed. */
  onAsk(peer: Peer, wire: LinkBodies['coverAsk']): boolean {
    const actors = decodeActors(wire.actors)
    const dots = actors && decodeDots(wire.dots, actors)
    const gone = actors && decodeDots(wire.gone, actors)
    if (dots === undefined || gone === undefined || tooMany({ dots, gone })) return false
    if (this.#waits.filter((wait) => wait.peer === peer).length >= ASKS_MAX) return true
    const answer = (covered: boolean): void => {
      if (covered) this.#answerWhenDurable(peer, wire.id)
    }
    const target = { dots, gone }
    if (this.#isHere(target)) answer(true)
    else this.#wait(target, wire.withinMs, peer, answer)
    return true
  }

  #answerWhenDurable(peer: Peer, id: number): void {
    const done = (committed: boolean): void => {
      if (!committed || this.#host.peers.get(peer.id) !== peer) return
      this.#host.send(peer, 'coverAnswer', { id })
    }
    this.#host.submit(barrier(done))
  }

  // Waiting.

  #wait(target: Target, withinMs: number, peer: Peer | undefined, done: Wait['done']): void {
    const fetchAt = this.#host.now().mono + FETCH_AFTER_MS
    this.#waits.push({ target, by: this.#until(withinMs), fetchAt, fetches: 0, peer, done })
  }

  /** After each commit. */
  committed(): void {
    if (this.#waits.length > 0) this.#settle((wait) => this.#isHere(wait.target), true)
  }

  linkLost(peer: Peer): void {
    this.#waits = this.#waits.filter((wait) => wait.peer !== peer)
  }

  tick(): void {
    const { mono } = this.#host.now()
    this.#settle((wait) => wait.by <= mono, false)
    for (const wait of this.#waits) if (wait.fetchAt <= mono) this.#fetch(wait, mono)
    for (const one of this.#confirmations.values()) if (one.by <= mono) this.#confirmed(one)
  }

  deadline(): number {
    let deadline = Infinity
    for (const { by, fetchAt } of this.#waits) deadline = Math.min(deadline, by, fetchAt)
    for (const { by } of this.#confirmations.values()) deadline = Math.min(deadline, by)
    return deadline
  }

  #settle(isOver: (wait: Wait) => boolean, covered: boolean): void {
    const over: Wait[] = []
    const open: Wait[] = []
    for (const wait of this.#waits) (isOver(wait) ? over : open).push(wait)
    this.#waits = open
    for (const wait of over) wait.done(covered)
  }

  /** From the peer that asked; for a client from whoever may have it. */
  #fetch(wait: Wait, mono: number): void {
    wait.fetchAt = mono + Math.min(FETCH_AFTER_MS * 2 ** ++wait.fetches, FETCH_AGAIN_MAX_MS)
    for (const peer of wait.peer === undefined ? this.#host.peers.values() : [wait.peer]) {
      if (peer.proofs.length > 0 || peer.proving.length > 0) continue
      this.#host.proofs.want(peer, wait.by, () => undefined)
    }
  }

  #isHere(target: Target): boolean {
    return this.#missing(target) === 0
  }

  /** Dots that are not covered, and removed ones that are still held. */
  #missing({ dots, gone }: Target): number {
    const { replica } = this.#host
    const uncovered = dots.filter((dot) => !replica.context.covers(dot.actor, dot.counter))
    const held = gone.filter((dot) => replica.held(dot.actor, dot.counter) !== undefined)
    return uncovered.length + held.length
  }

  #until(withinMs: number): number {
    return this.#host.now().mono + Math.min(Math.max(withinMs, 0), WITHIN_MS_MAX)
  }
}

function tooMany({ dots, gone }: Target): boolean {
  return dots.length + gone.length > COVER_DOTS_MAX
}
