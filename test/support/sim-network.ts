/**
 * The links of a simulated fleet.
 *
 * As over the real transport, a link has two lanes: each keeps the order of its messages, and between the lanes there is
 * none; `control` passes what waits on `bulk`. A direction may have a bandwidth, and then messages wait for those before
 * them, up to the bound of the send queue; what does not fit is dropped. A link that is cut loses what is under way, and
 * each end hears of it some time later. A *deaf* direction loses messages while the link still looks well, until the pings
 * notice. Lost links are dialled again. All that is random about a direction comes from a stream of its own.
 */
import type { CoreEvent } from '../../src/core/events.ts'
import { SEND_QUEUE_BYTES_MAX } from '../../src/net/transport.ts'
import type { Lane } from '../../src/net/transport.ts'
import { Seeded } from './seeded.ts'
import type { SimNode } from './sim-node.ts'

/** From, to: drawn evenly. Milliseconds. */
export type Span = readonly [number, number]

export interface LinkFaults {
  linkDelay: Span
  /** Probability, per message, that the link is cut while it is under way. */
  linkCut: number
  /** Of each direction of each link, bytes a second. */
  bandwidth: number
}

export interface NetworkHost {
  readonly seed: number
  readonly time: number
  readonly nodes: readonly SimNode[]
  readonly faults: LinkFaults
  /** Calls after `delay` milliseconds. */
  schedule(delay: number, run: () => void): void
  dispatch(node: SimNode, event: CoreEvent): void
  note(line: () => string): void
  /** Links came or went. */
  changed(a: SimNode, b: SimNode): void
}

interface Way {
  deaf: boolean
  arrivesAt: Record<Lane, number>
  /** When the bytes given to it so far have left. */
  freeAt: number
  random: Seeded
}

/** The connection of two nodes. `epoch` counts its lives: what is under way when one ends is lost. */
interface Wire {
  ends: readonly [SimNode, SimNode]
  up: boolean
  epoch: number
  blocked: boolean
  /** Not dialled before. */
  heldUntil: number
  ways: [Way, Way]
  random: Seeded
}

export const REDIAL_MS: Span = [100, 1_000]
const DETECT_MS: Span = [0, 3_000]
/** Pings every 15 s, and a peer that does not answer two of them is gone. */
const DEAD_MS: Span = [15_000, 45_000]

export class SimNetwork {
  readonly #host: NetworkHost
  readonly #wires: (Wire | undefined)[][] = []
  /** By the index of the other end. */
  readonly #wiresByNode = new Map<SimNode, Wire[]>()
  readonly #topology: (a: SimNode, b: SimNode) => boolean
  messages = 0
  bytes = 0
  dropped = 0
  /** Until then some pair that does not get on is not dialled. */
  heldUntil = 0

  constructor(host: NetworkHost, topology: (a: SimNode, b: SimNode) => boolean) {
    this.#host = host
    this.#topology = topology
  }

