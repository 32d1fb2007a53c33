/**
 * "Has the whole fleet converged?", also those who are no neighbours of the daemon that is asked. As `converge.ts` asks its
 * neighbours, over a spanning tree of the links there are:
 *
 * 1. *Ask.* The question floods: whoever hears it first from a peer is that peer's child, and asks all its other peers; to
 *    whoever asks it again it reports `already`.
 * 2. *Gather.* A daemon whose peers have all reported, and that has proved to have all that each of its children has, makes
 *    that durable and reports `gathered`. So the root comes to have all that anybody had when the question came.
 * 3. *Spread.* Downwards each child proves to have all that its parent has, and only then lets its own children do so; up
 *    again come the members and who lags behind (`done`).
 *
 * Any doubt makes a laggard, and any laggard a no: a peer that did not report, a proof that failed, a link that was lost, a
 * peer that was linked meanwhile, a store with a loss. Messages: `tourAsk`, `tourSpread` down; `tourReport` up.
 *
 * Bounds: tours at a time, members and laggards named in one report, the time; each level has a part of what its parent has.
 */
import { fromBinary, toBinary } from './bytes.ts'
import { WITHIN_MS_MAX } from './converge.ts'
import type { ConvergeHost, Standing } from './converge.ts'
import type { Peer } from './peer.ts'
import type { LinkBodies } from './wire/link.ts'
import { barrier } from './work.ts'

const TOUR_BYTES = 8
const TOURS_MAX = 64
const NAMED_MAX = 1024
const LAGGARDS_MAX = 128
const TEXT_MAX = 256
/** Gathering takes as long as spreading, and a level needs some of its parent's time for itself. */
const GATHER_PART = 0.5
const LEVEL_PART = 0.85

const STEP = { already: 1, gathered: 2, done: 3 } as const

export interface Laggard {
  peer: string
  name: string
  why: Standing | 'linked-meanwhile'
  lacking?: number
  missingMs?: number
}

export interface FleetConvergence {
  converged: boolean
  asOf: number
  durationMs: number
  /** Daemons that the answer speaks of. */
  count: number
  /** Their ids, as far as one answer names them. */
  members: string[]
  laggards: Laggard[]
}

export interface TourHost extends ConvergeHost {
  self: { peer: string; name: string }
  randomBytes(count: number): Uint8Array
}

interface Child {
  peer: Peer
  step: 'asked' | 'already' | 'proving' | 'gathered' | 'spreading' | 'done' | 'lost'
}

interface Tour {
  key: string
  /** Of whoever asked first; absent at the root. */
  parent: Peer | undefined
  /** At the root. */
  query: { id: number; asOf: number; startedAt: number } | undefined
  gatherBy: number
  by: number
  phase: 'gathering' | 'waiting' | 'spreading' | 'over'
  linkedThen: Set<Peer>
  children: Child[]
  count: number
  members: string[]
  laggards: Laggard[]
}

export class FleetTours {
  readonly #host: TourHost
  readonly #tours = new Map<string, Tour>()

  constructor(host: TourHost) {
    this.#host = host
  }

  ask(id: number, withinMs: number): void {
    const { mono, wall } = this.#host.now()
    const key = toBinary(this.#host.randomBytes(TOUR_BYTES))
    const query = { id, asOf: wall, startedAt: mono }
    const within = Math.min(Math.max(withinMs, 0), WITHIN_MS_MAX)
    const tour = this.#begin(key, undefined, query, within * GATHER_PART, within)
    if (this.#tours.size >= TOURS_MAX) {
      this.#lag(tour, { ...this.#host.self, why: 'busy' })
      return this.#end(tour)
    }
    this.#flood(tour)
  }

  // Messages.

  /** False when one is malformed. */
  onAsk(peer: Peer, wire: LinkBodies['tourAsk']): boolean {
    if (wire.tour.length !== TOUR_BYTES) return false
    const key = toBinary(wire.tour)
    if (this.#tours.has(key)) {
      this.#report(peer, key, STEP.already)
      return true
    }
    // Silence is a no.
    if (this.#tours.size >= TOURS_MAX) return true
    const withinMs = Math.min(wire.withinMs, WITHIN_MS_MAX)
    this.#flood(this.#begin(key, peer, undefined, Math.min(wire.gatherMs, withinMs), withinMs))
    return true
  }

  onReport(peer: Peer, wire: LinkBodies['tourReport']): void {
    const tour = this.#tours.get(toBinary(wire.tour))
    const child = tour?.children.find((one) => one.peer === peer)
    if (tour === undefined || child === undefined) return
    if (wire.step === STEP.already && child.step === 'asked') child.step = 'already'
    else if (wire.step === STEP.gathered && child.step === 'asked') this.#prove(tour, child)
    else if (wire.step === STEP.done && child.step === 'spreading') this.#take(tour, child, wire)
    this.#goOn(tour)
  }

  onSpread(peer: Peer, wire: LinkBodies['tourSpread']): void {
    const tour = this.#tours.get(toBinary(wire.tour))
    if (tour === undefined || tour.parent !== peer || tour.phase !== 'waiting') return
    tour.phase = 'spreading'
    const { mono } = this.#host.now()
    tour.by = Math.min(tour.by, mono + wire.withinMs)
    this.#host.proofs.want(peer, this.#partOf(tour.by), (outcome) => {
      if (outcome !== 'has-all') this.#lag(tour, this.#laggard(this.#host.self, peer, outcome))
      this.#durably(tour, () => this.#spread(tour))
    })
  }

