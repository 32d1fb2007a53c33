/**
 * The transport over libp2p: TCP, Noise bound to the fleet's admission secrets, yamux, gossipsub.
 *
 * Each part has its file: `admission.ts` who may connect, `node.ts` the settings of libp2p, `links.ts` and `link.ts` the
 * messages between two peers, `frames.ts` their form on the wire, `gossip.ts` the topic and its watchdog, `dialler.ts`,
 * `neighbourhood.ts`, `address-book.ts`, `peer-exchange.ts` and `discovery.ts` who is dialled. This file ties them together.
 *
 * A link is up a few milliseconds after its connection; gossip flows between the two after 50 to 150 ms more, and what is
 * published before that does not reach the peer.
 */
import { randomBytes } from 'node:crypto'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import type { Connection, IdentifyResult, Stream } from '@libp2p/interface'
import { Admission, assertListenAllowed } from './admission.ts'
import type { AdmissionSecret, HandshakeListener } from './admission.ts'
import { AddressBook } from './address-book.ts'
import type { BookEntry } from './address-book.ts'
import { endpointOf, isLoopback, isUsable, parseAddress } from './addresses.ts'
import { connectFailed, listenFailed } from './connect-errors.ts'
import { Dialler } from './dialler.ts'
import { discovery } from './discovery.ts'
import type { Discovery } from './discovery.ts'
import type { FleetTransport, Libp2pTransportOptions } from './fleet-transport.ts'
import { Gossip } from './gossip.ts'
import { LINK_PROTOCOL, LINK_STREAMS_MAX } from './link.ts'
import { KeepAlive } from './keep-alive.ts'
import { Links } from './links.ts'
import type { Log } from './log.ts'
import { surplus } from './neighbourhood.ts'
import { createNode } from './node.ts'
import { patientSignal } from './patience.ts'
import type { Node } from './node.ts'
import { PEERS_PROTOCOL, PeerExchange } from './peer-exchange.ts'
import { GOSSIP_BYTES_MAX, MESSAGE_BYTES_MAX, zeroCounters } from './transport.ts'
import { TUNING_DEFAULTS } from './tuning.ts'
import type { Libp2pTransportTuning } from './tuning.ts'
import type {
  GossipVerdict,
  Lane,
  Neighbour,
  PeerId,
  TransportCounters,
  TransportHandlers,
} from './transport.ts'

/** Throws BAD_ADDRESS, and LISTEN_FAILED for an open address without a network key. */
export function createLibp2pTransport(options: Libp2pTransportOptions): FleetTransport {
  return new Libp2pTransport(options)
}

/** How often peers that are gone are removed from libp2p's store and old ones from the address book. */
const SWEEP_INTERVAL_MS = 60_000
/** Two peers that gave up their link do not dial each other for so long. */
const GIVEN_UP_FOR_MS = 10 * 60_000
/** Links change in bursts; one round of tellings tells of a burst. */
const TELL_AFTER_MS = 1_000
const NONCE_TIME_BYTES = 6
const NONCE_RANDOM_BYTES = 10

/** What exists only while the transport runs. */
interface Running {
  node: Node
  links: Links
  gossip: Gossip
  dialler: Dialler
  book: AddressBook
  exchange: PeerExchange
  discovery: Discovery | undefined
  handlers: TransportHandlers
  keepAlive: KeepAlive
  timers: NodeJS.Timeout[]
}

class Libp2pTransport implements FleetTransport {
  readonly self: PeerId
  readonly #options: Libp2pTransportOptions
  readonly #tuning: Libp2pTransportTuning
  readonly #log: Log
  readonly #counters = zeroCounters()
  readonly #nonce = startNonce()
  readonly #admission: Admission
  /** What each connected peer drew at its start. */
  readonly #nonces = new Map<PeerId, string>()
  /** Addresses that led to this process. */
  readonly #ownAddresses = new Set<string>()
  #running: Running | undefined
  #started = false
  #tellTimer: NodeJS.Timeout | undefined

