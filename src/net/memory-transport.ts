/**
 * A network inside one process, for deterministic tests and simulation.
 *
 * Time, order and chance come from the caller: `schedule` runs tasks after some of the caller's time, `random` is a seeded
 * source, and nothing here has a clock, a timer or a promise that waits for one. The same schedule and the same random
 * numbers give the same run.
 *
 * What it keeps of a real network: every message passes the framing codec; a link is up on the two sides at different
 * moments; messages on a link keep their order and wait during a short cut; a cut that lasts makes each side give up by
 * itself; peers dial again what they once knew; gossip floods from neighbour to neighbour by each one's verdict. What
 * it does not model is congestion beyond the bandwidth of each direction, and gossipsub's repair of its own losses.
 *
 * The address of peer `x` is `/memory/x`.
 */
import { HearsayError } from '../errors.ts'
import { Direction } from './memory-link.ts'
import { MemoryWire } from './memory-wire.ts'
import type { MemoryNetworkOptions, WirePeer } from './memory-wire.ts'
import { GOSSIP_BYTES_MAX, MESSAGE_BYTES_MAX, zeroCounters } from './transport.ts'
import type {
  Lane,
  Neighbour,
  PeerId,
  Transport,
  TransportCounters,
  TransportHandlers,
} from './transport.ts'

/** A side gives a link up when it was cut for between once and twice this time, milliseconds; as pings do in libp2p. */
const CUT_NOTICED_MS = 15_000
/** A dial through a cut fails after this, milliseconds. */
const DIAL_TIMEOUT_MS = 5_000
/** A lost peer is dialled again after about this, milliseconds. */
const REDIAL_MS = 1_000
/** Gossip payloads a peer remembers, so as to take each once. */
const SEEN_MAX = 4_096
const ADDRESS_PREFIX = '/memory/'

export interface MemoryTransportOptions {
  bootstrap?: string[]
}

/** One side's view of a link. */
interface End {
  other: MemoryTransport
  /** What we send. */
  out: Direction
  /** What the other sends. */
  in: Direction
  up: boolean
  direction: 'inbound' | 'outbound'
  connectedAt: number
}

interface GossipPayload {
  id: number
  author: PeerId
  bytes: Uint8Array
}

class MemoryTransport implements Transport, WirePeer {
  readonly self: PeerId
  readonly #network: MemoryWire<MemoryTransport>
  readonly #bootstrap: PeerId[]
  readonly #counters = zeroCounters()
  readonly #ends = new Map<PeerId, End>()
  /** Peers to dial again, with the time before which they are not dialled. */
  readonly #known = new Map<PeerId, number>()
  readonly #dialling = new Set<PeerId>()
  readonly #waiters: { peer: PeerId; settle: (error?: HearsayError) => void }[] = []
  readonly #seen = new Set<number>()
  #handlers: TransportHandlers | undefined

  constructor(network: MemoryWire<MemoryTransport>, self: PeerId, bootstrap: string[]) {
    this.#network = network
    this.self = self
    this.#bootstrap = bootstrap.map(peerOf)
  }

  addresses(): string[] {
    return this.#handlers === undefined ? [] : [ADDRESS_PREFIX + this.self]
  }

