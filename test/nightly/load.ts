/** Writers: one for each daemon, at a stated pace, through the ledger. */
import { setTimeout as pause } from 'node:timers/promises'
import type { TestDaemon } from '../support/daemons.ts'
import type { Ledger } from '../support/ledger.ts'
import type { Seeded } from '../support/seeded.ts'

/**
 * Keys of its own that each writer writes again and again, and keys that all of them write. Who comes in the place of another
 * takes over its keys: however many come and go, the keys are as many as writers at a time.
 */
const OWN_KEYS = 30
const SHARED_KEYS = 20
/** Too large for a broadcast: announced, and pulled. */
const LARGE_BYTES = 40_000
const PACE_JITTER = 0.5
/** Until a daemon that does not answer is tried again. */
const AWAY_MS = 200

interface Writer {
  /** Whose keys it writes: the lowest that nobody has. */
  slot: number
  stop: AbortController
  done: Promise<void>
}

export class Load {
  readonly #ledger: Ledger
  readonly #random: Seeded
  readonly #writers = new Map<TestDaemon, Writer>()

  constructor(ledger: Ledger, random: Seeded) {
    this.#ledger = ledger
    this.#random = random
  }

  /** From now on this daemon is written to, also over its restarts. */
  start(daemon: TestDaemon, everyMs: number): void {
    const stop = new AbortController()
    const slot = this.#freeSlot()
    const done = this.#write(daemon, slot, everyMs, stop.signal)
    this.#writers.set(daemon, { slot, stop, done })
  }

  #freeSlot(): number {
    const taken = new Set(Array.from(this.#writers.values(), ({ slot }) => slot))
    let slot = 0
    while (taken.has(slot)) slot++
    return slot
  }

  /** Resolves when its last write is answered. */
  async stop(daemon: TestDaemon): Promise<void> {
    const writer = this.#writers.get(daemon)
    this.#writers.delete(daemon)
    writer?.stop.abort()
    await writer?.done
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#writers.keys()].map((daemon) => this.stop(daemon)))
  }

  async #write(
    daemon: TestDaemon,
    slot: number,
    everyMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const answered = await this.#one(daemon, slot)
      const jitter = 1 + PACE_JITTER * (2 * this.#random.float() - 1)
      await pause(answered ? everyMs * jitter : AWAY_MS)
    }
  }

  #one({ client }: TestDaemon, slot: number): Promise<boolean> {
    const random = this.#random
    const own = `own-${slot}-${random.int(1, OWN_KEYS)}`
    const key = random.chance(0.3) ? `shared-${random.int(1, SHARED_KEYS)}` : own
    const op = random.chance(0.25) ? 'delete' : 'put'
    return this.#ledger.replace(client, key, op, random.chance(0.02) ? LARGE_BYTES : 0)
  }
}
