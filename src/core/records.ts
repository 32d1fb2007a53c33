/**
 * How a replica is laid out in its store.
 *
 * | key                          | value                                                         |
 * |------------------------------|---------------------------------------------------------------|
 * | `c` actor (16)               | intervals of that actor in the context                        |
 * | `i` actor (16) counter (8)   | item hash (16), envelope                                      |
 * | `m`                          | count and sum of all stored item hashes, completeness, clock  |
 * | `v`                          | map id (16)                                                   |
 *
 * Every batch carries `m`, so a store that lost, kept or changed a record by itself disagrees with its own sum. That must
 * be noticed: an item that is missing while its dot is in the context looks exactly like a removed one (R8).
 */
import { fromBinary, toBinary, toHex } from './bytes.ts'
import type { Change } from './change.ts'
import { decodeIntervals, encodeIntervals } from './intervals.ts'
import * as intervals from './intervals.ts'
import { ACTOR_BYTES, decodeItem, hashBytes, lanesToBytes } from './item.ts'
import type { Hash, Item } from './item.ts'
import { Replica } from './replica.ts'
import { packNumbers, unpackNumbers } from './wire/numbers.ts'

const CONTEXT = 0x63
const ITEM = 0x69
const META = 0x6d
const MAP = 0x76
const HASH_BYTES = 16
const META_FORMAT = 1

export interface RawRecord {
  key: Uint8Array
  value: Uint8Array
}

export interface RawBatch {
  puts: RawRecord[]
  deletes: Uint8Array[]
}

/** What a replica knows beside its items and context. Milliseconds of wall clock; 0 for never. */
export interface Meta {
  completeAsOf: number
  /** Wall clock at the latest commit: a clock that stands before it at start has jumped back. */
  clock: number
}

/** The atomic batch that brings the store from the replica's state to the change's. */
export function encodeBatch(change: Change, meta: Meta): RawBatch {
  const { replica } = change
  const { count, lanes } = replica.sum(undefined, undefined)
  const sum = [lanes[0], lanes[1], lanes[2], lanes[3]] as [number, number, number, number]
  const puts: RawRecord[] = []
  const deletes: Uint8Array[] = []
  for (const item of change.removed) {
    addLanes(sum, item, -1)
    deletes.push(itemKey(item))
  }
  for (const item of change.added) {
    addLanes(sum, item, 1)
    puts.push({ key: itemKey(item), value: itemValue(item) })
  }
  for (const [actor, seen] of change.seen) {
    const all = intervals.union(replica.context.get(actor), seen)
    puts.push({ key: contextKey(actor), value: encodeIntervals(all) })
  }
  puts.push({
    key: Uint8Array.of(META),
    value: encodeMeta(meta, count - change.removed.size + change.added.size, sum),
  })
  return { puts, deletes }
}

/** The batch that binds a new, empty store to its map. */
export function encodeBirth(map: Uint8Array): RawBatch {
  return {
    puts: [
      { key: Uint8Array.of(MAP), value: map },
      {
        key: Uint8Array.of(META),
        value: encodeMeta({ completeAsOf: 0, clock: 0 }, 0, [0, 0, 0, 0]),
      },
    ],
    deletes: [],
  }
}

export interface Loaded {
  replica: Replica
  meta: Meta
  /** Absent in a store that was never used. */
  map: Uint8Array | undefined
}

/** Rebuilds a replica from the records of a store, which come in ascending order of their keys. */
export class Loader {
  readonly #hash: Hash
  readonly #replica: Replica
  readonly #items: Item[] = []
  readonly #damage: string[] = []
  #meta: { meta: Meta; count: number; lanes: number[] } | undefined
  #map: Uint8Array | undefined
  #records = 0

  constructor(hash: Hash) {
    this.#hash = hash
    this.#replica = new Replica(hash)
  }

  add(records: readonly RawRecord[]): void {
    for (const record of records) {
      this.#records++
      if (!this.#addOne(record)) {
        this.#damage.push(`record ${toHex(toBinary(record.key.subarray(0, 32)))} does not read`)
      }
    }
  }

