/**
 * Who of those that pull from this replica is sent the next chunk: whoever was served the longest ago. With the first one that
 * asks, one peer that asks again and again would have the whole budget, and those behind it nothing, ever (R16).
 *
 * A call sends one chunk. A pull has its first one at once, the others come in ticks of the engine, not when the asker grants room:
 * it grants room for many chunks together, whenever it has committed a batch, and whoever reads or writes here would wait until
 * all of them are built and sealed.
 */
import type { Answerer } from './answerer.ts'
import type { Budget } from './budget.ts'

/**
 * Pulls that begin while the budget is overdrawn. A chunk keeps the next one waiting for at most a third of the silence that ends
 * a session (`budget.ts`): of more in turn each would be given up before its second chunk, and what is behind an item that
 * cannot be taken would never arrive (R16).
 */
const OVERDRAWN_PULLS_MAX = 2

export class Turns {
  readonly #budget: Budget
  readonly #sessionsMax: number
  readonly #answerers: () => Iterable<Answerer>
  #served = 0

  constructor(budget: Budget, sessionsMax: number, answerers: () => Iterable<Answerer>) {
    this.#budget = budget
    this.#sessionsMax = sessionsMax
    this.#answerers = answerers
  }

  /** Whether there is room for another pull. */
  mayBegin(mono: number): boolean {
    let pulls = 0
    for (const answerer of this.#answerers()) if (answerer.pulling) pulls++
    return pulls < this.#sessionsMax && (pulls < OVERDRAWN_PULLS_MAX || this.#budget.has(mono))
  }

  /** Sends the next chunk, if somebody waits for one and the budget has something left. */
  serve(mono: number): void {
    const next = this.#budget.has(mono) ? this.#next() : undefined
    if (next === undefined) return
    next.servedAs = ++this.#served
    this.#budget.spend(next.sendChunk())
  }

  /** Monotonic time at which somebody can be served; infinite while nobody waits. */
  dueAt(): number {
    return this.#next() === undefined ? Infinity : this.#budget.readyAt()
  }

  #next(): Answerer | undefined {
    let next: Answerer | undefined
    for (const answerer of this.#answerers()) {
      if (answerer.waits && (next === undefined || answerer.servedAs < next.servedAs))
        next = answerer
    }
    return next
  }
}
