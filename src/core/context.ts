/**
 * The context: every dot this replica has seen, as intervals of counters per actor. Never pruned, because whoever forgets
 * a dot would take a removed item for a new one.
 *
 * Two tiers keep it small. `open` holds the actors that changed lately or have gaps. Actors whose dots are exactly
 * 1..head wait there until there are enough of them, and then move together to `packed`, an immutable table that is
 * replaced whole. An actor in both is as `open` says. A snapshot shares `packed` and copies `open`.
 *
 * The hash of a context is the sum (four 32-bit lanes, each modulo 2^32) of a keyed hash per actor over its id and its
 * intervals in their canonical form. So it depends on the dots alone, not on how they came, and follows a change by
 * subtracting what the actor gave before and adding what it gives now. The sums are kept per bucket.
 */
import { fromBinary } from './bytes.ts'
import type { ActorId } from './bytes.ts'
import * as intervals from './intervals.ts'
import type { Intervals } from './intervals.ts'
import { ACTOR_BYTES } from './item.ts'
import { bucketOf, BUCKETS, PackedHeads } from './packed-heads.ts'

export { bucketOf, BUCKETS } from './packed-heads.ts'

/** Actors in `open` that could be packed before they are: this many, or this part of the packed ones if that is more. */
const PACKABLE_MAX = 1024
/** An open actor takes about 150 bytes, so a 64th costs 2.3 bytes per packed actor, and packing stays linear in all. */
const PACKABLE_PART = 1 / 64
/** Actors whose hash waits to be brought up to date: bounds the memory that a long pull takes for it. */
const DIRTY_MAX = 4096
/** A set of so many numbers takes longer to encode than to look up. */
const KEPT_NUMBERS_MIN = 32

const LANES = 4
const BUCKET_HASH_BYTES = 8

interface Encoded {
  actor: ActorId
  bytes: Uint8Array<ArrayBuffer>
  hash: Uint8Array
}

type OpenBucket = Map<ActorId, Intervals>

/** What a context and its snapshots have in common: to be read. */
export abstract class ContextView implements Iterable<[ActorId, Intervals]> {
  /** By bucket. */
  protected open: (OpenBucket | undefined)[]
  protected packed: PackedHeads
  protected dotCount: number
  protected missingCount: number
  protected readonly actorCounts: Uint32Array

  constructor(from?: ContextView) {
    this.open =
      from === undefined
        ? Array.from({ length: BUCKETS }, () => undefined)
        : from.open.map((bucket) => bucket && new Map(bucket))
    this.packed = from === undefined ? PackedHeads.EMPTY : from.packed
    this.dotCount = from === undefined ? 0 : from.dotCount
    this.missingCount = from === undefined ? 0 : from.missingCount
    this.actorCounts = from === undefined ? new Uint32Array(BUCKETS) : from.actorCounts.slice()
  }

  /** Number of dots. */
  get dots(): number {
    return this.dotCount
  }

  /** Number of dots missing below the heads of their actors. */
  get gapCount(): number {
    return this.missingCount
  }

  /** Number of actors. */
  get actors(): number {
    return this.actorCounts.reduce((sum, count) => sum + count, 0)
  }

  actorsIn(bucket: number): number {
    return this.actorCounts[bucket]!
  }

  covers(actor: ActorId, counter: number): boolean {
    const open = this.open[bucketOf(actor)]?.get(actor)
    if (open !== undefined) return intervals.covers(open, counter)
    return counter >= 1 && counter <= this.packed.headOf(actor)
  }

  /** `EMPTY` for an actor that was never seen. */
  get(actor: ActorId): Intervals {
    const open = this.open[bucketOf(actor)]?.get(actor)
    if (open !== undefined) return open
    const head = this.packed.headOf(actor)
    return head === 0 ? intervals.EMPTY : [1, head]
  }

  /** Whether every dot of another context is in this one. */
  includes(other: ContextView): boolean {
    for (const [actor, seen] of other) {
      if (intervals.subtract(seen, this.get(actor)).length > 0) return false
    }
    return true
  }

  /** Every actor once, by bucket, in no stated order within one. The context must not change meanwhile. */
  *[Symbol.iterator](): Generator<[ActorId, Intervals], undefined> {
    for (let bucket = 0; bucket < BUCKETS; bucket++) yield* this.bucket(bucket)
  }

  *bucket(bucket: number): Generator<[ActorId, Intervals], undefined> {
    const open = this.open[bucket]
    const end = this.packed.start(bucket + 1)
    for (let position = this.packed.start(bucket); position < end; position++) {
      const actor = this.packed.actorAt(position)
      if (open?.has(actor) !== true) yield [actor, [1, this.packed.headAt(position)]]
    }
    if (open !== undefined) yield* open
  }
}

/** A context as it was at one moment. */
export class ContextSnapshot extends ContextView {}

