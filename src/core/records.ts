/**
 * How a replica is laid out in its store.
 *
 * | key                          | value                                                         |
 * |------------------------------|---------------------------------------------------------------|
 * | `c` actor (16)               | intervals of that actor in the context                        |
 * | `h` actor (16)               | intervals of its dots that are dead by hearsay (`hearsay.ts`) |
 * | `i` actor (16) counter (8)   | item hash (16), envelope                                      |
 * | `m`                          | its own hash (16), count and sum of all stored item hashes,   |
 * |                              | sum of the context, completeness, clock                       |
 * | `v`                          | map id (16)                                                   |
 *
 * Every batch carries `m`, so a store that lost, kept or changed a record by itself disagrees with its own sums. That must
 * be noticed: an item that is missing while its dot is in the context looks exactly like a removed one (R8), and a context
 * that claims or forgets a dot blinds the replica to it or takes it for new.
 *
 * Hearsay is in no sum: a record of it that is lost makes a false witness of this replica, which takes a second fault in
 * another one to matter.
 *
 * So what a store with damage gives is a replica of another kind: the items that are intact, and as its context exactly
 * their dots. It has nothing to say "removed" of, hence every verdict of it is sound, and peers bring back the rest.
 */
import { fromBinary, toBinary, toHex } from './bytes.ts'
import type { ActorId } from './bytes.ts'
import type { Change } from './change.ts'
import { decodeIntervals, encodeIntervals } from './intervals.ts'
import type { Intervals } from './intervals.ts'
import { ACTOR_BYTES, compareDots, decodeItem, lane, lanesToBytes, setLane } from './item.ts'
import type { Hash, Item } from './item.ts'
import { Replica } from './replica.ts'
import { gather, rangeOf } from './wire/dots.ts'
import { packNumbers, unpackNumbers } from './wire/numbers.ts'

const CONTEXT = 0x63
const HEARSAY = 0x68
const ITEM = 0x69
const META = 0x6d
const MAP = 0x76
const HASH_BYTES = 16
const MAP_BYTES = 16
const META_FORMAT = 1
/** Format, count, two sums of four lanes, completeness, clock, loss. */
const META_NUMBERS = 13
/** What is wrong with a store is named so often; the rest is counted. */
const DAMAGE_NAMED_MAX = 16
/** Records in one batch of a store that is written anew. */
const REWRITE_BATCH_RECORDS = 1024
/** Bytes of items in one such batch: it ends with the item that crosses this. */
const REWRITE_BATCH_BYTES = 1024 * 1024

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
  /** When records were found to be lost that peers have not made up for yet. */
  lossAt: number
}

/** Of a replica that has seen nothing. */
export const NO_META: Meta = { completeAsOf: 0, clock: 0, lossAt: 0 }

type Sum = [number, number, number, number]

/** Sums over all records of a store. */
interface Sums {
  count: number
  items: Sum
  /** That of `Context.hash`. */
  context: Sum
}

/** The atomic batch that brings the store from the replica's state to the change's. */
export function encodeBatch(change: Change, meta: Meta, hash: Hash): RawBatch {
  const { replica } = change
  const { count, lanes } = replica.sum(undefined, undefined)
  const sums: Sums = {
    count: count - change.removed.size + change.added.size,
    items: [...lanes],
    context: sumOf(replica.context.hash()),
  }
  const puts: RawRecord[] = []
  const deletes: Uint8Array[] = []
  for (const item of change.removed) {
    addItem(sums.items, item, -1)
    deletes.push(itemKey(item))
  }
  for (const item of change.added) {
    addItem(sums.items, item, 1)
    puts.push({ key: itemKey(item), value: itemValue(item) })
  }
  const { context } = replica
  for (const [actor, after] of change.seenAfter) {
    const before = context.get(actor)
    if (before.length > 0) addLanes(sums.context, sumOf(context.encode(actor, before).hash), -1)
    const encoded = context.encode(actor, after)
    addLanes(sums.context, sumOf(encoded.hash), 1)
    puts.push({ key: actorKey(CONTEXT, actor), value: encoded.bytes })
  }
  for (const [actor, dots] of change.hearsay) {
    const value = encodeIntervals(replica.hearsay.with(actor, dots))
    puts.push({ key: actorKey(HEARSAY, actor), value })
  }
  puts.push({ key: Uint8Array.of(META), value: encodeMeta(meta, sums, hash) })
  return { puts, deletes }
}

