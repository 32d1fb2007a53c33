/**
 * What the asker of a pull told the answerer, and what it knows of the answerer in return.
 *
 * The answerer fixes its context `ctx0` and opens with its intervals of every actor in which the two differ, either way. So
 * the asker knows `ctx0` exactly as far as the pull's scope goes: what the opening does not name is as the asker told it.
 * Out of scope it knows nothing, and takes nothing for dead.
 *
 * With hundreds of actors a pull is narrowed first: the asker sends hashes of buckets of actors, hears which differ, and
 * asks for some of those.
 */
import type { ActorId } from '../bytes.ts'
import { BUCKETS, bucketOf } from '../context.ts'
import type { Context, ContextSnapshot } from '../context.ts'
import * as intervals from '../intervals.ts'
import type { Intervals } from '../intervals.ts'
import type { Dot } from '../item.ts'
import { decodeContext, encodeContext } from '../wire/dots.ts'
import type { DotRange } from '../wire/dots.ts'
import type { PullBuckets, PullOpen, PullRequest } from '../wire/messages.ts'
import { packNumbers, unpackNumbers } from '../wire/numbers.ts'
import type { RepairSizes } from './sizes.ts'

const NONE = new Uint8Array(0)

export class PullAsk {
  readonly #session: number
  readonly #fresh: boolean
  readonly #sizes: RepairSizes
  /** The asker's context as it told it. */
  readonly #told: ContextSnapshot
  #buckets: ReadonlySet<number> | undefined
  /** Buckets that the answerer called equal. */
  #equalBuckets: ReadonlySet<number> = new Set()
  #open: ReadonlyMap<ActorId, Intervals> | undefined
  /** Whether buckets that differ were left out for the sake of size. */
  moreBuckets = false

  constructor(session: number, fresh: boolean, context: Context, sizes: RepairSizes) {
    this.#session = session
    this.#fresh = fresh
    this.#sizes = sizes
    this.#told = context.snapshot()
  }

  /** Whether `ctx0` is known. */
  get opened(): boolean {
    return this.#open !== undefined
  }

  /** The whole context, or the hashes of its buckets when it is long. */
  firstRequest(context: Context): PullRequest {
    const inline = this.#told.actors <= this.#sizes.actorsInline
    return {
      session: this.#session,
      fresh: this.#fresh,
      summary: inline ? NONE : context.bucketHashes(),
      buckets: NONE,
      context: inline ? encodeContext(new Map(this.#told)) : [],
    }
  }

  /**
   * Chooses as many of the differing buckets as one pull may speak of, none of them twice in a session. The request for
   * them, `none` when all are done, `malformed` when the answer is.
   */
  narrow(wire: PullBuckets, done: Set<number>): PullRequest | 'none' | 'malformed' {
    const buckets = unpackNumbers(wire.buckets, BUCKETS)
    const counts = unpackNumbers(wire.actorCounts, BUCKETS)
    if (buckets === undefined || counts?.length !== buckets.length) return 'malformed'
    if (this.#buckets !== undefined || buckets.some((bucket) => bucket >= BUCKETS)) {
      return 'malformed'
    }
    const chosen = this.#choose(buckets, counts, done)
    if (chosen.size === 0) return 'none'
    for (const bucket of chosen) done.add(bucket)
    this.#buckets = chosen
    if (this.#told.actors > this.#sizes.actorsInline) this.#equalBuckets = allBut(buckets)
    const context = new Map<ActorId, Intervals>()
    for (const bucket of chosen) {
      for (const [actor, set] of this.#told.bucket(bucket)) context.set(actor, set)
    }
    return {
      session: this.#session,
      fresh: this.#fresh,
      summary: NONE,
      buckets: packNumbers([...chosen]),
      context: encodeContext(context),
    }
  }

  #choose(buckets: number[], counts: number[], done: ReadonlySet<number>): Set<number> {
    const chosen = new Set<number>()
    let actors = 0
    for (const [index, bucket] of buckets.entries()) {
      if (done.has(bucket)) continue
      actors += Math.max(counts[index]!, this.#told.actorsIn(bucket))
      this.moreBuckets = chosen.size > 0 && actors > this.#sizes.actorsPerPull
      if (this.moreBuckets) break
      chosen.add(bucket)
    }
    return chosen
  }

  /** Learns `ctx0`: the intervals that the opening names, or `malformed`. */
  open(wire: PullOpen): ReadonlyMap<ActorId, Intervals> | 'malformed' {
    const open = decodeContext(wire.context)
    if (open === undefined || this.opened) return 'malformed'
    this.#open = open
    return open
  }

  /** Whether `ctx0` covers a dot, for all that the asker knows. */
  covers(dot: Dot): boolean {
    const open = this.#open?.get(dot.actor)
    if (open !== undefined) return intervals.covers(open, dot.counter)
    const bucket = bucketOf(dot.actor)
    const known =
      this.#buckets === undefined || this.#buckets.has(bucket) || this.#equalBuckets.has(bucket)
    return known && this.#told.covers(dot.actor, dot.counter)
  }

  /** Whether a chunk may speak of this range: one outside of what was opened is a lie or a fault. */
  admits(range: DotRange): boolean {
    const open = this.#open?.get(range.actor)
    if (open === undefined) return false
    return intervals.countWithin(open, range.from, range.to) === range.to - range.from + 1
  }
}

function allBut(buckets: readonly number[]): Set<number> {
  const rest = new Set(Array.from({ length: BUCKETS }, (_, bucket) => bucket))
  for (const bucket of buckets) rest.delete(bucket)
  return rest
}
