/**
 * What the peers of a memory network share: faults, cuts, and the caller's time and chance.
 */
import type { PeerId } from './transport.ts'

export interface MemoryFaults {
  /** Each chunk on a link, and each gossip hop, takes between these, milliseconds. */
  latencyMs: [min: number, max: number]
  /** Each direction of each link passes this many bytes per millisecond. */
  bytesPerMs: number
  /** Probability that a gossip payload is lost on one hop. */
  gossipLoss: number
  /** Probability that a peer is given a gossip payload twice, as happens when gossipsub has forgotten it. */
  gossipDuplicate: number
  /** Gossip hops take up to this much longer, so that payloads overtake each other, milliseconds. */
  gossipReorderMs: number
  /** Probability that a link breaks while a chunk is being sent. */
  linkLoss: number
}

const NO_FAULTS: MemoryFaults = {
  latencyMs: [1, 3],
  bytesPerMs: 100_000,
  gossipLoss: 0,
  gossipDuplicate: 0,
  gossipReorderMs: 0,
  linkLoss: 0,
}

export interface MemoryNetworkOptions {
  /** Runs a task when `delayMs` of the caller's time have passed; tasks of one moment in the order of their calls. */
  schedule(delayMs: number, task: () => void): void
  /** The caller's time, milliseconds. */
  now(): number
  /** From 0 to less than 1. */
  random(): number
  faults?: Partial<MemoryFaults>
}

/** What the wire tells and asks of a peer. */
export interface WirePeer {
  readonly self: PeerId
  onCut(peer: PeerId): void
  onHeal(peer: PeerId): void
  end(peer: PeerId, reason: string): void
}

export class MemoryWire<Peer extends WirePeer> {
  readonly #options: MemoryNetworkOptions
  readonly #peers = new Map<PeerId, Peer>()
  /** Ordered pairs `from to` between which nothing passes. */
  readonly #cuts = new Set<string>()
  /** May be changed at any time. */
  readonly faults: MemoryFaults
  /** Bytes put on the wire, links and gossip. */
  bytes = 0
  #ids = 0

  constructor(options: MemoryNetworkOptions) {
    this.#options = options
    this.faults = { ...NO_FAULTS, ...options.faults }
  }

  /** From now on nothing passes from one peer to the other. Cut both ways for a symmetric cut. */
  cut(from: PeerId, to: PeerId): void {
    if (this.isCut(from, to)) return
    this.#cuts.add(pairKey(from, to))
    this.#peers.get(from)?.onCut(to)
    this.#peers.get(to)?.onCut(from)
  }

  heal(from: PeerId, to: PeerId): void {
    if (!this.#cuts.delete(pairKey(from, to))) return
    this.#peers.get(from)?.onHeal(to)
    this.#peers.get(to)?.onHeal(from)
  }

  healAll(): void {
    for (const pair of this.#cuts) {
      const [from = '', to = ''] = pair.split(' ')
      this.heal(from, to)
    }
  }

  isCut(from: PeerId, to: PeerId): boolean {
    return this.#cuts.has(pairKey(from, to))
  }

  /** Breaks the link of two peers at once, with whatever is on its way. They dial each other again. */
  loseLink(a: PeerId, b: PeerId): void {
    this.#peers.get(a)?.end(b, 'the link was lost')
    this.#peers.get(b)?.end(a, 'the link was lost')
  }

  get now(): number {
    return this.#options.now()
  }

  schedule(delayMs: number, task: () => void): void {
    this.#options.schedule(delayMs, task)
  }

  chance(probability: number): boolean {
    return probability > 0 && this.#options.random() < probability
  }

  between(min: number, max: number): number {
    return min + (max - min) * this.#options.random()
  }

  latencyMs(): number {
    return this.between(...this.faults.latencyMs)
  }

  /** A number that no other call returns. */
  nextId(): number {
    return this.#ids++
  }

  running(peer: PeerId): Peer | undefined {
    return this.#peers.get(peer)
  }

  join(peer: Peer): void {
    if (this.#peers.has(peer.self)) throw new TypeError(`${peer.self} is running already`)
    this.#peers.set(peer.self, peer)
  }

  leave(peer: Peer): void {
    this.#peers.delete(peer.self)
  }
}

function pairKey(from: PeerId, to: PeerId): string {
  return `${from} ${to}`
}
