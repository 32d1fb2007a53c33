/**
 * What waits to leave over one link: two lanes, bounded together in bytes.
 *
 * Control goes before bulk, piece by piece. Bulk may fill the queue only up to a reserve that is kept for control, so
 * that a large pull in progress never makes the small messages which steer it fall out.
 */
import { Uint8ArrayList } from 'uint8arraylist'
import { encodeFrame, FRAME_BYTES_MAX, PIECE_BYTES } from './frames.ts'
import { SEND_QUEUE_BYTES_MAX } from './transport.ts'
import type { Lane } from './transport.ts'

/** Kept for control, bytes: more than any burst of small messages; two of the largest bulk messages still fit beside it. */
const CONTROL_RESERVE_BYTES = 4 * 1024 * 1024
/** What a waiting message costs beyond its bytes; bounds the number of tiny ones. */
const OVERHEAD_BYTES = 128

/**
 * Small frames leave together up to this size, bytes: each chunk costs a packet of the cipher and a system call. Half a
 * frame, so that a chunk never holds more than one and a half.
 */
const CHUNK_BYTES = FRAME_BYTES_MAX / 2

/** One or several frames. */
export interface Chunk {
  bytes: Uint8ArrayList
  /** Payload bytes among them. */
  payloadBytes: number
  /** Messages that are complete with it. */
  messages: number
}

export class SendQueue {
  readonly #lanes: Record<Lane, Fifo> = { control: new Fifo(), bulk: new Fifo() }
  #bytes = 0

  /** Bytes held, with overhead; never above SEND_QUEUE_BYTES_MAX. */
  get bytes(): number {
    return this.#bytes
  }

  /** Messages of which at least one piece has not been taken. */
  get messages(): number {
    return this.#lanes.control.length + this.#lanes.bulk.length
  }

  /** Takes a message, or refuses it when it does not fit. Its bytes must not change until they are sent. */
  push(lane: Lane, bytes: Uint8Array): boolean {
    const cost = bytes.byteLength + OVERHEAD_BYTES
    const room = SEND_QUEUE_BYTES_MAX - (lane === 'bulk' ? CONTROL_RESERVE_BYTES : 0)
    if (this.#bytes + cost > room) return false
    this.#bytes += cost
    this.#lanes[lane].push(bytes)
    return true
  }

  /** What leaves next. A message counts against the bound until its last piece is taken. */
  take(): Chunk | undefined {
    const chunk: Chunk = { bytes: new Uint8ArrayList(), payloadBytes: 0, messages: 0 }
    while (chunk.bytes.byteLength < CHUNK_BYTES && this.messages > 0) this.#takeFrame(chunk)
    return chunk.bytes.byteLength === 0 ? undefined : chunk
  }

  #takeFrame(chunk: Chunk): void {
    const lane: Lane = this.#lanes.control.length > 0 ? 'control' : 'bulk'
    const fifo = this.#lanes[lane]
    const message = fifo.first
    if (message === undefined) return
    const end = Math.min(fifo.offset + PIECE_BYTES, message.byteLength)
    const piece = message.subarray(fifo.offset, end)
    const last = end === message.byteLength
    chunk.bytes.append(encodeFrame(lane, last, piece))
    chunk.payloadBytes += piece.byteLength
    if (last) {
      fifo.shift()
      this.#bytes -= message.byteLength + OVERHEAD_BYTES
      chunk.messages++
    } else {
      fifo.offset = end
    }
  }
}

/** A queue whose `shift` stays cheap when it is long, unlike an array's. */
class Fifo {
  #items: Uint8Array[] = []
  #head = 0
  /** How much of the first message has left. */
  offset = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  get first(): Uint8Array | undefined {
    return this.#items[this.#head]
  }

  push(bytes: Uint8Array): void {
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head)
      this.#head = 0
    }
    this.#items.push(bytes)
  }

  shift(): void {
    this.#items[this.#head] = EMPTY
    this.#head++
    this.offset = 0
    if (this.#head === this.#items.length) {
      this.#items = []
      this.#head = 0
    }
  }
}

const EMPTY = new Uint8Array(0)