  constructor(options: Libp2pTransportOptions) {
    for (const address of [...options.listen, ...(options.announce ?? []), ...options.bootstrap]) {
      parseAddress(address)
    }
    assertListenAllowed(options.admission, options.listen)
    this.self = peerIdFromPrivateKey(options.privateKey).toString()
    this.#options = options
    this.#tuning = { ...TUNING_DEFAULTS, ...options.tuning }
    this.#log = options.log
    this.#admission = new Admission(options.admission, this.#nonce, (handshake) =>
      this.#handshake(handshake),
    )
  }

  addresses(): string[] {
    return this.#running?.node.getMultiaddrs().map(String) ?? []
  }

  async start(handlers: TransportHandlers): Promise<void> {
    if (this.#started) throw new TypeError('a transport is started once')
    this.#started = true
    const running = await this.#assemble(handlers)
    this.#running = running
    try {
      await this.#listen(running)
    } catch (error) {
      await this.close()
      throw listenFailed(this.#options.listen, error)
    }
    running.gossip.subscribe((author, bytes) => this.#gossip(author, bytes))
    const { watchdogIntervalMs, exchangeIntervalMs, surplusIntervalMs } = this.#tuning
    running.timers.push(
      setInterval(() => this.#watchGossip(), watchdogIntervalMs),
      setInterval(() => void this.#sweep(), SWEEP_INTERVAL_MS),
      setInterval(() => this.#tellAll(), exchangeIntervalMs),
      setInterval(() => this.#giveUpSurplus(), surplusIntervalMs),
    )
    running.dialler.start()
    await running.discovery?.start()
  }

  /** The parts, told of each other; nothing is listened to or dialled yet. */
  async #assemble(handlers: TransportHandlers): Promise<Running> {
    const options = this.#options
    const tuning = this.#tuning
    const log = this.#log
    const node = await this.#createNode()
    const book = await AddressBook.open(options.addressBookFile, log)
    const gossip = new Gossip(node.services.pubsub, options.topic, this.#counters)
    const links = new Links({
      self: this.self,
      connections: (peer) => node.getConnections(peerIdFromString(peer)),
      tuning,
      counters: this.#counters,
      events: {
        up: (peer, connection) => this.#linkUp(peer, connection),
        down: (peer, reason, stable) => this.#linkDown(peer, reason, stable),
        message: (peer, bytes) => this.#guard('message', () => handlers.message(peer, bytes)),
        connectionsChanged: (peer) => this.#connectionsChanged(peer),
      },
      log,
    })
    const linkedPeers = (): PeerId[] => [...links.entries()].map(([peer]) => peer)
    const dialler = new Dialler(options.bootstrap, {
      self: this.self,
      dial: (addresses) => this.#dial(addresses),
      linked: () => new Set(linkedPeers()),
      allows: (peer) => this.#allows(peer),
      isOwn: (address) => this.#ownAddresses.has(endpointOf(address)),
      book,
      tuning,
      log,
    })
    const exchange = new PeerExchange({
      self: this.self,
      neighbours: linkedPeers,
      connectionTo: (peer) => links.connectionTo(peer),
      book,
      accepts: () => this.#admission.labels(),
      allows: (peer) => this.#allows(peer),
      learned: (peers) => dialler.learned(peers),
      leaving: (peer) => dialler.hold(peer, GIVEN_UP_FOR_MS),
    })
    const silent = (forMs: number) => links.silent(node.getConnections(), forMs)
    const keepAlive = new KeepAlive(silent, tuning.pingAfterMs)
    const lan = this.#discovery(node, dialler)
    const parts = { node, links, gossip, dialler, book, exchange, keepAlive, discovery: lan }
    return { ...parts, handlers, timers: [] }
  }

  #createNode(): Promise<Node> {
    const { privateKey, listen, announce = [], topic } = this.#options
    return createNode({
      privateKey,
      listen,
      announce,
      topic,
      encrypters: this.#admission.encrypters(),
      gate: {
        knocked: () => this.#counters.connectionsInbound++,
        allows: (peer) => this.#allows(peer),
        turnedAway: (peer) => this.#turnedAway(peer),
      },
      tuning: this.#tuning,
    })
  }

  #discovery(node: Node, dialler: Dialler): Discovery | undefined {
    const { discovery: service } = this.#options
    if (service === undefined) return undefined
    const found = (peer: PeerId, addresses: string[]): void => {
      if (peer !== this.self && this.#allows(peer)) dialler.discovered(peer, addresses)
    }
    return discovery(node, service, this.#tuning.discoveryIntervalMs, found, this.#log)
  }

  async #listen({ node, links, exchange }: Running): Promise<void> {
    node.addEventListener('connection:open', ({ detail }) => this.#connectionOpened(detail))
    node.addEventListener('connection:close', ({ detail }) => links.connectionClosed(detail))
    node.addEventListener('peer:identify', ({ detail }) => this.#identified(detail))
    await node.handle(
      LINK_PROTOCOL,
      (stream, connection) => links.streamOpened(stream, connection),
      { maxInboundStreams: LINK_STREAMS_MAX, maxOutboundStreams: LINK_STREAMS_MAX },
    )
    if (this.#tuning.exchangePeers) {
      const hear = (stream: Stream, { remotePeer }: Connection): Promise<void> =>
        exchange.hear(stream, remotePeer.toString())
      await node.handle(PEERS_PROTOCOL, hear, { maxInboundStreams: 2 })
    }
    await node.start()
  }

  send(peer: PeerId, lane: Lane, bytes: Uint8Array): boolean {
    if (bytes.byteLength > MESSAGE_BYTES_MAX) {
      throw new TypeError(`a message of ${bytes.byteLength} bytes is above ${MESSAGE_BYTES_MAX}`)
    }
    const taken = this.#running?.links.send(peer, lane, bytes) ?? false
    if (!taken) this.#counters.messagesDropped++
    return taken
  }

  publish(bytes: Uint8Array): void {
    if (this.#running === undefined || bytes.byteLength > GOSSIP_BYTES_MAX) {
      this.#counters.messagesDropped++
      return
    }
    this.#counters.gossipPublished++
    this.#counters.gossipBytesPublished += bytes.byteLength
    this.#running.gossip.publish(bytes).catch((error: unknown) => {
      this.#log.debug({ err: error }, 'gossip not published')
    })
  }

  async connect(text: string): Promise<PeerId> {
    const { peer } = parseAddress(text)
    const running = this.#running
    if (running === undefined) throw connectFailed(text, new Error('this daemon is stopping'))
    if (peer !== undefined) {
      running.dialler.release(peer)
      if (running.links.isUp(peer)) return peer
    }
    try {
      return await this.#dial([text])
    } catch (error) {
      throw connectFailed(text, error)
    }
  }

  disconnect(peer: PeerId, reason: string, retryAfterMs: number): void {
    this.#running?.dialler.hold(peer, retryAfterMs)
    this.#running?.links.hangUp(peer, reason)
  }

  neighbours(): Neighbour[] {
    const running = this.#running
    if (running === undefined) return []
    return [...running.links.entries()].map(([peer, { connection, upAt }]) => ({
      peer,
      address: String(connection.remoteAddr),
      direction: connection.direction,
      connectedAt: upAt,
      gossip: running.gossip.isOpen(peer),
    }))
  }

  admit(secrets: AdmissionSecret[]): PeerId[] {
    assertListenAllowed(secrets, this.#options.listen)
    this.#admission.replace(secrets)
    const ended = this.#endConnections(
      ({ encryption }) => !this.#admission.accepts(encryption),
      'its admission secret is no longer accepted',
    )
    this.#tellAll()
    this.#running?.dialler.afresh()
    return ended
  }

  labels(): string[] {
    return this.#admission.labels()
  }

  labelsOf(peer: PeerId): string[] | undefined {
    return this.#running?.exchange.acceptedBy(peer)
  }

  recheckAllowed(): PeerId[] {
    const ended = this.#endConnections(
      ({ remotePeer }) => !this.#allows(remotePeer.toString()),
      'the allow list does not name it',
    )
    this.#running?.dialler.afresh()
    return ended
  }

  known(): BookEntry[] {
    return [...(this.#running?.book.entries() ?? [])]
  }

  forget(peer: PeerId): boolean {
    const running = this.#running
    if (running === undefined) return false
    const linked = running.links.isUp(peer)
    const known = running.book.forget(peer)
    running.dialler.forget(peer)
    if (linked) running.links.hangUp(peer, 'it was forgotten by an operator')
    return linked || known
  }

  /** Ends every connection that `ends` says so of, with whatever runs over it; says with whom. */
  #endConnections(ends: (connection: Connection) => boolean, reason: string): PeerId[] {
    const ended = this.#running?.node.getConnections().filter(ends) ?? []
    for (const connection of ended) connection.abort(new Error(reason))
    return [...new Set(ended.map(({ remotePeer }) => remotePeer.toString()))]
  }

  counters(): TransportCounters {
    return { ...this.#counters }
  }

  async close(): Promise<void> {
    const running = this.#running
    this.#started = true
    if (running === undefined) return
    this.#running = undefined
    for (const timer of running.timers) clearInterval(timer)
    clearTimeout(this.#tellTimer)
    running.keepAlive.stop()
    running.dialler.stop()
    await running.discovery?.stop()
    running.links.close()
    await running.node.stop()
    await running.book.close()
  }

  /** Dials and waits for the link. */
  async #dial(addresses: string[]): Promise<PeerId> {
    const running = this.#running
    if (running === undefined) throw new Error('the transport is closed')
    const { node, links, book } = running
    let connection: Connection
    try {
      // libp2p refuses to dial its own peer id by name; without it the handshake tells who is there.
      const targets = addresses.map((address) => {
        const { multiaddr, endpoint, peer } = parseAddress(address)
        return peer === this.self ? endpoint : multiaddr
      })
      const { signal, clear } = patientSignal(this.#tuning.dialTimeoutMs)
      connection = await node.dial(targets, { signal }).finally(clear)
    } catch (error) {
      this.#counters.dialsFailed++
      throw error
    }
    const peer = connection.remotePeer.toString()
    try {
      await links.whenUp(peer)
    } catch (error) {
      this.#counters.dialsFailed++
      throw error
    }
    const carrier = links.connectionTo(peer)
    if (carrier !== undefined && carrier !== connection) {
      // Dialled by an address that did not name the peer, which was linked already or dialled us meanwhile.
      connection.close().catch((error: Error) => connection.abort(error))
    }
    book.saw(peer, [endpointOf(String(connection.remoteAddr))])
    return peer
  }

  #allows(peer: PeerId): boolean {
    return peer === this.self || (this.#options.allows?.(peer) ?? true)
  }

  #turnedAway(peer: PeerId): void {
    this.#counters.peersTurnedAway++
    this.#log.debug({ peer }, 'turned away: the allow list does not name it')
  }

  /** Lists may have changed while the handshake was under way. */
  #connectionOpened(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const admitted = this.#admission.accepts(connection.encryption) && this.#allows(peer)
    if (admitted) this.#running?.links.connectionOpened(connection)
    else connection.abort(new Error('it is no longer admitted'))
  }

  #handshake(handshake: Parameters<HandshakeListener>[0]): void {
    const { peer, address, nonce } = handshake
    if (handshake.direction === 'inbound') this.#counters.handshakesInbound++
    if (nonce === undefined) return
    if (peer === this.self) {
      if (nonce === this.#nonce.toString('hex')) {
        if (handshake.direction === 'outbound') this.#ownAddresses.add(endpointOf(address))
        return
      }
      const startedLater = nonce < this.#nonce.toString('hex')
      this.#log.error(
        { address, startedLater },
        'another process runs under the identity of this one',
      )
      queueMicrotask(() => {
        const handlers = this.#running?.handlers
        this.#guard('duplicateIdentity', () => handlers?.duplicateIdentity?.(address, startedLater))
      })
      return
    }
    const before = this.#nonces.get(peer)
    this.#nonces.set(peer, nonce)
    // A peer that was restarted leads its new connections itself; its old ones only look alive.
    if (before !== undefined && before !== nonce) {
      this.#running?.links.hangUp(peer, 'the peer was restarted')
    }
  }

  #linkUp(peer: PeerId, connection: Connection): void {
    const running = this.#running
    if (running === undefined) return
    running.book.saw(peer, [])
    const address = String(connection.remoteAddr)
    this.#log.info({ peer, address }, 'link up')
    this.#guard('linkUp', () => running.handlers.linkUp(peer, address))
    void this.#tellPeers(peer)
  }

  #tellPeers(peer: PeerId, leaving = false): Promise<void> {
    const telling = this.#tuning.exchangePeers
      ? this.#running?.exchange.tell(peer, leaving)
      : undefined
    return (telling ?? Promise.resolve()).catch((error: unknown) => {
      this.#log.debug({ peer, err: error }, 'peers not told')
    })
  }

  #tellAll(): void {
    clearTimeout(this.#tellTimer)
    this.#tellTimer = undefined
    for (const [peer] of this.#running?.links.entries() ?? []) void this.#tellPeers(peer)
  }

  #tellAllSoon(): void {
    if (this.#running !== undefined) {
      this.#tellTimer ??= setTimeout(() => this.#tellAll(), TELL_AFTER_MS)
    }
  }

  #giveUpSurplus(): void {
    const running = this.#running
    if (running === undefined) return
    const { links, exchange, dialler } = running
    const views = [...links.entries()].map(([peer, { upAt }]) => ({
      peer,
      upAt,
      links: exchange.linksOf(peer),
    }))
    const { linksWanted: wanted, linksMax: max, linkSparedMs: sparedMs } = this.#tuning
    const bounds = { wanted, max, sparedMs }
    for (const peer of surplus(this.self, views, bounds, Date.now(), Math.random)) {
      this.#counters.linksGivenUp++
      dialler.hold(peer, GIVEN_UP_FOR_MS)
      void this.#tellPeers(peer, true).then(() => links.hangUp(peer, 'there are links enough'))
    }
  }

  #linkDown(peer: PeerId, reason: string, stable: boolean): void {
    this.#running?.dialler.linkDown(peer, stable)
    this.#running?.exchange.gone(peer)
    this.#tellAllSoon()
    this.#log.info({ peer, reason }, 'link down')
    // A link may end inside a call of `send` or `disconnect`; handlers are not called from there.
    queueMicrotask(() => {
      const handlers = this.#running?.handlers
      this.#guard('linkDown', () => handlers?.linkDown(peer, reason))
    })
  }

  /** Of several connections one closed; it may have carried the gossip streams. */
  #connectionsChanged(peer: PeerId): void {
    if (this.#running?.gossip.reopen(peer) === true) this.#counters.gossipStreamsReopened++
  }

  #watchGossip(): void {
    const running = this.#running
    if (running === undefined) return
    const { node, links, gossip } = running
    // gossipsub opens its streams a moment after the link.
    const settled = Date.now() - this.#tuning.watchdogIntervalMs
    const linked = new Map(
      [...links.entries()]
        .filter(([, { upAt }]) => upAt <= settled)
        .map(([peer]) => [peer, node.getConnections(peerIdFromString(peer))]),
    )
    const { reopened, hopeless } = gossip.watch(linked)
    this.#counters.gossipStreamsReopened += reopened
    for (const peer of hopeless) {
      this.#counters.gossipStreamsReopened++
      this.#log.warn({ peer }, 'gossip stream stays closed; connecting anew')
      links.hangUp(peer, 'its gossip stream stayed closed')
    }
  }

  #gossip(author: PeerId, bytes: Uint8Array): GossipVerdict {
    const handlers = this.#running?.handlers
    if (handlers === undefined) return 'ignore'
    this.#counters.gossipReceived++
    this.#counters.gossipBytesReceived += bytes.byteLength
    // Whoever passed it on may have another list, and has done nothing wrong.
    if (!this.#allows(author)) {
      this.#counters.gossipTurnedAway++
      return 'ignore'
    }
    const verdict =
      this.#guard('gossip', (): GossipVerdict => handlers.gossip(author, bytes)) ?? 'ignore'
    if (verdict === 'reject') this.#counters.gossipRejected++
    return verdict
  }

  #identified({ peerId, listenAddrs, connection }: IdentifyResult): void {
    const remoteIsLocal = isLoopback(String(connection.remoteAddr))
    const addresses = listenAddrs
      .map((address) => endpointOf(String(address)))
      .filter((address) => isUsable(address) && (remoteIsLocal || !isLoopback(address)))
    this.#running?.book.saw(peerId.toString(), addresses)
    // Only now can the others be told where it is.
    this.#tellAllSoon()
  }

  /** libp2p's peer store keeps every peer for ever otherwise. */
  async #sweep(): Promise<void> {
    if (this.#running === undefined) return
    const { node, book, links } = this.#running
    book.age(Date.now(), (peer) => links.isUp(peer))
    try {
      for (const { id } of await node.peerStore.all()) {
        if (node.getConnections(id).length > 0) continue
        this.#nonces.delete(id.toString())
        await node.peerStore.delete(id)
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'peer store not swept')
    }
  }

  /** A handler that throws is a mistake of the caller; it must not end a connection or the process. */
  #guard<T>(name: string, call: () => T): T | undefined {
    try {
      return call()
    } catch (error) {
      this.#log.error({ err: error, handler: name }, 'a transport handler threw')
      return undefined
    }
  }
}

/** The time of the start, then chance: different for every process, and in the order of their starts. */
function startNonce(): Buffer {
  const nonce = Buffer.alloc(NONCE_TIME_BYTES + NONCE_RANDOM_BYTES)
  nonce.writeUIntBE(Date.now(), 0, NONCE_TIME_BYTES)
  randomBytes(NONCE_RANDOM_BYTES).copy(nonce, NONCE_TIME_BYTES)
  return nonce
}