/** The batch that binds a new, empty store to its map. */
export function encodeBirth(map: Uint8Array, hash: Hash): RawBatch {
  const sums: Sums = { count: 0, items: [0, 0, 0, 0], context: [0, 0, 0, 0] }
  return {
    puts: [
      { key: Uint8Array.of(MAP), value: map },
      { key: Uint8Array.of(META), value: encodeMeta(NO_META, sums, hash) },
    ],
    deletes: [],
  }
}

/** A whole replica, for an empty store. Only all the batches together are a store that loads; the replica must not change. */
export function* encodeAll(
  replica: Replica,
  meta: Meta,
  map: Uint8Array,
  hash: Hash,
): Generator<RawBatch> {
  let puts: RawRecord[] = [{ key: Uint8Array.of(MAP), value: map }]
  let bytes = 0
  for (const [actor, dots] of replica.hearsay) {
    puts.push({ key: actorKey(HEARSAY, actor), value: encodeIntervals(dots) })
  }
  for (const [actor, seen] of replica.context) {
    puts.push({ key: actorKey(CONTEXT, actor), value: encodeIntervals(seen) })
    if (puts.length < REWRITE_BATCH_RECORDS) continue
    yield { puts, deletes: [] }
    puts = []
  }
  for (const item of replica.fromDot('', 0)) {
    puts.push({ key: itemKey(item), value: itemValue(item) })
    bytes += item.envelopeBytes
    if (puts.length < REWRITE_BATCH_RECORDS && bytes < REWRITE_BATCH_BYTES) continue
    yield { puts, deletes: [] }
    puts = []
    bytes = 0
  }
  const { count, lanes } = replica.sum(undefined, undefined)
  const sums: Sums = { count, items: [...lanes], context: sumOf(replica.context.hash()) }
  puts.push({ key: Uint8Array.of(META), value: encodeMeta(meta, sums, hash) })
  yield { puts, deletes: [] }
}

/**
 * The records of an intact store as they are in another cluster: of its map, with hashes made with its key, and of a replica
 * that does not know yet what others have there. Dots, contents, context and hearsay stay, so that nothing is taken for new, for
 * removed, or for witnessed. Has no more of a store in memory than its context.
 */
export class Rehash {
  readonly #from: Hash
  readonly #to: Hash
  /** Adds up what is written. */
  readonly #written: Loader
  #meta: Meta | undefined

  constructor(from: Hash, to: Hash) {
    this.#from = from
    this.#to = to
    this.#written = new Loader(to, false)
  }

