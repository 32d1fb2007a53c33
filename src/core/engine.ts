/**
 * The engine: one replica's state machine. Events and the time go in, effects come out; it has no I/O, clock, timer or
 * randomness of its own, so that a daemon and a simulator run the very same code.
 *
 * One commit is under way at a time. What arrives meanwhile (local writes, gossip, pieces of pulls) waits in a queue and
 * shares the next one, so memory is always exactly what the store has been told to hold: a first write on an idle daemon
 * leaves at once, those behind it travel together. Local writes are synced before anybody hears of them (R6); what peers
 * sent is durable at its origin already and reaches the disk with the next synced commit.
 *
 * Bounds: local writes queue up to `limits.writeQueueBytes` and are refused beyond; gossip queues up to
 * `limits.inboxBytes` and is dropped beyond, counted, for repair to bring; pieces of pulls are bounded by the credit that
 * the asker gives.
 */
import type { ActorId } from './bytes.ts'
import { toBinary, toHex } from './bytes.ts'
import { Change } from './change.ts'
import { ClockWatch } from './clock.ts'
import type { ClockState } from './clock.ts'
import { CompletenessWatch } from './completeness.ts'
import type { Completeness } from './completeness.ts'
import type { CoreEffect, CoreEvent, WriteOutcome } from './events.ts'
import { invariant } from './invariant.ts'
import type { Dot } from './item.ts'
import { Links } from './links.ts'
import { LossWatch } from './loss.ts'
import { Outbox } from './outbox.ts'
import { approvalWork, dropOutdated, refusalMutations } from './removal-decision.ts'
import type { HeldKey } from './removal-guard.ts'
import { Trust } from './trust.ts'
import type { Doubts } from './trust.ts'
import { Purge } from './purge.ts'
import { encodeBatch } from './records.ts'
import type { Meta } from './records.ts'
import { boundAt } from './replica.ts'
import type { Replica } from './replica.ts'
import type { EngineOptions, Now } from './settings.ts'
import type { Delta } from './wire/gossip.ts'
import type { Work } from './work.ts'
import { applyDelta, applyWrite, refuseBySize } from './writes.ts'
import type { LocalMutation, Writer } from './writes.ts'
import { Young } from './young.ts'

/** One commit takes at most this much, so that no batch keeps the event loop or the disk for long. */
const BATCH_BYTES_MAX = 4 * 1024 * 1024
const BATCH_WORKS_MAX = 4096
/**
 * Of an actor id, 8 bytes are random and 8 tell the peer; the random ones first, because buckets of actors go by the first
 * byte, and the many runs of a few peers must spread over all of them.
 */
const ACTOR_SALT_BYTES = 8
/** A replica counts as complete while a complete peer confirmed it within so many repair intervals. */
const CONFIRMED_INTERVALS = 3
/** What a waiting mutation costs beside its key and value, so that very many tiny ones are bounded as well. */
const MUTATION_OVERHEAD_BYTES = 512
/** After a restart a replica is complete as of a moment at most this far before its last one. */
const COMPLETENESS_KEPT_MS = 60_000
/** A shell that brings nothing for so long after a deadline has stood still, and peers must not pay for it. */
const STALL_MS_MIN = 1_000

/** Keys of held removals that are decided on in one step. */
const DECISION_KEYS_MAX = 256
/** Of writes that nobody waits for. */
const REFUSAL_ID = 0

export class Engine {
  readonly replica: Replica
  readonly #options: EngineOptions
  readonly #meta: Meta
  readonly #clock: ClockWatch
  readonly #completeness: CompletenessWatch
  readonly #links: Links
  readonly #outbox: Outbox
  readonly #loss: LossWatch
  readonly #trust: Trust
  readonly #purge: Purge
  readonly #young: Young
  readonly #queue: Work[] = []
  readonly #counters = new Map<string, number>()
  #effects: CoreEffect[] = []
  #now: Now
  /** The deadline that the shell was last told. */
  #dueAt = Infinity
  #writer: Writer | undefined
  #writeBytes = 0
  #inboxBytes = 0
  #underWay: { change: Change; works: Work[] } | undefined
  #storeFailed: string | undefined

