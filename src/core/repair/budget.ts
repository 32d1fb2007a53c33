/** A budget of bytes per second with at most one second saved up. May be overdrawn by one message. */
export class Budget {
  readonly #perSecond: number
  #bytes: number
  #at: number

  constructor(bytesPerSecond: number, mono: number) {
    this.#perSecond = bytesPerSecond
    this.#bytes = bytesPerSecond
    this.#at = mono
  }

  has(mono: number): boolean {
    const gained = ((mono - this.#at) / 1000) * this.#perSecond
    this.#bytes = Math.min(this.#bytes + gained, this.#perSecond)
    this.#at = mono
    return this.#bytes > 0
  }

  spend(bytes: number): void {
    this.#bytes -= bytes
  }

  /** Monotonic time at which there is something to spend again; infinite while there is. */
  refilledAt(): number {
    if (this.#bytes > 0) return Infinity
    return this.#at + Math.ceil((-this.#bytes / this.#perSecond) * 1000) + 1
  }
}
