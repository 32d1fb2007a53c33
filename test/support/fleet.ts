/**
 * A fleet of engines in one process, on virtual time: the same core and message codecs as in a daemon, and around them
 * links (`sim-network.ts`), gossip (`sim-gossip.ts`), disks (`sim-disk.ts`) and clocks (`sim-node.ts`) that misbehave as
 * they are told. Everything random comes from streams of one seed, so the same seed gives the same events, and `hash`
 * proves it.
 *
 * As the shell does: a payload is decoded on arrival and neither delivered nor passed on when it is malformed; after a
 * failed commit the store is opened anew and a new engine begins with new links. A commit takes a while. A crash loses any
 * number of the latest batches that were not synced.
 */
import { toBinary, toHex } from '../../src/core/bytes.ts'
import { Engine } from '../../src/core/engine.ts'
import type { CoreEffect, CoreEvent } from '../../src/core/events.ts'
import { encodeAll, encodeBirth, Loader } from '../../src/core/records.ts'
import type { Meta } from '../../src/core/records.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import type { RepairSizes } from '../../src/core/repair/sizes.ts'
import type { Replica } from '../../src/core/replica.ts'
import type { CoreSettings, EngineOptions, Now } from '../../src/core/settings.ts'
import type { Delta } from '../../src/core/wire/gossip.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink } from '../../src/core/wire/link.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { CheckFailure } from './check-failure.ts'
import { EventHash } from './event-hash.ts'
import { EventQueue } from './event-queue.ts'
import {
  gossipOfLaterVersion,
  isPoisoned,
  mangleGossip,
  mangleLink,
  ofLaterVersion,
  poisonLink,
} from './faulty-peer.ts'
import { quickHash } from './quick-hash.ts'
import { Seeded } from './seeded.ts'
import { SimGossip } from './sim-gossip.ts'
import type { GossipFaults, GossipHost, Payload } from './sim-gossip.ts'
import { SimNetwork } from './sim-network.ts'
import type { LinkFaults, NetworkHost, Span } from './sim-network.ts'
import type { DiskImage } from './sim-disk.ts'
import { SimNode } from './sim-node.ts'

export { START_WALL_MS } from './sim-node.ts'
export type { SimNode } from './sim-node.ts'

/** Keyed by nothing: the simulator needs a good hash, not a secret one. */
export const hash = quickHash

/** The defaults of a daemon, with less memory. */
export const SETTINGS: CoreSettings = {
  repair: {
    interval: 5_000,
    jitter: 0.25,
    pullDelay: 1_000,
    gapDelay: 300,
    sessionTimeout: 30_000,
    windowBytes: 1024 * 1024,
    sessionsMax: 4,
    bytesPerSecond: 64 * 1024 * 1024,
    removalsMax: 1000,
    removalHold: 6 * 3_600_000,
  },
  gossip: { inlineBytes: 16 * 1024 },
  limits: {
    valueBytes: 16 * 1024 * 1024,
    siblings: 64,
    writeQueueBytes: 64 * 1024 * 1024,
    inboxBytes: 64 * 1024 * 1024,
  },
  expiry: { skew: 60_000, grace: 600_000, purgeInterval: 30_000 },
}

export interface Faults extends LinkFaults, GossipFaults {
  commitTime: Span
  /** Probability, per commit. */
  commitFailure: number
}

export const CALM: Faults = {
  linkDelay: [1, 5],
  linkCut: 0,
  bandwidth: Infinity,
  gossipDelay: [1, 20],
  gossipLoss: 0,
  gossipDuplicate: 0,
  commitTime: [0, 5],
  commitFailure: 0,
}

export interface Observer {
  started?(node: SimNode, batch: number): void
  stopped?(node: SimNode): void
  before?(node: SimNode, event: CoreEvent): void
  after?(node: SimNode, event: CoreEvent, effects: readonly CoreEffect[]): void
  /** The batch is on disk; the engine has not heard of it yet. */
  committed?(node: SimNode, sync: boolean): void
  /** Its store was found to be damaged; a new one with what is intact takes its place. */
  damaged?(node: SimNode): void
  /** It refuses to start from its store, and gets an empty one. */
  replaced?(node: SimNode): void
}

