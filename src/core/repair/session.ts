/**
 * The asking side of repair: one session with one peer, from the first digest to a receipt.
 *
 *     digest ── contexts differ ──> pull (── by buckets ──> pull …) ──┐
 *        │                                                            ├──> done
 *        └── fingerprints differ ──> ranges (… rounds) ──> resolve ──┘
 *
 * Invariants
 * - The context grows only by ranges that a chunk fully brought or declared dead, in the same batch as their items;
 *   a session that breaks off adds nothing more (R3). By itself a range removes nothing.
 * - A dot that the answerer holds and whose item did not arrive is left out of its range.
 * - A sibling is dropped only on the answerer's word: `ctx0` covers it, or `resolved` lists it as removed (R4).
 * - Partial progress is correct progress: everything committed stays, and the next session asks for the rest.
 *
 * A session that is to *prove* agreement is over when this replica has all that the answerer had when the session began.
 * Equal digests show it at once. Else the pull leaves nothing to gossip, and the range step looks through everything: the
 * pull comes first, because a dot that is covered and not held is never held again, so that what the range step finds
 * removed stays so. Covering `ctx0` alone proves nothing of removals: a range by itself removes nothing, and neither does
 * a dot that is seen only because a later mutation supersedes it.
 */
import type { ActorId } from '../bytes.ts'
import type { Change } from '../change.ts'
import type { ContextSnapshot } from '../context.ts'
import * as intervals from '../intervals.ts'
import type { Intervals } from '../intervals.ts'
import { dotText } from '../item.ts'
import type { Dot, Hash, Item } from '../item.ts'
import { boundAt } from '../replica.ts'
import type { Replica } from '../replica.ts'
import type { Now } from '../settings.ts'
import type { TrustInPeer } from '../trust.ts'
import { decodeActors, decodeRanges, gather, rangeOf } from '../wire/dots.ts'
import type { DotRange } from '../wire/dots.ts'
import type { LinkBodies, LinkMessage, LinkType } from '../wire/link.ts'
import type { Chunk, PullBuckets, PullOpen, Ranges, Resolved } from '../wire/messages.ts'
import type { Work } from '../work.ts'
import { compareDigests, decodeDigest, encodeDigest, makeDigest, scopeOf } from './digest.ts'
import type { Comparison, Digest, Self } from './digest.ts'
import { applyKeyState, decodeKeyState } from './key-state.ts'
import type { BareVerdict, KeyState, KeyStateJudge } from './key-state.ts'
import { decodeLoneItems } from './lone-items.ts'
import { PullAsk } from './pull-ask.ts'
import {
  decodeRangeClaims,
  encodeRangeClaims,
  firstClaims,
  nextClaims,
  RANGES_MAX,
} from './ranges.ts'
import type { Candidates, Range } from './ranges.ts'
import { emptyReceipt } from './receipt.ts'
import type { Receipt } from './receipt.ts'
import { encodeResolve } from './resolve.ts'
import type { RepairSizes } from './sizes.ts'

/** n items take about log16(n) / 2 rounds; more means that the maps move faster than the step. */
const RANGE_ROUNDS_MAX = 12
/** A step names so much at a time; where it did not name all, and something came of it, another one follows at once. */
const RANGE_STEPS_MAX = 256
/** So that each step of each session has a number of its own. */
const STEPS_APART = 2 ** 16
/** A proof pulls so few dots also while another pull is under way: to get some of them twice is cheaper than to wait. */
const PROOF_PULL_DOTS_MAX = 4096

/** What to do after a comparison; the peer's history decides, not the session. */
export interface Plan {
  pull: boolean
  ranges: 'none' | 'settled' | 'all'
}

export interface SessionHost extends TrustInPeer {
  replica: Replica
  sizes: RepairSizes
  hash: Hash
  self(): Self
  mono(): number
  send<T extends LinkType>(type: T, body: LinkBodies[T]): number
  submit(work: Work): void
  compared(theirs: Digest, comparison: Comparison): Plan
  /** Whether a pull may begin: one at a time, so that two peers never send the same things, and none in vain. */
  mayPull(): boolean
  /** The answerer's whole context was told: what of it is missing here, and whether the answerer is complete. */
  missing(part: Map<ActorId, Intervals>, wholeContext: boolean): void
  pulled(complete: boolean): void
  rangesBegin(): void
  itemsRefused(count: number): void
  finished(receipt: Receipt): void
}

