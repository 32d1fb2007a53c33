/**
 * Gossip in a simulated fleet, as gossipsub does it with the settings of `src/net/gossip.ts`:
 *
 * - A publisher sends to every linked subscriber (flood publish). A receiver hands the payload to the core, and passes it
 *   on to its mesh, without the one it came from, only when the core says that it may be news to a neighbour (the
 *   validator's *ignore*). What is malformed is refused and does not travel on.
 * - The mesh is kept between 4 and 12 peers, 6 wanted, at each heartbeat of a second.
 * - At each heartbeat what was published or passed on in the last four is offered by name to six peers outside the mesh, or
 *   a quarter of them if that is more; who lacks it asks for it.
 * - Payloads of 512 bytes and more are not passed on to who has said already that it has them. Who passes nothing on
 *   does not say so.
 *
 * A hop may lose, double, delay and so reorder a payload. A second copy that was doubled gets past the memory of what was
 * seen, as one does that comes much later.
 */
import type { SimNode } from './sim-node.ts'
import { Seeded } from './seeded.ts'
import type { Span } from './sim-network.ts'

export interface GossipFaults {
  gossipDelay: Span
  /** Probabilities, per hop. */
  gossipLoss: number
  gossipDuplicate: number
}

export interface GossipHost {
  readonly seed: number
  readonly time: number
  readonly faults: GossipFaults
  schedule(delay: number, run: () => void): void
  hears(from: SimNode, to: SimNode): boolean
  linked(a: SimNode, b: SimNode): boolean
  peersOf(node: SimNode): SimNode[]
  /** Hands a payload to the node; says whether it is worth passing on. */
  take(node: SimNode, payload: Payload): 'forward' | 'ignore' | 'reject'
}

export interface Payload {
  id: number
  author: SimNode
  bytes: Uint8Array
}

const MESH_MIN = 4
const MESH_WANTED = 6
const MESH_MAX = 12
const OFFERED_TO_MIN = 6
const OFFERED_TO_PART = 0.25
const HEARTBEAT_MS = 1_000
/** Heartbeats for which a payload is offered. */
const OFFERS = 4
const DONT_WANT_BYTES_MIN = 512

interface Subscriber {
  mesh: Set<SimNode>
  seen: Map<number, number>
  /** What may be offered, with the heartbeats that are left for it. */
  cache: Map<number, { payload: Payload; offers: number; hops: number }>
  beating: boolean
  /** Whether the latest payload was passed on: who does not, tells nobody what it has. */
  forwards: boolean
  random: Seeded
}

export class SimGossip {
  readonly #host: GossipHost
  readonly #subscribers = new Map<SimNode, Subscriber>()
  #hops = new Map<number, Seeded>()
  #published = 0
  /** Payloads that arrived, and those that were news. */
  copies = 0
  deliveries = 0
  bytes = 0
  /** Deliveries by the number of hops from the author. */
  readonly deliveriesByHops: number[] = []

  constructor(host: GossipHost) {
    this.#host = host
  }

  /** Forgets everything: a new process. */
  started(node: SimNode): void {
    const random = new Seeded(this.#host.seed, `mesh ${node.index} ${node.run}`)
    const fresh = { mesh: new Set<SimNode>(), seen: new Map<number, number>() }
    this.#subscribers.set(node, {
      ...fresh,
      cache: new Map(),
      beating: false,
      forwards: false,
      random,
    })
    for (const other of this.#subscribers.values()) other.mesh.delete(node)
  }

  linksChanged(node: SimNode): void {
    this.#beatLater(node)
  }

