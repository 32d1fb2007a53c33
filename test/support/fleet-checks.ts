/**
 * What must be true of a fleet, checked from outside while it runs: the checks read commits, broadcasts and answers, and
 * keep their own account (`facts.ts`) of every mutation ever made.
 *
 * At every commit
 * - one content: a dot has one content, whoever stores it
 * - no return: what is stored anew was not covered before; so nothing removed comes back
 * - no loss: an item is removed, or its dot covered without it, only when a mutation that had observed it is durable or
 *   part of this commit, or when it is purged after its expiry and the clock that says so has company (R12)
 * - durable first: a context never covers a mutation that is not durable at its origin (R6)
 * - growth: contexts only grow
 * - memory: what is in memory afterwards is what was stored
 * - survivors: an item that puts replaced does not go before one of them, or what replaced it in turn, has come (R5)
 * - trust: unproven removals stay within their limit (R13)
 * - no blindness: nobody covers dots far beyond what their actor made (R15)
 *
 * At every answer to a client: the write is durable; a put is held, and what it superseded is not.
 *
 * At every start: the replica is the one that was in memory when the batch that is the last on disk had been applied.
 *
 * At every message and broadcast: bounds of size; it tells of durable mutations only (R6), and supersedes nothing but what
 * its mutation had observed (R1).
 *
 * When all has healed (`settle`)
 * - contexts and items are equal everywhere, with fingerprints that say so
 * - every acknowledged put is held, or superseded by a mutation that had observed it, or expired
 * - what an acknowledged mutation superseded is held nowhere
 * - what has expired is purged in the end (R12)
 */
import { toBinary } from '../../src/core/bytes.ts'
import type { CoreEffect, CoreEvent } from '../../src/core/events.ts'
import * as intervals from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { compareStamps, dotText } from '../../src/core/item.ts'
import type { Dot, Item } from '../../src/core/item.ts'
import type { RawBatch } from '../../src/core/records.ts'
import { boundAt } from '../../src/core/replica.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink } from '../../src/core/wire/link.ts'
import type { LocalMutation, LocalResult } from '../../src/core/writes.ts'
import { GOSSIP_BYTES_MAX, MESSAGE_BYTES_MAX } from '../../src/net/transport.ts'
import { decoded, readBatch } from './batch-account.ts'
import type { BatchAccount, StoredItem } from './batch-account.ts'
import { check, CheckFailure } from './check-failure.ts'
import { Facts } from './facts.ts'
import type { Fact } from './facts.ts'
import { hash, short, START_WALL_MS, stateOf, summaryOf } from './fleet.ts'
import type { Fleet, Observer, SimNode } from './fleet.ts'
import {
  hasSuccessor,
  heldAsTold,
  leftBehind,
  recordSuccessors,
  successorsOf,
} from './fleet-successors.ts'
import { Twins } from './fleet-twins.ts'

interface Account {
  context: Map<string, Intervals>
  pending: Map<number, readonly LocalMutation[]>
  underWay: BatchAccount | undefined
  /** What peers say to hold of a key, since the commit under way began: the next one has it. */
  told: Dot[][]
  committed: BatchAccount | undefined
  /** Batches that a crash may still take away, the oldest first. */
  undurable: BatchAccount[]
  /** Its store was found to be damaged at the start under way. */
  damaged: boolean
  /** Summary of the state after each of them, and after the last durable one, by number. */
  summaries: Map<number, string>
  /** The furthest that its wall clock ever was. */
  wallMax: number
  /** Its alarms of removals whose time was up, and its removals without proof, as counted at the latest commit. */
  overdue: number
  unproven: number
  /** Keys that those of the commit under way may be for. */
  forgottenKeys: Set<string>
  /** Dots of others that it came to cover without an item. */
  untold: number
}

/**
 * What a replica forgot and others do not know to be removed may go (R13)
 * - where it was never held, and
 * - where its time was up, with an alarm, or a new value of its key came in the place of it.
 */
interface Forgotten {
  /** It was said to be removed, and somebody believed it. */
  gone: boolean
}

const HOUR_MS = 3_600_000

/** What broken memory claims to have seen is more than any run has. */
const FLIPPED_DOTS_MIN = 2 ** 20

