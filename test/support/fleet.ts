/**
 * A fleet of engines in one process, on virtual time: the same core as in a daemon, around it a network and disks that
 * misbehave as they are told. Everything is drawn from one seed, so the same seed gives the same events, and `hash`
 * proves it.
 *
 * - Links keep the order of their messages and delay them. A cut link loses what is under way, and each end hears of it
 *   some time later; a *deaf* direction loses messages while the link still looks well. Lost links are dialled again.
 * - Gossip floods over links; each hop may lose, double, delay and so reorder a payload. As in the shell, a payload is
 *   decoded on arrival and neither delivered nor passed on when it is malformed.
 * - A commit takes a while, and may fail: then the node restarts, as the shell reopens its store. A crash loses any number
 *   of the latest batches that were not synced.
 */
import { createHash } from 'node:crypto'
import { toBinary, toHex } from '../../src/core/bytes.ts'
import { Engine } from '../../src/core/engine.ts'
import type { CoreEffect, CoreEvent } from '../../src/core/events.ts'
import { encodeBirth, Loader } from '../../src/core/records.ts'
import type { CoreSettings, EngineOptions, Now } from '../../src/core/settings.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink } from '../../src/core/wire/link.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { EventQueue } from './event-queue.ts'
import { Seeded } from './seeded.ts'
import { SimDisk } from './sim-disk.ts'

/** Keyed by nothing: the simulator needs a good hash, not a secret one. */
export const hash = (bytes: Uint8Array): Uint8Array => createHash('md5').update(bytes).digest()

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

/** From, to: drawn evenly. Milliseconds. */
export type Span = readonly [number, number]

export interface Faults {
  linkDelay: Span
  gossipDelay: Span
  /** Probabilities, per hop. */
  gossipLoss: number
  gossipDuplicate: number
  commitTime: Span
  /** Probability, per commit. */
  commitFailure: number
}

export const CALM: Faults = {
  linkDelay: [1, 5],
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
  committed?(node: SimNode, sync: boolean): void
}

export class SimNode {
  readonly index: number
  readonly id: string
  readonly disk = new SimDisk()
  engine: Engine | undefined
  /** Counts starts: what was scheduled for an earlier run is stale. */
  run = 0
  /** What the node's wall clock is ahead of the fleet's time, milliseconds; may be changed at any moment. */
  wallAhead = 0
  readonly monoAhead: number
  tickAt = Infinity
  readonly gossipSeen = new Set<number>()

  constructor(index: number, monoAhead: number) {
    this.index = index
    this.id = `node${index}`
    this.monoAhead = monoAhead
  }

  get live(): Engine {
    if (this.engine === undefined) throw new TypeError(`${this.id} does not run`)
    return this.engine
  }
}

/** The connection of two nodes. `epoch` counts its lives: what is under way when one ends is lost. */
interface Wire {
  ends: readonly [SimNode, SimNode]
  up: boolean
  epoch: number
  /** By index of the sending end. */
  deaf: [boolean, boolean]
  arrivesAt: [number, number]
  blocked: boolean
}

interface Payload {
  id: number
  author: string
  bytes: Uint8Array
}

export interface FleetOptions {
  seed: number
  nodes: number
  settings?: CoreSettings
  faults?: Partial<Faults>
  /** As configured: `first` makes node 0 begin complete. */
  first?: boolean
}

export const START_WALL_MS = 1_700_000_000_000
const MAP = new Uint8Array(16).fill(7)
const DETECT_MS: Span = [0, 3_000]
const REDIAL_MS: Span = [100, 1_000]
/** More ticks than this at one moment: a deadline that never advances. */
const TICKS_AT_ONCE_MAX = 100

export class Fleet {
  readonly random: Seeded
  readonly nodes: SimNode[]
  readonly settings: CoreSettings
  readonly observers: Observer[] = []
  /** One line for each event, for people. */
  readonly history: string[] = []
  faults: Faults
  /** Milliseconds since the start. */
  time = 0
  readonly #options: FleetOptions
  readonly #queue = new EventQueue()
  readonly #hash = createHash('sha256')
  readonly #wires = new Map<string, Wire>()
  #ids = 0
  #ticksNow = 0

