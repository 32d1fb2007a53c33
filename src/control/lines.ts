/**
 * Splits a stream of bytes into lines, for newline-delimited JSON in both directions.
 *
 * Lines end with a line feed; the last one may lack it. Numbers count from 1 and count blank lines too, as editors do.
 * A line that is too long is passed over to its end without being held, and a line that is not UTF-8 is not repaired
 * with replacement characters: both come out as faults, in their place, as does one that its reader dropped.
 */
import { isAscii, isUtf8 } from 'node:buffer'

export type LineFault = 'too-long' | 'not-utf8' | 'dropped'

export interface Line {
  number: number
  text: string
  fault?: LineFault
}

const LINE_FEED = 10

export class LineSplitter {
  readonly #lineBytesMax: number
  #carried: Buffer[] = []
  #carriedBytes = 0
  #skipping: LineFault | undefined
  #number = 0

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** Bytes of the unfinished line. */
  get carriedBytes(): number {
    return this.#carriedBytes
  }

  push(chunk: Buffer): Line[] {
    const lines: Line[] = []
    const first = chunk.indexOf(LINE_FEED)
    if (first === -1) {
      this.#carry(chunk)
      return lines
    }
    this.#carry(chunk.subarray(0, first))
    this.#finishCarried(lines)
    const last = chunk.lastIndexOf(LINE_FEED)
    if (last > first) this.#split(chunk.subarray(first + 1, last), lines)
    this.#carry(chunk.subarray(last + 1))
    return lines
  }

  /** The unfinished line, when the stream has ended. */
  end(): Line[] {
    const lines: Line[] = []
    if (this.#carriedBytes > 0 || this.#skipping !== undefined) this.#finishCarried(lines)
    return lines
  }

  /** Drops the unfinished line and what is still to come of it, for want of memory. */
  drop(): void {
    this.#skip('dropped')
  }

  #skip(fault: LineFault): void {
    this.#skipping = fault
    this.#carried = []
    this.#carriedBytes = 0
  }

  #carry(part: Buffer): void {
    if (this.#skipping !== undefined || part.length === 0) return
    if (this.#carriedBytes + part.length > this.#lineBytesMax) return this.#skip('too-long')
    this.#carried.push(part)
    this.#carriedBytes += part.length
  }

  #finishCarried(lines: Line[]): void {
    const [only] = this.#carried
    const bytes = this.#carried.length === 1 && only ? only : Buffer.concat(this.#carried)
    if (this.#skipping !== undefined) {
      lines.push({ number: ++this.#number, text: '', fault: this.#skipping })
    } else this.#split(bytes, lines)
    this.#carried = []
    this.#carriedBytes = 0
    this.#skipping = undefined
  }

  /** Whole lines without the final line feed. */
  #split(bytes: Buffer, lines: Line[]): void {
    if (isUtf8(bytes)) {
      for (const text of textOf(bytes).split('\n')) this.#emit(text, bytes.length, lines)
      return
    }
    let start = 0
    while (start <= bytes.length) {
      const found = bytes.indexOf(LINE_FEED, start)
      const line = bytes.subarray(start, found === -1 ? bytes.length : found)
      if (isUtf8(line)) this.#emit(textOf(line), line.length, lines)
      else lines.push({ number: ++this.#number, text: '', fault: 'not-utf8' })
      start += line.length + 1
    }
  }

  /** `bytesAtMost` saves measuring lines that cannot be too long. */
  #emit(text: string, bytesAtMost: number, lines: Line[]): void {
    const number = ++this.#number
    if (bytesAtMost > this.#lineBytesMax && Buffer.byteLength(text) > this.#lineBytesMax) {
      lines.push({ number, text: '', fault: 'too-long' })
    } else lines.push({ number, text })
  }
}

/** What is ASCII throughout, as base64 is, is copied as it stands: a large value is decoded 16 times as fast. */
function textOf(utf8: Buffer): string {
  return utf8.toString(isAscii(utf8) ? 'latin1' : 'utf8')
}
