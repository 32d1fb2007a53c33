/**
 * The transport port: what the core needs of a network.
 *
 * A *link* to a peer is up when messages can pass both ways and down when they cannot; at most one link per peer. Over a
 * link travel messages, whole and in order within a lane, until it goes down; what was under way then is lost. Gossip
 * is best effort: a payload reaches each subscriber once, never, or now and then several times; its author not at all.
 *
 * Handlers are called synchronously, one at a time, never from inside a call of this port, and never after `close` was
 * called. Messages of a peer come only between its `linkUp` and its `linkDown`.
 *
 * Every implementation passes `test/contract/transport.ts`.
 */

/** The text form of a libp2p peer id. */
export type PeerId = string

/**
 * Small messages that must not wait travel on `control`; pieces of pulls travel on `bulk`. Within a lane messages keep
 * their order; between lanes they do not.
 */
export type Lane = 'control' | 'bulk'

/** Largest message on a link, bytes: one item of the largest value and key, with room for its envelope and its siblings' dots. */
export const MESSAGE_BYTES_MAX = 17 * 1024 * 1024

/** Largest gossip payload, bytes. Above about 64 KiB gossipsub's recovery of lost messages stops working. */
export const GOSSIP_BYTES_MAX = 64 * 1024

/** Largest backlog towards one peer, bytes. A message that does not fit is dropped and counted; repair heals. */
export const SEND_QUEUE_BYTES_MAX = 40 * 1024 * 1024

/**
 * What to do with a gossip payload: `forward` it to the neighbours, `ignore` it (harmless, not worth forwarding), or
 * `reject` it (malformed: it does not travel on, R16).
 */
export type GossipVerdict = 'forward' | 'ignore' | 'reject'

export interface TransportHandlers {
  linkUp(peer: PeerId, address: string): void
  linkDown(peer: PeerId, reason: string): void
  message(peer: PeerId, bytes: Uint8Array): void
  gossip(author: PeerId, bytes: Uint8Array): GossipVerdict
  /**
   * Another process runs under this peer's identity: a copied data directory. Called on both sides at each meeting; of
   * the two exactly one hears that it was `startedLater`.
   */
  duplicateIdentity?(address: string, startedLater: boolean): void
}

export interface Neighbour {
  peer: PeerId
  /** Multiaddr of the other end of the connection. */
  address: string
  direction: 'inbound' | 'outbound'
  /** Wall clock, milliseconds. */
  connectedAt: number
  /** Whether gossip streams are open both ways. */
  gossip: boolean
}

/** Counters since start; every drop is counted here. */
export interface TransportCounters {
  messagesSent: number
  messagesReceived: number
  bytesSent: number
  bytesReceived: number
  messagesDropped: number
  gossipPublished: number
  gossipReceived: number
  /** Further copies of payloads that had come already. */
  gossipDuplicates: number
  gossipRejected: number
  gossipBytesPublished: number
  gossipBytesReceived: number
  gossipStreamsReopened: number
  dialsFailed: number
  /** Connections that came in, strangers' among them, and those that proved to hold a secret of the fleet. */
  connectionsInbound: number
  handshakesInbound: number
  /** Connections and gossip of peers that the allow list does not name. */
  peersTurnedAway: number
  gossipTurnedAway: number
  /** Links given up because there were more than enough. */
  linksGivenUp: number
  /** Links ended because the peer broke the framing. */
  protocolViolations: number
}

export function zeroCounters(): TransportCounters {
  return {
    messagesSent: 0,
    messagesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    messagesDropped: 0,
    gossipPublished: 0,
    gossipReceived: 0,
    gossipDuplicates: 0,
    gossipRejected: 0,
    gossipBytesPublished: 0,
    gossipBytesReceived: 0,
    gossipStreamsReopened: 0,
    dialsFailed: 0,
    connectionsInbound: 0,
    handshakesInbound: 0,
    peersTurnedAway: 0,
    gossipTurnedAway: 0,
    linksGivenUp: 0,
    protocolViolations: 0,
  }
}

export interface Transport {
  readonly self: PeerId
  /** Multiaddrs, with peer id, under which others can dial this peer. Known after `start`. */
  addresses(): string[]
  /** Begins to listen and to dial. Throws LISTEN_FAILED. */
  start(handlers: TransportHandlers): Promise<void>
  /**
   * Queues a message; false if there is no link or no room, and then the message is dropped and counted. The bytes belong
   * to the transport from then on and must not change. A message above MESSAGE_BYTES_MAX is a TypeError.
   */
  send(peer: PeerId, lane: Lane, bytes: Uint8Array): boolean
  /** Best effort to every subscriber; never throws, never blocks. A payload above GOSSIP_BYTES_MAX is dropped and counted. */
  publish(bytes: Uint8Array): void
  /** Dials and waits for the link. Remembers the address. Throws BAD_ADDRESS, CONNECT_FAILED (naming the likely cause). */
  connect(address: string): Promise<PeerId>
  /** Ends the link and does not dial this peer for `retryAfterMs`. */
  disconnect(peer: PeerId, reason: string, retryAfterMs: number): void
  neighbours(): Neighbour[]
  counters(): TransportCounters
  /** Ends every link without a call of `linkDown`, and gives back what the transport holds. */
  close(): Promise<void>
}