export interface FleetOptions {
  seed: number
  nodes: number
  settings?: CoreSettings
  /** Those of a daemon when absent. */
  sizes?: RepairSizes
  faults?: Partial<Faults>
  /** As configured: `first` makes node 0 begin complete. */
  first?: boolean
  /** Which nodes know each other's addresses; all do when absent. */
  topology?: (a: SimNode, b: SimNode) => boolean
  /** Keeps a line for each event; on unless told otherwise. */
  trace?: boolean
  /** No node fails: nothing is kept on disks, and replicas share the items that come by gossip. For very many nodes. */
  faultless?: boolean
}

const MAP = new Uint8Array(16).fill(7)
/** More ticks than this at one moment: a deadline that never advances. A pull is served in ticks, of a chunk each. */
const TICKS_AT_ONCE_MAX = 10_000
/** How the shell waits before it opens a failed store anew. */
const REOPEN_MIN_MS = 250
const REOPEN_MAX_MS = 30_000

const EVENT_CODES: Record<CoreEvent['type'], number> = {
  tick: 1,
  write: 2,
  committed: 3,
  commitFailed: 4,
  linkUp: 5,
  linkDown: 6,
  message: 7,
  gossip: 8,
  repair: 9,
  removals: 10,
  converged: 11,
  confirm: 12,
  await: 13,
  fresh: 14,
  fleetConverged: 15,
  read: 16,
}

export class Fleet implements NetworkHost, GossipHost {
  readonly seed: number
  /** For what a test draws by itself. */
  readonly random: Seeded
  readonly nodes: SimNode[]
  readonly settings: CoreSettings
  readonly sizes: RepairSizes
  readonly observers: Observer[] = []
  /** One line for each event, for people. */
  readonly history: string[] = []
  readonly network: SimNetwork
  readonly gossip: SimGossip
  faults: Faults
  /** Items of this key are unreadable to everybody but their origin; absent when all can be read. */
  poisonedKey: string | undefined
  /** Milliseconds since the start. */
  time = 0
  events = 0
  readonly #options: FleetOptions
  readonly #queue = new EventQueue()
  readonly #hash = new EventHash()
  readonly #disks = new Map<SimNode, Seeded>()
  readonly #shared = new WeakMap<Payload, Delta[] | undefined>()
  #ids = 0
  #ticksNow = 0

  constructor(options: FleetOptions) {
    this.#options = options
    this.seed = options.seed
    this.random = new Seeded(options.seed)
    this.settings = options.settings ?? SETTINGS
    this.sizes = options.sizes ?? SIZES
    this.faults = { ...CALM, ...options.faults }
    const monos = new Seeded(options.seed, 'mono')
    this.nodes = Array.from(
      { length: options.nodes },
      (_, index) => new SimNode(index, monos.int(0, 1_000_000)),
    )
    for (const node of this.nodes) {
      this.#disks.set(node, new Seeded(options.seed, `disk ${node.index}`))
      node.disk.write(encodeBirth(MAP, hash))
      node.disk.sync()
    }
    this.network = new SimNetwork(this, options.topology ?? (() => true))
    this.gossip = new SimGossip(this)
  }

  // Time.

  schedule(delay: number, run: () => void): void {
    this.#queue.push(this.time + delay, run)
  }