  constructor(options: FleetOptions) {
    this.#options = options
    this.random = new Seeded(options.seed)
    this.settings = options.settings ?? SETTINGS
    this.faults = { ...CALM, ...options.faults }
    this.nodes = Array.from(
      { length: options.nodes },
      (_, index) => new SimNode(index, this.random.int(0, 1_000_000)),
    )
    for (const node of this.nodes) {
      node.disk.write(encodeBirth(MAP, hash))
      node.disk.sync()
    }
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
    return {
      wall: START_WALL_MS + this.time + node.wallAhead,
      mono: this.time + node.monoAhead,
    }
  }

  /** Of every event so far and every byte sent. */
  hash(): string {
    return this.#hash.copy().digest('hex')
  }

  note(line: string): void {
    const text = `${this.time} ${line}`
    this.history.push(text)
    this.#hash.update(text)
  }

  #step(): void {
    if (this.#queue.nextAt > this.time) this.#ticksNow = 0
    this.time = Math.max(this.time, this.#queue.nextAt)
    this.#queue.pop()?.()
  }

  #draw(span: Span): number {
    return this.random.int(span[0], span[1])
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
    const loader = new Loader(hash)
    loader.add(node.disk.records())
    const loaded = loader.finish()
    if ('damage' in loaded) throw new Error(`${node.id}: ${loaded.damage.join('; ')}`)
    node.run++
    node.tickAt = Infinity
    node.gossipSeen.clear()
    const now = this.now(node)
    node.engine = new Engine(this.#engineOptions(node), loaded.replica, loaded.meta, now)
    this.note(`${node.id} starts with batch ${node.disk.batches}`)
    for (const observer of this.observers) observer.started?.(node, node.disk.batches)
    this.#arm(node)
  }

  #engineOptions(node: SimNode): EngineOptions {
    return {
      settings: this.settings,
      hash,
      random: this.random,
      map: MAP,
      peerHash: peerHash(node),
      peerId: node.id,
      name: node.id,
      hasPeers: this.nodes.length > 1,
      first: this.#options.first !== false && node.index === 0,
    }
  }

  /** What the actors of a node end with. */
  peerHashOf(node: SimNode): string {
    return toBinary(peerHash(node))
  }

  /** The process dies; its disk keeps the batches up to `kept`, or a random number of them. */
  crash(node: SimNode, kept = this.random.int(node.disk.durable, node.disk.batches)): void {
    for (const observer of this.observers) observer.stopped?.(node)
    node.engine = undefined
    node.disk.crash(kept)
    this.note(`${node.id} crashes, batches up to ${kept} are left`)
    for (const wire of this.#wires.values()) {
      if (wire.ends.includes(node)) this.#lose(wire, REDIAL_MS)
    }
  }

