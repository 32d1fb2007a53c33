/**
 * What waits to leave over one link: two lanes, bounded together in bytes.
 *
 * Control goes before bulk, piece by piece. Bulk may fill the queue only up to a reserve that is kept for control, so
 * that a large pull in progress never makes the small messages which steer it fall out.
 */
import type { Uint8ArrayList } from 'uint8arraylist'
import { encodeFrame, PIECE_BYTES } from './frames.ts'
import { SEND_QUEUE_BYTES_MAX } from './transport.ts'
import type { Lane } from './transport.ts'

/** Kept for control, bytes: more than any burst of small messages; two of the largest bulk messages still fit beside it. */
const CONTROL_RESERVE_BYTES = 4 * 1024 * 1024
/** What a waiting message costs beyond its bytes; bounds the number of tiny ones. */
const OVERHEAD_BYTES = 128

export interface NextFrame {
  frame: Uint8ArrayList
  /** Payload bytes in this frame. */
  size: number
  /** Whether its message is complete with it. */
  last: boolean
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

  /** The next frame to leave. A message counts against the bound until its last piece is taken. */
  next(): NextFrame | undefined {
    const lane: Lane = this.#lanes.control.length > 0 ? 'control' : 'bulk'
    const fifo = this.#lanes[lane]
    const message = fifo.first
    if (message === undefined) return undefined
    const end = Math.min(fifo.offset + PIECE_BYTES, message.byteLength)
    const last = end === message.byteLength
    const piece = message.subarray(fifo.offset, end)
    if (last) {
      fifo.shift()
      this.#bytes -= message.byteLength + OVERHEAD_BYTES
    } else {
      fifo.offset = end
    }
    return { frame: encodeFrame(lane, last, piece), size: piece.byteLength, last }
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
