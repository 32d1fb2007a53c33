/**
 * Who of those that pull from this replica is sent the next chunk: whoever was served the longest ago. With the first one that
 * asks, one peer that asks again and again would have the whole budget, and those behind it nothing, ever (R16).
 *
 * A call sends one chunk. A pull has its first one at once, the others come in ticks of the engine, not when the asker grants room:
 * it grants room for many chunks together, whenever it has committed a batch, and whoever reads or writes here would wait until
 * all of them are built and sealed. While somebody does, the next chunk also waits for a moment: an answer takes several turns of
 * the event loop, and would else wait for a chunk at each of them. And it waits for the longer, the more keys the chunk before told
 * of: what that leaves to the compiler and to the collector keeps clients waiting as well, later, and goes by keys.
 */
import type { Answerer } from './answerer.ts'
import type { Budget } from './budget.ts'

/**
 * Pulls that begin while the budget is overdrawn. A chunk keeps the next one waiting for at most a third of the silence that ends
 * a session (`budget.ts`): of more in turn each would be given up before its second chunk, and what is behind an item that
 * cannot be taken would never arrive (R16).
 */
const OVERDRAWN_PULLS_MAX = 2

/** From one chunk to the next while clients are there, milliseconds: about as long as one chunk takes, and an answer. */
const PAUSE_MS = 3
/** Added for each key of the chunk: at most 10,000 keys a second, about a third of what a replica without clients sends. */
const PAUSE_MS_PER_KEY = 0.1
/** Clients that came so lately are taken to come again, milliseconds. */
const CLIENTS_STAY_MS = 250

export class Turns {
  readonly #budget: Budget
  readonly #sessionsMax: number
  readonly #answerers: () => Iterable<Answerer>
  #served = 0
  /** What the latest chunk asks for while clients are there. */
  #pauseMs = 0
  /** Monotonic times of the latest chunk and of the latest client. */
  #servedAt = -Infinity
  #clientAt = -Infinity

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

  /** A client of this daemon reads or writes. */
  client(mono: number): void {
    this.#clientAt = mono
  }

  /** Sends the next chunk, if somebody waits for one and the budget has something left. */
  serve(mono: number): void {
    const next = this.#budget.has(mono) ? this.#next() : undefined
    if (next === undefined) return
    next.servedAs = ++this.#served
    this.#servedAt = mono
    const { bytes, keys } = next.sendChunk()
    this.#budget.spend(bytes)
    this.#pauseMs = PAUSE_MS + keys * PAUSE_MS_PER_KEY
  }

  /** Monotonic time at which somebody can be served; infinite while nobody waits. */
  dueAt(): number {
    if (this.#next() === undefined) return Infinity
    const hasClients = this.#servedAt < this.#clientAt + CLIENTS_STAY_MS
    return Math.max(this.#budget.readyAt(), hasClients ? this.#servedAt + this.#pauseMs : -Infinity)
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
