/** The hash of everything that happened in a simulation: equal for equal runs. */
import { createHash } from 'node:crypto'

const BUFFER_BYTES = 16 * 1024

export class EventHash {
  readonly #hash = createHash('sha256')
  readonly #buffer = Buffer.alloc(BUFFER_BYTES)
  #used = 0

  numbers(...numbers: readonly number[]): void {
    if (this.#used + 8 * numbers.length > BUFFER_BYTES) this.#flush()
    for (const number of numbers) this.#used = this.#buffer.writeDoubleLE(number, this.#used)
  }

  bytes(bytes: Uint8Array): void {
    if (this.#used + bytes.length > BUFFER_BYTES) this.#flush()
    if (bytes.length > BUFFER_BYTES) {
      this.#hash.update(bytes)
      return
    }
    this.#buffer.set(bytes, this.#used)
    this.#used += bytes.length
  }

  /** Of all so far. */
  hex(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#used))
    this.#used = 0
  }
}