  /** Lets `ms` pass. */
  pass(ms: number): void {
    const end = this.time + ms
    while (this.#queue.nextAt <= end) this.#step()
    this.time = end
  }

  /** Lets time pass until the condition holds; false when that takes longer than `ms`. */
  until(condition: () => boolean, ms: number): boolean {
    const end = this.time + ms
    while (!condition()) {
      if (this.#queue.nextAt > end) {
        this.time = end
        return condition()
      }
      this.#step()
    }
    return true
  }

  now(node: SimNode): Now {
    return node.now(this.time)
  }

  /** Of every event so far and every byte sent and stored. */
  hash(): string {
    return this.#hash.hex()
  }

  note(line: () => string): void {
    if (this.#options.trace !== false) this.history.push(`${this.time} ${line()}`)
  }

  #step(): void {
    if (this.#queue.nextAt > this.time) this.#ticksNow = 0
    this.time = Math.max(this.time, this.#queue.nextAt)
    this.#queue.pop()?.()
  }

  // Nodes.

  /** Starts every node and links all pairs. */
  startAll(): void {
    for (const node of this.nodes) this.start(node)
    for (const a of this.nodes) {
      for (const b of this.nodes) if (a.index < b.index) this.connect(a, b)
    }
  }

  start(node: SimNode): void {
    const { replica, meta } = this.#load(node)
    node.run++
    node.tickAt = Infinity
    node.engine = new Engine(this.#engineOptions(node), replica, meta, this.now(node))
    this.#hash.numbers(this.time, node.index, 0, node.disk.batches)
    this.note(() => `${node.id} starts with batch ${node.disk.batches}`)
    for (const observer of this.observers) observer.started?.(node, node.disk.batches)
    this.#arm(node)
  }

  /** As the shell: from a damaged store it takes what is intact, and writes that into a new one (R8). */
  #load(node: SimNode): { replica: Replica; meta: Meta } {
    const loader = new Loader(hash)
    loader.add(node.disk.records())
    const { replica, meta, map, damage } = loader.finish()
    const isOurs = map === undefined || toBinary(map) === toBinary(MAP)
    if (damage.length === 0 && isOurs) return { replica, meta }
    this.note(() => `${node.id} has a damaged store: ${damage.join('; ')}`)
    if (loader.strange || !isOurs) {
      // It refuses to start, and somebody moves the store away.
      for (const observer of this.observers) observer.replaced?.(node)
      this.replaceDisk(node, undefined)
      return this.#load(node)
    }
    for (const observer of this.observers) observer.damaged?.(node)
    node.disk.restore(new Map())
    const lost = { ...meta, lossAt: Math.max(Math.floor(this.now(node).wall), 1) }
    for (const batch of encodeAll(replica, lost, MAP, hash)) node.disk.write(batch)
    node.disk.sync()
    return { replica, meta: lost }
  }

  #engineOptions(node: SimNode): EngineOptions {
    return {
      settings: this.settings,
      sizes: this.sizes,
      hash,
      random: this.#randomOf(node),
      map: MAP,
      peerHash: peerHash(node),
      peerId: node.id,
      name: node.id,
      hasPeers: this.nodes.length > 1,
      first: this.#options.first !== false && node.index === 0 && node.run === 1,
    }
  }

  /** Ids from one stream and waits from another: a process that was put back draws the same ids, whatever it waited for. */
  #randomOf(node: SimNode): EngineOptions['random'] {
    const name = `engine ${node.index} ${node.sameRunAs ?? node.run}`
    const ids = new Seeded(this.seed, `${name} ids`)
    const waits = new Seeded(this.seed, name)
    return { bytes: (count) => ids.bytes(count), float: () => waits.float() }
  }

  /** What the actors of a node end with. */
  peerHashOf(node: SimNode): string {
    return toBinary(peerHash(node))
  }

  /** The process dies; its disk keeps the batches up to `kept`, or a random number of them. */
  crash(node: SimNode, kept = this.#kept(node)): void {
    for (const observer of this.observers) observer.stopped?.(node)
    node.engine = undefined
    node.stopped = undefined
    node.disk.crash(kept)
    this.note(() => `${node.id} crashes, batches up to ${kept} are left`)
    this.network.crashed(node)
  }

  #kept(node: SimNode): number {
    return this.#disks.get(node)!.int(node.disk.durable, node.disk.batches)
  }

  /** Another disk, or an empty one, in a node that does not run. */
  replaceDisk(node: SimNode, image: DiskImage | undefined): void {
    node.disk.restore(image ?? new Map())
    if (image === undefined) {
      node.disk.write(encodeBirth(MAP, hash))
      node.disk.sync()
    }
    this.note(() => `${node.id} has ${image === undefined ? 'an empty' : 'another'} disk`)
  }