  restart(node: SimNode): void {
    if (node.engine === undefined) this.start(node)
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

  dispatch(node: SimNode, event: CoreEvent): void {
    const { engine } = node
    if (engine === undefined) return
    this.note(`${node.id} ${describe(event)}`)
    for (const observer of this.observers) observer.before?.(node, event)
    const effects = engine.handle(event, this.now(node))
    for (const observer of this.observers) observer.after?.(node, event, effects)
    for (const effect of effects) this.#perform(node, effect)
    if (node.engine === engine) this.#arm(node)
  }

  #arm(node: SimNode): void {
    const at = Math.max(Math.ceil(node.live.deadline()) - node.monoAhead, this.time)
    if (at === node.tickAt || at === Infinity) return
    node.tickAt = at
    const { run } = node
    this.#queue.push(at, () => {
      if (node.run !== run || node.tickAt !== at) return
      node.tickAt = Infinity
      if (++this.#ticksNow > TICKS_AT_ONCE_MAX) {
        throw new Error(`${node.id} asks to be woken again and again at ${this.time}`)
      }
      this.dispatch(node, { type: 'tick' })
    })
  }

  // Effects out of it.

  #perform(node: SimNode, effect: CoreEffect): void {
    if (effect.type === 'send') this.#send(node, effect.peer, effect.bytes)
    else if (effect.type === 'publish') this.#publish(node, effect.bytes)
    else if (effect.type === 'commit') {
      node.disk.write(effect.batch)
      this.#commit(node, effect.sync)
    } else if (effect.type === 'disconnect') {
      const wire = this.#wire(node, this.#named(effect.peer))
      this.note(`${node.id} disconnects ${effect.peer}: ${effect.reason}`)
      this.#lose(wire, [effect.retryMs, effect.retryMs])
    } else if (effect.type === 'fatal') {
      throw new Error(`${node.id} gave up: ${effect.message}`)
    }
  }

  #commit(node: SimNode, sync: boolean): void {
    const { run } = node
    const fails = this.random.chance(this.faults.commitFailure)
    this.schedule(this.#draw(this.faults.commitTime), () => {
      if (node.run !== run || node.engine === undefined) return
      if (fails) {
        this.dispatch(node, { type: 'commitFailed', message: 'the disk failed' })
        this.crash(node)
        return this.schedule(this.#draw(REDIAL_MS), () => this.restart(node))
      }
      if (sync) node.disk.sync()
      for (const observer of this.observers) observer.committed?.(node, sync)
      this.dispatch(node, { type: 'committed' })
    })
  }

  // Links.

  connect(a: SimNode, b: SimNode): void {
    const wire = this.#wire(a, b)
    wire.blocked = false
    if (wire.up || a.engine === undefined || b.engine === undefined) return
    wire.up = true
    wire.deaf = [false, false]
    wire.epoch++
    this.note(`link ${a.id}-${b.id} up`)
    this.dispatch(a, { type: 'linkUp', peer: b.id })
    this.dispatch(b, { type: 'linkUp', peer: a.id })
  }

  /** Cuts the link and keeps it from coming back before `connect`. */
  cut(a: SimNode, b: SimNode): void {
    const wire = this.#wire(a, b)
    wire.blocked = true
    this.#lose(wire, REDIAL_MS)
  }

  /** Loses what `from` sends to `to`, until the link comes up anew. */
  deafen(from: SimNode, to: SimNode): void {
    const wire = this.#wire(from, to)
    wire.deaf[from === wire.ends[0] ? 0 : 1] = true
    this.note(`link ${from.id}-${to.id} deaf`)
  }

  /** The link breaks now and is dialled again soon. */
  drop(a: SimNode, b: SimNode): void {
    this.#lose(this.#wire(a, b), REDIAL_MS)
  }

  linked(a: SimNode, b: SimNode): boolean {
    return this.#wire(a, b).up
  }

  /** No more faults: everything runs, everything is linked. */
  heal(): void {
    this.note('heal')
    this.faults = { ...CALM }
    for (const node of this.nodes) this.restart(node)
    for (const wire of this.#wires.values()) {
      wire.blocked = false
      if (wire.deaf[0] || wire.deaf[1]) this.#lose(wire, REDIAL_MS)
      if (!wire.up) this.#redial(wire, REDIAL_MS)
    }
  }

  #wire(a: SimNode, b: SimNode): Wire {
    const ends: readonly [SimNode, SimNode] = a.index < b.index ? [a, b] : [b, a]
    const name = `${ends[0].index}-${ends[1].index}`
    let wire = this.#wires.get(name)
    if (wire === undefined) {
      wire = { ends, up: false, epoch: 0, deaf: [false, false], arrivesAt: [0, 0], blocked: false }
      this.#wires.set(name, wire)
    }
    return wire
  }

  /** Both ends hear of it after a while; when both have, it is dialled again. */
  #lose(wire: Wire, redial: Span): void {
    if (!wire.up) return
    const epoch = ++wire.epoch
    const [a, b] = wire.ends
    this.note(`link ${a.id}-${b.id} lost`)
    const waits = wire.ends.map(() => this.#draw(DETECT_MS))
    wire.up = false
    wire.ends.forEach((node, end) => {
      const { run } = node
      this.schedule(waits[end]!, () => {
        if (node.run !== run || wire.epoch !== epoch) return
        this.dispatch(node, { type: 'linkDown', peer: wire.ends[1 - end]!.id })
      })
    })
    this.schedule(Math.max(...waits), () => this.#redial(wire, redial))
  }

  #redial(wire: Wire, wait: Span): void {
    const { epoch } = wire
    this.schedule(this.#draw(wait), () => {
      if (wire.up || wire.blocked || wire.epoch !== epoch) return
      this.connect(...wire.ends)
      if (!wire.up) this.#redial(wire, REDIAL_MS)
    })
  }

  #send(node: SimNode, to: string, bytes: Uint8Array): void {
    const peer = this.#named(to)
    const wire = this.#wire(node, peer)
    this.#hash.update(bytes)
    const end = node === wire.ends[0] ? 0 : 1
    if (!wire.up || wire.deaf[end]) return
    const at = Math.max(this.time + this.#draw(this.faults.linkDelay), wire.arrivesAt[end])
    wire.arrivesAt[end] = at
    const { epoch } = wire
    this.#queue.push(at, () => {
      if (wire.epoch === epoch) this.dispatch(peer, { type: 'message', peer: node.id, bytes })
    })
  }

  #named(id: string): SimNode {
    return this.nodes[Number(id.slice('node'.length))]!
  }

  // Gossip.

  #publish(node: SimNode, bytes: Uint8Array): void {
    this.#hash.update(bytes)
    const payload = { id: ++this.#ids, author: node.id, bytes }
    node.gossipSeen.add(payload.id)
    this.#forward(node, payload)
  }

  #forward(node: SimNode, payload: Payload): void {
    const { gossipLoss, gossipDuplicate, gossipDelay } = this.faults
    for (const to of this.nodes) {
      if (to === node || !this.#hears(node, to)) continue
      if (this.random.chance(gossipLoss)) continue
      const copies = this.random.chance(gossipDuplicate) ? 2 : 1
      for (let copy = 0; copy < copies; copy++) {
        this.schedule(this.#draw(gossipDelay), () => this.#arrive(to, payload, copy > 0))
      }
    }
  }

  #hears(from: SimNode, to: SimNode): boolean {
    const wire = this.#wire(from, to)
    return wire.up && !wire.deaf[from === wire.ends[0] ? 0 : 1]
  }

  /** A forced copy gets past the memory of what was seen, as one does that comes much later. */
  #arrive(node: SimNode, { id, author, bytes }: Payload, forced: boolean): void {
    if (node.engine === undefined || (node.gossipSeen.has(id) && !forced)) return
    const first = !node.gossipSeen.has(id)
    node.gossipSeen.add(id)
    const deltas = decodeGossip(bytes, hash)
    if (deltas === undefined) return this.note(`${node.id} refuses gossip`)
    this.dispatch(node, { type: 'gossip', author, deltas, bytes: bytes.length })
    if (first && node.live.links.needsForwarding(author)) this.#forward(node, { id, author, bytes })
  }
}

function peerHash(node: SimNode): Uint8Array {
  return hash(new TextEncoder().encode(node.id)).slice(0, 8)
}

export function describe(event: CoreEvent): string {
  if (event.type === 'message') {
    const message = decodeLink(event.bytes)
    const type = typeof message === 'string' ? message : message.type
    return `${type} from ${event.peer}, ${event.bytes.length} bytes`
  }
  if (event.type === 'gossip') {
    return `gossip by ${event.author}: ${event.deltas.map(({ dot }) => short(dot)).join(' ')}`
  }
  if (event.type === 'write') {
    return `write ${event.id}: ${event.mutations.map(describeMutation).join(', ')}`
  }
  return 'peer' in event ? `${event.type} ${event.peer}` : event.type
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
