/** A simulated machine: its disk, its clocks, and the engine while it runs. */
import type { Engine } from '../../src/core/engine.ts'
import type { CoreEvent } from '../../src/core/events.ts'
import type { Now } from '../../src/core/settings.ts'
import type { Corruption } from './faulty-peer.ts'
import { SimDisk } from './sim-disk.ts'

export const START_WALL_MS = 1_700_000_000_000

export class SimNode {
  readonly index: number
  readonly id: string
  readonly disk = new SimDisk()
  engine: Engine | undefined
  /** Counts starts: what was scheduled for an earlier run is stale. */
  run = 0
  /** What the node's wall clock is ahead of the fleet's time, milliseconds; may be changed at any moment. */
  wallAhead = 0
  readonly monoAhead: number
  tickAt = Infinity
  /** Events that wait while the process is stopped and its clocks go on; absent while it runs. */
  stopped: CoreEvent[] | undefined
  /** What of that which this node sends is corrupted, and with which probability; absent when nothing is. */
  corrupts: { only: Corruption; chance: number } | undefined
  /** Speaks a later version: says so, and sends fields and messages that others do not know. */
  ahead = false
  /** The run whose randomness it has: a process that was put back to an earlier moment draws the same again. */
  sameRunAs: number | undefined
  /** Its memory is broken: what it thinks and says is no proof of anything. */
  broken = false
  /** Never returns. */
  gone = false
  /** A wall clock that does not run as time does: `rate` 0 is frozen, negative runs backward. */
  #odd: { rate: number; since: number; wall: number } | undefined

  constructor(index: number, monoAhead: number) {
    this.index = index
    this.id = `node${index}`
    this.monoAhead = monoAhead
  }

  get live(): Engine {
    if (this.engine === undefined) throw new TypeError(`${this.id} does not run`)
    return this.engine
  }

  /** Whether it takes events now. */
  get awake(): boolean {
    return this.engine !== undefined && this.stopped === undefined
  }

  now(time: number): Now {
    const wall =
      this.#odd === undefined
        ? START_WALL_MS + time
        : this.#odd.wall + Math.trunc((time - this.#odd.since) * this.#odd.rate)
    return { wall: wall + this.wallAhead, mono: time + this.monoAhead }
  }

  /** From now on the wall clock runs at `rate` times the pace of time. */
  clockRate(rate: number, time: number): void {
    const { wall } = this.now(time)
    if (rate === 1) {
      this.#odd = undefined
      this.wallAhead = wall - START_WALL_MS - time
    } else {
      this.#odd = { rate, since: time, wall: wall - this.wallAhead }
    }
  }

  /** The wall clock is right from now on. */
  clockRight(): void {
    this.#odd = undefined
    this.wallAhead = 0
  }
}
