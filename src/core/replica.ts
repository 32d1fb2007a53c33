/**
 * The replica in memory: the context, the held items and their three orders.
 *
 * Invariants
 * - Everything here is committed: a `Change` is applied only after its batch is in the store. So every read, digest and
 *   answer to a peer speaks of durable local mutations only (R6), and of items and context from one look (R2, R4).
 * - The dot of every held item is in the context. A dot in the context whose item is not held was removed.
 * - There are no tombstones; nothing else distinguishes removed from never seen.
 */
import { toBinary } from './bytes.ts'
import type { ActorId } from './bytes.ts'
import { Context } from './context.ts'
import { Dropped } from './dropped.ts'
import { Hearsay } from './hearsay.ts'
import { EMPTY } from './intervals.ts'
import type { Intervals } from './intervals.ts'
import { compareDots, compareStamps, winnerFirst } from './item.ts'
import type { Dot, Hash, Item } from './item.ts'
import { RangeIndex } from './range-index.ts'
import type { Cursor, RangeIndexOptions, Sum } from './range-index.ts'
import { RemovalLog } from './removal-log.ts'
import { Slabs } from './slabs.ts'
import type { Place } from './slabs.ts'
import { Envelope } from './wire/messages.ts'

/**
 * A place in the order of the range step: items that do not expire by (timestamp, dot) in space 0, items that do by
 * (expiry, dot) in space 1, so that a horizon cuts the expired ones off as one prefix of space 1.
 */
export interface Bound {
  space: number
  ms: number
  tick: number
  actor: ActorId
  counter: number
}

export function boundOf(item: Item): Bound {
  return item.expiry === 0
    ? { space: 0, ms: item.ms, tick: item.tick, actor: item.actor, counter: item.counter }
    : { space: 1, ms: item.expiry, tick: 0, actor: item.actor, counter: item.counter }
}

/** The place before everything that a stamp of `ms` or later has in `space`. */
export function boundAt(space: number, ms: number): Bound {
  return { space, ms, tick: 0, actor: '', counter: 0 }
}

export function compareBounds(a: Bound, b: Bound): number {
  return a.space - b.space || compareStamps(a, b) || compareDots(a, b)
}

function compareOrder(a: Item, b: Item): number {
  if (a.expiry === 0) {
    return b.expiry === 0 ? compareStamps(a, b) || compareDots(a, b) : -1
  }
  return b.expiry === 0 ? 1 : a.expiry - b.expiry || compareDots(a, b)
}