export class Context extends ContextView {
  readonly #hash: (bytes: Uint8Array) => Uint8Array
  /** How many actors of `open` could be packed. */
  #packable = 0
  /** Actors that changed since the sums were brought up to date, with their intervals as the sums have them. */
  readonly #dirty = new Map<ActorId, Intervals>()
  /** Of long sets, which are wanted before a commit, after it, and before the next. */
  readonly #encoded = new WeakMap<Intervals, Encoded>()
  readonly #sums = new Int32Array(BUCKETS * LANES)
  readonly #total = new Int32Array(LANES)

  /** @param hash keyed, 16 bytes long; the same on all replicas that compare their contexts */
  constructor(hash: (bytes: Uint8Array) => Uint8Array) {
    super()
    this.#hash = hash
  }

  /** Marks dots of an actor as seen. */
  add(actor: ActorId, seen: Intervals): void {
    if (actor.length !== ACTOR_BYTES || seen.length === 0 || !intervals.isValid(seen)) {
      throw new TypeError(`not dots: ${seen.join()} of an actor of ${actor.length} bytes`)
    }
    this.grow(actor, intervals.union(this.get(actor), seen))
  }

  /** Takes the very list for the dots seen of an actor: those that were, and more. */
  grow(actor: ActorId, after: Intervals): void {
    const before = this.get(actor)
    const gained = intervals.count(after) - intervals.count(before)
    if (gained === 0) return
    this.#count(actor, before, after, gained)
    this.#keep(actor, after)
    if (!this.#dirty.has(actor)) this.#dirty.set(actor, before)
    if (this.#dirty.size > DIRTY_MAX) this.#settle()
    if (this.#packable > Math.max(PACKABLE_MAX, this.packed.size * PACKABLE_PART)) this.#pack()
  }

  snapshot(): ContextSnapshot {
    return new ContextSnapshot(this)
  }

  /** 16 bytes; equal for equal sets of dots. */
  hash(): Uint8Array<ArrayBuffer> {
    this.#settle()
    return bytesOf(this.#total)
  }

  /** 8 bytes per bucket: the first two lanes of its sum. */
  bucketHashes(): Uint8Array<ArrayBuffer> {
    this.#settle()
    const lanes = this.#sums.filter((_, i) => i % LANES < BUCKET_HASH_BYTES / 4)
    return bytesOf(lanes)
  }

  /** The canonical bytes of a set of dots, and their keyed hash, which is what the actor gives to the context's. */
  encode(actor: ActorId, set: Intervals): Encoded {
    const known = this.#encoded.get(set)
    if (known?.actor === actor) return known
    const bytes = intervals.encodeIntervals(set)
    const hashed = new Uint8Array(ACTOR_BYTES + bytes.length)
    hashed.set(fromBinary(actor))
    hashed.set(bytes, ACTOR_BYTES)
    const encoded = { actor, bytes, hash: this.#hash(hashed) }
    if (set.length >= KEPT_NUMBERS_MIN) this.#encoded.set(set, encoded)
    return encoded
  }

  #count(actor: ActorId, before: Intervals, after: Intervals, gained: number): void {
    if (before.length === 0) this.actorCounts[bucketOf(actor)]!++
    this.dotCount += gained
    this.missingCount += intervals.head(after) - intervals.head(before) - gained
  }

  #keep(actor: ActorId, after: Intervals): void {
    const bucket = (this.open[bucketOf(actor)] ??= new Map())
    const before = bucket.get(actor)
    if (before !== undefined && isPackable(before)) this.#packable--
    if (isPackable(after)) this.#packable++
    bucket.set(actor, after)
  }

  #pack(): void {
    const closed: [ActorId, number][] = []
    for (const bucket of this.open) {
      if (bucket === undefined) continue
      for (const [actor, set] of bucket) {
        if (!isPackable(set)) continue
        closed.push([actor, intervals.head(set)])
        bucket.delete(actor)
      }
    }
    closed.sort(([a], [b]) => (a < b ? -1 : 1))
    this.packed = this.packed.with(closed)
    this.#packable = 0
  }

  /** Brings the sums up to date. */
  #settle(): void {
    for (const [actor, before] of this.#dirty) {
      this.#addToSums(actor, before, -1)
      this.#addToSums(actor, this.get(actor), 1)
    }
    this.#dirty.clear()
  }

  #addToSums(actor: ActorId, set: Intervals, sign: 1 | -1): void {
    if (set.length === 0) return
    const { hash } = this.encode(actor, set)
    const lanes = new DataView(hash.buffer, hash.byteOffset, hash.byteLength)
    const at = bucketOf(actor) * LANES
    for (let i = 0; i < LANES; i++) {
      this.#sums[at + i]! += sign * lanes.getInt32(i * 4)
      this.#total[i]! += sign * lanes.getInt32(i * 4)
    }
  }
}

function isPackable(set: Intervals): boolean {
  return set.length === 2 && set[0] === 1
}

/** Big-endian, as the lanes of hashes are read. */
function bytesOf(lanes: Int32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lanes.length * 4)
  const view = new DataView(bytes.buffer)
  lanes.forEach((lane, i) => view.setInt32(i * 4, lane))
  return bytes
}
