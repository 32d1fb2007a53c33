/** Writers: one for each daemon, at a stated pace, through the ledger. */
import { setTimeout as pause } from 'node:timers/promises'
import type { TestDaemon } from '../support/daemons.ts'
import type { Ledger } from '../support/ledger.ts'
import type { Seeded } from '../support/seeded.ts'

/** Keys of its own that each writer writes again and again, and keys that all of them write. */
const OWN_KEYS = 30
const SHARED_KEYS = 20
/** Too large for a broadcast: announced, and pulled. */
const LARGE_BYTES = 40_000
const PACE_JITTER = 0.5
/** Until a daemon that does not answer is tried again. */
const AWAY_MS = 200

export class Load {
  readonly #ledger: Ledger
  readonly #random: Seeded
  readonly #writers = new Map<TestDaemon, { stop: AbortController; done: Promise<void> }>()

  constructor(ledger: Ledger, random: Seeded) {
    this.#ledger = ledger
    this.#random = random
  }

  /** From now on this daemon is written to, also over its restarts. */
  start(daemon: TestDaemon, everyMs: number): void {
    const stop = new AbortController()
    this.#writers.set(daemon, { stop, done: this.#write(daemon, everyMs, stop.signal) })
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

  async #write(daemon: TestDaemon, everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const answered = await this.#one(daemon)
      const jitter = 1 + PACE_JITTER * (2 * this.#random.float() - 1)
      await pause(answered ? everyMs * jitter : AWAY_MS)
    }
  }

  #one({ client, name }: TestDaemon): Promise<boolean> {
    const random = this.#random
    const own = `${name}-${random.int(1, OWN_KEYS)}`
    const key = random.chance(0.3) ? `shared-${random.int(1, SHARED_KEYS)}` : own
    const op = random.chance(0.25) ? 'delete' : 'put'
    return this.#ledger.replace(client, key, op, random.chance(0.02) ? LARGE_BYTES : 0)
  }
}