  restart(node: SimNode): void {
    if (node.engine !== undefined) return
    this.gossip.started(node)
    this.start(node)
    this.network.started(node)
  }

  /** The process gets no time any more, while its clocks go on. */
  stop(node: SimNode): void {
    if (!node.awake) return
    node.stopped = []
    this.note(() => `${node.id} stops`)
    this.network.stopped(node)
  }

  resume(node: SimNode): void {
    const waiting = node.stopped
    if (waiting === undefined) return
    node.stopped = undefined
    this.note(() => `${node.id} goes on, ${waiting.length} events waited`)
    const { run } = node
    for (const event of [...waiting, { type: 'tick' } as const]) {
      if (node.run === run && node.awake) this.dispatch(node, event)
    }
    this.network.started(node)
  }

  // Events into the core.

  write(node: SimNode, mutations: LocalMutation[]): number {
    const id = ++this.#ids
    this.dispatch(node, { type: 'write', id, mutations })
    return id
  }

  repair(node: SimNode, peer: SimNode): number {
    const id = ++this.#ids
    this.dispatch(node, { type: 'repair', id, peer: peer.id })
    return id
  }

  /** A client's question of which the effect carries the number. */
  ask(node: SimNode, event: (id: number) => CoreEvent): number {
    const id = ++this.#ids
    this.dispatch(node, event(id))
    return id
  }

  /** Asks whether all that `node` is linked with has converged; the effect carries the number. */
  converged(node: SimNode, withinMs = 5_000): number {
    const id = ++this.#ids
    this.dispatch(node, { type: 'converged', id, withinMs })
    return id
  }

  dispatch(node: SimNode, event: CoreEvent): void {
    const { engine } = node
    if (engine === undefined) return
    if (node.stopped !== undefined) {
      node.stopped.push(event)
      return
    }
    this.events++
    this.#hash.numbers(this.time, node.index, EVENT_CODES[event.type])
    this.note(() => `${node.id} ${describe(event)}`)
    for (const observer of this.observers) observer.before?.(node, event)
    const effects = this.#handle(node, engine, event)
    for (const observer of this.observers) observer.after?.(node, event, effects)
    for (const effect of effects) this.#perform(node, effect)
    if (node.engine === engine) this.#arm(node)
  }

