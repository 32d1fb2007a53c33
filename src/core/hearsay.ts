/**
 * Dots that are dead here on a peer's word alone: this replica saw neither their items nor what removed them. Whoever asks it
 * whether another peer is right that they are removed must be told so, because it may be that peer's own word (R13).
 *
 * Every replica has very many: all that was dead before it joined. So they are kept coarsely, and erring to one side only: a
 * dot may be called hearsay that is not, never the other way round. An actor has a bounded number of intervals, the smallest
 * gaps between them are given up first. Of actors beyond a number the oldest are remembered by three bytes of their id, with
 * all of their dots. The price of an error is that a verdict does not count where it could.
 */
import type { ActorId } from './bytes.ts'
import * as intervals from './intervals.ts'
import type { Intervals } from './intervals.ts'

/** Of one actor: a record of at most some 600 bytes in every batch that adds to it. */
const INTERVALS_MAX = 64
/** With intervals of their own: at most some 5 MiB. */
const ACTORS_MAX = 4096
/** One bit for each value of the first 20 bits of an id, which are random. */
const BITS = 2 ** 20
const WHOLE: Intervals = [1, Number.MAX_SAFE_INTEGER]

export class Hearsay implements Iterable<[ActorId, Intervals]> {
  readonly #byActor = new Map<ActorId, Intervals>()
  #oldest: Uint32Array | undefined

  get any(): boolean {
    return this.#byActor.size > 0
  }

  has(actor: ActorId, counter: number): boolean {
    return intervals.covers(this.get(actor), counter)
  }

  get(actor: ActorId): Intervals {
    const set = this.#byActor.get(actor)
    if (set !== undefined) return set
    const bit = bitOf(actor)
    const isOld = this.#oldest !== undefined && (this.#oldest[bit >>> 5]! & (1 << (bit & 31))) !== 0
    return isOld ? WHOLE : intervals.EMPTY
  }

  /** What is known of an actor with these dots as well. */
  with(actor: ActorId, dots: Intervals): Intervals {
    return coarse(intervals.union(this.get(actor), dots))
  }

  add(actor: ActorId, dots: Intervals): void {
    const set = this.with(actor, dots)
    this.#byActor.delete(actor)
    this.#byActor.set(actor, set)
    if (this.#byActor.size <= ACTORS_MAX) return
    const [oldest] = this.#byActor.keys()
    this.#byActor.delete(oldest!)
    const bit = bitOf(oldest!)
    this.#oldest ??= new Uint32Array(BITS / 32)
    this.#oldest[bit >>> 5]! |= 1 << (bit & 31)
  }

  /** Those that have intervals of their own. */
  [Symbol.iterator](): Iterator<[ActorId, Intervals]> {
    return this.#byActor[Symbol.iterator]()
  }
}

function bitOf(actor: ActorId): number {
  const [a, b, c] = [0, 1, 2].map((at) => actor.charCodeAt(at)) as [number, number, number]
  return (a << 12) | (b << 4) | (c >>> 4)
}

/** Joins what stands closest until few enough are left. */
function coarse(set: Intervals): Intervals {
  const excess = set.length / 2 - INTERVALS_MAX
  if (excess <= 0) return set
  const gaps: number[] = []
  for (let i = 2; i < set.length; i += 2) gaps.push(set[i]! - set[i - 1]!)
  const widths = gaps.toSorted((a, b) => a - b)
  // At least `excess` gaps are as small as this.
  const given = widths[excess - 1]!
  const joined: number[] = [set[0]!]
  for (const [index, gap] of gaps.entries()) {
    if (gap > given) joined.push(set[2 * index + 1]!, set[2 * index + 2]!)
  }
  joined.push(set.at(-1)!)
  return joined
}
