/**
 * One direction of a link between two peers of a memory network.
 *
 * Bytes leave the same send queue, in the same frames, as over libp2p, and arrive in order. A cut behaves like a cut of
 * TCP: what is on its way waits, and goes on when the cut heals before either end has given the link up.
 */
import { FrameAssembler, splitFrames } from './frames.ts'
import { SendQueue } from './send-queue.ts'
import type { Lane, TransportCounters } from './transport.ts'

export interface DirectionDeps {
  /** Runs a task after some of the caller's time. */
  schedule(delayMs: number, task: () => void): void
  /** Time that a chunk of this size takes to leave, and to arrive after that. */
  transferMs(bytes: number): number
  latencyMs(): number
  /** Whether nothing passes now. */
  isCut(): boolean
  /** Whether the link breaks while this chunk is being sent. */
  breaks(): boolean
  onBreak(): void
  /** The other end has heard that the link is open. */
  onOpen(): void
  onMessage(bytes: Uint8Array): void
  onBytes(bytes: number): void
  sender: TransportCounters
  receiver: TransportCounters
}

export class Direction {
  readonly #deps: DirectionDeps
  readonly #queue = new SendQueue()
  readonly #assembler = new FrameAssembler()
  /** On the way, in order; `undefined` tells the other end that the link is open. */
  #flying: (Uint8Array | undefined)[] = []
  /** How many of those have arrived at the place of a cut. */
  #stalled = 0
  #sending = false
  #closed = false

  constructor(deps: DirectionDeps) {
    this.#deps = deps
  }

  /** Tells the other end that the link is open, ahead of all messages. */
  announce(): void {
    this.#fly(undefined)
  }

  send(lane: Lane, bytes: Uint8Array): boolean {
    if (this.#closed || !this.#queue.push(lane, bytes)) return false
    if (!this.#sending) this.#sendNext()
    return true
  }

  #sendNext(): void {
    this.#sending = false
    if (this.#closed || this.#deps.isCut()) return
    const chunk = this.#queue.take()
    if (chunk === undefined) return
    this.#sending = true
    const bytes = chunk.bytes.slice()
    this.#deps.sender.messagesSent += chunk.messages
    this.#deps.sender.bytesSent += chunk.payloadBytes
    this.#deps.onBytes(bytes.byteLength)
    this.#deps.schedule(this.#deps.transferMs(bytes.byteLength), () => {
      if (this.#closed) return
      if (this.#deps.breaks()) this.#deps.onBreak()
      else this.#fly(bytes)
      this.#sendNext()
    })
  }

  #fly(bytes: Uint8Array | undefined): void {
    this.#flying.push(bytes)
    this.#deps.schedule(this.#deps.latencyMs(), () => this.#arrive())
  }

  /** The oldest arrives, whichever's time it was: order is kept, only the gaps are drawn. */
  #arrive(): void {
    if (this.#closed) return
    if (this.#deps.isCut()) {
      this.#stalled++
      return
    }
    if (this.#flying.length === 0) return
    const bytes = this.#flying.shift()
    if (bytes === undefined) {
      this.#deps.onOpen()
      return
    }
    for (const frame of splitFrames([bytes])) {
      const message = this.#assembler.push(frame)
      if (message === undefined) continue
      if (this.#closed) return
      this.#deps.receiver.messagesReceived++
      this.#deps.receiver.bytesReceived += message.bytes.byteLength
      this.#deps.onMessage(message.bytes)
    }
  }

  /** A cut has healed. */
  resume(): void {
    const stalled = this.#stalled
    this.#stalled = 0
    for (let i = 0; i < stalled; i++) this.#deps.schedule(0, () => this.#arrive())
    if (!this.#sending) this.#sendNext()
  }

  /** Nothing leaves or arrives any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#deps.sender.messagesDropped += this.#queue.messages
    this.#flying = []
  }
}
