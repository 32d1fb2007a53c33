/**
 * An immutable table of actors whose dots are exactly 1..head, sorted by actor, in 24 bytes per actor: the id as four
 * 32-bit words and the head as a double. A million closed actors must fit (design, section 7), and as entries of a Map
 * they would take five times as much.
 */
import type { ActorId } from './bytes.ts'
import { ACTOR_BYTES } from './item.ts'

export const BUCKETS = 256

/** Actors are spread over buckets, so that two replicas compare a large context by parts. */
export function bucketOf(actor: ActorId): number {
  return actor.charCodeAt(0)
}

const WORDS = ACTOR_BYTES / 4

export class PackedHeads {
  static readonly EMPTY = new PackedHeads(new Uint32Array(0), new Float64Array(0))

  readonly #ids: Uint32Array
  readonly #heads: Float64Array
  /** Where each bucket starts; one more entry for the end of the last. */
  readonly #starts = new Uint32Array(BUCKETS + 1)

  private constructor(ids: Uint32Array, heads: Float64Array) {
    this.#ids = ids
    this.#heads = heads
    let bucket = 0
    for (let i = 0; i < heads.length; i++) {
      const own = ids[i * WORDS]! >>> 24
      while (bucket < own) this.#starts[++bucket] = i
    }
    this.#starts.fill(heads.length, bucket + 1)
  }

  get size(): number {
    return this.#heads.length
  }

  /** First position of a bucket; that of `bucket + 1` ends it. */
  start(bucket: number): number {
    return this.#starts[bucket]!
  }

  actorAt(position: number): ActorId {
    const at = position * WORDS
    const a = this.#ids[at]!
    const b = this.#ids[at + 1]!
    const c = this.#ids[at + 2]!
    const d = this.#ids[at + 3]!
    return String.fromCharCode(
      a >>> 24,
      (a >>> 16) & 255,
      (a >>> 8) & 255,
      a & 255,
      b >>> 24,
      (b >>> 16) & 255,
      (b >>> 8) & 255,
      b & 255,
      c >>> 24,
      (c >>> 16) & 255,
      (c >>> 8) & 255,
      c & 255,
      d >>> 24,
      (d >>> 16) & 255,
      (d >>> 8) & 255,
      d & 255,
    )
  }

  headAt(position: number): number {
    return this.#heads[position]!
  }

  /** 0 when the actor is not in the table. */
  headOf(actor: ActorId): number {
    const position = this.#search(actor)
    return position < 0 ? 0 : this.#heads[position]!
  }

  /** A table with these heads in it too, in place of older ones of the same actors. Ascending by actor. */
  with(updates: readonly (readonly [ActorId, number])[]): PackedHeads {
    const positions = updates.map(([actor]) => this.#search(actor))
    const size = this.size + positions.filter((position) => position < 0).length
    const ids = new Uint32Array(size * WORDS)
    const heads = new Float64Array(size)
    let read = 0
    let written = 0
    const copyUpTo = (end: number): void => {
      ids.set(this.#ids.subarray(read * WORDS, end * WORDS), written * WORDS)
      heads.set(this.#heads.subarray(read, end), written)
      written += end - read
      read = end
    }
    updates.forEach(([actor, head], i) => {
      const position = positions[i]!
      copyUpTo(position < 0 ? ~position : position)
      for (let w = 0; w < WORDS; w++) ids[written * WORDS + w] = wordOf(actor, w)
      heads[written++] = head
      if (position >= 0) read++
    })
    copyUpTo(this.size)
    return new PackedHeads(ids, heads)
  }

  /** The actor's position, or the complement of the position before which it would stand. */
  #search(actor: ActorId): number {
    const ids = this.#ids
    const a = wordOf(actor, 0)
    const b = wordOf(actor, 1)
    const c = wordOf(actor, 2)
    const d = wordOf(actor, 3)
    let low = this.#starts[a >>> 24]!
    let high = this.#starts[(a >>> 24) + 1]!
    while (low < high) {
      const middle = (low + high) >>> 1
      const at = middle * WORDS
      const order = ids[at]! - a || ids[at + 1]! - b || ids[at + 2]! - c || ids[at + 3]! - d
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return ~low
  }
}

/** Words are big-endian, so that they compare as the bytes do. */
function wordOf(actor: ActorId, word: number): number {
  const at = word * 4
  return (
    ((actor.charCodeAt(at) << 24) |
      (actor.charCodeAt(at + 1) << 16) |
      (actor.charCodeAt(at + 2) << 8) |
      actor.charCodeAt(at + 3)) >>>
    0
  )
}
