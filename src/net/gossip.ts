/**
 * The gossip topic, and the watchdog over gossipsub's streams.
 *
 * gossipsub opens one stream to each neighbour when it meets it, and never again while the connection stays up. Whatever
 * closes that stream (a reset, an oversized burst, the close of one of two connections to the same peer) silences the
 * pair for good while everything still looks connected. A stream that closes while it is being opened even stays in its
 * books as if it were open. So the streams are watched. A missing one of ours is opened again. When the peer's is
 * missing, what is left of it is reset, so that the peer's own watchdog sees it too; when that does not help, only a new
 * connection does.
 *
 * What a payload costs beyond itself. A copy of one that is known is told by its author and number, before its signature
 * is checked. And gossipsub tells its mesh of each payload that it needs no other copy of it; where nobody forwards, as
 * in a fleet in which all are linked, that is most of the packets and does nothing. So it is told only while the latest
 * payload was to be forwarded.
 *
 * This is the only file that uses gossipsub's runtime surface beyond its published interface.
 */
import { gossipsub, TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { toBinary } from '../core/bytes.ts'
import type { GossipVerdict, TransportCounters } from './transport.ts'

/** What gossipsub's object has at run time, in the version that package.json names. */
interface GossipSubInternals {
  streamsOutbound: Map<string, { rawStream: Stream }>
  streamsInbound: Map<string, { rawStream: Stream }>
  peers: Map<string, PeerId>
  connect(peer: string): Promise<void>
  opts: { idontwantMinDataSize: number }
  fastMsgIdFn: (message: WireMessage) => string
  /** Payloads of the last `seenTTL` whose signature was right. */
  fastMsgIdCache: { has(id: string): boolean }
}

/** A payload as it comes, not checked yet. */
interface WireMessage {
  from?: Uint8Array
  seqno?: Uint8Array
}

const NONE = new Uint8Array(0)

function copyId({ from = NONE, seqno = NONE }: WireMessage): string {
  return toBinary(from) + toBinary(seqno)
}

export interface GossipTuning {
  /** gossipsub's own tick. */
  heartbeatIntervalMs: number
}

/**
 * The service. Sizes: a payload has at most 64 KiB, so a full answer to an IWANT of a few seconds' messages stays below
 * the 4 MiB that one RPC may have; both limits must be equal on all peers. Scores by address and behaviour are off: a
 * fleet shares addresses, and its members are admitted by a secret.
 */
export function gossipService(topic: string, tuning: GossipTuning): ReturnType<typeof gossipsub> {
  return gossipsub({
    globalSignaturePolicy: 'StrictSign',
    fallbackToFloodsub: false,
    emitSelf: false,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    allowedTopics: [topic],
    floodPublish: true,
    batchPublish: true,
    doPX: false,
    heartbeatInterval: tuning.heartbeatIntervalMs,
    mcacheLength: 6,
    mcacheGossip: 4,
    seenTTL: 120_000,
    fastMsgIdFn: copyId,
    maxOutboundBufferSize: 16 * 1024 * 1024,
    maxInboundDataLength: 4 * 1024 * 1024,
    scoreParams: { IPColocationFactorWeight: 0, behaviourPenaltyWeight: 0 },
  })
}

const VERDICTS: Record<GossipVerdict, TopicValidatorResult> = {
  forward: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
}

/** Looks in a row at which a stream is missing before only a new connection can help: the peer needs two to notice. */
const WATCHDOG_STRIKES_MAX = 3
const GOSSIP_PROTOCOL_PREFIX = '/meshsub/'
/** A payload below this is not worth a message that saves a copy of it; gossipsub's own value. */
const SPARE_COPIES_BYTES_MIN = 512

export class Gossip {
  readonly #gossipsub: GossipSub & GossipSubInternals
  readonly #topic: string
  /** Peers whose streams were not all open, with the number of looks in a row. */
  readonly #strikes = new Map<string, number>()

  constructor(service: GossipSub, topic: string, counters: TransportCounters) {
    const internals = service as GossipSub & GossipSubInternals
    internals.fastMsgIdFn = (message) => {
      const id = copyId(message)
      if (internals.fastMsgIdCache.has(id)) counters.gossipDuplicates++
      return id
    }
    this.#gossipsub = internals
    this.#topic = topic
  }

  /** From now on `take` sees each payload of another peer once, before it is forwarded, with its verified author. */
  subscribe(take: (author: string, bytes: Uint8Array) => GossipVerdict): void {
    this.#gossipsub.topicValidators.set(this.#topic, (_source, message) => {
      if (message.type !== 'signed') return TopicValidatorResult.Reject
      const verdict = take(message.from.toString(), message.data)
      this.#gossipsub.opts.idontwantMinDataSize =
        verdict === 'forward' ? SPARE_COPIES_BYTES_MIN : Infinity
      return VERDICTS[verdict]
    })
    this.#gossipsub.subscribe(this.#topic)
  }

  async publish(bytes: Uint8Array): Promise<void> {
    await this.#gossipsub.publish(this.#topic, bytes)
  }

  /** Whether the streams to and from a peer are open. */
  isOpen(peer: string): boolean {
    const { peers, streamsOutbound, streamsInbound } = this.#gossipsub
    return (
      peers.has(peer) &&
      streamsOutbound.get(peer)?.rawStream.status === 'open' &&
      streamsInbound.get(peer)?.rawStream.status === 'open'
    )
  }

  /** Opens our stream to a connected peer if it is missing; says whether that was needed. */
  reopen(peer: string): boolean {
    const { peers, streamsOutbound } = this.#gossipsub
    const stream = streamsOutbound.get(peer)?.rawStream
    if (peers.has(peer) && stream?.status === 'open') return false
    streamsOutbound.delete(peer)
    // Runs gossipsub's own hook for a new neighbour over the connection that is there. If there is none any more, the
    // next connection opens the stream by itself.
    this.#gossipsub.connect(peer).catch(() => {})
    return true
  }

  /** Resets what the peer may still take for its open stream to us. */
  #resetLeftovers(peer: string, connections: readonly Connection[]): void {
    if (this.#gossipsub.streamsInbound.get(peer)?.rawStream.status === 'open') return
    for (const stream of connections.flatMap((connection) => connection.streams)) {
      const isGossip = stream.protocol.startsWith(GOSSIP_PROTOCOL_PREFIX)
      if (isGossip && stream.direction === 'inbound') {
        stream.abort(new Error('gossipsub has let go of this stream'))
      }
    }
  }

  /**
   * One look at the peers whose links have been up for a while, with their connections. Repairs what it can; returns how
   * many of our streams were opened again, and the peers for which only a new connection helps.
   */
  watch(linked: ReadonlyMap<string, readonly Connection[]>): {
    reopened: number
    hopeless: string[]
  } {
    let reopened = 0
    const hopeless: string[] = []
    for (const peer of this.#strikes.keys()) if (!linked.has(peer)) this.#strikes.delete(peer)
    for (const [peer, connections] of linked) {
      if (this.isOpen(peer)) {
        this.#strikes.delete(peer)
        continue
      }
      const strikes = (this.#strikes.get(peer) ?? 0) + 1
      this.#strikes.set(peer, strikes)
      if (strikes > WATCHDOG_STRIKES_MAX) {
        this.#strikes.delete(peer)
        hopeless.push(peer)
        continue
      }
      this.#resetLeftovers(peer, connections)
      if (this.reopen(peer)) reopened++
    }
    return { reopened, hopeless }
  }
}
