/**
 * Messages on a link: one type byte, then a protobuf message (`messages.proto`).
 *
 * | type            | from     | meaning                                                                     |
 * |-----------------|----------|-----------------------------------------------------------------------------|
 * | hello           | both     | first message each way: versions, map, nonce of this start                  |
 * | refused         | both     | this link ends, and why                                                     |
 * | neighbours      | both     | to whom the sender is linked; after each change                             |
 * | digestAsk       | asker    | the asker's digest; its clock fixes horizon and settled bound for both      |
 * | digestAnswer    | answerer | the answerer's digest for that clock                                        |
 * | pullRequest     | asker    | the asker's context, or its bucket hashes when it knows hundreds of actors  |
 * | pullBuckets     | answerer | to bucket hashes: which buckets differ                                      |
 * | pullOpen        | answerer | its intervals of every actor in which the contexts differ: fixes `ctx0`     |
 * | chunk           | answerer | a piece of `ctx0` minus the asker's context                                 |
 * | credit          | asker    | so many bytes of chunks are committed: send more                            |
 * | pullEnd         | answerer | all sent                                                                    |
 * | sessionEnd      | both     | this session ends early: busy, aborted                                      |
 * | rangesAsk       | asker    | fingerprints of ranges of held items                                        |
 * | rangesAnswer    | answerer | those that differ, split or listed                                          |
 * | resolve         | asker    | its dots of keys that may differ                                            |
 * | resolved        | answerer | per key: items to take, dots that are removed                               |
 * | convergeAsk     | both     | "have you all that I have now?"                                             |
 * | convergeAnswer  | both     | the answer, or how much is missing (`converge.ts`)                          |
 * | coverAsk        | both     | "tell me when these dots are on your disk"                                  |
 * | coverAnswer     | both     | they are (`cover.ts`)                                                       |
 * | tourAsk         | both     | has the whole fleet converged? (`fleet-tour.ts`)                            |
 * | tourSpread      | both     | now come to have what I have, and then those behind you                     |
 * | tourReport      | both     | already asked; gathered; done, and who lags                                 |
 *
 * An unknown type is ignored (it is a later version's); a known one that does not decode is a protocol violation.
 */
import type { Codec } from 'protons-runtime'
import { reader, writer } from 'protons-runtime'
import * as messages from './messages.ts'

export interface LinkBodies {
  hello: messages.Hello
  refused: messages.Refused
  neighbours: messages.Neighbours
  digestAsk: messages.Digest
  digestAnswer: messages.Digest
  pullRequest: messages.PullRequest
  pullBuckets: messages.PullBuckets
  pullOpen: messages.PullOpen
  chunk: messages.Chunk
  credit: messages.Credit
  pullEnd: messages.PullEnd
  sessionEnd: messages.SessionEnd
  rangesAsk: messages.Ranges
  rangesAnswer: messages.Ranges
  resolve: messages.Resolve
  resolved: messages.Resolved
  convergeAsk: messages.ConvergeAsk
  convergeAnswer: messages.ConvergeAnswer
  coverAsk: messages.CoverAsk
  coverAnswer: messages.CoverAnswer
  tourAsk: messages.TourAsk
  tourSpread: messages.TourSpread
  tourReport: messages.TourReport
}

export type LinkType = keyof LinkBodies
export type LinkMessage = { [T in LinkType]: { type: T; body: LinkBodies[T] } }[LinkType]

/** Entries of any repeated field of a message; the largest real ones are a few thousand. */
const ENTRIES_MAX = 65_536

const CODECS: { [T in LinkType]: { byte: number; codec: Codec<LinkBodies[T]> } } = {
  hello: { byte: 1, codec: messages.Hello.codec() },
  refused: { byte: 2, codec: messages.Refused.codec() },
  digestAsk: { byte: 3, codec: messages.Digest.codec() },
  digestAnswer: { byte: 4, codec: messages.Digest.codec() },
  pullRequest: { byte: 5, codec: messages.PullRequest.codec() },
  pullBuckets: { byte: 6, codec: messages.PullBuckets.codec() },
  pullOpen: { byte: 7, codec: messages.PullOpen.codec() },
  chunk: { byte: 8, codec: messages.Chunk.codec() },
  credit: { byte: 9, codec: messages.Credit.codec() },
  pullEnd: { byte: 10, codec: messages.PullEnd.codec() },
  sessionEnd: { byte: 11, codec: messages.SessionEnd.codec() },
  rangesAsk: { byte: 12, codec: messages.Ranges.codec() },
  rangesAnswer: { byte: 13, codec: messages.Ranges.codec() },
  resolve: { byte: 14, codec: messages.Resolve.codec() },
  resolved: { byte: 15, codec: messages.Resolved.codec() },
  neighbours: { byte: 16, codec: messages.Neighbours.codec() },
  convergeAsk: { byte: 17, codec: messages.ConvergeAsk.codec() },
  convergeAnswer: { byte: 18, codec: messages.ConvergeAnswer.codec() },
  coverAsk: { byte: 19, codec: messages.CoverAsk.codec() },
  coverAnswer: { byte: 20, codec: messages.CoverAnswer.codec() },
  tourAsk: { byte: 21, codec: messages.TourAsk.codec() },
  tourSpread: { byte: 22, codec: messages.TourSpread.codec() },
  tourReport: { byte: 23, codec: messages.TourReport.codec() },
}

const TYPE_OF_BYTE = new Map(
  (Object.keys(CODECS) as LinkType[]).map((type) => [CODECS[type].byte, type]),
)

const LIMITS: object = {
  actors: ENTRIES_MAX,
  context: ENTRIES_MAX,
  items: ENTRIES_MAX,
  keys: ENTRIES_MAX,
  ranges: ENTRIES_MAX,
  members: ENTRIES_MAX,
  laggards: ENTRIES_MAX,
  keys$: { items: ENTRIES_MAX },
}

export function encodeLink<T extends LinkType>(type: T, body: LinkBodies[T]): Uint8Array {
  const { byte, codec } = CODECS[type]
  const w = writer()
  w.uint32(byte)
  codec.encode(body, w, { lengthDelimited: false })
  return w.finish()
}

export function decodeLink(bytes: Uint8Array): LinkMessage | 'unknown' | 'malformed' {
  try {
    const r = reader(bytes)
    const type = TYPE_OF_BYTE.get(r.uint32())
    if (type === undefined) return 'unknown'
    const body = (CODECS[type].codec as Codec<unknown>).decode(r, undefined, { limits: LIMITS })
    return { type, body } as LinkMessage
  } catch {
    return 'malformed'
  }
}

type AskerMessage = Extract<LinkMessage, { body: { session: number } }>

/** Answers of repair. */
const FOR_ASKER: ReadonlySet<LinkType> = new Set<LinkType>([
  'digestAnswer',
  'pullBuckets',
  'pullOpen',
  'chunk',
  'pullEnd',
  'rangesAnswer',
  'resolved',
])

/** Whether it is for the side that began the session. */
export function isForAsker(message: LinkMessage): message is AskerMessage {
  if (message.type === 'sessionEnd') return !message.body.fromAsker
  return FOR_ASKER.has(message.type)
}