export interface SessionOptions {
  id: number
  /** The first session of a link: nothing is left to gossip. */
  fresh: boolean
  /** An operator asked: compare again at the end, and run the range step without waiting. */
  thorough: boolean
  /** Find out whether this replica has all that the peer has now, removals as well. */
  prove: boolean
  /** Larger items do not travel by gossip. */
  inlineBytes: number
}

export class RepairSession {
  readonly id: number
  readonly thorough: boolean
  readonly #host: SessionHost
  readonly #options: SessionOptions
  /** Monotonic. */
  readonly startedAt: number
  readonly #receipt: Receipt
  readonly #keys = new Set<string>()
  readonly #candidates: Candidates = { keys: new Set(), dots: [], partial: false }
  #asked: { keys: string[]; dots: Dot[] } = { keys: [], dots: [] }
  #plan: Plan = { pull: false, ranges: 'none' }
  #pull: PullAsk | undefined
  /** Buckets that this session has pulled: what they still lack is left to the next session, or it would never end. */
  readonly #bucketsDone = new Set<number>()
  /** The pulls of this session that are over: they tell which dots the answerer has seen. */
  readonly #pulledBefore: PullAsk[] = []
  /** This replica's context when the peer's was found to be the same. */
  #equalContext: ContextSnapshot | undefined
  /** Over all pulls of this session. */
  readonly #missing = new Map<ActorId, Intervals>()
  /** The greatest counters that the peer claims of actors in which the two differ. */
  readonly #claimed = new Map<ActorId, number>()
  #rangeRounds = 0
  #scopeClock = 0
  #worksUnderWay = 0
  #next: (() => void) | undefined
  #again = true
  #ended = false
  #now: Now
  /** Monotonic time of the latest sign of life. */
  progressAt: number
  /** An item that was too large for gossip has come. */
  tookLarge = false
  /** The peer had items or dead dots that were missing here. */
  brought = false
  /** Removals were held back: the peer will say them again. */
  heldBack = false
  readonly #heldBackBefore: number
  /** This replica has all that the peer had when the session began. */
  proven = false
  /** The comparison is of a digest that was asked for. */
  #digestAsked = false
  #rangeSteps = 0
  /** The range step has looked through everything; but the latest one named only a part of what differs. */
  #comparedAll = false
  #isCut = false
  /** Something that it named was left open. */
  #leftOpen = false
  /** Items that had come or gone when the latest range step began. */
  #changedBefore = 0
  /** The peer claims more of some actor than is believed (R15). */
  #doubted = false
  readonly #twins: { kept: Item; lost: Item }[] = []

  constructor(host: SessionHost, options: SessionOptions, now: Now) {
    this.id = options.id
    this.thorough = options.thorough
    this.#host = host
    this.#options = options
    this.#now = now
    this.startedAt = now.mono
    this.progressAt = now.mono
    this.#receipt = emptyReceipt()
    this.#heldBackBefore = host.itemsHeldBack()
  }

  /** Another session now would say the same. */
  get onlyHeldBack(): boolean {
    const isMore = this.#host.itemsHeldBack() > this.#heldBackBefore
    return this.heldBack && this.#receipt.itemsRemoved === 0 && !isMore
  }