  /** What stands for these records, which come in ascending order of their keys. Throws where one does not read. */
  add(records: readonly RawRecord[]): RawBatch {
    const puts: RawRecord[] = []
    for (const record of records) {
      const { key, value } = record
      if (key[0] === META) this.#meta = decodeMeta(value, this.#from)?.meta
      else if (key[0] !== MAP) puts.push(key[0] === ITEM ? this.#item(record) : record)
    }
    this.#written.add(puts)
    return { puts, deletes: [] }
  }

  /** What ends the other store, when all records were added. Throws where there was none of sums. */
  end(map: Uint8Array): RawBatch {
    if (this.#meta === undefined) throw new Error('the record of sums and count does not read')
    const meta = { ...this.#meta, completeAsOf: 0 }
    const puts = [
      { key: Uint8Array.of(MAP), value: map },
      { key: Uint8Array.of(META), value: encodeMeta(meta, this.#written.sums, this.#to) },
    ]
    return { puts, deletes: [] }
  }

  #item({ key, value }: RawRecord): RawRecord {
    const item = decodeItem(value.subarray(HASH_BYTES), this.#to)
    if (item === undefined) throw new Error(`item ${toHex(toBinary(key))} does not read`)
    return { key, value: itemValue(item) }
  }
}

export interface Loaded {
  replica: Replica
  meta: Meta
  /** Absent in a store that was never used, and where it cannot be read. */
  map: Uint8Array | undefined
  /** What is wrong with the store, for people; with damage the replica is what the module's header says of such a store. */
  damage: readonly string[]
  /** Items that were written and are not intact; undefined where the count of them was lost as well. */
  itemsLost: number | undefined
}

export interface StoreSummary {
  items: number
  dots: number
  actors: number
  /** The context's hash. */
  context: string
  /** Of all held items. */
  fingerprint: string
}

/** What one record says, for whoever reads a copy of a store without its network key. */
export type RecordContent =
  { actor: ActorId; seen: Intervals } | { item: Item } | 'neither' | 'unreadable'

/** The hash of an item is the one that stands beside it, unchecked. */
export function contentOf({ key, value }: RawRecord): RecordContent {
  if (key[0] === CONTEXT) {
    const seen = decodeIntervals(value)
    return seen === undefined ? 'unreadable' : { actor: toBinary(key.subarray(1)), seen }
  }
  if (key[0] !== ITEM) return 'neither'
  const item = decodeItem(value.subarray(HASH_BYTES), () => value.subarray(0, HASH_BYTES))
  return item === undefined ? 'unreadable' : { item }
}

/** Rebuilds a replica from the records of a store, which come in ascending order of their keys. */
export class Loader {
  readonly #hash: Hash
  readonly #replica: Replica
  readonly #keepsItems: boolean
  readonly #items: Item[] = []
  readonly #damage: string[] = []
  #damagedMore = 0
  #meta: { meta: Meta; sums: Sums } | undefined
  #map: Uint8Array | undefined
  #records = 0
  #intact = 0
  #unreadable = 0
  readonly #sum: Sum = [0, 0, 0, 0]
  #last: Item | undefined

  /** @param keepsItems false to check a store without having all of it in memory: then `finish` is not for use */
  constructor(hash: Hash, keepsItems = true) {
    this.#hash = hash
    this.#replica = new Replica(hash)
    this.#keepsItems = keepsItems
  }

  /** Whether the store may be of another cluster: it names no map, and no item in it reads under this cluster's key. */
  get strange(): boolean {
    return this.#map === undefined && this.#intact === 0 && this.#unreadable > 0
  }

  add(records: readonly RawRecord[]): void {
    for (const record of records) {
      this.#records++
      if (!this.#addOne(record)) {
        this.damaged(`record ${toHex(toBinary(record.key.subarray(0, 32)))} does not read`)
      }
    }
  }

  /** The store could not read something; what came before and what comes after is taken all the same. */
  damaged(what: string): void {
    if (this.#damage.length < DAMAGE_NAMED_MAX) this.#damage.push(what)
    else this.#damagedMore++
  }

  /** Records that were added. */
  get records(): number {
    return this.#records
  }

  /** Absent while no record of it was added. */
  get map(): Uint8Array | undefined {
    return this.#map
  }

  /** Of the records that were added. */
  get sums(): Sums {
    const context = sumOf(this.#replica.context.hash())
    return { count: this.#intact, items: this.#sum, context }
  }

  /** What the records that were added hold. */
  summary(): StoreSummary {
    const { context } = this.#replica
    return {
      items: this.#intact,
      dots: context.dots,
      actors: context.actors,
      context: toBinary(context.hash()),
      fingerprint: toBinary(lanesToBytes(this.#sum)),
    }
  }

  /** What is wrong with the store; once, when all records were added. */
  check(): readonly string[] {
    if (this.#records > 0) this.#checkSums()
    const more = this.#damagedMore === 0 ? [] : [`and ${this.#damagedMore} more`]
    return [...this.#damage, ...more]
  }

  finish(): Loaded {
    const damage = this.check()
    const map = this.#map
    if (damage.length === 0) {
      this.#replica.load(this.#items)
      return {
        replica: this.#replica,
        meta: this.#meta?.meta ?? NO_META,
        map,
        damage,
        itemsLost: 0,
      }
    }
    const replica = new Replica(this.#hash)
    for (const [actor, seen] of gather(this.#items.map(rangeOf))) replica.context.add(actor, seen)
    replica.load(this.#items)
    const meta = { ...NO_META, clock: this.#meta?.meta.clock ?? 0 }
    const written = this.#meta?.sums.count
    const itemsLost = written === undefined ? undefined : Math.max(written - this.#intact, 0)
    return { replica, meta, map, damage, itemsLost }
  }

  #checkSums(): void {
    if (this.#map === undefined) this.damaged('the record of the map is missing')
    if (this.#meta === undefined) return this.damaged('the record of sums and count is missing')
    const { sums } = this.#meta
    if (sums.count !== this.#intact) {
      this.damaged(`${this.#intact} items are intact, ${sums.count} were written`)
    }
    if (!sameSum(this.#sum, sums.items)) {
      this.damaged('the sum of the item hashes differs from the one written')
    }
    if (!sameSum(sumOf(this.#replica.context.hash()), sums.context)) {
      this.damaged('the context differs from the one written')
    }
  }

  #addOne({ key, value }: RawRecord): boolean {
    switch (key[0]) {
      case CONTEXT:
        return this.#addContext(key, value)
      case HEARSAY:
        return this.#addHearsay(key, value)
      case ITEM:
        return this.#addItem(key, value)
      case META:
        this.#meta = decodeMeta(value, this.#hash)
        return key.length === 1 && this.#meta !== undefined
      case MAP:
        if (key.length !== 1 || value.length !== MAP_BYTES) return false
        this.#map = value
        return true
      case undefined:
      default:
        return false
    }
  }

  #addContext(key: Uint8Array, value: Uint8Array): boolean {
    const seen = decodeIntervals(value)
    if (key.length !== 1 + ACTOR_BYTES || seen === undefined) return false
    if (seen.length > 0) this.#replica.context.add(toBinary(key.subarray(1)), seen)
    return true
  }

  #addHearsay(key: Uint8Array, value: Uint8Array): boolean {
    const dots = decodeIntervals(value)
    if (key.length !== 1 + ACTOR_BYTES || dots === undefined) return false
    this.#replica.hearsay.add(toBinary(key.subarray(1)), dots)
    return true
  }

  #addItem(key: Uint8Array, value: Uint8Array): boolean {
    const item = decodeItem(value.subarray(HASH_BYTES), this.#hash)
    if (item === undefined || !hasHash(item, value) || !hasKey(item, key) || this.#repeats(item)) {
      this.#unreadable++
      return false
    }
    this.#last = item
    this.#intact++
    addItem(this.#sum, item, 1)
    if (this.#keepsItems) {
      this.#replica.expect(item)
      this.#items.push(item)
    }
    // Contexts stand before items, so all of it is known by now.
    if (!this.#replica.context.covers(item.actor, item.counter)) {
      this.damaged(`the context lacks the held item ${toHex(item.actor)}:${item.counter}`)
    }
    return true
  }

  /** Keys ascend: only damage can bring one again. */
  #repeats(item: Item): boolean {
    return this.#last !== undefined && compareDots(this.#last, item) >= 0
  }
}

function encodeMeta(meta: Meta, { count, items, context }: Sums, hash: Hash): Uint8Array {
  const unsigned = [...items, ...context].map((value) => value >>> 0)
  const numbers = packNumbers([
    META_FORMAT,
    count,
    ...unsigned,
    meta.completeAsOf,
    meta.clock,
    meta.lossAt,
  ])
  const bytes = new Uint8Array(HASH_BYTES + numbers.length)
  bytes.set(hash(numbers))
  bytes.set(numbers, HASH_BYTES)
  return bytes
}

function decodeMeta(bytes: Uint8Array, hash: Hash): { meta: Meta; sums: Sums } | undefined {
  const packed = bytes.subarray(HASH_BYTES)
  if (!sameBytes(hash(packed), bytes.subarray(0, HASH_BYTES))) return undefined
  const numbers = unpackNumbers(packed, META_NUMBERS)
  if (numbers?.length !== META_NUMBERS || numbers[0] !== META_FORMAT) return undefined
  const at = (index: number): number => numbers[index]!
  const sum = (index: number): Sum => [
    at(index) | 0,
    at(index + 1) | 0,
    at(index + 2) | 0,
    at(index + 3) | 0,
  ]
  return {
    sums: { count: at(1), items: sum(2), context: sum(6) },
    meta: { completeAsOf: at(10), clock: at(11), lossAt: at(12) },
  }
}

function actorKey(kind: number, actor: ActorId): Uint8Array {
  const key = new Uint8Array(1 + ACTOR_BYTES)
  key[0] = kind
  key.set(fromBinary(actor), 1)
  return key
}

/** Written in place, as is `itemValue`: this runs for every item that is committed. */
function itemKey({ actor, counter }: Item): Uint8Array {
  const key = new Uint8Array(1 + ACTOR_BYTES + 8)
  key[0] = ITEM
  for (let i = 0; i < ACTOR_BYTES; i++) key[1 + i] = actor.charCodeAt(i)
  setLane(key, 1 + ACTOR_BYTES, Math.floor(counter / 2 ** 32))
  setLane(key, 5 + ACTOR_BYTES, counter)
  return key
}

function itemValue(item: Item): Uint8Array {
  const value = new Uint8Array(HASH_BYTES + item.envelopeBytes)
  setLane(value, 0, item.lane0)
  setLane(value, 4, item.lane1)
  setLane(value, 8, item.lane2)
  setLane(value, 12, item.lane3)
  value.set(item.envelope, HASH_BYTES)
  return value
}

function addItem(sum: Sum, item: Item, sign: 1 | -1): void {
  addLanes(sum, [item.lane0, item.lane1, item.lane2, item.lane3], sign)
}

function addLanes(sum: Sum, by: Sum, sign: 1 | -1): void {
  sum[0] = (sum[0] + sign * by[0]) | 0
  sum[1] = (sum[1] + sign * by[1]) | 0
  sum[2] = (sum[2] + sign * by[2]) | 0
  sum[3] = (sum[3] + sign * by[3]) | 0
}

function sumOf(hash: Uint8Array): Sum {
  return [lane(hash, 0), lane(hash, 4), lane(hash, 8), lane(hash, 12)]
}

function sameSum(a: Sum, b: Sum): boolean {
  return a.every((value, index) => value === b[index])
}

/** Compared in place, as is `hasKey`: this runs for every item at start. */
function hasHash(item: Item, value: Uint8Array): boolean {
  return (
    lane(value, 0) === item.lane0 &&
    lane(value, 4) === item.lane1 &&
    lane(value, 8) === item.lane2 &&
    lane(value, 12) === item.lane3
  )
}

function hasKey(item: Item, key: Uint8Array): boolean {
  if (key.length !== 1 + ACTOR_BYTES + 8) return false
  for (let i = 0; i < ACTOR_BYTES; i++) {
    if (key[1 + i] !== item.actor.charCodeAt(i)) return false
  }
  const high = lane(key, 1 + ACTOR_BYTES) >>> 0
  return high * 2 ** 32 + (lane(key, 5 + ACTOR_BYTES) >>> 0) === item.counter
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}