  /** Whatever comes, the core takes it. */
  #handle(node: SimNode, engine: Engine, event: CoreEvent): CoreEffect[] {
    try {
      return engine.handle(event, this.now(node))
    } catch (error) {
      const what = error instanceof Error ? (error.stack ?? error.message) : String(error)
      throw new CheckFailure('no crash', `${node.id} at ${describe(event)}: ${what}`)
    }
  }

  #arm(node: SimNode): void {
    const at = Math.max(Math.ceil(node.live.deadline()) - node.monoAhead, this.time)
    if (at === node.tickAt || at === Infinity) return
    node.tickAt = at
    const { run } = node
    this.#queue.push(at, () => {
      if (node.run !== run || node.tickAt !== at) return
      node.tickAt = Infinity
      if (node.stopped !== undefined) return
      if (++this.#ticksNow > TICKS_AT_ONCE_MAX * this.nodes.length) {
        throw new Error(`${node.id} asks to be woken again and again at ${this.time}`)
      }
      this.dispatch(node, { type: 'tick' })
    })
  }

  // Effects out of it.

  #perform(node: SimNode, effect: CoreEffect): void {
    switch (effect.type) {
      case 'send':
        return this.#send(node, effect.peer, effect.lane, effect.bytes)
      case 'publish':
        return this.#publish(node, effect.bytes)
      case 'commit':
        for (const { value } of effect.batch.puts) this.#hash.bytes(value)
        if (this.#options.faultless !== true) node.disk.write(effect.batch)
        return this.#commit(node, effect.sync)
      case 'disconnect':
        this.note(() => `${node.id} disconnects ${effect.peer}: ${effect.reason}`)
        return this.network.hangUp(node, this.#named(effect.peer), effect.retryMs)
      case 'fatal':
        throw new Error(`${node.id} gave up: ${effect.message}`)
      case 'log':
        return this.note(() => `${node.id} ${effect.level}: ${effect.message}`)
      case 'written':
        if (!effect.outcome.ok) {
          const { code } = effect.outcome.refusal
          this.note(() => `${node.id} refuses write ${effect.id}: ${code}`)
        }
        return undefined
      case 'twin':
      case 'repaired':
      case 'convergence':
      case 'fleetConvergence':
      case 'confirmed':
      case 'awaited':
      case 'freshness':
      case 'changed':
        return undefined
    }
  }

  #send(node: SimNode, peer: string, lane: 'control' | 'bulk', message: Uint8Array): void {
    const messages = node.ahead ? ofLaterVersion(message) : [message]
    for (const one of messages) this.#sendOne(node, peer, lane, one)
  }

  #sendOne(node: SimNode, peer: string, lane: 'control' | 'bulk', message: Uint8Array): void {
    let bytes = message
    const random = this.#disks.get(node)!
    if (node.corrupts !== undefined && random.chance(node.corrupts.chance)) {
      bytes = mangleLink(bytes, random, node.corrupts.only)
    }
    if (this.poisonedKey !== undefined) bytes = poisonLink(bytes, this.poisonedKey)
    this.#hash.bytes(bytes)
    this.network.send(node, this.#named(peer), lane, bytes)
  }

  #publish(node: SimNode, payload: Uint8Array): void {
    let bytes = node.ahead ? gossipOfLaterVersion(payload) : payload
    const random = this.#disks.get(node)!
    const corrupts = node.corrupts !== undefined && random.chance(node.corrupts.chance)
    if (corrupts || isPoisoned(bytes, this.poisonedKey)) bytes = mangleGossip(bytes, random)
    this.#hash.bytes(bytes)
    this.gossip.publish(node, bytes)
  }

  #commit(node: SimNode, sync: boolean): void {
    const { run } = node
    const random = this.#disks.get(node)!
    const fails = random.chance(this.faults.commitFailure)
    const [least, most] = this.faults.commitTime
    this.schedule(random.int(least, most), () => {
      if (node.run !== run || node.engine === undefined) return
      if (fails || node.disk.full) return this.#commitFailed(node)
      if (sync) node.disk.sync()
      for (const observer of this.observers) observer.committed?.(node, sync)
      this.dispatch(node, { type: 'committed' })
    })
  }

  /** The engine lives on until the store is open again; what the disk holds is known then. */
  #commitFailed(node: SimNode): void {
    this.dispatch(node, { type: 'commitFailed', message: 'the disk failed' })
    const { run } = node
    const reopenIn = (wait: number): void =>
      this.schedule(wait, () => {
        if (node.run !== run || node.engine === undefined) return
        if (node.disk.full || node.stopped !== undefined) {
          return reopenIn(Math.min(2 * wait, REOPEN_MAX_MS))
        }
        this.#reopen(node)
      })
    reopenIn(REOPEN_MIN_MS)
  }

  #reopen(node: SimNode): void {
    for (const observer of this.observers) observer.stopped?.(node)
    node.disk.crash(this.#kept(node))
    this.note(() => `${node.id} opens its store anew`)
    this.start(node)
    for (const peer of this.network.peersOf(node)) this.drop(node, peer)
  }

  // Links.

  connect(a: SimNode, b: SimNode): void {
    this.network.connect(a, b)
  }

  cut(a: SimNode, b: SimNode): void {
    this.network.cut(a, b)
  }

  deafen(from: SimNode, to: SimNode): void {
    this.network.deafen(from, to)
  }

  drop(a: SimNode, b: SimNode): void {
    this.network.drop(a, b)
  }

  /** Whether they know each other's addresses. */
  mayLink(a: SimNode, b: SimNode): boolean {
    return this.#options.topology?.(a, b) !== false
  }

  /** No more faults: what ran before runs, what can be linked is. */
  heal(): void {
    this.note(() => 'heal')
    this.faults = { ...CALM }
    for (const node of this.nodes) {
      node.disk.full = false
      node.corrupts = undefined
      node.clockRight()
      this.resume(node)
      if (node.run > 0 && !node.gone) this.restart(node)
    }
    this.network.heal()
  }

  #named(id: string): SimNode {
    return this.nodes[Number(id.slice('node'.length))]!
  }

  // What the network and gossip ask for.

  changed(a: SimNode, b: SimNode): void {
    this.gossip.linksChanged(a)
    this.gossip.linksChanged(b)
  }

  hears(from: SimNode, to: SimNode): boolean {
    return this.network.hears(from, to)
  }

  linked(a: SimNode, b: SimNode): boolean {
    return this.network.linked(a, b)
  }

  peersOf(node: SimNode): SimNode[] {
    return this.network.peersOf(node)
  }

  take(node: SimNode, payload: Payload): 'forward' | 'ignore' | 'reject' {
    const { author, bytes } = payload
    const deltas = this.#decoded(payload)
    if (deltas === undefined) {
      this.note(() => `${node.id} refuses gossip`)
      return 'reject'
    }
    this.dispatch(node, { type: 'gossip', author: author.id, deltas, bytes: bytes.length })
    return node.engine?.links.needsForwarding(author.id) === true ? 'forward' : 'ignore'
  }

  #decoded(payload: Payload): Delta[] | undefined {
    if (this.#options.faultless !== true) return decodeGossip(payload.bytes, hash)
    if (!this.#shared.has(payload)) this.#shared.set(payload, decodeGossip(payload.bytes, hash))
    return this.#shared.get(payload)
  }
}