  /** Begins by asking for the peer's digest. */
  ask(): void {
    this.#digestAsked = true
    this.#bucketsDone.clear()
    this.#missing.clear()
    this.#scopeClock = this.#now.wall
    const digest = makeDigest(this.#host.replica, this.#host.self(), this.#now.wall, this.#now.wall)
    this.#send('digestAsk', encodeDigest(digest, this.id))
    this.#receipt.rounds++
  }

  /** Begins with a digest that the peer sent when it asked; `clock` is the one that fixed its scope. */
  askFrom(theirs: Digest, mine: Digest, clock: number): void {
    this.#scopeClock = clock
    this.#decide(theirs, mine)
  }

  get pulling(): boolean {
    return this.#pull !== undefined
  }

  handle(message: LinkMessage, bytes: number, now: Now): void {
    this.#now = now
    this.progressAt = now.mono
    this.#receipt.messageBytes += bytes
    if (message.type === 'digestAnswer') this.#onDigest(message.body)
    else if (message.type === 'pullBuckets') this.#onBuckets(message.body)
    else if (message.type === 'pullOpen') this.#onOpen(message.body)
    else if (message.type === 'chunk') this.#onChunk(message.body, bytes)
    else if (message.type === 'pullEnd') this.#onPullEnd(message.body.complete)
    else if (message.type === 'rangesAnswer') this.#onRanges(message.body)
    else if (message.type === 'resolved') this.#onResolved(message.body)
    else if (message.type === 'sessionEnd') {
      const busy = message.body.code === 'BUSY'
      this.#end(busy ? 'busy' : 'failed', message.body.code)
    }
  }

  /** Gives the session up; what was committed stays. */
  fail(reason: string, now: Now): void {
    this.#now = now
    this.#end('failed', reason)
  }

  #send<T extends LinkType>(type: T, body: LinkBodies[T]): void {
    this.#receipt.messageBytes += this.#host.send(type, body)
  }

