/**
 * The framing of a link: how messages travel on one byte stream.
 *
 * A message is cut into pieces; each piece is one frame, length-prefixed by a varint:
 *
 *     varint length of what follows | header, 1 byte | piece
 *
 * Header: bit 0 is the lane (0 control, 1 bulk), bit 1 marks the last piece of a message, all other bits are zero. Every
 * piece but the last is exactly PIECE_BYTES long, and the last piece is empty only if the whole message is. So each
 * message has one encoding, and a receiver holds at most one unfinished message per lane, of at most MESSAGE_BYTES_MAX.
 * Frames of the two lanes interleave freely: that is how a control message overtakes a bulk one.
 *
 * A frame that breaks these rules is a PROTOCOL_VIOLATION. The stream cannot be resynchronised after it, so it ends the
 * link.
 */
import { decode, encode } from 'it-length-prefixed'
import { Uint8ArrayList } from 'uint8arraylist'
import { HearsayError } from '../errors.ts'
import { MESSAGE_BYTES_MAX } from './transport.ts'
import type { Lane } from './transport.ts'

/**
 * Largest frame without its length prefix, bytes. Small enough that a control message waits for a few milliseconds at
 * most behind a frame that has left already; large enough that the header and the cipher's tags cost nothing.
 */
export const FRAME_BYTES_MAX = 64 * 1024
const HEADER_BYTES = 1
export const PIECE_BYTES = FRAME_BYTES_MAX - HEADER_BYTES
/** Longest varint that a length up to FRAME_BYTES_MAX needs, bytes. */
const PREFIX_BYTES_MAX = 3

const BULK_BIT = 1
const LAST_BIT = 2

type Bytes = Uint8Array | Uint8ArrayList

export interface Message {
  lane: Lane
  bytes: Uint8Array
}

/** One frame with its length prefix. The piece is referenced, not copied. */
export function encodeFrame(lane: Lane, last: boolean, piece: Uint8Array): Uint8ArrayList {
  const header = (lane === 'bulk' ? BULK_BIT : 0) | (last ? LAST_BIT : 0)
  const frame = new Uint8ArrayList(Uint8Array.of(header), piece)
  return encode.single(frame, { maxDataLength: FRAME_BYTES_MAX })
}

const DECODE_LIMITS = { maxDataLength: FRAME_BYTES_MAX, maxLengthLength: PREFIX_BYTES_MAX }

/** Splits bytes at the length prefixes. Throws what `it-length-prefixed` throws on a bad prefix or a cut end. */
export function splitFrames(source: AsyncIterable<Bytes>): AsyncIterable<Uint8ArrayList>
export function splitFrames(source: Iterable<Bytes>): Iterable<Uint8ArrayList>
export function splitFrames(
  source: AsyncIterable<Bytes> | Iterable<Bytes>,
): AsyncIterable<Uint8ArrayList> | Iterable<Uint8ArrayList> {
  return decode(source, DECODE_LIMITS)
}

/** Puts the pieces of one direction of a link together again. */
export class FrameAssembler {
  readonly #unfinished: Record<Lane, { pieces: Uint8Array[]; size: number }> = {
    control: { pieces: [], size: 0 },
    bulk: { pieces: [], size: 0 },
  }

  /** Takes one frame; returns the message that it completes. The message shares no memory with the frame. */
  push(frame: Bytes): Message | undefined {
    if (frame.byteLength < HEADER_BYTES) throw violation('an empty frame')
    const bytes = frame.subarray()
    const header = bytes[0] ?? 0
    if ((header & ~(BULK_BIT | LAST_BIT)) !== 0) throw violation(`unknown frame header ${header}`)
    const lane: Lane = (header & BULK_BIT) === 0 ? 'control' : 'bulk'
    const piece = bytes.subarray(HEADER_BYTES)
    const unfinished = this.#unfinished[lane]
    if ((header & LAST_BIT) === 0) {
      if (piece.byteLength !== PIECE_BYTES) {
        throw violation(`a piece of ${piece.byteLength} bytes that is not its message's last`)
      }
    } else if (piece.byteLength === 0 && unfinished.size > 0) {
      throw violation('an empty last piece')
    }
    if (unfinished.size + piece.byteLength > MESSAGE_BYTES_MAX) {
      throw violation(`a message of more than ${MESSAGE_BYTES_MAX} bytes`)
    }
    unfinished.pieces.push(piece)
    unfinished.size += piece.byteLength
    return (header & LAST_BIT) === 0 ? undefined : this.#finish(lane)
  }

  #finish(lane: Lane): Message {
    const { pieces, size } = this.#unfinished[lane]
    const bytes = new Uint8Array(size)
    let offset = 0
    for (const piece of pieces) {
      bytes.set(piece, offset)
      offset += piece.byteLength
    }
    this.#unfinished[lane] = { pieces: [], size: 0 }
    return { lane, bytes }
  }
}

function violation(what: string): HearsayError {
  return new HearsayError('PROTOCOL_VIOLATION', `the peer sent ${what}`)
}