/** Where an item stands against a bound, without making a bound of the item. */
function itemAgainst(bound: Bound): (item: Item) => number {
  return (item) => {
    const space = item.expiry === 0 ? 0 : 1
    if (space !== bound.space) return space - bound.space
    const byTime =
      space === 0
        ? item.ms - bound.ms || item.tick - bound.tick
        : item.expiry - bound.ms || -bound.tick
    return byTime || compareDots(item, bound)
  }
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

const BY_KEY: RangeIndexOptions<Item> = {
  compare: (a, b) => compareText(a.key, b.key) || compareDots(a, b),
}
const BY_DOT: RangeIndexOptions<Item> = { compare: compareDots }
const BY_ORDER: RangeIndexOptions<Item> = { compare: compareOrder, lanes: true }

export class Replica {
  readonly context: Context
  readonly removals = new RemovalLog()
  readonly hearsay = new Hearsay()
  readonly dropped = new Dropped()
  #byKey = new RangeIndex<Item>(BY_KEY)
  #byDot = new RangeIndex<Item>(BY_DOT)
  #byOrder = new RangeIndex<Item>(BY_ORDER)
  /** Items share one string per actor. */
  readonly #actors = new Map<ActorId, { id: ActorId; items: number }>()
  readonly #slabs = new Slabs((place) => this.#move(place))
  #keys = 0
  /** How many items those keys have that have more than one. */
  readonly #crowded = new Map<string, number>()

  constructor(hash: Hash) {
    this.context = new Context(hash)
  }

  /** Held items. */
  get size(): number {
    return this.#byDot.size
  }

  /** Keys with at least one held item. */
  get keys(): number {
    return this.#keys
  }

  held(actor: ActorId, counter: number): Item | undefined {
    const probe: Dot = { actor, counter }
    const item = this.#byDot.from((entry) => compareDots(entry, probe)).take()
    return item !== undefined && item.counter === counter && item.actor === actor ? item : undefined
  }

  /** Whether a held item is the only one of its key. Found without a walk through the keys: asked for every item of a pull. */
  isAlone({ key }: Item): boolean {
    return !this.#crowded.has(key)
  }

  /** Every held item of a key, the winner first. */
  siblings(key: string): Item[] {
    const cursor = this.#byKey.from((entry) => (entry.key < key ? -1 : 1))
    const first = cursor.take()
    if (first?.key !== key) return []
    // Nearly always the only one, and this is asked for every key of a pull: an array that grows takes room for seventeen.
    const items = [first]
    for (let item = cursor.take(); item?.key === key; item = cursor.take()) items.push(item)
    return items.length > 1 ? items.sort(winnerFirst) : items
  }

  /** Held items in byte order of their keys, from the first key at or after `key`. */
  fromKey(key: string): Iterable<Item> {
    return this.#byKey.from((entry) => (entry.key < key ? -1 : 1))
  }

  /** Held items of `actor` from counter `from` on, ascending; goes on into later actors. */
  fromDot(actor: ActorId, from: number): Cursor<Item> {
    const probe: Dot = { actor, counter: from }
    return this.#byDot.from((entry) => compareDots(entry, probe))
  }

  /** Held items in the order of the range step, from `bound` on. */
  fromBound(bound: Bound): Iterable<Item> {
    return this.#byOrder.from(itemAgainst(bound))
  }

  /** Count and fingerprint of the held items in [lower, upper). */
  sum(lower: Bound | undefined, upper: Bound | undefined): Sum {
    return this.#byOrder.sum(
      lower === undefined ? undefined : itemAgainst(lower),
      upper === undefined ? undefined : itemAgainst(upper),
    )
  }

  /** How many held items stand before `bound`. */
  rank(bound: Bound): number {
    return this.#byOrder.rank(itemAgainst(bound))
  }

  atRank(rank: number): Item | undefined {
    return this.#byOrder.at(rank)
  }

  /** For loading only: an item that `load` will be given keeps no record any more. */
  expect(item: Item): void {
    item.moveTo(this.#slabs)
  }

  /** For loading only: takes the items of an empty replica at once, in ascending order of their dots. */
  load(items: readonly Item[]): void {
    for (const item of items) {
      this.#shareActor(item)
      if (!item.isIn(this.#slabs)) item.moveTo(this.#slabs)
    }
    this.#byDot = RangeIndex.fromSorted(items, BY_DOT)
    const byKey = items.toSorted(BY_KEY.compare)
    this.#byKey = RangeIndex.fromSorted(byKey, BY_KEY)
    this.#byOrder = RangeIndex.fromSorted(items.toSorted(compareOrder), BY_ORDER)
    this.#keys = 0
    this.#crowded.clear()
    for (const [index, { key }] of byKey.entries()) this.#count(key, byKey[index - 1]?.key === key)
  }

  /** For `Change` only. */
  insert(item: Item): void {
    this.#shareActor(item)
    item.moveTo(this.#slabs)
    const neighbour = this.#byKey.from((entry) => (entry.key < item.key ? -1 : 1)).take()
    this.#count(item.key, neighbour?.key === item.key)
    this.#byKey.insert(item)
    this.#byDot.insert(item)
    this.#byOrder.insert(item)
  }

  /** For `Change` only. */
  remove(item: Item): void {
    this.#byKey.delete(item)
    this.#byDot.delete(item)
    this.#byOrder.delete(item)
    this.#uncount(item.key)
    item.leave()
    const actor = this.#actors.get(item.actor)
    if (actor !== undefined && --actor.items === 0) this.#actors.delete(item.actor)
  }

  #move(place: Place): void {
    const { actor, counter } = Envelope.decode(place.slab.envelopeAt(place.at))
    const item = this.held(toBinary(actor!), counter)
    if (item?.isAt(place) === true) item.moveTo(this.#slabs)
  }

  #count(key: string, isOneMore: boolean): void {
    if (isOneMore) this.#crowded.set(key, (this.#crowded.get(key) ?? 1) + 1)
    else this.#keys++
  }

  #uncount(key: string): void {
    const items = this.#crowded.get(key)
    if (items === undefined) this.#keys--
    else if (items === 2) this.#crowded.delete(key)
    else this.#crowded.set(key, items - 1)
  }

  #shareActor(item: Item): void {
    const actor = this.#actors.get(item.actor)
    if (actor === undefined) this.#actors.set(item.actor, { id: item.actor, items: 1 })
    else {
      actor.items++
      item.actor = actor.id
    }
  }
}

/** Intervals by actor: part of a context as it travels. */
export type ContextPart = ReadonlyMap<ActorId, Intervals>

export function intervalsIn(part: ContextPart, actor: ActorId): Intervals {
  return part.get(actor) ?? EMPTY
}
