/** Writers that go on through kills: each writes so much after each kill, as soon as its daemon answers. */
import { setTimeout as wait } from 'node:timers/promises'
import type { TestDaemon } from '../support/daemons.ts'
import type { Ledger } from '../support/ledger.ts'
import type { Seeded } from '../support/seeded.ts'

/** A writer that waits for each answer: of keys of its own and of keys that all read, replace and delete. */
const MIXED_WRITES = 80
const STREAMED_WRITES = 250
/** Blocks of the store's log have 32 KiB. */
const VALUE_BYTES = [0, 0, 300, 40_000] as const
/** Together more than the 16 MiB behind which the store begins another log. */
const MANY_BYTES = 60_000
const MANY_WRITES = 300
const MANY_CHANCE = 0.02
const RETRY_MS = 20

export class Load {
  readonly #ledger: Ledger
  readonly #random: Seeded
  readonly #writers: Promise<void>[]
  #round = 0
  #stopped = false
  static #made = 0

  constructor(ledger: Ledger, random: Seeded, daemons: readonly TestDaemon[]) {
    this.#ledger = ledger
    this.#random = random
    this.#writers = daemons.flatMap((one) => [
      this.#again(MIXED_WRITES, (more, id) => ledger.mixed(one.client, `m${id}`, more)),
      this.#streams(one),
    ])
  }

  /** After a kill: there is something to write again. */
  refill(): void {
    this.#round++
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all(this.#writers)
  }

  #streams({ client }: TestDaemon): Promise<void> {
    const isHeavy = this.#random.chance(MANY_CHANCE)
    const bytes = isHeavy ? MANY_BYTES : this.#random.pick(VALUE_BYTES)
    const writes = isHeavy ? MANY_WRITES : STREAMED_WRITES
    return this.#again(writes, (more, id) => this.#ledger.stream(client, `s${id}-`, more, bytes))
  }

  /** Writes anew when its daemon answers again, as much as is left of this round. */
  async #again(
    writes: number,
    write: (more: () => boolean, id: number) => Promise<void>,
  ): Promise<void> {
    let round = this.#round
    let left = writes
    const more = (): boolean => {
      if (round !== this.#round) {
        round = this.#round
        left = writes
      }
      return !this.#stopped && left-- > 0
    }
    while (!this.#stopped) {
      await write(more, Load.#made++)
      await wait(RETRY_MS)
    }
  }
}