/** First bytes of the messages that tell of the sender's own counters. */
const DIGEST_TYPES = new Set([3, 4])

export class FleetChecks implements Observer {
  readonly facts = new Facts()
  readonly #fleet: Fleet
  readonly #accounts = new Map<SimNode, Account>()
  readonly #origins = new Map<string, SimNode | undefined>()
  /** Nodes whose disks lost what was durable, or never return: what only they had is lost. */
  readonly #lostDisks = new Set<SimNode>()
  readonly #twins: Twins
  /** Items that a replica forgot, by dot. */
  readonly #forgotten = new Map<string, Forgotten>()

  constructor(fleet: Fleet) {
    this.#fleet = fleet
    this.#twins = new Twins(fleet, (actor) => this.#originOf(actor))
    fleet.observers.push(this)
  }

  /** Whether dots were given out twice: which content of one somebody lacks, nobody can say then. */
  get hasTwins(): boolean {
    return this.#twins.any
  }

  get acknowledged(): number {
    let count = 0
    for (const fact of this.facts.all()) if (fact.acknowledged && fact.item !== undefined) count++
    return count
  }

  /** Of all items that may be held somewhere. */
  get itemBytes(): number {
    let bytes = 0
    for (const { item } of this.facts.all()) bytes += item?.envelope.length ?? 0
    return bytes
  }

  /** The disk of a node that does not run is about to lose what was durable: what only it had need not be anywhere. */
  diskLost(node: SimNode): void {
    this.#lostDisks.add(node)
    this.#settleUndurable(this.#account(node), node.disk.durable)
    this.#twins.diskLost()
  }

  /** Another disk is in its place. */
  diskReplaced(node: SimNode): void {
    this.diskLost(node)
    this.#account(node).summaries.clear()
  }