function peerHash(node: SimNode): Uint8Array {
  return hash(new TextEncoder().encode(node.id)).slice(0, 8)
}

export function describe(event: CoreEvent): string {
  if (event.type === 'message') {
    return `${typeOf(event.bytes)} from ${event.peer}, ${event.bytes.length} bytes`
  }
  if (event.type === 'gossip') {
    return `gossip by ${event.author}: ${event.deltas.map(({ dot }) => short(dot)).join(' ')}`
  }
  if (event.type === 'write') {
    return `write ${event.id}: ${event.mutations.map(describeMutation).join(', ')}`
  }
  return 'peer' in event ? `${event.type} ${event.peer}` : event.type
}

/** Also of a message that makes the decoder throw: it is what a failure is explained with. */
function typeOf(bytes: Uint8Array): string {
  try {
    const message = decodeLink(bytes)
    return typeof message === 'string' ? message : message.type
  } catch {
    return 'undecodable'
  }
}

function describeMutation({ op, key, observed }: LocalMutation): string {
  return `${op} ${key}${observed === undefined ? '' : ` over [${observed.map(short).join(' ')}]`}`
}

/** A dot, for people: the peer's part and the run's part of the actor are cut short. */
export function short(dot: { actor: string; counter: number }): string {
  const hex = Array.from(dot.actor.slice(8, 9) + dot.actor.slice(0, 2), (char) =>
    char.charCodeAt(0).toString(16).padStart(2, '0'),
  )
  return `${hex.join('')}:${dot.counter}`
}

/** Hashes of what a replica is: quick to compare. */
export function summaryOf(node: SimNode): string {
  const { replica } = node.live
  const { count, lanes } = replica.sum(undefined, undefined)
  const { context } = replica
  return `${toHex(toBinary(context.hash()))} ${context.dots} ${count} ${lanes.join()}`
}

/** What a replica is, as text: equal texts for equal replicas. */
export function stateOf(node: SimNode): string {
  const { replica } = node.live
  const items = Array.from(replica.fromDot('', 0), (item) => `${short(item)} ${item.key}`)
  const context = Array.from(replica.context, ([actor, set]) => `${toHex(actor)} ${set.join()}`)
  const sum = replica.sum(undefined, undefined)
  return [...context.sort(), ...items, `sum ${sum.count} ${sum.lanes.join()}`].join('\n')
}

export function binary(text: string): string {
  return toBinary(new TextEncoder().encode(text))
}

/** As a bug or bad memory would: the item goes, and the context still says that it was seen. */
export function loseItems(node: SimNode): void {
  for (const one of Array.from(node.live.replica.fromDot('', 0))) node.live.replica.remove(one)
}