  connect(a: SimNode, b: SimNode): void {
    if (a === b || !this.#topology(a, b)) return
    const wire = this.#wire(a, b)
    wire.blocked = false
    if (wire.up || !a.awake || !b.awake) return
    const wait = wire.heldUntil - this.#host.time
    if (wait > 0) return this.#redial(wire, [wait, wait])
    wire.up = true
    wire.epoch++
    for (const way of wire.ways) {
      way.deaf = false
      way.freeAt = this.#host.time
      way.arrivesAt = { control: 0, bulk: 0 }
    }
    this.#host.note(() => `link ${a.id}-${b.id} up`)
    this.#host.dispatch(a, { type: 'linkUp', peer: b.id })
    this.#host.dispatch(b, { type: 'linkUp', peer: a.id })
    this.#host.changed(a, b)
  }

  /** Cuts the link and keeps it from coming back before `connect`. */
  cut(a: SimNode, b: SimNode): void {
    if (a === b) return
    const wire = this.#wire(a, b)
    wire.blocked = true
    this.#lose(wire, REDIAL_MS)
  }

  /** Loses what `from` sends to `to`, until the link comes up anew. */
  deafen(from: SimNode, to: SimNode): void {
    if (from === to) return
    const wire = this.#wire(from, to)
    const way = wire.ways[from === wire.ends[0] ? 0 : 1]
    if (!wire.up || way.deaf) return
    way.deaf = true
    this.#host.note(() => `link ${from.id}-${to.id} deaf`)
    this.#loseLater(wire)
  }

  /** The link breaks now and is dialled again soon. */
  drop(a: SimNode, b: SimNode): void {
    if (a !== b) this.#lose(this.#wire(a, b), REDIAL_MS)
  }

  /** Ended by one side, which does not dial again for a while. */
  hangUp(a: SimNode, b: SimNode, holdMs: number): void {
    const wire = this.#wire(a, b)
    wire.heldUntil = this.#host.time + holdMs
    this.heldUntil = Math.max(this.heldUntil, wire.heldUntil)
    this.#lose(wire, [holdMs, holdMs])
  }

  linked(a: SimNode, b: SimNode): boolean {
    return a !== b && this.#wire(a, b).up
  }

  /** Whether what `from` sends reaches `to`. */
  hears(from: SimNode, to: SimNode): boolean {
    if (from === to) return false
    const wire = this.#wire(from, to)
    return wire.up && !wire.ways[from === wire.ends[0] ? 0 : 1].deaf
  }

  peersOf(node: SimNode): SimNode[] {
    const peers: SimNode[] = []
    for (const wire of this.#wiresOf(node)) {
      if (wire.up) peers.push(wire.ends[0] === node ? wire.ends[1] : wire.ends[0])
    }
    return peers
  }

  /** The process is gone: its connections break. */
  crashed(node: SimNode): void {
    for (const wire of this.#wiresOf(node)) this.#lose(wire, REDIAL_MS)
  }

  /** Dials every link that the node has but is not up. */
  started(node: SimNode): void {
    for (const other of this.#host.nodes) {
      if (other === node || !this.#topology(node, other)) continue
      const wire = this.#wire(node, other)
      if (!wire.up) this.#redial(wire, REDIAL_MS)
    }
  }

  /** A stopped process answers no pings. */
  stopped(node: SimNode): void {
    for (const wire of this.#wiresOf(node)) if (wire.up) this.#loseLater(wire)
  }

  /** Nothing is blocked, deaf or clogged any more, and what is down is dialled. */
  heal(): void {
    for (const row of this.#wires) {
      for (const wire of row ?? []) {
        if (wire === undefined) continue
        wire.blocked = false
        const clogged = wire.ways.some(({ deaf, freeAt }) => deaf || freeAt > this.#host.time)
        if (clogged) this.#lose(wire, REDIAL_MS)
        if (!wire.up) this.#redial(wire, REDIAL_MS)
      }
    }
  }

  send(from: SimNode, to: SimNode, lane: Lane, bytes: Uint8Array): void {
    const wire = this.#wire(from, to)
    const way = wire.ways[from === wire.ends[0] ? 0 : 1]
    this.messages++
    this.bytes += bytes.length
    if (!wire.up || way.deaf) return
    const { faults, time } = this.#host
    const leaves = this.#leaves(way, lane, bytes.length)
    if (leaves === undefined) {
      this.dropped++
      return
    }
    const arrives = leaves + way.random.int(faults.linkDelay[0], faults.linkDelay[1])
    const at = Math.max(arrives, way.arrivesAt[lane])
    way.arrivesAt[lane] = at
    const { epoch } = wire
    if (faults.linkCut > 0 && way.random.chance(faults.linkCut)) {
      this.#host.schedule(Math.max(at - time - 1, 0), () => {
        if (wire.epoch === epoch) this.#lose(wire, REDIAL_MS)
      })
      return
    }
    this.#host.schedule(at - time, () => {
      if (wire.epoch === epoch) {
        this.#host.dispatch(to, { type: 'message', peer: from.id, bytes })
      }
    })
  }

  /** When the last byte leaves; undefined when the queue is full. Control passes bulk, but takes of the same bandwidth. */
  #leaves(way: Way, lane: Lane, bytes: number): number | undefined {
    const { time, faults } = this.#host
    if (faults.bandwidth === Infinity) return time
    const start = Math.max(way.freeAt, time)
    if (((start - time) / 1000) * faults.bandwidth + bytes > SEND_QUEUE_BYTES_MAX) return undefined
    const takes = (bytes / faults.bandwidth) * 1000
    way.freeAt = start + takes
    return Math.ceil((lane === 'control' ? time : start) + takes)
  }

