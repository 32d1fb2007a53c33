/**
 * Gaps: dots missing below the greatest one seen of their actor. Gossip reorders, so a gap is given a moment; then one
 * peer after another is asked, with growing pauses. A gap that every linked peer shares is lost, not late: only the disk of
 * its writer ever had it.
 */
import type { Context } from './context.ts'

const ASK_AGAIN_MAX_MS = 60_000

export class GapWatch {
  readonly #context: Context
  readonly #delay: number
  /** Monotonic time since which there are gaps, and how many there were when asking last began anew. */
  #since: number | undefined
  #count = 0
  #askAt = Infinity
  #tries = 0

  constructor(context: Context, delay: number) {
    this.#context = context
    this.#delay = delay
  }

  /** Whether a peer should be asked now. */
  due(mono: number): boolean {
    this.#look(mono)
    return mono >= this.#askAt
  }

  deadline(mono: number): number {
    this.#look(mono)
    return this.#askAt
  }

  asked(mono: number): void {
    this.#tries++
    this.#askAt = mono + Math.min(this.#delay * 2 ** this.#tries, ASK_AGAIN_MAX_MS)
  }

  /** Dots that are lost, given when each linked peer last gave all it had (monotonic; undefined for never). */
  lost(pulls: readonly (number | undefined)[]): number {
    const since = this.#since
    if (since === undefined || pulls.length === 0) return 0
    return pulls.every((at) => at !== undefined && at > since) ? this.#count : 0
  }

  #look(mono: number): void {
    const count = this.#context.gapCount
    if (count === this.#count) return
    if (count > this.#count) {
      this.#since = mono
      this.#tries = 0
      // Not put off by gaps that keep showing.
      this.#askAt = Math.min(this.#askAt, mono + this.#delay)
    }
    this.#count = count
    if (count > 0) return
    this.#since = undefined
    this.#askAt = Infinity
  }
}