  start(handlers: TransportHandlers): Promise<void> {
    this.#network.join(this)
    this.#handlers = handlers
    for (const peer of this.#bootstrap) this.#keepDialling(peer, 0)
    return Promise.resolve()
  }

  send(peer: PeerId, lane: Lane, bytes: Uint8Array): boolean {
    if (bytes.byteLength > MESSAGE_BYTES_MAX) {
      throw new TypeError(`a message of ${bytes.byteLength} bytes is above ${MESSAGE_BYTES_MAX}`)
    }
    const end = this.#ends.get(peer)
    const taken = end?.up === true && end.out.send(lane, bytes)
    if (!taken) this.#counters.messagesDropped++
    return taken
  }

  publish(bytes: Uint8Array): void {
    if (this.#handlers === undefined || bytes.byteLength > GOSSIP_BYTES_MAX) {
      this.#counters.messagesDropped++
      return
    }
    this.#counters.gossipPublished++
    this.#counters.gossipBytesPublished += bytes.byteLength
    const id = this.#network.nextId()
    this.#remember(id)
    this.#spread({ id, author: this.self, bytes: bytes.slice() }, undefined)
  }

  async connect(address: string): Promise<PeerId> {
    const peer = peerOf(address)
    if (this.#ends.get(peer)?.up === true) return peer
    if (this.#handlers === undefined || peer === this.self) {
      const reason = peer === this.self ? 'it is this daemon itself' : 'this daemon is stopping'
      throw connectFailed(peer, reason)
    }
    await new Promise<void>((resolve, reject) => {
      this.#waiters.push({ peer, settle: (error) => (error ? reject(error) : resolve()) })
      this.#known.set(peer, 0)
      this.#dial(peer)
    })
    return peer
  }

  disconnect(peer: PeerId, reason: string, retryAfterMs: number): void {
    if (this.#known.has(peer)) this.#known.set(peer, this.#network.now + retryAfterMs)
    const wasUp = this.#ends.get(peer)?.up === true
    this.#detach(peer, reason)
    // Not from inside this call.
    if (wasUp) this.#network.schedule(0, () => this.#handlers?.linkDown(peer, reason))
  }

  neighbours(): Neighbour[] {
    return [...this.#ends]
      .filter(([, end]) => end.up)
      .map(([peer, { direction, connectedAt }]) => ({
        peer,
        address: ADDRESS_PREFIX + peer,
        direction,
        connectedAt,
        gossip: true,
      }))
  }

  counters(): TransportCounters {
    return { ...this.#counters }
  }

  close(): Promise<void> {
    if (this.#handlers === undefined) return Promise.resolve()
    this.#handlers = undefined
    for (const peer of this.#ends.keys()) this.end(peer, 'closing')
    this.#network.leave(this)
    for (const { peer, settle } of this.#waiters.splice(0)) {
      settle(connectFailed(peer, 'this daemon is stopping'))
    }
    return Promise.resolve()
  }

  // Dialling.

  #keepDialling(peer: PeerId, delayMs: number): void {
    this.#known.set(peer, Math.max(this.#known.get(peer) ?? 0, this.#network.now + delayMs))
    this.#network.schedule(delayMs, () => {
      const notBefore = this.#known.get(peer)
      if (this.#handlers === undefined || notBefore === undefined) return
      const waitMs = notBefore - this.#network.now
      if (waitMs > 0) this.#keepDialling(peer, waitMs)
      else this.#dial(peer)
    })
  }

  #redialLater(peer: PeerId): void {
    this.#keepDialling(peer, this.#network.between(REDIAL_MS / 2, REDIAL_MS))
  }

  #dial(peer: PeerId): void {
    if (this.#handlers === undefined || peer === this.self) return
    if (this.#dialling.has(peer) || this.#ends.has(peer)) return
    this.#dialling.add(peer)
    const network = this.#network
    const fail = (reason: string): void => {
      this.#dialling.delete(peer)
      if (this.#handlers === undefined || this.#ends.get(peer)?.up === true) return
      this.#counters.dialsFailed++
      this.#settle(peer, connectFailed(peer, reason))
      this.#redialLater(peer)
    }
    network.schedule(network.latencyMs(), () => {
      const other = network.running(peer)
      if (this.#handlers === undefined) return
      if (network.isCut(this.self, peer) || network.isCut(peer, this.self)) {
        network.schedule(DIAL_TIMEOUT_MS, () => fail('no answer'))
      } else if (other === undefined) {
        fail('nothing listens there')
      } else {
        this.#dialling.delete(peer)
        if (!this.#ends.has(peer)) openLink(network, this, other)
      }
    })
  }

  #settle(peer: PeerId, error?: HearsayError): void {
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      if (this.#waiters[i]?.peer === peer) this.#waiters.splice(i, 1)[0]?.settle(error)
    }
  }

  // Links. These are called by the network and by the other side.

  /** Takes its side of a new link, in place of an old one that the other side has given up. */
  attach(peer: PeerId, end: End): void {
    this.end(peer, 'the peer connected anew')
    this.#ends.set(peer, end)
    if (!this.#known.has(peer)) this.#known.set(peer, 0)
  }

  opened(peer: PeerId, end: End): void {
    if (this.#ends.get(peer) !== end || end.up) return
    end.up = true
    end.connectedAt = this.#network.now
    this.#handlers?.linkUp(peer, ADDRESS_PREFIX + peer)
    this.#settle(peer)
  }

  message(peer: PeerId, bytes: Uint8Array): void {
    this.#handlers?.message(peer, bytes)
  }

  get linkCounters(): TransportCounters {
    return this.#counters
  }

  /** Ends this side of a link; the other side hears of it unless that way is cut. */
  end(peer: PeerId, reason: string): void {
    const wasUp = this.#ends.get(peer)?.up === true
    this.#detach(peer, reason)
    if (wasUp) this.#handlers?.linkDown(peer, reason)
  }

  #detach(peer: PeerId, reason: string): void {
    const end = this.#ends.get(peer)
    if (end === undefined) return
    this.#ends.delete(peer)
    end.out.close()
    end.in.close()
    if (!end.up) this.#settle(peer, connectFailed(peer, reason))
    this.#redialLater(peer)
    const network = this.#network
    network.schedule(network.latencyMs(), () => {
      if (!network.isCut(this.self, peer)) end.other.peerEnded(this.self, end)
    })
  }

  /** The other side has ended the link of which it held the given end. */
  peerEnded(peer: PeerId, theirs: End): void {
    if (this.#ends.get(peer)?.out === theirs.in) this.end(peer, 'the peer closed the link')
  }

  onCut(peer: PeerId): void {
    const end = this.#ends.get(peer)
    if (end === undefined) return
    const network = this.#network
    network.schedule(network.between(CUT_NOTICED_MS, 2 * CUT_NOTICED_MS), () => {
      const cut = network.isCut(this.self, peer) || network.isCut(peer, this.self)
      if (cut && this.#ends.get(peer) === end) this.end(peer, 'no answer to pings')
    })
  }

  onHeal(peer: PeerId): void {
    const end = this.#ends.get(peer)
    if (end === undefined) return
    end.out.resume()
    // The first packet to a side that has given the link up is answered by a reset.
    if (!end.other.holds(this.self, end)) {
      this.#network.schedule(this.#network.latencyMs(), () => {
        if (this.#ends.get(peer) === end) this.end(peer, 'the peer reset the link')
      })
    }
  }

  holds(peer: PeerId, theirs: End): boolean {
    return this.#ends.get(peer)?.out === theirs.in
  }

  // Gossip.

  #spread(payload: GossipPayload, source: PeerId | undefined): void {
    const network = this.#network
    for (const [peer, end] of this.#ends) {
      if (!end.up || peer === source || peer === payload.author) continue
      network.bytes += payload.bytes.byteLength
      if (network.chance(network.faults.gossipLoss)) continue
      const delayMs = network.latencyMs() + network.between(0, network.faults.gossipReorderMs)
      network.schedule(delayMs, () => {
        if (this.#ends.get(peer) !== end || network.isCut(this.self, peer)) return
        end.other.gossip(payload, this.self)
      })
    }
  }

  gossip(payload: GossipPayload, source: PeerId): void {
    if (this.#handlers === undefined) return
    if (this.#seen.has(payload.id)) {
      this.#counters.gossipDuplicates++
      return
    }
    this.#remember(payload.id)
    const take = (): boolean => {
      if (this.#handlers === undefined) return false
      this.#counters.gossipReceived++
      this.#counters.gossipBytesReceived += payload.bytes.byteLength
      const verdict = this.#handlers.gossip(payload.author, payload.bytes.slice())
      if (verdict === 'reject') this.#counters.gossipRejected++
      return verdict === 'forward'
    }
    if (take()) this.#spread(payload, source)
    const network = this.#network
    if (network.chance(network.faults.gossipDuplicate)) network.schedule(network.latencyMs(), take)
  }

  #remember(id: number): void {
    this.#seen.add(id)
    if (this.#seen.size <= SEEN_MAX) return
    const oldest = this.#seen.values().next()
    if (oldest.done !== true) this.#seen.delete(oldest.value)
  }
}

/** Makes the link of two peers, dialled by the first. The second is up at once, the first when it hears of it. */
function openLink(
  network: MemoryWire<MemoryTransport>,
  dialler: MemoryTransport,
  answerer: MemoryTransport,
): void {
  const direction = (from: MemoryTransport, to: MemoryTransport, onOpen: () => void): Direction =>
    new Direction({
      schedule: (delayMs, task) => network.schedule(delayMs, task),
      transferMs: (bytes) => bytes / network.faults.bytesPerMs,
      latencyMs: () => network.latencyMs(),
      isCut: () => network.isCut(from.self, to.self),
      breaks: () => network.chance(network.faults.linkLoss),
      onBreak: () => network.loseLink(from.self, to.self),
      onOpen,
      onMessage: (bytes) => to.message(from.self, bytes),
      onBytes: (bytes) => {
        network.bytes += bytes
      },
      sender: from.linkCounters,
      receiver: to.linkCounters,
    })
  const there = direction(dialler, answerer, () => {})
  const back = direction(answerer, dialler, () => dialler.opened(answerer.self, diallerEnd))
  const connectedAt = network.now
  const diallerEnd: End = {
    other: answerer,
    out: there,
    in: back,
    up: false,
    direction: 'outbound',
    connectedAt,
  }
  const answererEnd: End = {
    other: dialler,
    out: back,
    in: there,
    up: false,
    direction: 'inbound',
    connectedAt,
  }
  dialler.attach(answerer.self, diallerEnd)
  answerer.attach(dialler.self, answererEnd)
  back.announce()
  answerer.opened(dialler.self, answererEnd)
}

function peerOf(address: string): PeerId {
  const peer = address.startsWith(ADDRESS_PREFIX) ? address.slice(ADDRESS_PREFIX.length) : ''
  if (/^[^/\s]+$/.test(peer)) return peer
  throw new HearsayError(
    'BAD_ADDRESS',
    `cannot use the address ${JSON.stringify(address)}: it looks like ${ADDRESS_PREFIX}PEER here`,
  )
}

function connectFailed(peer: PeerId, reason: string): HearsayError {
  return new HearsayError('CONNECT_FAILED', `cannot connect to ${ADDRESS_PREFIX}${peer}: ${reason}`)
}

/** A network in which peers are made, cut off and healed; see `MemoryWire` for the faults. */
export class MemoryNetwork extends MemoryWire<MemoryTransport> {
  /** A peer of this network. One that is closed may come back under the same id. */
  transport(peer: PeerId, options: MemoryTransportOptions = {}): Transport {
    return new MemoryTransport(this, peer, options.bootstrap ?? [])
  }
}

export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  return new MemoryNetwork(options)
}