  #wire(a: SimNode, b: SimNode): Wire {
    const [low, high] = a.index < b.index ? [a, b] : [b, a]
    const row = (this.#wires[low.index] ??= [])
    return (row[high.index] ??= this.#addWire(low, high))
  }

  #addWire(a: SimNode, b: SimNode): Wire {
    const wire = this.#newWire(a, b)
    for (const node of wire.ends) {
      const wires = this.#wiresOf(node)
      const place = wires.findLastIndex((one) => otherEnd(one, node) < otherEnd(wire, node)) + 1
      wires.splice(place, 0, wire)
    }
    return wire
  }

  #newWire(a: SimNode, b: SimNode): Wire {
    const way = (from: SimNode, to: SimNode): Way => ({
      deaf: false,
      arrivesAt: { control: 0, bulk: 0 },
      freeAt: 0,
      random: new Seeded(this.#host.seed, `link ${from.index} ${to.index}`),
    })
    return {
      ends: [a, b],
      up: false,
      epoch: 0,
      blocked: false,
      heldUntil: 0,
      ways: [way(a, b), way(b, a)],
      random: new Seeded(this.#host.seed, `wire ${a.index} ${b.index}`),
    }
  }

  #wiresOf(node: SimNode): Wire[] {
    let wires = this.#wiresByNode.get(node)
    if (wires === undefined) this.#wiresByNode.set(node, (wires = []))
    return wires
  }

  #loseLater(wire: Wire): void {
    const { epoch } = wire
    this.#host.schedule(wire.random.int(DEAD_MS[0], DEAD_MS[1]), () => {
      const dead = wire.ways[0].deaf || wire.ways[1].deaf || wire.ends.some((node) => !node.awake)
      if (wire.epoch === epoch && dead) this.#lose(wire, REDIAL_MS)
    })
  }

  /** Both ends hear of it after a while; when both have, it is dialled again. */
  #lose(wire: Wire, redial: Span): void {
    if (!wire.up) return
    const epoch = ++wire.epoch
    const [a, b] = wire.ends
    this.#host.note(() => `link ${a.id}-${b.id} lost`)
    const waits = wire.ends.map(() => wire.random.int(DETECT_MS[0], DETECT_MS[1]))
    wire.up = false
    wire.ends.forEach((node, end) => {
      const { run } = node
      this.#host.schedule(waits[end]!, () => {
        if (node.run !== run || wire.epoch !== epoch) return
        this.#host.dispatch(node, { type: 'linkDown', peer: wire.ends[1 - end]!.id })
      })
    })
    this.#host.changed(a, b)
    this.#host.schedule(Math.max(...waits), () => this.#redial(wire, redial))
  }

  /** Once: a node that starts or wakes dials anew by itself. */
  #redial(wire: Wire, wait: Span): void {
    const { epoch } = wire
    this.#host.schedule(wire.random.int(wait[0], wait[1]), () => {
      if (wire.up || wire.blocked || wire.epoch !== epoch) return
      this.connect(...wire.ends)
    })
  }
}

function otherEnd({ ends: [a, b] }: Wire, node: SimNode): number {
  return a === node ? b.index : a.index
}
