/**
 * The libp2p node, with every setting that differs from libp2p's defaults and why.
 */
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import { identify } from '@libp2p/identify'
import type { Identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import type { Ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import type { Libp2p } from 'libp2p'
import type {
  ConnectionEncrypter,
  ConnectionGater,
  PrivateKey,
  StreamMuxerFactory,
} from '@libp2p/interface'
import { gossipService } from './gossip.ts'
import type { GossipTuning } from './gossip.ts'

export type Node = Libp2p<{ identify: Identify; ping: Ping; pubsub: GossipSub }>

export interface NodeTuning extends GossipTuning {
  /** Connections over which nothing comes for so long are pinged, and closed when no answer comes for as long again. */
  pingAfterMs: number
  /** Until an address answers at all. */
  connectTimeoutMs: number
  /**
   * How long a dial may take in all, and for each address, with the handshake, on either side. Whoever answers is there,
   * and perhaps busy: as when a whole fleet starts on few processors. Then a handshake that is given up is work done in
   * vain, and again with the next dial, until nothing else is done.
   */
  dialTimeoutMs: number
  addressDialTimeoutMs: number
  /** New inbound connections are refused above this number of connections. */
  connectionsMax: number
}

/** Connections that wait to be accepted, or are in their handshake: a fleet that restarts dials all at once. */
const PENDING_CONNECTIONS_MAX = 128
/** New connections per second from one address: a whole fleet may sit behind it. */
const CONNECTIONS_PER_SECOND_MAX = 100
/** Streams a peer may have open on one connection: a handful are in use. */
const STREAMS_PER_CONNECTION_MAX = 64
/** A stream's buffer at the reader must hold a whole window, else a paused reader resets the stream. */
const STREAM_WINDOW_BYTES = 1024 * 1024
const STREAM_READ_BUFFER_BYTES = 4 * STREAM_WINDOW_BYTES
const PARALLEL_DIALS_MAX = 32

export interface Gate {
  /** Somebody connected, and nothing is known of them yet. */
  knocked(): void
  allows(peer: string): boolean
  /** A peer that holds the secret was turned away. */
  turnedAway(peer: string): void
}

/** Asked as soon as the handshake has proved who is there, before a muxer or any stream exists. */
function gaterOf(gate: Gate): ConnectionGater {
  const denies = (peer: { toString(): string }): boolean => {
    const allowed = gate.allows(peer.toString())
    if (!allowed) gate.turnedAway(peer.toString())
    return !allowed
  }
  return {
    denyInboundConnection: () => {
      gate.knocked()
      return false
    },
    denyDialPeer: (peer) => !gate.allows(peer.toString()),
    denyInboundEncryptedConnection: denies,
    denyOutboundEncryptedConnection: denies,
  }
}

/**
 * yamux announces a new stream in a microtask of its own. Where the connection has ended in the same turn that throws, and
 * nobody could catch it: the process would end. What is sent over a connection that has ended is dropped instead.
 */
function muxer(): (...args: Parameters<ReturnType<typeof yamux>>) => StreamMuxerFactory {
  const make = yamux({
    maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
    // Its pings only measure: one that is not answered changes nothing.
    enableKeepAlive: false,
    streamOptions: {
      maxStreamWindowSize: STREAM_WINDOW_BYTES,
      maxReadBufferLength: STREAM_READ_BUFFER_BYTES,
    },
  })
  return (...args) => {
    const factory = make(...args)
    const create = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      const send = connection.send.bind(connection)
      connection.send = (data) => connection.status !== 'open' || send(data)
      return create(connection)
    }
    return factory
  }
}

/** Handed to `net.connect` as they are; their type names only some of what that takes. */
function socketOptions({ connectTimeoutMs }: NodeTuning): { noDelay: boolean; timeout: number } {
  return { noDelay: true, timeout: connectTimeoutMs }
}

export function createNode(options: {
  privateKey: PrivateKey
  listen: string[]
  announce: string[]
  topic: string
  encrypters: ((components: NoiseComponents) => ConnectionEncrypter)[]
  /** Who of those that hold the secret may come in; everyone when absent. */
  gate?: Gate
  tuning: NodeTuning
}): Promise<Node> {
  const { tuning } = options
  return createLibp2p({
    start: false,
    privateKey: options.privateKey,
    addresses: { listen: options.listen, announce: options.announce },
    transports: [
      tcp({
        backlog: PENDING_CONNECTIONS_MAX,
        // Silence is for `keep-alive.ts` to judge: this timer would blame the peer for a pause of ours.
        inboundSocketInactivityTimeout: 0,
        outboundSocketInactivityTimeout: 0,
        dialOpts: socketOptions(tuning),
      }),
    ],
    connectionEncrypters: options.encrypters,
    ...(options.gate === undefined ? {} : { connectionGater: gaterOf(options.gate) }),
    streamMuxers: [muxer()],
    connectionManager: {
      maxConnections: tuning.connectionsMax,
      maxIncomingPendingConnections: PENDING_CONNECTIONS_MAX,
      inboundConnectionThreshold: CONNECTIONS_PER_SECOND_MAX,
      maxParallelDials: PARALLEL_DIALS_MAX,
      dialTimeout: tuning.dialTimeoutMs,
      addressDialTimeout: tuning.addressDialTimeoutMs,
      inboundUpgradeTimeout: tuning.addressDialTimeoutMs,
      // Dialling again is the dialler's.
      reconnectRetries: 0,
    },
    // Watched by `keep-alive.ts`.
    connectionMonitor: { enabled: false },
    // By default addresses expire, also of connected peers. The store holds connected peers only; see Libp2pTransport.
    peerStore: { maxAddressAge: Infinity, maxPeerAge: Infinity },
    services: {
      identify: identify(),
      ping: ping(),
      pubsub: gossipService(options.topic, tuning),
    },
  })
}
