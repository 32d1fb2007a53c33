/**
 * Everything that has to do with peers: greeting, digest exchanges, sessions, and the bounds on them.
 *
 * When to compare: at once on a new link (the peer with the lower id asks, the other answers and starts from the digest it
 * was sent), every `repair.interval` with jitter, soon after a gap shows, and soon again after a comparison that differed,
 * so that what `status` tells is true again soon. One exchange serves both sides.
 */
import { toBinary } from './bytes.ts'
import { CatchUp } from './catch-up.ts'
import type { ClockWatch } from './clock.ts'
import type { CompletenessWatch } from './completeness.ts'
import type { CoreEffect } from './events.ts'
import { GapWatch } from './gaps.ts'
import * as intervals from './intervals.ts'
import type { Dot } from './item.ts'
import { Peer } from './peer.ts'
import { Questions } from './questions.ts'
import { Answerer } from './repair/answerer.ts'
import { Budget } from './repair/budget.ts'
import { decodeDigest, encodeDigest, makeDigest } from './repair/digest.ts'
import type { Digest, Self } from './repair/digest.ts'
import { emptyReceipt } from './repair/receipt.ts'
import type { Receipt } from './repair/receipt.ts'
import { RepairSession } from './repair/session.ts'
import type { SessionHost } from './repair/session.ts'
import { Turns } from './repair/turns.ts'
import type { ContextPart, Replica } from './replica.ts'
import { RollbackWatch } from './rollback.ts'
import type { EngineOptions, Now } from './settings.ts'
import type { Delta } from './wire/gossip.ts'
import { decodeLink, encodeLink, isForAsker } from './wire/link.ts'
import type { LinkBodies, LinkType } from './wire/link.ts'
import { NeighbourWatch, NONCE_BYTES } from './neighbours.ts'
import { Nonces } from './nonces.ts'
import type { Trust } from './trust.ts'
import type { Work } from './work.ts'
import type { Writer } from './writes.ts'
import type { Young } from './young.ts'

/** Versions of the link protocol that this build speaks. */
export const VERSION_MIN = 1
export const VERSION_MAX = 1
/** The side that does not ask first on a new link waits this long for the other to do so. */
const SECOND_ASK_MS = 1_000
const RETRY_BASE_MS = 500
const RETRY_MAX_MS = 30_000
/**
 * Linked peers that are compared with within one repair interval: with more, each is compared with less often. What gossip
 * lost any of them can tell of, so that what a daemon sends while all is well does not grow with the number of its links.
 */
const PEERS_PER_INTERVAL = 4
/** A peer that has not said hello by then will not. */
const HELLO_TIMEOUT_MS = 15_000
/** How long a refused peer is left alone. */
const REFUSED_RETRY_MS = 60_000

export interface LinksHost {
  options: EngineOptions
  replica: Replica
  young: Young
  clock: ClockWatch
  completeness: CompletenessWatch
  trust: Trust
  now(): Now
  writer(): Writer | undefined
  complete(): boolean
  /** As `Engine.lossAt`. */
  lossAt(): number
  emit(effect: CoreEffect): void
  submit(work: Work): void
  /** Whether nothing can be written until the store is open again. */
  storeFailed(): boolean
  count(name: string, by: number): void
  retireActor(reason: string): void
}

export class Links {
  readonly peers = new Map<string, Peer>()
  readonly rollback: RollbackWatch
  readonly questions: Questions
  readonly turns: Turns
  readonly #host: LinksHost
  readonly #nonce: Uint8Array
  readonly #nonces = new Nonces()
  readonly #neighbours = new NeighbourWatch(this.peers)
  readonly #catchUp: CatchUp
  readonly #gaps: GapWatch
  #nextSession = 1

