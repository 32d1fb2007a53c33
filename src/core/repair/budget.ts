import type { CoreSettings } from '../settings.ts'

/** Of the time in which a session must show progress: for so long at most a message keeps the next one waiting. */
const DEBT_PART = 1 / 3

/**
 * A budget of bytes per second with at most one second saved up. May be overdrawn by one message. Debt beyond `DEBT_PART` is
 * forgiven: who waits for the next message takes a long silence for the end of the session, and an item that takes longer to
 * send, and that the asker cannot take, would keep what is behind it from ever arriving (R16).
 */
export class Budget {
  readonly #perSecond: number
  readonly #debtMax: number
  #bytes: number
  #at: number

  constructor({ bytesPerSecond, sessionTimeout }: CoreSettings['repair'], mono: number) {
    this.#perSecond = bytesPerSecond
    this.#debtMax = ((sessionTimeout * DEBT_PART) / 1000) * bytesPerSecond
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
    this.#bytes = Math.max(this.#bytes - bytes, -this.#debtMax)
  }

  /** Monotonic time at which there is something to spend, or was when last asked. */
  readyAt(): number {
    if (this.#bytes > 0) return this.#at
    return this.#at + Math.ceil((-this.#bytes / this.#perSecond) * 1000) + 1
  }
}
