/**
 * One link: two streams of one connection, ours for what we send and the peer's for what it sends.
 *
 * A link is `opening` until both streams are open, then `up`, then `down` for ever. Whatever happens to either stream, or
 * a send on which the peer makes no progress, or a frame that breaks the rules, ends both; a new link is a new object.
 */
import { pipe } from 'it-pipe'
import type { Connection, Stream } from '@libp2p/interface'
import { HearsayError } from '../errors.ts'
import { FRAME_BYTES_MAX, FrameAssembler, splitFrames } from './frames.ts'
import { patientSignal, patientTimeout } from './patience.ts'
import { SendQueue } from './send-queue.ts'
import { read, send } from './streams.ts'
import type { Lane, TransportCounters } from './transport.ts'

export const LINK_PROTOCOL = '/hearsay/1'

/** Streams of LINK_PROTOCOL per connection and direction: one in use, and some that are just being torn down. */
export const LINK_STREAMS_MAX = 4

export interface LinkTuning {
  /** How long opening both streams may take. */
  linkSetupMs: number
  /** How long a peer may take nothing while we have something to send. */
  sendStallMs: number
}

export interface LinkEvents {
  up(): void
  message(bytes: Uint8Array): void
  /** Last call. `violation` says that the peer broke the framing. */
  down(reason: string, violation: boolean): void
}

type LinkState = 'opening' | 'up' | 'down'

export class Link {
  readonly connection: Connection
  readonly #tuning: LinkTuning
  readonly #events: LinkEvents
  readonly #counters: TransportCounters
  readonly #queue = new SendQueue()
  readonly #cancelSetup: () => void
  #state: LinkState = 'opening'
  #outbound: Stream | undefined
  #inbound: Stream | undefined
  #received: ReturnType<typeof read> | undefined
  #writing = false
  #upAt = 0
  #heardAt = -Infinity

  constructor(
    connection: Connection,
    tuning: LinkTuning,
    counters: TransportCounters,
    events: LinkEvents,
  ) {
    this.connection = connection
    this.#tuning = tuning
    this.#counters = counters
    this.#events = events
    this.#cancelSetup = patientTimeout(tuning.linkSetupMs, () =>
      this.end('the peer did not open its side of the link'),
    )
  }

  get state(): LinkState {
    return this.#state
  }

  /** Wall clock of the moment in which it came up. */
  get upAt(): number {
    return this.#upAt
  }

  /** Monotonic time at which anything came last. */
  get heardAt(): number {
    return this.#heardAt
  }

  get hasInbound(): boolean {
    return this.#inbound !== undefined
  }

  /** Opens our stream. */
  open(): void {
    this.#openOutbound().catch((error: unknown) => this.end(reasonOf(error)))
  }

  async #openOutbound(): Promise<void> {
    const { signal, clear } = patientSignal(this.#tuning.linkSetupMs)
    const stream = await this.connection.newStream(LINK_PROTOCOL, { signal }).finally(clear)
    if (this.#state === 'down') {
      stream.abort(new Error('the link is down'))
      return
    }
    this.#outbound = stream
    this.#endWith(stream)
    this.#upIfOpen()
  }

  /** Takes the stream that the peer opened. Must be called from the stream's handler before its first `await`. */
  accept(stream: Stream): void {
    this.#inbound = stream
    this.#received = read(stream)
    this.#endWith(stream)
    this.#upIfOpen()
  }

  #endWith(stream: Stream): void {
    stream.addEventListener('close', (event) => {
      // A stream that was closed without an error may still hold what was read before: its reader tells when it ends.
      if (stream === this.#inbound && event.error === undefined) return
      this.end(event.error === undefined ? 'the peer closed the link' : reasonOf(event.error))
    })
  }

  #upIfOpen(): void {
    if (this.#state !== 'opening') return
    if (this.#outbound === undefined || this.#received === undefined) return
    this.#cancelSetup()
    this.#state = 'up'
    this.#upAt = Date.now()
    this.#events.up()
    this.#receive(this.#received).catch((error: unknown) => {
      this.end(reasonOf(error), this.#isViolation(error))
    })
  }

  async #receive(source: ReturnType<typeof read>): Promise<void> {
    const assembler = new FrameAssembler()
    await pipe(
      source,
      (bytes) => splitFrames(bytes),
      async (frames) => {
        for await (const frame of frames) {
          this.#heardAt = performance.now()
          const message = assembler.push(frame)
          if (this.#state !== 'up') return
          if (message === undefined) continue
          this.#counters.messagesReceived++
          this.#counters.bytesReceived += message.bytes.byteLength
          this.#events.message(message.bytes)
        }
      },
    )
    this.end('the peer closed the link')
  }

  /** Queues a message; false if it does not fit or the link is not up. */
  send(lane: Lane, bytes: Uint8Array): boolean {
    if (this.#state !== 'up' || !this.#queue.push(lane, bytes)) return false
    if (!this.#writing) {
      this.#write().catch((error: unknown) => this.end(reasonOf(error)))
    }
    return true
  }

  async #write(): Promise<void> {
    const stream = this.#outbound
    if (stream === undefined) return
    this.#writing = true
    while (this.#state === 'up') {
      const chunk = this.#queue.take()
      if (chunk === undefined) break
      await send(stream, chunk.bytes, this.#tuning.sendStallMs)
      this.#counters.messagesSent += chunk.messages
      this.#counters.bytesSent += chunk.payloadBytes
    }
    this.#writing = false
  }

  /** Ends the link; later calls do nothing. */
  end(reason: string, violation = false): void {
    if (this.#state === 'down') return
    this.#cancelSetup()
    this.#state = 'down'
    this.#counters.messagesDropped += this.#queue.messages
    const error = new Error(reason)
    this.#outbound?.abort(error)
    this.#inbound?.abort(error)
    this.#events.down(reason, violation)
  }

  /** Whether an error of the receiving side is the peer's fault, rather than the connection's. */
  #isViolation(error: unknown): boolean {
    if (error instanceof HearsayError) return error.code === 'PROTOCOL_VIOLATION'
    if (!(error instanceof Error)) return false
    if (error.name === 'UnexpectedEOFError') return this.connection.status === 'open'
    return BAD_PREFIX_ERRORS.has(error.name)
  }
}

/** What it-length-prefixed throws on a length that is not a length, or is too large. */
const BAD_PREFIX_ERRORS = new Set([
  'InvalidMessageLengthError',
  'InvalidDataLengthError',
  'InvalidDataLengthLengthError',
])

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'the stream closed'
  switch (error.name) {
    case 'StreamResetError':
      return 'the peer reset the link'
    case 'UnsupportedProtocolError':
      return `the peer does not speak ${LINK_PROTOCOL}`
    case 'UnexpectedEOFError':
      return 'the peer closed the link in the middle of a frame'
    case 'InvalidMessageLengthError':
    case 'InvalidDataLengthError':
    case 'InvalidDataLengthLengthError':
      return `the peer sent a frame of more than ${FRAME_BYTES_MAX} bytes`
    default:
      return error.message
  }
}