  publish(author: SimNode, bytes: Uint8Array): void {
    const payload = { id: ++this.#published, author, bytes }
    this.#keep(author, payload, 0)
    for (const to of this.#host.peersOf(author)) this.#hop(author, to, payload, 1)
  }

  #of(node: SimNode): Subscriber {
    if (!this.#subscribers.has(node)) this.started(node)
    return this.#subscribers.get(node)!
  }

  #keep(node: SimNode, payload: Payload, hops: number): void {
    const { seen, cache } = this.#of(node)
    seen.set(payload.id, this.#host.time)
    cache.set(payload.id, { payload, offers: OFFERS, hops })
    this.#beatLater(node)
  }

  #random(from: SimNode, to: SimNode): Seeded {
    const name = from.index * 65_536 + to.index
    let random = this.#hops.get(name)
    if (random === undefined) {
      random = new Seeded(this.#host.seed, `gossip ${from.index} ${to.index}`)
      this.#hops.set(name, random)
    }
    return random
  }

  /** `hops`: from the author to `to`. */
  #hop(from: SimNode, to: SimNode, payload: Payload, hops: number, afterMs = 0): void {
    if (!this.#host.hears(from, to)) return
    const { gossipLoss, gossipDuplicate, gossipDelay } = this.#host.faults
    const random = this.#random(from, to)
    if (random.chance(gossipLoss)) return
    const copies = random.chance(gossipDuplicate) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      const delay = afterMs + random.int(gossipDelay[0], gossipDelay[1])
      this.#host.schedule(delay, () => this.#arrive(to, from, payload, hops, copy > 0))
    }
  }

  #arrive(node: SimNode, from: SimNode, payload: Payload, hops: number, forced: boolean): void {
    if (node.engine === undefined) return
    const { seen } = this.#of(node)
    const first = !seen.has(payload.id)
    this.copies++
    this.bytes += payload.bytes.length
    if (!first && !forced) return
    if (first) seen.set(payload.id, this.#host.time)
    const verdict = this.#host.take(node, payload)
    if (!first) return
    this.deliveries++
    this.deliveriesByHops[hops] = (this.deliveriesByHops[hops] ?? 0) + 1
    this.#of(node).forwards = verdict === 'forward'
    if (verdict !== 'forward') return
    this.#keep(node, payload, hops)
    for (const to of this.#of(node).mesh) {
      if (to !== from && !this.#saysItHas(to, node, payload)) this.#hop(node, to, payload, hops + 1)
    }
  }

  #saysItHas(node: SimNode, toldTo: SimNode, payload: Payload): boolean {
    if (payload.bytes.length < DONT_WANT_BYTES_MIN) return false
    const subscriber = this.#of(node)
    const since = subscriber.seen.get(payload.id)
    if (since === undefined || !subscriber.forwards || !subscriber.mesh.has(toldTo)) return false
    return this.#host.time - since >= this.#host.faults.gossipDelay[0]
  }

  // Heartbeats, only while there is something to do at them.

  #beatLater(node: SimNode): void {
    const subscriber = this.#of(node)
    if (subscriber.beating) return
    subscriber.beating = true
    const { run } = node
    const wait = HEARTBEAT_MS - (this.#host.time % HEARTBEAT_MS)
    this.#host.schedule(wait, () => {
      if (this.#of(node) !== subscriber) return
      subscriber.beating = false
      if (node.run === run && node.awake) this.#beat(node, subscriber)
    })
  }

  #beat(node: SimNode, subscriber: Subscriber): void {
    const { mesh, cache, random } = subscriber
    for (const peer of mesh) if (!this.#host.linked(node, peer)) mesh.delete(peer)
    const others = this.#host.peersOf(node).filter((peer) => !mesh.has(peer))
    if (mesh.size < MESH_MIN) {
      for (const peer of random.some(others, MESH_WANTED - mesh.size)) this.#graft(node, peer)
    }
    if (mesh.size > MESH_MAX) {
      for (const peer of random.some([...mesh], mesh.size - MESH_WANTED)) this.#prune(node, peer)
    }
    if (cache.size > 0) this.#offer(node, subscriber)
    const starved = mesh.size < MESH_MIN && others.some((peer) => !mesh.has(peer))
    if (cache.size > 0 || starved) this.#beatLater(node)
  }

  #graft(a: SimNode, b: SimNode): void {
    if (!this.#host.hears(a, b) || !this.#host.hears(b, a) || !b.awake) return
    this.#of(a).mesh.add(b)
    this.#of(b).mesh.add(a)
    if (this.#of(b).mesh.size > MESH_MAX) this.#beatLater(b)
  }

  #prune(a: SimNode, b: SimNode): void {
    this.#of(a).mesh.delete(b)
    this.#of(b).mesh.delete(a)
  }

  #offer(node: SimNode, { mesh, cache, random }: Subscriber): void {
    const outside = this.#host.peersOf(node).filter((peer) => !mesh.has(peer))
    const count = Math.max(OFFERED_TO_MIN, Math.floor(OFFERED_TO_PART * outside.length))
    const chosen = random.some(outside, count)
    for (const [id, entry] of cache) {
      for (const to of chosen) {
        if (this.#of(to).seen.has(id)) continue
        const { gossipDelay } = this.#host.faults
        // There with the offer and back with the question.
        const asks = 2 * this.#random(node, to).int(gossipDelay[0], gossipDelay[1])
        if (this.#host.hears(to, node)) this.#hop(node, to, entry.payload, entry.hops + 1, asks)
      }
      if (--entry.offers === 0) cache.delete(id)
    }
  }
}