  constructor(options: EngineOptions, replica: Replica, meta: Meta, now: Now) {
    this.#options = options
    this.replica = replica
    this.#meta = { ...meta }
    this.#now = now
    const { settings } = options
    const isNew = meta.completeAsOf === 0 && meta.lossAt === 0
    const begins = !options.hasPeers || (options.first && isNew)
    this.#clock = new ClockWatch(settings.expiry.skew, options.hasPeers, now, meta.clock)
    this.#completeness = new CompletenessWatch(meta.completeAsOf, begins)
    if (begins) this.#completeness.confirm(now.wall, now.mono)
    this.#young = new Young(settings.repair.pullDelay)
    this.#outbox = new Outbox(settings.gossip.inlineBytes)
    this.#purge = new Purge(replica, settings.expiry, now)
    this.#trust = new Trust({
      replica,
      settings,
      now: () => this.#now,
      wasComplete: () => this.#completeness.ever,
      emit: (effect) => this.#effects.push(effect),
      count: (name, by) => this.#count(name, by),
    })
    this.#links = new Links({
      trust: this.#trust,
      options,
      replica,
      young: this.#young,
      clock: this.#clock,
      completeness: this.#completeness,
      now: () => this.#now,
      writer: () => this.#writer,
      complete: () => this.#completeness.ever,
      lossAt: () => this.#loss.since,
      emit: (effect) => this.#effects.push(effect),
      submit: (work) => this.#submit(work),
      storeFailed: () => this.#storeFailed !== undefined,
      count: (name, by) => this.#count(name, by),
      retireActor: (reason) => this.#retireActor(reason),
    })
    const { hasPeers } = options
    this.#loss = new LossWatch(meta.lossAt, { replica, peers: this.#links.peers, hasPeers })
  }

  handle(event: CoreEvent, now: Now): CoreEffect[] {
    const lateMs = now.mono - Math.max(this.#now.mono, this.#dueAt)
    this.#now = now
    if (lateMs >= STALL_MS_MIN) this.#links.excuse()
    this.#clock.observe(now)
    this.#dispatch(event)
    this.#advance()
    const effects = this.#effects
    this.#effects = []
    return effects
  }

  /** Monotonic time at which a `tick` is due. */
  deadline(): number {
    const waits = [this.#outbox.deadline(), this.#links.deadline(), this.#purge.deadline(this.#now)]
    this.#dueAt = Math.min(...waits)
    return this.#dueAt
  }

  // What a shell may read between events.

  get actor(): ActorId | undefined {
    return this.#writer?.actor
  }

  get links(): Links {
    return this.#links
  }

  /** As of `now`, not of the latest event: on a replica that is cut off there may be none for long. */
  completeness(now: Now): Completeness {
    const fresh = CONFIRMED_INTERVALS * this.#options.settings.repair.interval
    return this.#completeness.state(now.mono, fresh)
  }

  clock(now: Now): ClockState {
    return this.#clock.state(now)
  }

  counters(): Record<string, number> {
    return Object.fromEntries(this.#counters)
  }

  /** What peers say and is not believed (yet). */
  doubts(): Doubts {
    return this.#trust.doubts()
  }

  /** Keys whose removal is held back, the longest held first, at most so many. */
  removalsHeld(most: number): HeldKey[] {
    return this.#trust.held(most)
  }

  /** Held items that are hidden because they have expired. */
  itemsExpired(wall: number): number {
    return this.replica.sum(boundAt(1, 0), boundAt(1, Math.floor(wall) + 1)).count
  }

  /** Wall clock at which records were found to be lost that are not made up for yet; 0 when there are none. */
  get lossAt(): number {
    return this.#loss.since
  }

  /** What the latest batch told the store, or the next one will. */
  get meta(): Meta {
    return { ...this.#meta }
  }

  get storeFailed(): string | undefined {
    return this.#storeFailed
  }

  /** Payloads that wait for more, for a shell that is about to end. */
  unsent(): Uint8Array[] {
    return this.#outbox.take(this.#now.mono)
  }

  /** Nothing waits for the store. */
  get idle(): boolean {
    return this.#underWay === undefined && this.#queue.length === 0
  }

  #dispatch(event: CoreEvent): void {
    const { questions } = this.#links
    switch (event.type) {
      case 'tick':
        this.#publish(this.#outbox.due(this.#now.mono))
        return this.#links.tick()
      case 'write':
        this.#links.turns.client(this.#now.mono)
        return this.#onWrite(event.id, event.mutations)
      case 'read':
        return this.#links.turns.client(this.#now.mono)
      case 'committed':
        return this.#onCommitted()
      case 'commitFailed':
        return this.#onCommitFailed(event.message)
      case 'linkUp':
        return this.#links.up(event.peer)
      case 'linkDown':
        return this.#links.down(event.peer)
      case 'message':
        return this.#links.message(event.peer, event.bytes)
      case 'gossip':
        return this.#onGossip(event.author, event.deltas, event.bytes)
      case 'repair':
        return this.#links.repair(event.peer, event.id)
      case 'converged':
        return questions.converge.ask(event.id, event.withinMs)
      case 'fleetConverged':
        return questions.tours.ask(event.id, event.withinMs)
      case 'confirm':
        return questions.cover.confirm(event.id, event.target, event.peers, event.withinMs)
      case 'await':
        return questions.cover.await(event.id, event.target, event.withinMs)
      case 'fresh':
        return questions.freshness.ask(event.id, event.staleMs, event.withinMs)
      case 'removals':
        return this.#decide(event.decision)
    }
  }

  // Work and commits.

  #submit(work: Work): void {
    if (this.#storeFailed === undefined) this.#queue.push(work)
    else work.done(false)
  }

  /** Begins the next commit if none is under way. */
  #advance(): void {
    this.#purge.run(this.#now, this.#clock.state(this.#now).doubt, {
      mono: () => this.#now.mono,
      submit: (work) => this.#submit(work),
      changed: (keys) => this.#effects.push({ type: 'changed', keys }),
    })
    this.#endLoss()
    this.#keepCompleteness()
    while (this.#underWay === undefined && this.#queue.length > 0) this.#beginCommit()
  }

  #endLoss(): void {
    if (!this.#loss.ends()) return
    const message =
      'the records that were lost are made up for, as far as connected peers have them'
    this.#effects.push({ type: 'log', level: 'info', message, fields: {} })
    this.#meta.lossAt = 0
    this.#commitMeta()
  }

  /** Every batch carries `completeAsOf`; when there is none for long, one is made for it. */
  #keepCompleteness(): void {
    const behind = this.#completeness.asOf - this.#meta.completeAsOf
    if (behind < (this.#meta.completeAsOf === 0 ? 1 : COMPLETENESS_KEPT_MS)) return
    this.#meta.completeAsOf = Math.floor(this.#completeness.asOf)
    this.#commitMeta()
  }

  #commitMeta(): void {
    this.#submit({
      bytes: 0,
      durable: false,
      run: (change) => change.touch(),
      done: () => undefined,
    })
  }

  #beginCommit(): void {
    const works = this.#takeWorks()
    const change = new Change(this.replica)
    for (const work of works) work.run(change)
    this.#underWay = { change, works }
    if (change.empty) return this.#finish(true)
    this.#meta.clock = Math.max(this.#meta.clock, Math.floor(this.#now.wall))
    this.#meta.completeAsOf = Math.floor(this.#completeness.asOf)
    const sync = works.some((work) => work.durable)
    const batch = encodeBatch(change, this.#meta, this.#options.hash)
    this.#effects.push({ type: 'commit', batch, sync })
  }

  #takeWorks(): Work[] {
    let bytes = 0
    let count = 0
    while (count < this.#queue.length && count < BATCH_WORKS_MAX && bytes < BATCH_BYTES_MAX) {
      bytes += this.#queue[count++]!.bytes
    }
    return this.#queue.splice(0, count)
  }

  #onCommitted(): void {
    const change = this.#underWay?.change
    if (change === undefined) return
    change.apply()
    this.#trust.removed(change.removed)
    for (const { answerer } of this.#links.peers.values()) answerer.removed(change.removed)
    this.#count('commits', 1)
    this.#finish(true)
    const keys = change.keysChanged()
    if (keys.size > 0) this.#effects.push({ type: 'changed', keys })
    this.#completeness.check(this.replica.context, this.#now.mono)
    this.#links.questions.cover.committed()
  }

  /** What is on disk is unknown now: nothing more is written until the shell has opened the store anew (design 3). */
  #onCommitFailed(message: string): void {
    this.#storeFailed = message
    this.#retireActor('a commit failed')
    this.#finish(false)
    for (const work of this.#queue.splice(0)) work.done(false)
  }

  #finish(committed: boolean): void {
    const works = this.#underWay?.works ?? []
    this.#underWay = undefined
    for (const work of works) work.done(committed)
    this.#publish(this.#outbox.due(this.#now.mono))
  }

  // Local writes.

  #onWrite(id: number, mutations: LocalMutation[]): void {
    const { limits } = this.#options.settings
    const bytes = mutations.reduce((sum, one) => sum + bytesOf(one), 0)
    const refusal = mutations.map((one) => refuseBySize(one, limits)).find(Boolean)
    if (refusal !== undefined) return this.#written(id, { ok: false, refusal })
    if (this.#storeFailed !== undefined) return this.#written(id, this.#failedWrite())
    if (this.#writeBytes > 0 && this.#writeBytes + bytes > limits.writeQueueBytes) {
      this.#count('writesRefused', 1)
      const message = `more than ${limits.writeQueueBytes} bytes of writes wait for the disk (limits.writeQueueBytes): try again`
      return this.#written(id, { ok: false, refusal: { code: 'OVERLOADED', message } })
    }
    this.#writeBytes += bytes
    this.#submit(this.#writeWork(id, mutations, bytes))
  }

  #writeWork(id: number, mutations: LocalMutation[], bytes: number): Work {
    let outcome: WriteOutcome
    let deltas: Delta[] = []
    return {
      bytes,
      durable: true,
      run: (change) => {
        const { hash, settings } = this.#options
        const writer = this.#writerFor(change)
        const applied = applyWrite(change, mutations, writer, this.#now.wall, hash, settings.limits)
        if ('code' in applied) {
          outcome = { ok: false, refusal: applied }
          return
        }
        outcome = { ok: true, results: applied.results }
        deltas = applied.deltas
      },
      done: (committed) => {
        this.#writeBytes -= bytes
        if (!committed) return this.#written(id, this.#failedWrite())
        this.#count('writes', 1)
        this.#written(id, outcome)
        this.#broadcast(deltas)
      },
    }
  }

  #written(id: number, outcome: WriteOutcome): void {
    this.#effects.push({ type: 'written', id, outcome })
  }

  #failedWrite(): WriteOutcome {
    const message = `the store failed (${this.#storeFailed ?? 'unknown'}); whether this write is on disk is not known`
    return { ok: false, refusal: { code: 'STORE_FAILED', message } }
  }

  /** Whatever way another process's dots under this actor came: before the next one is given out they show (R14). */
  #writerFor(change: Change): Writer {
    const writer = this.#writer
    if (writer !== undefined && change.head(writer.actor) > writer.head) {
      this.#retireActor('another process wrote under it')
    }
    return (this.#writer ??= this.#mintWriter())
  }

  #mintWriter(): Writer {
    const id = new Uint8Array(16)
    id.set(this.#options.random.bytes(ACTOR_SALT_BYTES))
    id.set(this.#options.peerHash, ACTOR_SALT_BYTES)
    const actor = toBinary(id)
    invariant(this.replica.context.get(actor).length === 0, 'R7', 'an actor begins anew')
    return { actor, head: 0 }
  }

  /** The next write begins a new actor; dots of the old one are never given out again (R7, R14). */
  #retireActor(reason: string): void {
    if (this.#writer === undefined) return
    const fields = { actor: toHex(this.#writer.actor), reason }
    this.#writer = undefined
    this.#count('actorsRetired', 1)
    this.#effects.push({ type: 'log', level: 'warn', message: 'actor retired', fields })
  }

  /** Who links later pulls them. */
  #broadcast(deltas: readonly Delta[]): void {
    const { context } = this.replica
    const committed = deltas.every(({ dot }) => context.covers(dot.actor, dot.counter))
    invariant(committed, 'R6', 'a mutation leaves before it is durable')
    if (this.#links.peers.size === 0) return
    this.#young.add(deltas.flatMap(dotsOf), this.#now.mono)
    this.#outbox.add(deltas)
  }

  #publish(payloads: readonly Uint8Array[]): void {
    for (const bytes of payloads) this.#effects.push({ type: 'publish', bytes })
  }

  // Removals that are held back (R13).

  #decide(decision: 'approve' | 'refuse'): void {
    if (decision === 'approve') return this.#inSteps(this.#trust.approve(), approvalWork)
    this.#inSteps(this.#trust.refuse(), (held) => this.#refusalWork(held))
  }

  /** One step after the other: a commit of all would keep everybody waiting, and a queue of all could be as large as the map. */
  #inSteps(held: readonly HeldKey[], workOf: (held: readonly HeldKey[]) => Work): void {
    if (held.length === 0) return
    const work = workOf(held.slice(0, DECISION_KEYS_MAX))
    this.#submit({
      ...work,
      done: (committed) => {
        work.done(committed)
        if (committed) this.#inSteps(held.slice(DECISION_KEYS_MAX), workOf)
      },
    })
  }

  #refusalWork(held: readonly HeldKey[]): Work {
    const mutations = refusalMutations(held)
    const work = this.#writeWork(REFUSAL_ID, mutations, 0)
    return {
      ...work,
      run: (change) => {
        dropOutdated(mutations, change)
        work.run(change)
      },
    }
  }

  // Gossip.

  #onGossip(author: string, deltas: Delta[], payloadBytes: number): void {
    this.#links.heard(author, deltas)
    const bytes = payloadBytes + deltas.length * MUTATION_OVERHEAD_BYTES
    const { inboxBytes } = this.#options.settings.limits
    if (this.#inboxBytes > 0 && this.#inboxBytes + bytes > inboxBytes) {
      this.#count('gossipDropped', deltas.length)
      return
    }
    this.#inboxBytes += bytes
    this.#submit({
      bytes,
      durable: false,
      run: (change) => {
        for (const delta of deltas) applyDelta(change, delta)
      },
      done: (committed) => {
        this.#inboxBytes -= bytes
        if (!committed) return
        this.#count('deltasReceived', deltas.length)
        const inline = deltas.filter((delta) => delta.announcedBytes === 0)
        this.#young.add(inline.flatMap(dotsOf), this.#now.mono)
      },
    })
  }

  #count(name: string, by: number): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + by)
  }
}

function bytesOf({ key, value }: LocalMutation): number {
  return MUTATION_OVERHEAD_BYTES + key.length + (value?.length ?? 0)
}

/** What is left to gossip goes with what it supersedes: that is not to be dead anywhere before its successor is there (R5). */
function dotsOf({ dot, supersedes }: Delta): Dot[] {
  return [dot, ...supersedes]
}
