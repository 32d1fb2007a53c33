/**
 * Dots that arrived a moment ago by a local write or by gossip. Peers that lack them are about to get them by gossip, so
 * a pull leaves them out: without this every digest exchange under load would send the newest writes twice.
 */
import type { ActorId } from './bytes.ts'
import type { Intervals } from './intervals.ts'
import type { Dot } from './item.ts'
import { gather } from './wire/dots.ts'
import type { DotRange } from './wire/dots.ts'

/** Forgotten beyond this, oldest first: then a pull sends a few dots twice, which is harmless. */
const RUNS_MAX = 16_384

interface Run extends DotRange {
  at: number
}

export class Young {
  readonly #forMs: number
  #runs: Run[] = []

  /** `forMs`: how long a dot is young, milliseconds. */
  constructor(forMs: number) {
    this.#forMs = forMs
  }

  add(dots: readonly Dot[], mono: number): void {
    for (const { actor, counter } of dots) {
      const last = this.#runs.at(-1)
      if (last?.actor === actor && last.to + 1 === counter && last.at === mono) last.to = counter
      else this.#runs.push({ actor, from: counter, to: counter, at: mono })
    }
    if (this.#runs.length > RUNS_MAX) this.#runs.splice(0, RUNS_MAX / 2)
  }

  at(mono: number): Map<ActorId, Intervals> {
    this.#drop(mono)
    return gather(this.#runs)
  }

  #drop(mono: number): void {
    const oldest = mono - this.#forMs
    const firstYoung = this.#runs.findIndex((run) => run.at > oldest)
    if (firstYoung === -1) this.#runs = []
    else this.#runs.splice(0, firstYoung)
  }
}