  // Steps.

  #begin(
    key: string,
    parent: Peer | undefined,
    query: Tour['query'],
    gatherMs: number,
    withinMs: number,
  ): Tour {
    const { mono } = this.#host.now()
    return {
      key,
      parent,
      query,
      gatherBy: mono + gatherMs,
      by: mono + withinMs,
      phase: 'gathering',
      linkedThen: new Set(this.#host.peers.values()),
      children: [],
      count: 1,
      members: [this.#host.self.peer],
      laggards: [],
    }
  }

  #flood(tour: Tour): void {
    this.#tours.set(tour.key, tour)
    const { mono } = this.#host.now()
    const gatherMs = Math.ceil((tour.gatherBy - mono) * LEVEL_PART)
    const withinMs = Math.ceil((tour.by - mono) * LEVEL_PART)
    for (const peer of tour.linkedThen) {
      if (peer === tour.parent) continue
      const child: Child = { peer, step: 'asked' }
      tour.children.push(child)
      if (peer.hello === undefined) continue
      this.#host.send(peer, 'tourAsk', { tour: fromBinary(tour.key), gatherMs, withinMs })
    }
    this.#goOn(tour)
  }

  /** The child has all that is behind it: now this replica is to have that, too. */
  #prove(tour: Tour, child: Child): void {
    child.step = 'proving'
    this.#host.proofs.want(child.peer, tour.gatherBy, (outcome) => {
      if (child.step !== 'proving') return
      child.step = 'gathered'
      if (outcome !== 'has-all')
        this.#lag(tour, this.#laggard(this.#host.self, child.peer, outcome))
      this.#goOn(tour)
    })
  }

  #goOn(tour: Tour): void {
    const steps = new Set(tour.children.map(({ step }) => step))
    if (tour.phase === 'gathering' && !steps.has('asked') && !steps.has('proving')) {
      tour.phase = 'waiting'
      this.#durably(tour, () => {
        if (tour.parent === undefined) this.#spread(tour)
        else this.#report(tour.parent, tour.key, STEP.gathered)
      })
    } else if (tour.phase === 'over' && !steps.has('spreading')) this.#end(tour)
  }

  #spread(tour: Tour): void {
    tour.phase = 'over'
    const left = Math.max(tour.by - this.#host.now().mono, 0)
    const withinMs = Math.ceil(left * LEVEL_PART)
    for (const child of tour.children) {
      if (child.step !== 'gathered') continue
      child.step = 'spreading'
      this.#host.send(child.peer, 'tourSpread', { tour: fromBinary(tour.key), withinMs })
    }
    this.#goOn(tour)
  }

  #take(tour: Tour, child: Child, wire: LinkBodies['tourReport']): void {
    child.step = 'done'
    tour.count += Math.max(wire.count, 1)
    const members = wire.members.filter((member) => member.length <= TEXT_MAX)
    tour.members.push(...members.slice(0, NAMED_MAX - tour.members.length))
    for (const { peer, name, why, lacking, missingMs } of wire.laggards) {
      const lag = lacking === undefined ? {} : { lacking, missingMs }
      this.#lag(tour, {
        peer: peer.slice(0, TEXT_MAX),
        name: name.slice(0, TEXT_MAX),
        why: why.slice(0, TEXT_MAX) as Standing,
        ...lag,
      })
    }
  }

  #end(tour: Tour): void {
    const meanwhile = [...this.#host.peers.values()].some((peer) => !tour.linkedThen.has(peer))
    if (meanwhile) this.#lag(tour, { ...this.#host.self, why: 'linked-meanwhile' })
    if (this.#host.hasLoss()) this.#lag(tour, { ...this.#host.self, why: 'loss' })
    const { parent, query, count, members, laggards } = tour
    // The root is done with it; others keep it until its time is over, so that a late ask makes no second one of it.
    tour.phase = 'waiting'
    tour.gatherBy = Infinity
    if (parent !== undefined) return this.#report(parent, tour.key, STEP.done, tour)
    this.#tours.delete(tour.key)
    if (query === undefined) return
    const result: FleetConvergence = {
      converged: laggards.length === 0,
      asOf: query.asOf,
      durationMs: Math.round(this.#host.now().mono - query.startedAt),
      count,
      members,
      laggards,
    }
    this.#host.emit({ type: 'fleetConvergence', id: query.id, result })
  }

  // What goes wrong.

  linkLost(peer: Peer): void {
    for (const tour of this.#tours.values()) {
      if (tour.parent === peer) this.#tours.delete(tour.key)
      else this.#give(tour, (child) => child.peer === peer, 'link-lost')
    }
  }

  tick(): void {
    const { mono } = this.#host.now()
    for (const tour of this.#tours.values()) {
      if (mono >= tour.gatherBy && tour.phase === 'gathering') {
        this.#give(tour, ({ step }) => step === 'asked' || step === 'proving', 'no-answer')
      }
      if (mono < tour.by) continue
      this.#give(tour, ({ step }) => step === 'spreading', 'no-answer')
      if (tour.query !== undefined && this.#tours.has(tour.key)) {
        this.#lag(tour, { ...this.#host.self, why: 'late' })
        this.#end(tour)
      }
      this.#tours.delete(tour.key)
    }
  }

  deadline(): number {
    let deadline = Infinity
    for (const { phase, gatherBy, by } of this.#tours.values()) {
      deadline = Math.min(deadline, by, phase === 'gathering' ? gatherBy : Infinity)
    }
    return deadline
  }

  /** Nothing more is expected of these children, unless they were somebody else's or were done. */
  #give(tour: Tour, which: (child: Child) => boolean, why: Standing): void {
    for (const child of tour.children) {
      if (!which(child) || ['already', 'done', 'lost'].includes(child.step)) continue
      child.step = 'lost'
      const { id, hello } = child.peer
      this.#lag(tour, { peer: id, name: hello?.name ?? '', why })
    }
    this.#goOn(tour)
  }

  #lag(tour: Tour, laggard: Laggard): void {
    // Whoever is silent is so to all of its neighbours.
    const isKnown = tour.laggards.some(
      ({ peer, why }) => peer === laggard.peer && why === laggard.why,
    )
    if (!isKnown && tour.laggards.length < LAGGARDS_MAX) tour.laggards.push(laggard)
  }

  #laggard(who: { peer: string; name: string }, behind: Peer, why: Standing): Laggard {
    const { context } = this.#host.replica
    const lacking = behind.dotsBehind(context)
    const since = behind.behindSince(context)
    return {
      ...who,
      why,
      ...(lacking === undefined ? {} : { lacking }),
      ...(since === undefined ? {} : { missingMs: Math.round(this.#host.now().mono - since) }),
    }
  }

  #durably(tour: Tour, next: () => void): void {
    const done = (committed: boolean): void => {
      if (!committed) this.#lag(tour, { ...this.#host.self, why: 'store-failed' })
      if (this.#tours.get(tour.key) === tour) next()
    }
    this.#host.submit(barrier(done))
  }

  #report(peer: Peer, key: string, step: number, tour?: Tour): void {
    if (this.#host.peers.get(peer.id) !== peer) return
    const laggards = tour?.laggards.map(({ missingMs = 0, ...rest }) => ({ missingMs, ...rest }))
    this.#host.send(peer, 'tourReport', {
      tour: fromBinary(key),
      step,
      count: tour?.count ?? 0,
      members: tour?.members ?? [],
      laggards: laggards ?? [],
    })
  }

  /** Some of the time is for the way back. */
  #partOf(by: number): number {
    const { mono } = this.#host.now()
    return mono + (by - mono) * LEVEL_PART
  }
}
