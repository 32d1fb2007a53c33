/**
 * Room for the many small arrays of one message. Each is a view of a buffer that they share, which takes half of what an array
 * with a buffer of its own does; so all of them stay as long as one of them does.
 */
const BUFFER_BYTES = 2048

export class Arena {
  #buffer = new ArrayBuffer(0)
  #used = 0

  /** `length` bytes, zero at first. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (this.#used + length > this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(Math.max(length, BUFFER_BYTES))
      this.#used = 0
    }
    const bytes = new Uint8Array(this.#buffer, this.#used, length)
    this.#used += length
    return bytes
  }
}