  constructor(host: LinksHost) {
    this.#host = host
    this.#catchUp = new CatchUp(this.peers, host.replica.hearsay.any ? host.now().mono : undefined)
    this.rollback = new RollbackWatch(host.options.peerHash)
    this.questions = new Questions({
      self: { peer: host.options.peerId, name: host.options.name },
      randomBytes: (count) => host.options.random.bytes(count),
      replica: host.replica,
      peers: this.peers,
      now: () => host.now(),
      hasLoss: () => host.lossAt() > 0,
      emit: (effect) => host.emit(effect),
      submit: (work) => host.submit(work),
      send: (peer, type, body) => this.#send(peer, type, body),
      compare: (peer) => {
        if (peer.hello !== undefined && peer.session === undefined) this.#ask(peer, false)
      },
    })
    this.#nonce = host.options.random.bytes(NONCE_BYTES)
    const { repair } = host.options.settings
    const budget = new Budget(repair, host.now().mono)
    this.turns = new Turns(budget, repair.sessionsMax, () => this.#answerers())
    this.#gaps = new GapWatch(host.replica.context, host.options.settings.repair.gapDelay)
  }

  // Events.

  up(id: string): void {
    this.down(id)
    const now = this.#host.now()
    const asksFirst = this.#host.options.peerId < id
    const wait = asksFirst ? 0 : SECOND_ASK_MS
    const peer = new Peer(id, this.#answererFor(id), {
      linkedAt: now.mono,
      nextDigestAt: now.mono + wait,
      helloBy: now.mono + HELLO_TIMEOUT_MS,
    })
    this.peers.set(id, peer)
    this.#send(peer, 'hello', {
      versionMin: VERSION_MIN,
      versionMax: VERSION_MAX,
      map: this.#host.options.map as Uint8Array<ArrayBuffer>,
      nonce: this.#nonce as Uint8Array<ArrayBuffer>,
      name: this.#host.options.name,
    })
  }

  down(id: string): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    this.peers.delete(id)
    this.#catchUp.left(peer, this.#host.replica.context)
    peer.session?.fail('the link was lost', this.#host.now())
    this.questions.linkLost(peer)
    this.#neighbours.changed(this.#host.now().mono)
    this.#host.clock.peerGone(id)
  }

  message(id: string, bytes: Uint8Array): void {
    const peer = this.peers.get(id)
    if (peer === undefined) return
    peer.unansweredSince = undefined
    const message = decodeLink(bytes)
    if (message === 'malformed') return this.#violation(peer, 'a message that does not decode')
    if (message === 'unknown') return this.#host.count('messagesUnknown', 1)
    if (message.type === 'hello') return this.#onHello(peer, message.body)
    if (message.type === 'refused') return this.#onRefused(peer, message.body)
    if (peer.hello === undefined) return this.#violation(peer, `${message.type} before hello`)
    if (message.type === 'neighbours') {
      if (this.#neighbours.heard(peer, message.body.nonces)) return
      return this.#violation(peer, 'malformed neighbours')
    }
    const question = this.questions.message(peer, message)
    if (question === 'malformed') return this.#violation(peer, `a malformed ${message.type}`)
    if (question === 'done') return
    if (message.type === 'digestAsk') return this.#onDigestAsk(peer, message.body)
    if (isForAsker(message)) {
      const { session } = message.body
      if (peer.session?.id === session) peer.session.handle(message, bytes.length, this.#host.now())
      return
    }
    peer.answerer.handle(message)
  }

  /** Deltas came by gossip: gaps and announcements call for a pull before its time. */
  heard(author: string, deltas: readonly Delta[]): void {
    const writer = this.#host.writer()
    for (const [index, { dot, announcedBytes }] of deltas.entries()) {
      if (!isFollowed(dot, deltas[index + 1]?.dot)) this.#host.trust.heard(dot)
      if (dot.actor === writer?.actor && dot.counter > writer.head) {
        this.#host.retireActor('another process wrote under it')
      }
      if (announcedBytes > 0 && !this.#host.replica.context.covers(dot.actor, dot.counter)) {
        this.#pullAnnounced(author)
      }
    }
  }

  /** Runs a session with a peer now, for an operator. */
  repair(id: string, command: number): void {
    const peer = this.peers.get(id)
    if (peer?.hello === undefined) {
      const receipt = {
        ...emptyReceipt(),
        outcome: 'failed' as const,
        reason: 'the peer is not connected',
      }
      return this.#host.emit({ type: 'repaired', id: command, peer: id, receipt })
    }
    peer.waiting.push(command)
    if (peer.session === undefined) this.#ask(peer, true)
  }

  tick(): void {
    const now = this.#host.now()
    const { sessionTimeout } = this.#host.options.settings.repair
    for (const peer of this.peers.values()) {
      if (peer.hello === undefined) {
        if (now.mono >= peer.helloBy) this.#violation(peer, 'no hello')
        continue
      }
      if (now.mono >= peer.answerer.expiresAt) peer.answerer.expire()
      if (peer.session !== undefined) {
        const isStuck = now.mono - peer.session.progressAt >= sessionTimeout
        if (isStuck) peer.session.fail('no progress', now)
      } else if (now.mono >= peer.nextDigestAt) {
        this.#ask(peer, false)
      }
    }
    if (now.mono >= this.turns.dueAt()) this.turns.serve(now.mono)
    this.questions.tick()
    if (this.#gaps.due(now.mono)) this.#askForGaps(now)
    if (now.mono >= this.#neighbours.tellAt) this.#tellNeighbours()
  }

  /** This process stood still, and what peers sent meanwhile is still to be read: what they are waited for begins anew. */
  excuse(): void {
    const { mono } = this.#host.now()
    for (const peer of this.peers.values()) {
      peer.helloBy = mono + HELLO_TIMEOUT_MS
      peer.excuse(mono)
    }
  }

  deadline(): number {
    const gaps = this.#gaps.deadline(this.#host.now().mono)
    const others = Math.min(this.questions.deadline(), this.turns.dueAt())
    let deadline = Math.min(gaps, this.#neighbours.tellAt, others)
    for (const peer of this.peers.values()) {
      if (peer.hello === undefined) {
        deadline = Math.min(deadline, peer.helloBy)
        continue
      }
      const { sessionTimeout } = this.#host.options.settings.repair
      const at =
        peer.session === undefined ? peer.nextDigestAt : peer.session.progressAt + sessionTimeout
      deadline = Math.min(deadline, at, peer.answerer.expiresAt)
    }
    return deadline
  }

  /** Whether a gossip payload of `author` may be news to one of our neighbours. */
  needsForwarding(author: string): boolean {
    return this.#neighbours.needsForwarding(author)
  }

  /** Dots in gaps that every linked peer was asked for and none had: lost with the disk that made them. */
  dotsLost(): number {
    const pulls = [...this.peers.values()].map((peer) => peer.pulledAt)
    return this.#gaps.lost(pulls)
  }

  /** Whether peers told of changes that are not here. */
  isCatchingUp(): boolean {
    return this.#catchUp.isUnderWay(this.#host.replica.context, this.#host.now().mono)
  }

  /** Whether nobody is to empty a key on the word of what is dead here by hearsay (R5). */
  keepsHearsay(): boolean {
    return this.#catchUp.mayLackSuccessors(this.#host.replica.context, this.#host.now().mono)
  }

  // Greeting.

  #onHello(peer: Peer, hello: LinkBodies['hello']): void {
    const { map } = this.#host.options
    const sameMap = hello.map.length === map.length && hello.map.every((byte, i) => byte === map[i])
    if (!sameMap) {
      return this.#refuse(peer, 'WRONG_CLUSTER', 'this map belongs to another cluster')
    }
    if (hello.versionMin > VERSION_MAX || hello.versionMax < VERSION_MIN) {
      const message = `this daemon speaks versions ${VERSION_MIN} to ${VERSION_MAX}, the peer ${hello.versionMin} to ${hello.versionMax}`
      return this.#refuse(peer, 'UNKNOWN_VERSION', message)
    }
    if (hello.nonce.length !== NONCE_BYTES) return this.#violation(peer, 'a malformed hello')
    if (!this.#nonces.admit(peer.id, toBinary(hello.nonce))) {
      const message = `two processes run under the peer id ${peer.id}, from copies of one data directory; this is the later one: give it a data directory of its own`
      return this.#refuse(peer, 'DUPLICATE_IDENTITY', message)
    }
    peer.hello = { name: hello.name.slice(0, 256), nonce: toBinary(hello.nonce) }
    this.#host.completeness.peerSeen()
    this.questions.cover.linked(peer)
    const now = this.#host.now()
    this.#neighbours.changed(now.mono)
    const isDue = now.mono >= peer.nextDigestAt || peer.proofs.length > 0
    if (isDue && peer.session === undefined) {
      this.#ask(peer, false)
    }
  }

  #tellNeighbours(): void {
    const message = this.#neighbours.take()
    for (const peer of this.peers.values()) {
      if (peer.hello !== undefined) this.#send(peer, 'neighbours', message)
    }
  }

  #refuse(peer: Peer, code: string, message: string): void {
    this.#host.count('peersRefused', 1)
    this.#send(peer, 'refused', { code, message, retryMs: REFUSED_RETRY_MS })
    this.#disconnect(peer, `${code}: ${message}`)
  }

  #onRefused(peer: Peer, refused: LinkBodies['refused']): void {
    const message = `peer ${peer.id} refused this daemon: ${refused.code}: ${refused.message}`
    if (refused.code === 'DUPLICATE_IDENTITY') {
      this.#host.emit({ type: 'fatal', code: 'DUPLICATE_IDENTITY', message })
    }
    this.#disconnect(peer, message)
  }

  #violation(peer: Peer, what: string): void {
    this.#host.count('protocolViolations', 1)
    this.#disconnect(peer, `PROTOCOL_VIOLATION: ${what}`)
  }

  #disconnect(peer: Peer, reason: string): void {
    this.down(peer.id)
    this.#host.emit({ type: 'disconnect', peer: peer.id, reason, retryMs: REFUSED_RETRY_MS })
  }

  // Digests.

  /** The head is that of the context: counters given out beyond it are not durable yet (R6). */
  #self(): Self {
    const complete = this.#host.complete()
    const actor = this.#host.writer()?.actor
    const head = actor === undefined ? 0 : intervals.head(this.#host.replica.context.get(actor))
    return { writer: actor === undefined || head === 0 ? undefined : { actor, head }, complete }
  }

  #onDigestAsk(peer: Peer, wire: LinkBodies['digestAsk']): void {
    const theirs = decodeDigest(wire)
    if (theirs === undefined) return this.#violation(peer, 'a malformed digest')
    const now = this.#host.now()
    const mine = makeDigest(this.#host.replica, this.#self(), theirs.clock, now.wall)
    this.#send(peer, 'digestAnswer', encodeDigest(mine, wire.session))
    // The exchange serves this side as well, unless a session of its own is under way.
    if (peer.session !== undefined) return
    this.#startSession(peer, { thorough: false, prove: false }).askFrom(theirs, mine, theirs.clock)
  }

  #ask(peer: Peer, thorough: boolean): void {
    peer.unansweredSince ??= this.#host.now().mono
    this.#startSession(peer, { thorough, prove: !thorough && peer.takeProofs() }).ask()
  }

  #startSession(peer: Peer, how: { thorough: boolean; prove: boolean }): RepairSession {
    const { inlineBytes } = this.#host.options.settings.gossip
    const options = { id: this.#nextSession++, fresh: peer.fresh, ...how, inlineBytes }
    const session = new RepairSession(this.#sessionHost(peer), options, this.#host.now())
    peer.session = session
    return session
  }

  #sessionHost(peer: Peer): SessionHost {
    const { replica, completeness, trust } = this.#host
    const offeredAt = this.#host.now().wall
    return {
      replica,
      sizes: this.#host.options.sizes,
      hash: this.#host.options.hash,
      self: () => this.#self(),
      mono: () => this.#host.now().mono,
      send: (type, body) => this.#send(peer, type, body),
      submit: (work) => this.#host.submit(work),
      compared: (theirs, comparison) => {
        const now = this.#host.now()
        this.#noteDigest(peer, theirs, now)
        if (comparison.contextsEqual && theirs.complete) completeness.confirm(now.wall, now.mono)
        return peer.compared(theirs, comparison, now, this.#host.options.sizes.fill)
      },
      mayPull: () =>
        !this.#host.storeFailed() &&
        ![...this.peers.values()].some((other) => other.session?.pulling),
      missing: (part, wholeContext) => {
        this.#noteRollback(peer, part)
        const { mono } = this.#host.now()
        peer.lacked(part, replica.context, { mono, isPart: !wholeContext })
        if (wholeContext) completeness.offer(peer.id, offeredAt, part)
      },
      pulled: (complete) => {
        const { mono } = this.#host.now()
        peer.fresh = false
        peer.pulledAt = mono
        if (complete) completeness.accept(peer.id)
        completeness.check(replica.context, mono)
      },
      rangesBegin: () => peer.rangesBegin(this.#host.now().mono),
      itemsRefused: (count) => this.#host.count('itemsRefused', count),
      ...trust.inPeer(peer.id),
      finished: (receipt) => this.#onFinished(peer, receipt),
    }
  }

  /** After a loss that was found at start (R8) own mutations are known to be missing. */
  #noteRollback(peer: Peer, lacked: ContextPart): void {
    if (this.#host.lossAt() > 0) return
    const { wall } = this.#host.now()
    if (!this.rollback.notices(lacked, this.#host.writer()?.actor, wall)) return
    this.#host.count('storeRolledBack', 1)
    this.#host.emit({
      type: 'log',
      level: 'error',
      message:
        'the store is older than what this daemon has acknowledged: restored, copied, or rolled back by its disk. Peers bring back what they have; what had reached none of them is lost',
      fields: { code: 'STORE_ROLLED_BACK', peer: peer.id, dots: this.rollback.found?.dots },
    })
  }

  #noteDigest(peer: Peer, theirs: Digest, now: Now): void {
    this.#host.clock.peerClock(peer.id, theirs.clock - now.wall)
    const writer = this.#host.writer()
    if (theirs.writer !== undefined) {
      this.#host.trust.heard({ actor: theirs.writer.actor, counter: theirs.writer.head })
    }
    if (theirs.writer !== undefined && theirs.writer.actor === writer?.actor) {
      this.#host.retireActor('a peer writes under it')
    }
  }

  #onFinished(peer: Peer, receipt: Receipt): void {
    const now = this.#host.now()
    const { session } = peer
    if (session?.tookLarge === true) this.#tellOfLarge(peer)
    peer.onlyHeldBack = session?.onlyHeldBack === true
    peer.session = undefined
    this.#countSession(receipt)
    this.#keepReceipt(peer, receipt)
    peer.nextDigestAt = now.mono + this.#waitAfter(peer, receipt)
    if (receipt.outcome === 'equal' || receipt.outcome === 'repaired') peer.fresh = false
    if (peer.askAgain) {
      peer.askAgain = false
      peer.fresh = true
      peer.nextDigestAt = now.mono
    }
    peer.postponed = receipt.outcome === 'postponed'
    if (session?.brought === true || session?.pulling === true) this.#pullFromNext()
    this.questions.proofs.finished(peer, session, receipt)
    if (peer.waiting.length === 0) return this.#proveNext(peer, receipt)
    // Who asked while a mere comparison was under way gets a session of their own, as long as there is a link.
    if (session?.thorough !== true && this.peers.get(peer.id) === peer) {
      return this.#ask(peer, true)
    }
    for (const id of peer.waiting.splice(0)) {
      this.#host.emit({ type: 'repaired', id, peer: peer.id, receipt })
    }
    this.#proveNext(peer, receipt)
  }

  /** Who asked for a proof while a session was under way that began before they did; an unanswered one is repeated later. */
  #proveNext(peer: Peer, receipt: Receipt): void {
    const answered = receipt.outcome === 'equal' || receipt.outcome === 'repaired'
    const linked = this.peers.get(peer.id) === peer
    if (answered && linked && peer.proofs.length > 0 && peer.session === undefined) {
      this.#ask(peer, false)
    }
  }

  #countSession(receipt: Receipt): void {
    this.#host.count(`sessions.${receipt.outcome}`, 1)
    this.#host.count('repairItemsReceived', receipt.itemsReceived)
    this.#host.count('repairItemsRemoved', receipt.itemsRemoved)
    this.#host.count('repairMessageBytes', receipt.messageBytes)
    this.#host.count('repairKeysByRangeStep', receipt.keysByRangeStep)
  }

  /** Comparisons that found nothing to do come every few seconds and would hide what was done. */
  #keepReceipt(peer: Peer, receipt: Receipt): void {
    if (receipt.outcome !== 'repaired' && receipt.outcome !== 'failed') return
    peer.lastReceipt = receipt
    const level = receipt.outcome === 'repaired' ? 'info' : 'debug'
    const { outcome, ...figures } = receipt
    const fields = { peer: peer.id, ...figures }
    this.#host.emit({ type: 'log', level, message: `repair: ${outcome}`, fields })
  }

  #waitAfter(peer: Peer, receipt: Receipt): number {
    const { interval, jitter } = this.#host.options.settings.repair
    if (receipt.outcome === 'busy' || receipt.outcome === 'failed') {
      const wait = Math.min(RETRY_BASE_MS * 2 ** peer.failures++, RETRY_MAX_MS)
      return wait * (0.5 + this.#host.options.random.float())
    }
    peer.failures = 0
    const often = Math.max(1, this.peers.size / PEERS_PER_INTERVAL)
    return (
      peer.nextIn(interval * often) * (1 + jitter * (2 * this.#host.options.random.float() - 1))
    )
  }

  // Pulls before their time.

  /**
   * A difference with another peer showed while one was pulled from. That pull brought something, or broke off: so there
   * is more to fetch, perhaps from the other. One that had nothing to bring speaks of what gossip is about to bring, and
   * the others are compared with at their time.
   */
  #pullFromNext(): void {
    for (const peer of this.peers.values()) {
      if (!peer.postponed) continue
      peer.postponed = false
      return this.#askNow(peer)
    }
  }

  #askForGaps(now: Now): void {
    const idle = [...this.peers.values()].filter(
      (peer) => peer.session === undefined && peer.hello !== undefined,
    )
    const peer = idle[Math.floor(this.#host.options.random.float() * idle.length)]
    this.#gaps.asked(now.mono)
    if (peer === undefined) return
    // The peer has what is missing for no longer than this replica has had its successor: it is not to be left to gossip.
    peer.fresh = true
    this.#ask(peer, false)
  }

  /** An announced item comes from its author if that is linked, else from whoever has it when next asked. */
  #pullAnnounced(author: string): void {
    const peer = this.peers.get(author)
    for (const one of peer === undefined ? this.peers.values() : [peer]) {
      one.fresh = true
      this.#askNow(one)
    }
  }

  /** Neighbours of the peer that it came from learn of a large item there; the others from us. */
  #tellOfLarge(source: Peer): void {
    for (const peer of this.peers.values()) {
      const linked = peer.hello !== undefined && source.neighbours.has(peer.hello.nonce)
      if (peer !== source && !linked) this.#askNow(peer)
    }
  }

  #askNow(peer: Peer): void {
    const { mono } = this.#host.now()
    if (peer.session === undefined) peer.nextDigestAt = Math.min(peer.nextDigestAt, mono)
    else peer.askAgain = true
  }

  // Plumbing.

  #answererFor(id: string): Answerer {
    const peerOf = (): Peer | undefined => this.peers.get(id)
    return new Answerer({
      replica: this.#host.replica,
      sizes: this.#host.options.sizes,
      windowBytes: this.#host.options.settings.repair.windowBytes,
      timeoutMs: this.#host.options.settings.repair.sessionTimeout,
      mono: () => this.#host.now().mono,
      send: (type, body) => {
        const peer = peerOf()
        return peer === undefined ? 0 : this.#send(peer, type, body)
      },
      young: () => this.#host.young.at(this.#host.now().mono),
      mayPull: () => this.turns.mayBegin(this.#host.now().mono),
      complete: () => this.#host.complete(),
      isCatchingUp: () => this.isCatchingUp(),
      keepsHearsay: () => this.keepsHearsay(),
      serve: () => this.turns.serve(this.#host.now().mono),
      violation: (what) => {
        const peer = peerOf()
        if (peer !== undefined) this.#violation(peer, `a malformed ${what}`)
      },
    })
  }

  *#answerers(): Generator<Answerer> {
    for (const peer of this.peers.values()) yield peer.answerer
  }

  #send<T extends LinkType>(peer: Peer, type: T, body: LinkBodies[T]): number {
    const bytes = encodeLink(type, body)
    const lane = type === 'chunk' || type === 'pullEnd' || type === 'pullOpen' ? 'bulk' : 'control'
    this.#host.emit({ type: 'send', peer: peer.id, lane, bytes })
    return bytes.length
  }
}

/** Whether what comes next tells of all that a dot tells of its actor. */
function isFollowed(dot: Dot, next: Dot | undefined): boolean {
  return next !== undefined && next.actor === dot.actor && next.counter > dot.counter
}