  /**
   * A process was put back to an earlier moment, and gives out the dots of its latest run again. Whatever is done under
   * them is lost or not as it happens; that it is noticed, and that all agree in the end, remains.
   */
  putBack(node: SimNode): void {
    this.diskReplaced(node)
    for (const fact of this.facts.all()) {
      if (this.#originOf(fact.actor) === node) this.#twins.add(fact.actor)
    }
  }

  /** A replica lost these from its memory and goes on telling that it has seen them. */
  forgot(items: readonly Item[]): void {
    for (const item of items) this.#forgotten.set(dotText(item), { gone: false })
  }

  /** A copy of the disk was made: what it holds exists from now on, whatever becomes of the disk. */
  copied(node: SimNode): void {
    for (const one of this.#account(node).undurable) this.#onDurable(one)
  }

  // Observer.

  /** What is intact is all that a damaged store says: nothing of it is removed (R8). */
  damaged(node: SimNode): void {
    const lost = this.#lostDisks.has(node) || node.broken
    check(lost, 'start', () => `${node.id} finds damage in a store that has none`)
    this.#lostDisks.add(node)
    this.#account(node).summaries.clear()
    this.#account(node).damaged = true
  }

  replaced(node: SimNode): void {
    this.diskReplaced(node)
  }

  started(node: SimNode, batch: number): void {
    const account = this.#account(node)
    this.#settleUndurable(account, batch)
    account.underWay = undefined
    account.committed = undefined
    account.overdue = 0
    account.unproven = 0
    const summary = summaryOf(node)
    const expected = account.summaries.get(batch)
    check(expected === undefined || expected === summary, 'start', () => {
      return `${node.id} is not as it was after batch ${batch}`
    })
    const { replica } = node.live
    if (account.damaged) {
      account.damaged = false
      check(replica.context.dots === replica.size, 'damage', () => {
        return `${node.id} has lost records and still speaks of removals`
      })
      check(node.live.lossAt > 0, 'damage', () => `${node.id} has lost records and is silent`)
    }
    account.context = new Map(replica.context)
    account.summaries = new Map([[batch, summary]])
    this.#twins.started(node)
  }

  stopped(node: SimNode): void {
    const account = this.#account(node)
    account.pending.clear()
    account.told = []
    this.#twins.stopped(node)
  }

  before(node: SimNode, event: CoreEvent): void {
    const account = this.#account(node)
    account.wallMax = Math.max(account.wallMax, this.#fleet.now(node).wall)
    if (event.type === 'write') account.pending.set(event.id, event.mutations)
    else if (event.type === 'message') account.told.push(...heldAsTold(event.bytes))
  }

  after(node: SimNode, event: CoreEvent, effects: readonly CoreEffect[]): void {
    if (event.type === 'committed') this.#onCommitted(node)
    for (const effect of effects) {
      this.#twins.after(node, effect)
      if (effect.type === 'commit') this.#onCommit(node, effect.batch)
      else if (effect.type === 'publish') this.#onPublish(effect.bytes)
      else if (effect.type === 'send') this.#onSend(node, effect.bytes)
      else if (effect.type === 'written') {
        const mutations = this.#account(node).pending.get(effect.id) ?? []
        this.#account(node).pending.delete(effect.id)
        if (effect.outcome.ok) this.#onWritten(node, mutations, effect.outcome.results)
      }
    }
  }

  committed(node: SimNode, sync: boolean): void {
    if (!sync) return
    const account = this.#account(node)
    for (const one of account.undurable) this.#onDurable(one)
    account.undurable = []
  }

  /** Those up to number `kept` are on disk, the others never were. */
  #settleUndurable(account: Account, kept: number): void {
    for (const one of account.undurable) {
      if (one.number <= kept) this.#onDurable(one)
      else for (const fact of one.own) if (!fact.executed) this.facts.drop(fact)
    }
    account.undurable = []
  }

  // Commits.

  #onCommit(node: SimNode, batch: RawBatch): void {
    const account = this.#account(node)
    const read = readBatch(batch, node.disk.batches + 1)
    read.told = account.told.splice(0)
    const { removalsOverdue = 0, removalsUnproven = 0 } = node.live.counters()
    read.overdue = removalsOverdue - account.overdue
    account.overdue = removalsOverdue
    read.unproven = removalsUnproven - account.unproven
    account.unproven = removalsUnproven
    const writes = new PendingWrites(account.pending.values())
    const stored = new Map<string, StoredItem>()
    for (const item of read.items) stored.set(dotText(item), item)
    for (const [actor, set] of read.context) {
      this.#checkGrowth(node, account, { actor, set, stored, writes, read })
    }
    for (const item of read.items) this.#checkStored(node, account, item)
    // A dot that is deleted and put has another content now (R14).
    read.deletes = read.deletes.filter((dot) => !stored.has(dotText(dot)))
    for (const dot of read.deletes) {
      const fact = this.#known(node, dot)
      this.#checkRemoval(node, account, fact, { writes, read, held: true })
    }
    this.#checkUnproven(node, account)
    account.forgottenKeys.clear()
    account.underWay = read
    account.undurable.push(read)
  }

  /** What nothing proves goes within the limit of each hour, and beyond that as often as a mutation was missed (R13). */
  #checkUnproven(node: SimNode, account: Account): void {
    if (node.broken) return
    const hours = 1 + Math.ceil(this.#fleet.time / HOUR_MS)
    const part = Math.ceil((node.live.replica.keys + account.unproven) / 100)
    const most = hours * Math.max(this.#fleet.settings.repair.removalsMax, part) + account.untold
    check(account.unproven <= most, 'trust', () => {
      return `${node.id} let ${account.unproven} keys lose items without proof, of ${most} that it may (R13)`
    })
  }

  #checkStored(node: SimNode, account: Account, stored: StoredItem): void {
    const covered = intervals.covers(
      account.context.get(stored.actor) ?? intervals.EMPTY,
      stored.counter,
    )
    const replaces = this.#twins.has(stored.actor)
    check(!covered || replaces, 'no return', () => {
      return `${node.id} stores ${short(stored)}, which it covers`
    })
    const fact = this.#known(node, stored)
    if (replaces) return this.#twins.stored(fact, stored)
    if (fact.item === undefined) {
      check(this.#originOf(stored.actor) === node && !fact.executed, 'one content', () => {
        return `${node.id} stores ${short(stored)}, which is no put`
      })
      fact.item = decoded(stored)
      return
    }
    const same = Buffer.compare(fact.item.envelope, stored.envelope) === 0
    check(same, 'one content', () => `${short(stored)} has another content at ${node.id}`)
  }

