/** One streaming write request; `routes/write.ts` says what it promises. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Daemon, Written } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { overloaded, type InputBudget } from './context.ts'
import { errorBody, failureLine } from './http-errors.ts'
import { mutationOfJson } from './json.ts'
import {
  CHUNK_BYTES,
  LINE_BYTES_MAX,
  WRITE_BYTES_IN_FLIGHT_MAX,
  WRITE_LINES_IN_FLIGHT_MAX,
} from './limits.ts'
import { LineSplitter, type Line } from './lines.ts'

/** A line between its write and its answer; they form a list in the order of the lines. */
interface Slot {
  number: number
  bytes: number
  answer: string | undefined
  next: Slot | undefined
}

interface Parts {
  daemon: Daemon
  input: InputBudget
  signal: AbortSignal
  request: IncomingMessage
  response: ServerResponse
}

export class WriteSession {
  readonly #parts: Parts
  readonly #splitter = new LineSplitter(LINE_BYTES_MAX)
  /** Lines that were read and wait for room in flight. */
  #waiting: Line[] = []
  #waitingFrom = 0
  #oldest: Slot | undefined
  #newest: Slot | undefined
  #linesInFlight = 0
  #bytesInFlight = 0
  /** Of the input budget, for the unfinished line. */
  #held = 0
  #answers = ''
  #flushScheduled = false
  /** The reader of the answers is behind. */
  #blocked = false
  #inputEnded = false
  #finished = false

  constructor(parts: Parts) {
    this.#parts = parts
  }

  start(): void {
    const { request, response, signal } = this.#parts
    request.on('data', (chunk: Buffer) => this.#read(chunk))
    request.once('end', () => {
      this.#inputEnded = true
      this.#waiting.push(...this.#splitter.end())
      this.#pump()
    })
    // An aborted request ends without an end; its response closes as well, and that is where it is noticed.
    request.on('error', () => {})
    response.on('drain', () => {
      this.#blocked = false
      this.#pump()
    })
    signal.addEventListener('abort', () => this.#stopReading())
    if (signal.aborted) this.#stopReading()
  }

  #read(chunk: Buffer): void {
    const lines = this.#splitter.push(chunk)
    // Pushed one by one: a spread of very many lines would overflow the stack.
    for (const line of lines) this.#waiting.push(line)
    this.#holdUnfinished()
    this.#pump()
  }

  /** Small unfinished lines are a part of what a connection costs; large ones must find room. */
  #holdUnfinished(): void {
    const carried = this.#splitter.carriedBytes
    const want = carried > CHUNK_BYTES ? carried : 0
    if (want === this.#held) return
    if (this.#parts.input.hold(want - this.#held)) {
      this.#held = want
      return
    }
    this.#splitter.drop()
    this.#releaseHeld()
  }

  #releaseHeld(): void {
    this.#parts.input.hold(-this.#held)
    this.#held = 0
  }

  /** Starts what there is room for, and reads on only when nothing waits. */
  #pump(): void {
    while (this.#waitingFrom < this.#waiting.length && this.#hasRoom()) {
      const line = this.#waiting[this.#waitingFrom++]
      if (line !== undefined) this.#begin(line)
    }
    if (this.#waitingFrom < this.#waiting.length) {
      this.#parts.request.pause()
      return
    }
    this.#waiting = []
    this.#waitingFrom = 0
    this.#parts.request.resume()
    if (this.#inputEnded && this.#oldest === undefined) this.#finish()
  }

  #hasRoom(): boolean {
    return (
      !this.#blocked &&
      this.#linesInFlight < WRITE_LINES_IN_FLIGHT_MAX &&
      this.#bytesInFlight < WRITE_BYTES_IN_FLIGHT_MAX
    )
  }

  #begin(line: Line): void {
    if (line.fault === undefined && (line.text === '' || line.text === '\r')) return
    const slot = this.#enqueue(line)
    if (line.fault !== undefined) return this.#fail(slot, faultOf(line.fault))
    try {
      this.#parts.daemon.write([mutationOfJson(line.text)]).then(
        ([written]) => this.#settle(slot, answerJson(slot.number, written)),
        (error: unknown) => this.#fail(slot, error),
      )
    } catch (error) {
      this.#fail(slot, error)
    }
  }

  #enqueue(line: Line): Slot {
    const slot = {
      number: line.number,
      bytes: line.text.length,
      answer: undefined,
      next: undefined,
    }
    if (this.#newest === undefined) this.#oldest = slot
    else this.#newest.next = slot
    this.#newest = slot
    this.#linesInFlight += 1
    this.#bytesInFlight += slot.bytes
    return slot
  }

  #fail(slot: Slot, error: unknown): void {
    this.#settle(slot, JSON.stringify({ line: slot.number, error: errorBody(error) }))
  }

  #settle(slot: Slot, answer: string): void {
    slot.answer = answer
    while (this.#oldest?.answer !== undefined) {
      this.#answers += `${this.#oldest.answer}\n`
      this.#linesInFlight -= 1
      this.#bytesInFlight -= this.#oldest.bytes
      this.#oldest = this.#oldest.next
    }
    if (this.#oldest === undefined) this.#newest = undefined
    // A commit settles many lines, and their answers leave together: when all of them are known, and before anything else.
    if (this.#flushScheduled) return
    this.#flushScheduled = true
    process.nextTick(() => this.#flush())
  }

  #flush(): void {
    this.#flushScheduled = false
    const answers = this.#answers
    this.#answers = ''
    if (this.#finished) return
    if (answers !== '') this.#blocked = !this.#parts.response.write(answers)
    this.#pump()
  }

  /** The caller is gone, or the daemon stops: nothing new is begun, what is under way is answered. */
  #stopReading(): void {
    const { request, response } = this.#parts
    request.removeAllListeners('data')
    // What still comes is read and forgotten, or a sender in the middle of its body would never see the answer's end.
    request.resume()
    this.#waiting = []
    this.#waitingFrom = 0
    this.#inputEnded = true
    this.#releaseHeld()
    if (response.destroyed) this.#finished = true
    else if (this.#oldest === undefined) this.#finish()
  }

  #finish(): void {
    if (this.#finished) return
    this.#finished = true
    const { response, signal } = this.#parts
    this.#releaseHeld()
    response.end(signal.aborted ? this.#answers + failureLine(signal.reason) : this.#answers)
  }
}

function answerJson(line: number, written: Written | undefined): string {
  if (written === undefined) throw new TypeError('a write of one mutation gives one answer')
  const { dot, token, superseded } = written
  const named = dot === undefined ? '' : `"dot":{"actor":"${dot.actor}","counter":${dot.counter}},`
  return `{"line":${line},"written":{${named}"token":${JSON.stringify(token)},"superseded":${superseded}}}`
}

function faultOf(fault: NonNullable<Line['fault']>): HearsayError {
  if (fault === 'dropped') return overloaded('too many large values are arriving at once')
  if (fault === 'too-long') {
    return new HearsayError('VALUE_TOO_LARGE', `the line is longer than ${LINE_BYTES_MAX} bytes`)
  }
  return new HearsayError(
    'BAD_REQUEST',
    'the line is not UTF-8; bytes that are no text go into keyBase64 and valueBase64',
  )
}