  /** The replica, or what is wrong with the store: then nothing of it may be trusted to say "removed" (R8). */
  finish(): Loaded | { damage: string[] } {
    const lanes: [number, number, number, number] = [0, 0, 0, 0]
    for (const item of this.#items) {
      addLanes(lanes, item, 1)
      if (!this.#replica.context.covers(item.actor, item.counter)) {
        this.#damage.push(`the context lacks the held item ${toHex(item.actor)}:${item.counter}`)
      }
    }
    if (this.#meta === undefined) {
      if (this.#records > 0) this.#damage.push('the record of sum and count is missing')
    } else {
      if (this.#meta.count !== this.#items.length) {
        this.#damage.push(
          `${this.#items.length} items are stored, ${this.#meta.count} were written`,
        )
      }
      if (lanes.some((value, index) => value !== this.#meta!.lanes[index])) {
        this.#damage.push('the sum of the item hashes differs from the one written')
      }
    }
    if (this.#damage.length > 0) return { damage: this.#damage }
    this.#replica.load(this.#items)
    return {
      replica: this.#replica,
      meta: this.#meta?.meta ?? { completeAsOf: 0, clock: 0 },
      map: this.#map,
    }
  }

  #addOne({ key, value }: RawRecord): boolean {
    switch (key[0]) {
      case CONTEXT:
        return this.#addContext(key, value)
      case ITEM:
        return this.#addItem(key, value)
      case META:
        this.#meta = decodeMeta(value)
        return this.#meta !== undefined
      case MAP:
        this.#map = value
        return value.length === 16
      case undefined:
      default:
        return false
    }
  }

  #addContext(key: Uint8Array, value: Uint8Array): boolean {
    const seen = decodeIntervals(value)
    if (key.length !== 1 + ACTOR_BYTES || seen === undefined) return false
    const actor = toBinary(key.subarray(1))
    for (let i = 0; i < seen.length; i += 2) {
      this.#replica.context.addRange(actor, seen[i]!, seen[i + 1]!)
    }
    return true
  }

  #addItem(key: Uint8Array, value: Uint8Array): boolean {
    if (value.length <= HASH_BYTES) return false
    const item = decodeItem(value.subarray(HASH_BYTES), this.#hash)
    if (item === undefined) return false
    this.#items.push(item)
    return (
      sameBytes(hashBytes(item), value.subarray(0, HASH_BYTES)) && sameBytes(itemKey(item), key)
    )
  }
}

function encodeMeta(meta: Meta, count: number, lanes: readonly number[]): Uint8Array {
  const unsigned = lanes.map((value) => value >>> 0)
  return packNumbers([META_FORMAT, count, ...unsigned, meta.completeAsOf, meta.clock])
}

function decodeMeta(bytes: Uint8Array): { meta: Meta; count: number; lanes: number[] } | undefined {
  const numbers = unpackNumbers(bytes, 8)
  if (numbers?.length !== 8 || numbers[0] !== META_FORMAT) return undefined
  return {
    count: numbers[1]!,
    lanes: numbers.slice(2, 6).map((value) => value | 0),
    meta: { completeAsOf: numbers[6]!, clock: numbers[7]! },
  }
}

function contextKey(actor: string): Uint8Array {
  const key = new Uint8Array(1 + ACTOR_BYTES)
  key[0] = CONTEXT
  key.set(fromBinary(actor), 1)
  return key
}

function itemKey(item: Item): Uint8Array {
  const key = new Uint8Array(1 + ACTOR_BYTES + 8)
  key[0] = ITEM
  key.set(fromBinary(item.actor), 1)
  const view = new DataView(key.buffer)
  view.setUint32(1 + ACTOR_BYTES, Math.floor(item.counter / 2 ** 32))
  view.setUint32(5 + ACTOR_BYTES, item.counter >>> 0)
  return key
}

function itemValue(item: Item): Uint8Array {
  const value = new Uint8Array(HASH_BYTES + item.envelope.length)
  value.set(lanesToBytes([item.lane0, item.lane1, item.lane2, item.lane3]))
  value.set(item.envelope, HASH_BYTES)
  return value
}

function addLanes(sum: [number, number, number, number], item: Item, sign: 1 | -1): void {
  sum[0] = (sum[0] + sign * item.lane0) | 0
  sum[1] = (sum[1] + sign * item.lane1) | 0
  sum[2] = (sum[2] + sign * item.lane2) | 0
  sum[3] = (sum[3] + sign * item.lane3) | 0
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