  #violation(what: string): void {
    this.#send('sessionEnd', {
      session: this.id,
      code: 'PROTOCOL_VIOLATION',
      retryMs: 0,
      fromAsker: true,
    })
    this.#end('failed', `malformed ${what}`)
  }

  #onDigest(wire: LinkBodies['digestAnswer']): void {
    const theirs = decodeDigest(wire)
    if (theirs === undefined) return this.#violation('digest')
    const mine = makeDigest(this.#host.replica, this.#host.self(), this.#scopeClock, this.#now.wall)
    this.#decide(theirs, mine)
  }

  #decide(theirs: Digest, mine: Digest): void {
    const comparison = compareDigests(theirs, mine)
    this.#plan = this.#host.compared(theirs, comparison)
    if (this.thorough && comparison.contextsEqual && !comparison.fingerprintsEqual) {
      this.#plan = { pull: false, ranges: 'all' }
    }
    const { contextsEqual, fingerprintsEqual } = comparison
    // How old a digest is that the peer sent by itself, nobody knows.
    this.proven = this.#digestAsked && contextsEqual && fingerprintsEqual
    if (this.#options.prove) {
      this.#plan = { pull: !contextsEqual, ranges: this.proven ? 'none' : 'all' }
    }
    // Only for the range step: after a snapshot the next write has to copy.
    if (contextsEqual && this.#plan.ranges !== 'none') {
      this.#equalContext = this.#host.replica.context.snapshot()
    }
    if (!this.#plan.pull) return this.#afterPull()
    const small = this.#options.prove && theirs.dots - mine.dots <= PROOF_PULL_DOTS_MAX
    if (!this.thorough && !small && !this.#host.mayPull()) {
      return this.#end('postponed', 'another pull is under way, or the store has failed')
    }
    this.#requestPull()
  }

  // Pull.

  #requestPull(): void {
    const { replica, sizes } = this.#host
    const { context } = replica
    const { fresh, prove } = this.#options
    this.#pull = new PullAsk(this.id, fresh || prove || this.thorough, context, sizes)
    this.#receipt.rounds++
    this.#send('pullRequest', this.#pull.firstRequest(context))
  }

  #onBuckets(wire: PullBuckets): void {
    if (this.#pull === undefined || this.#pull.opened) return
    const request = this.#pull.narrow(wire, this.#bucketsDone)
    if (request === 'malformed') return this.#violation('buckets')
    if (request === 'none') {
      this.#pull = undefined
      return this.#afterPull()
    }
    this.#receipt.rounds++
    this.#send('pullRequest', request)
  }

  #onOpen(wire: PullOpen): void {
    if (this.#pull === undefined) return
    const open = this.#pull.open(wire)
    if (open === 'malformed') return this.#violation('opening')
    for (const [actor, theirs] of open) {
      this.#claimed.set(actor, intervals.head(theirs))
      const lacking = intervals.subtract(theirs, this.#host.replica.context.get(actor))
      if (lacking.length > 0) this.#missing.set(actor, lacking)
    }
    this.#host.missing(new Map(this.#missing), !this.#pull.moreBuckets)
  }

  #onChunk(wire: Chunk, bytes: number): void {
    const pull = this.#pull
    if (pull?.opened !== true) return
    const actors = decodeActors(wire.actors)
    const ranges = actors && decodeRanges(wire.ranges, actors)
    if (actors === undefined || ranges === undefined) return this.#violation('chunk')
    if (!ranges.every((range) => pull.admits(range))) return this.#violation('chunk')
    const states = decodeLoneItems(wire, actors, this.#host.hash)
    if (states === undefined) return this.#violation('chunk')
    for (const key of wire.keys) {
      const state = decodeKeyState(key, actors, this.#host.hash)
      if (state === undefined) return this.#violation('chunk')
      states.push(state)
    }
    this.#submit(bytes, (change) => {
      this.#takeChunk(change, states, ranges, (dot) => pull.covers(dot))
      return () => this.#send('credit', { session: this.id, bytes })
    })
  }

  #takeChunk(
    change: Change,
    states: readonly KeyState[],
    ranges: readonly DotRange[],
    isDead: (dot: Dot) => boolean,
  ): void {
    this.brought = true
    const judge = this.#doubting(change, { isDead, mayGo: () => 'ask', catchingUp: false })
    const left = states.flatMap((state) => this.#takeKey(change, state, judge))
    const missing = gather(left.map(rangeOf))
    const proofs = states.flatMap((state) => state.proofs)
    // What deletes that the peer remembers have removed.
    const proved = gather(proofs.map(({ removed }) => rangeOf(removed)))
    let untold = 0
    for (const range of ranges) {
      const { actor } = range
      if (!this.#believes(change, actor)) continue
      const told = intervals.subtract([range.from, range.to], missing.get(actor) ?? intervals.EMPTY)
      for (const { from, to } of intervals.rangesOf(told)) {
        const dead = change.unseen(actor, from, to)
        const heard = intervals.subtract(dead, proved.get(actor) ?? intervals.EMPTY)
        untold += intervals.count(heard)
        change.hear(actor, heard)
        change.see(actor, from, to)
      }
    }
    // A delete that is told with what it removed is dead itself.
    untold -= proofs.length
    if (untold > 0) this.#host.untold(untold)
  }

  /** A judge to whom nothing is dead of an actor of which the peer claims more than is believed. */
  #doubting(change: Change, judge: KeyStateJudge): KeyStateJudge {
    const isDead = (dot: Dot): boolean => {
      if (!judge.isDead(dot)) return false
      const believes = this.#believes(change, dot.actor)
      if (!believes) this.#leftOpen = true
      return believes
    }
    return { ...judge, isDead }
  }

  /** Dots of the key whose items did not come. */
  #takeKey(change: Change, state: KeyState, judge: KeyStateJudge): Dot[] {
    const applied = applyKeyState(change, state, judge)
    this.#twins.push(...applied.twins)
    if (applied.heldBack) this.heldBack = true
    if (applied.toAsk) this.#candidates.keys.add(state.key)
    this.#receipt.itemsReceived += applied.itemsAdded
    this.#receipt.itemsRemoved += applied.itemsRemoved
    if (applied.itemsAdded + applied.itemsRemoved > 0) this.#keys.add(state.key)
    const { inlineBytes } = this.#options
    if (applied.itemsAdded > 0 && state.items.some((item) => item.envelopeBytes > inlineBytes)) {
      this.tookLarge = true
    }
    if (state.itemsRefused > 0) {
      this.#leftOpen = true
      this.#host.itemsRefused(state.itemsRefused)
    } else if (applied.missing.length > 0) this.#candidates.keys.add(state.key)
    return applied.missing
  }

  /**
   * Who claims more of an actor than is believed may take what the actor writes for removed (R15). The whole claim counts: a
   * range of it may be the gap before something that came meanwhile.
   */
  #believes(change: Change, actor: ActorId): boolean {
    const to = this.#claimed.get(actor) ?? 0
    if (to === 0) return true
    const believes = this.#host.believed({ actor, from: to, to }, change.head(actor)) !== undefined
    if (!believes) this.#doubted = true
    return believes
  }

  /** What has taken the place of these may be of an actor of which the peer claims more than is believed. */
  #mayGo(items: readonly Item[], vouched: (item: Item) => boolean): BareVerdict {
    return this.#doubted ? 'ask' : this.#host.mayGo(items, vouched)
  }

  #onPullEnd(complete: boolean): void {
    const pull = this.#pull
    if (pull?.opened !== true) return
    this.#whenCommitted(() => {
      this.#pull = undefined
      this.#pulledBefore.push(pull)
      if (pull.moreBuckets) return this.#requestPull()
      this.#host.pulled(complete)
      this.#afterPull()
    })
  }

  #afterPull(): void {
    if (this.#plan.pull && this.thorough && this.#again) {
      this.#again = false
      return this.ask()
    }
    if (this.#options.prove && !this.#coversMissing()) this.#plan.ranges = 'none'
    if (this.#plan.ranges !== 'none') return this.#startRanges()
    this.#resolveNext()
  }

  /** Whether all has come that the openings of this session named. */
  #coversMissing(): boolean {
    const { context } = this.#host.replica
    return [...this.#missing].every(
      ([actor, missing]) => intervals.subtract(missing, context.get(actor)).length === 0,
    )
  }

  // Ranges.

  #startRanges(): void {
    this.#comparedAll = this.#plan.ranges === 'all'
    this.#plan.ranges = 'none'
    this.#beginRangeStep()
  }

  #beginRangeStep(): void {
    this.#host.rangesBegin()
    this.#rangeSteps++
    this.#isCut = false
    this.#candidates.partial = false
    this.#changedBefore = this.#changed
    for (const key of this.#host.keysToAsk()) this.#candidates.keys.add(key)
    const scope = scopeOf(this.#scopeClock)
    const ranges: Range[] = [{ lower: boundAt(0, 0), upper: scope.settledEnd }]
    if (this.#comparedAll) {
      ranges.push({ lower: scope.expiringStart, upper: boundAt(2, 0) })
      ranges.push({ lower: scope.settledEnd, upper: scope.persistentEnd })
    }
    this.#askRanges(firstClaims(this.#host.replica, ranges))
  }

  get #changed(): number {
    return this.#receipt.itemsReceived + this.#receipt.itemsRemoved
  }

  #askRanges(claims: Parameters<typeof encodeRangeClaims>[0]): void {
    this.#rangeRounds++
    this.#receipt.rounds++
    this.#send('rangesAsk', encodeRangeClaims(claims, this.id, this.#scopeClock))
  }

  #onRanges(wire: Ranges): void {
    if (this.#rangeRounds === 0) return
    const answer = decodeRangeClaims(wire)
    if (answer === undefined) return this.#violation('ranges')
    const mayBeRemoved = (dot: Dot): boolean => this.#comparedAll || this.#toldOf(dot) !== false
    const { replica, sizes } = this.#host
    const step = this.id + this.#rangeSteps * STEPS_APART
    const next = nextClaims(replica, answer, this.#candidates, mayBeRemoved, sizes, step)
    const isCut = answer.length >= RANGES_MAX || next.length >= RANGES_MAX
    if (isCut || this.#candidates.partial) this.#isCut = true
    if (next.length > 0 && this.#rangeRounds < RANGE_ROUNDS_MAX) return this.#askRanges(next)
    if (next.length > 0) this.#isCut = true
    this.#rangeRounds = 0
    this.#receipt.keysByRangeStep += this.#candidates.keys.size + this.#candidates.dots.length
    this.#resolveNext()
  }

  // Resolve.

  #resolveNext(): void {
    const { keys, dots } = this.#candidates
    if (keys.size + dots.length === 0) return this.#done()
    const { replica, sizes } = this.#host
    const count = sizes.candidates
    this.#asked = { keys: [...keys].slice(0, count), dots: dots.slice(0, count) }
    this.#receipt.rounds++
    this.#send('resolve', encodeResolve(replica, this.id, this.#asked.keys, this.#asked.dots))
  }

  #onResolved(wire: Resolved): void {
    const asked = this.#asked
    if (asked.keys.length + asked.dots.length === 0) return
    const actors = decodeActors(wire.actors)
    if (actors === undefined || wire.answered === 0) return this.#violation('resolved')
    const states: KeyState[] = []
    for (const key of wire.keys) {
      const state = decodeKeyState(key, actors, this.#host.hash)
      if (state === undefined) return this.#violation('resolved')
      states.push(state)
    }
    this.#asked = { keys: [], dots: [] }
    for (const key of asked.keys.slice(0, wire.answered)) this.#candidates.keys.delete(key)
    const dotsAnswered = Math.max(0, wire.answered - asked.keys.length)
    this.#candidates.dots.splice(0, Math.min(dotsAnswered, asked.dots.length))
    this.#submit(0, (change) => {
      const unresolved = new Set(this.#candidates.keys)
      for (const state of states) {
        const removed = new Set(state.removed.map(dotText))
        if (state.hearsay.some((dot) => !removed.has(dotText(dot)))) this.#leftOpen = true
        const judge = this.#doubting(change, {
          isDead: (dot) => removed.has(dotText(dot)) && this.#compared(dot),
          mayGo: (items, vouched) => this.#mayGo(items, vouched),
          catchingUp: wire.catchingUp,
        })
        this.#takeKey(change, state, judge)
      }
      // A key that stayed unresolved is left to the next session: asking again would bring the same.
      for (const key of this.#candidates.keys) {
        if (unresolved.has(key)) continue
        this.#candidates.keys.delete(key)
        this.#leftOpen = true
      }
      return () => undefined
    })
    this.#whenCommitted(() => this.#resolveNext())
  }

  /**
   * Whether the peer's context had a dot when this session learnt of that. What it says is removed and was not in it then waits
   * for the next session: nobody has looked at what the context claims since (R15).
   */
  #compared(dot: Dot): boolean {
    return this.#toldOf(dot) ?? this.#equalContext?.covers(dot.actor, dot.counter) ?? true
  }

  /** Whether a pull told that the peer's context has a dot; undefined where none was made. */
  #toldOf(dot: Dot): boolean | undefined {
    if (this.#pulledBefore.length === 0) return undefined
    return this.#pulledBefore.some((pull) => pull.covers(dot))
  }

  // Work and end.

  #submit(bytes: number, run: (change: Change) => () => void): void {
    this.#worksUnderWay++
    let after = (): void => undefined
    this.#host.submit({
      bytes,
      durable: false,
      run: (change) => {
        after = run(change)
      },
      done: (committed) => {
        this.#worksUnderWay--
        const twins = this.#twins.splice(0)
        if (committed) for (const { kept, lost } of twins) this.#host.twin(kept, lost)
        if (this.#ended) return
        this.progressAt = this.#host.mono()
        if (!committed) return this.#end('failed', 'the store failed')
        after()
        this.#continueWhenCommitted()
      },
    })
  }

  #whenCommitted(next: () => void): void {
    this.#next = next
    this.#continueWhenCommitted()
  }

  #continueWhenCommitted(): void {
    if (this.#ended || this.#worksUnderWay > 0 || this.#next === undefined) return
    const next = this.#next
    this.#next = undefined
    next()
  }

  #done(): void {
    const goesOn = this.#isCut && this.#changed > this.#changedBefore
    if (goesOn && this.#rangeSteps < RANGE_STEPS_MAX) return this.#beginRangeStep()
    if (this.#options.prove && this.#comparedAll) {
      this.proven = !this.#isCut && !this.#leftOpen && !this.heldBack
    }
    this.#end(this.#outcome())
  }

  #outcome(): 'equal' | 'repaired' {
    return this.#receipt.itemsReceived + this.#receipt.itemsRemoved > 0 ? 'repaired' : 'equal'
  }

  #end(outcome: Receipt['outcome'], reason?: string): void {
    if (this.#ended) return
    this.#ended = true
    this.#receipt.outcome = outcome
    if (reason !== undefined) this.#receipt.reason = reason
    this.#receipt.keysChanged = this.#keys.size
    this.#receipt.durationMs = this.#now.mono - this.startedAt
    this.#host.finished(this.#receipt)
  }
}