  #checkGrowth(
    node: SimNode,
    account: Account,
    grown: {
      actor: string
      set: Intervals
      stored: Map<string, StoredItem>
      writes: PendingWrites
      read: BatchAccount
    },
  ): void {
    const { actor, set, stored, writes, read } = grown
    const before = account.context.get(actor) ?? intervals.EMPTY
    const shrunk = intervals.subtract(before, set)
    check(shrunk.length === 0, 'growth', () => `the context of ${node.id} shrank`)
    const fresh = intervals.subtract(set, before)
    const isOwn = this.#originOf(actor) === node
    for (let i = 0; i < fresh.length; i += 2) {
      if (fresh[i + 1]! - fresh[i]! > FLIPPED_DOTS_MIN) {
        check(node.broken, 'no blindness', () => {
          return `${node.id} believes that ${short({ actor, counter: fresh[i + 1]! })} was made: it is blind to what the actor writes (R15)`
        })
        continue
      }
      for (let counter = fresh[i]!; counter <= fresh[i + 1]!; counter++) {
        const dot = { actor, counter }
        const known = this.facts.get(dot)
        if (!isOwn && !stored.has(dotText(dot))) account.untold++
        if (isOwn && (known === undefined || (this.#twins.has(actor) && !known.dead))) {
          read.own.push(known ?? this.facts.add(dot))
          continue
        }
        if (known === undefined && node.broken) continue
        check(known?.executed === true, 'durable first', () => {
          return `${node.id} covers ${short(dot)}, which is not durable at its origin (R6)`
        })
        if (known.item === undefined) continue
        read.seen.push(known)
        if (stored.has(dotText(dot))) continue
        this.#checkRemoval(node, account, known, { writes, read, held: false })
      }
    }
  }

  /** An item that was held is gone, or a dot is covered whose item never came. */
  #checkRemoval(
    node: SimNode,
    account: Account,
    fact: Fact,
    { writes, read, held }: { writes: PendingWrites; read: BatchAccount; held: boolean },
  ): void {
    // Of two contents of a dot, the one that is held here.
    const item = node.live.replica.held(fact.actor, fact.counter) ?? fact.item
    const observed = writes.observe(fact, item?.key)
    if (observed) read.replaced.push(fact)
    if (fact.dead) return
    if (observed) {
      read.kills.push(fact)
      return
    }
    // Also where memory is broken: others hear of a purge that is right.
    if (fact.item !== undefined && this.#mayPurge(node, fact.item)) {
      fact.dead = true
      return
    }
    if (node.broken || this.#twins.has(fact.actor)) return
    if (this.#mayForget(node, fact, held ? read : undefined)) return
    throw new CheckFailure(
      'no loss',
      `${node.id} has ${short(fact)} removed, and no mutation that is executed removes it`,
    )
  }

  /**
   * What a replica lost goes elsewhere too beside a later value of its key: as if that had been written in its sight.
   * @param read the commit that removes what was held; absent where it never was
   */
  #mayForget(node: SimNode, fact: Fact, read: BatchAccount | undefined): boolean {
    const forgotten = this.#forgotten.get(dotText(fact))
    if (forgotten === undefined || fact.item === undefined) return false
    const { key } = fact.item
    const { forgottenKeys } = this.#account(node)
    const comes = read?.seen.some(({ item }) => item?.key === key) === true
    const siblings = node.live.replica.siblings(key)
    const isReplaced = comes || siblings.some((one) => compareStamps(one, fact.item!) > 0)
    if (
      read !== undefined &&
      !isReplaced &&
      forgottenKeys.add(key).size > read.overdue + read.unproven
    ) {
      return false
    }
    forgotten.gone = true
    return true
  }

  /** Its own clock says so and is right, or another says so too (R12). */
  #mayPurge(node: SimNode, { expiry }: Item): boolean {
    const { skew, grace } = this.#fleet.settings.expiry
    if (expiry === 0 || this.#fleet.now(node).wall <= expiry + skew + grace) return false
    const trueWall = START_WALL_MS + this.#fleet.time
    if (Math.abs(this.#fleet.now(node).wall - trueWall) <= skew) return true
    const others = this.#fleet.nodes.filter((other) => other !== node && other.run > 0)
    if (others.length === 0) return true
    const due = expiry + grace - skew
    return others.some(
      (other) => Math.max(this.#account(other).wallMax, this.#fleet.now(other).wall) > due,
    )
  }

  #checkSurvivors(node: SimNode, dot: Dot, told: readonly Dot[][]): void {
    const fact = this.facts.get(dot)
    // What took the place of what is not known where dots were given out twice.
    if (fact?.item === undefined || node.broken || this.#twins.any) return
    const { replica } = node.live
    if (hasSuccessor(fact, replica.context)) return
    // What took its place may be gone with the disk that alone had it.
    if ([...successorsOf(fact)].some((one) => this.#isOfLostDisk(one))) return
    const vanished = replica.siblings(fact.item.key).length === 0
    check(!vanished && !leftBehind(fact, told, this.facts, replica.context), 'survivors', () => {
      return `${node.id} has ${short(fact)} of ${fact.item!.key} removed, and nothing of what replaced it has come (R5)`
    })
  }

  #known(node: SimNode, dot: Dot): Fact {
    const fact = this.facts.get(dot)
    check(fact !== undefined, 'invented', () => `${node.id} stores ${short(dot)} out of nowhere`)
    return fact
  }

  #onDurable(batch: BatchAccount): void {
    for (const fact of batch.own) this.facts.executed(fact)
    for (const fact of batch.kills) fact.dead = true
    recordSuccessors(batch)
  }

  #onCommitted(node: SimNode): void {
    const account = this.#account(node)
    const batch = account.underWay
    account.underWay = undefined
    account.committed = batch
    if (batch === undefined) return
    const { replica } = node.live
    for (const [actor, set] of batch.context) {
      const same = node.broken || intervals.equals(replica.context.get(actor), set)
      check(same, 'memory', () => {
        return `${node.id}: the context in memory is not the one on disk`
      })
      account.context.set(actor, set)
    }
    for (const item of batch.items) {
      const held = replica.held(item.actor, item.counter) !== undefined
      check(held, 'memory', () => `${node.id} stored ${short(item)} and does not hold it`)
    }
    for (const dot of batch.deletes) {
      const held = replica.held(dot.actor, dot.counter) !== undefined
      check(!held, 'memory', () => `${node.id} holds ${short(dot)}, which it removed on disk`)
      // Who lost it knows of no survivors, and is believed within the limit.
      const onItsWord = batch.unproven > 0 && this.#forgotten.has(dotText(dot))
      if (batch.overdue === 0 && !onItsWord) this.#checkSurvivors(node, dot, batch.told)
    }
    for (const number of account.summaries.keys()) {
      if (number < node.disk.durable) account.summaries.delete(number)
    }
    // What broken memory holds is not what the disk will give back.
    if (!node.broken) account.summaries.set(batch.number, summaryOf(node))
  }

  // Answers to clients.

  #onWritten(
    node: SimNode,
    mutations: readonly LocalMutation[],
    results: readonly LocalResult[],
  ): void {
    for (const [index, mutation] of mutations.entries()) {
      const { dot, held } = results[index]!
      const { key, op, observed } = mutation
      if (observed === undefined) {
        const alone = op === 'delete' ? held.length === 0 : held.length === 1
        check(alone, 'answer', () => `${node.id} answers ${op} ${key} with ${held.length} siblings`)
      }
      if (dot === undefined) continue
      const fact = this.facts.get(dot)
      check(fact?.executed === true, 'durable first', () => {
        return `${node.id} acknowledges ${short(dot)} before it is durable`
      })
      fact.acknowledged = true
      if (op === 'put') this.#checkPut(node, mutation, fact)
      const gone =
        observed?.map((one) => this.facts.get(one)) ??
        this.#account(node).committed?.kills.filter((kill) => kill.item?.key === key)
      for (const one of gone ?? []) {
        const isForgotten = node.broken && one !== undefined && this.#forgotten.has(dotText(one))
        if (one === undefined || one === fact || isForgotten) continue
        one.goneBy = [...(one.goneBy ?? []), { ...dot, content: one.item?.lane0 }]
      }
    }
  }

  #checkPut(node: SimNode, { key, value }: LocalMutation, fact: Fact): void {
    const { item } = fact
    if (this.#twins.has(fact.actor)) return
    if (item === undefined) {
      const superseded = fact.counter < (this.facts.heads.get(fact.actor) ?? 0)
      check(superseded, 'answer', () => `${node.id} made no item of the put ${short(fact)}`)
      fact.dead = true
      return
    }
    const same = item.key === key && Buffer.compare(item.value(), value ?? new Uint8Array(0)) === 0
    check(same, 'answer', () => `${node.id} made ${short(fact)} other than it was told to`)
  }

  // What peers are told.

  #onSend(node: SimNode, bytes: Uint8Array): void {
    check(bytes.length <= MESSAGE_BYTES_MAX, 'bounds', () => {
      return `${node.id} sends a message of ${bytes.length} bytes`
    })
    if (!DIGEST_TYPES.has(bytes[0]!) || node.broken) return
    const message = decodeLink(bytes)
    if (typeof message === 'string') {
      throw new CheckFailure('bounds', `${node.id} sends a digest that is ${message}`)
    }
    if (message.type !== 'digestAsk' && message.type !== 'digestAnswer') return
    const { actor, head } = message.body
    const durable = this.facts.heads.get(toBinary(actor)) ?? 0
    check(head <= durable, 'durable first', () => {
      return `${node.id} tells of its counter ${head}, ${durable} is durable (R6)`
    })
  }

  #onPublish(bytes: Uint8Array): void {
    const deltas = decodeGossip(bytes, hash)
    const fits = deltas !== undefined && bytes.length <= GOSSIP_BYTES_MAX
    check(fits, 'bounds', () => 'a broadcast does not decode or is too large')
    for (const { dot, item, supersedes } of deltas) {
      const fact = this.facts.get(dot)
      check(fact?.executed === true, 'durable first', () => {
        return `${short(dot)} was broadcast before it was durable (R6)`
      })
      // Superseded within its own commit, so its origin never stored it; but its broadcast may arrive alone.
      if (item !== undefined && fact.item === undefined) {
        fact.item = item
        fact.dead = true
      }
      for (const gone of supersedes) {
        const old = this.facts.get(gone)
        // A put without an item was superseded within its own commit.
        const dead =
          old?.dead === true ||
          (old?.executed === true && old.item === undefined) ||
          this.#twins.has(gone.actor)
        check(dead, 'observed', () => {
          return `${short(dot)} is told to supersede ${short(gone)}, which it had not observed (R1)`
        })
      }
    }
  }

  // The end.

  /** Those that should agree in the end. */
  get members(): SimNode[] {
    return this.#fleet.nodes.filter((node) => node.run > 0 && !node.gone)
  }

  /** Why the fleet does not agree yet. Replicas may purge what has expired at different moments. */
  difference(): string | undefined {
    const members = this.members
    const busy = members.find((node) => !node.awake || !node.live.idle)
    if (busy !== undefined) return `${busy.id} does not run, or has work left`
    const [first, ...others] = members
    if (first === undefined) return undefined
    const expected = this.#unexpired(first)
    for (const node of others) {
      if (this.#unexpired(node) === expected) continue
      return `${first.id}:\n${stateOf(first)}\n${node.id}:\n${stateOf(node)}`
    }
    return undefined
  }

  #unexpired(node: SimNode): string {
    const { replica } = node.live
    const { context } = replica
    const persistent = replica.sum(undefined, boundAt(1, 0))
    const living = replica.sum(boundAt(1, START_WALL_MS + this.#fleet.time + 1), undefined)
    const lanes = persistent.lanes.map((lane, index) => (lane + living.lanes[index]!) | 0)
    const items = persistent.count + living.count
    return `${toBinary(context.hash())} ${context.dots} ${items} ${lanes.join()}`
  }

  settle(): void {
    const nowWall = START_WALL_MS + this.#fleet.time
    const [first, ...others] = this.members
    if (first === undefined) return
    const expected = this.#listOf(first, nowWall)
    for (const node of others) {
      check(this.#listOf(node, nowWall) === expected, 'agreement', () => {
        return 'equal fingerprints, different replicas'
      })
    }
    for (const fact of this.facts.all()) this.#checkEnd(fact, first, nowWall)
    this.#twins.checkTold(first, nowWall)
  }

  /** Nobody holds what expired longer than `keptMs` ago. */
  purged(keptMs: number): void {
    const before = START_WALL_MS + this.#fleet.time - keptMs
    for (const node of this.members) {
      for (const item of node.live.replica.fromDot('', 0)) {
        check(item.expiry === 0 || item.expiry >= before, 'purge', () => {
          return `${node.id} still holds ${short(item)}, which expired ${before - item.expiry + keptMs} ms ago (R12)`
        })
      }
    }
  }

  #listOf(node: SimNode, nowWall: number): string {
    const { replica } = node.live
    const lines = Array.from(replica.context, ([actor, set]) => `${actor} ${set.join()}`).sort()
    for (const item of replica.fromDot('', 0)) {
      const fact = this.#known(node, item)
      const isTwin = this.#twins.has(item.actor)
      const same = isTwin || (fact.item !== undefined && fact.item.lane0 === item.lane0)
      check(same, 'one content', () => `${node.id} holds other contents of ${short(item)}`)
      // What has expired is hidden and left out of comparisons; the purge ends it.
      if (item.expiry > 0 && item.expiry <= nowWall) continue
      lines.push(`${item.actor} ${item.counter} ${item.lane0} ${item.lane1}`)
      // What only a lost disk knew of: whoever else had removed the item would not hold it, and could not agree.
      // Of two contents of a dot the one that stays may be one that was superseded: somebody says so (R14).
      const mayReturn = isTwin && this.#twins.isTold(fact)
      const by = fact.goneBy?.find(
        (one) => !mayReturn && !this.#isOfLostDisk(one) && (!isTwin || one.content === item.lane0),
      )
      check(by === undefined, 'no return', () => {
        return `${node.id} still holds ${short(item)}, superseded by ${short(by!)}`
      })
    }
    return lines.join('\n')
  }

  /** All are as `node` is. */
  #checkEnd(fact: Fact, node: SimNode, nowWall: number): void {
    const { item } = fact
    if (!fact.acknowledged || fact.dead || this.#twins.has(fact.actor)) return
    const { replica } = node.live
    if (this.#isLost(fact, node) || this.#forgotten.get(dotText(fact))?.gone === true) return
    if (item === undefined) {
      const seen = replica.context.covers(fact.actor, fact.counter)
      return check(seen, 'no loss', () => `${node.id} lost the delete ${short(fact)}`)
    }
    if (replica.held(fact.actor, fact.counter) !== undefined) return
    const expired = item.expiry > 0 && item.expiry < nowWall
    check(expired, 'no loss', () => `${node.id} lost ${short(item)} of ${item.key}`)
  }

  /** Lost with the disk that alone had it, and so nowhere. */
  #isLost(dot: Dot, node: SimNode): boolean {
    return this.#isOfLostDisk(dot) && !node.live.replica.context.covers(dot.actor, dot.counter)
  }

  #isOfLostDisk(dot: Dot): boolean {
    const origin = this.#originOf(dot.actor)
    return origin !== undefined && this.#lostDisks.has(origin)
  }

  #account(node: SimNode): Account {
    let account = this.#accounts.get(node)
    if (account === undefined) {
      account = {
        context: new Map(),
        pending: new Map(),
        underWay: undefined,
        told: [],
        committed: undefined,
        undurable: [],
        damaged: false,
        summaries: new Map(),
        wallMax: 0,
        overdue: 0,
        unproven: 0,
        forgottenKeys: new Set(),
        untold: 0,
      }
      this.#accounts.set(node, account)
    }
    return account
  }

  #originOf(actor: string): SimNode | undefined {
    if (!this.#origins.has(actor)) {
      const origin = this.#fleet.nodes.find((node) => actor.endsWith(this.#fleet.peerHashOf(node)))
      this.#origins.set(actor, origin)
    }
    return this.#origins.get(actor)
  }
}

/** What the writes that a node has not answered yet may supersede. */
class PendingWrites {
  readonly #keys = new Set<string>()
  readonly #dots = new Set<string>()

  constructor(writes: Iterable<readonly LocalMutation[]>) {
    for (const mutations of writes) {
      for (const { key, observed } of mutations) {
        if (observed === undefined) this.#keys.add(key)
        for (const dot of observed ?? []) this.#dots.add(dotText(dot))
      }
    }
  }

  observe(dot: Dot, key: string | undefined): boolean {
    return (key !== undefined && this.#keys.has(key)) || this.#dots.has(dotText(dot))
  }
}
