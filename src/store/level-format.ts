/** What LevelDB's files have in common (doc/table_format.md, doc/log_format.md; util/coding.h, util/crc32c.h). */
import { decode, encodingLength } from 'uint8-varint'

/** So that the checksum of bytes that contain checksums is no worse than another. */
export function masked(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}

export class Cursor {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** Throws where the bytes end before it does. */
  varint(): number {
    const value = decode(this.#bytes, this.#at)
    this.#at += encodingLength(value)
    return value
  }

  skip(bytes: number): Buffer {
    const from = this.#at
    this.#at += bytes
    return this.#bytes.subarray(from, this.#at)
  }
}
