/**
 * An ordered index of items by reference, with O(log n) counts and sums of hashes over any range.
 *
 * A B+ tree. A leaf's slots are items in ascending order. An inner node's slots are the least items of its children.
 * Every node carries the number of items below it and, in a tree with lanes, the lane-wise sum of their 128-bit hashes
 * modulo 2^32 per lane, so that the fingerprint of a range is the difference of two walks from the root.
 *
 * Bounds are functions: `bound(item)` is negative for items below the bound, 0 at it, positive above it. It must agree
 * with the order of the tree. Where a tree is ordered by several fields, a bound may look at the first of them only.
 *
 * Invariants
 * - Items are strictly ascending, all leaves have the same depth, and all nodes but the root are at least a quarter full;
 *   so what deletes leave behind is in proportion to what is still there.
 * - The fields of an item that order it, and its lanes, do not change while it is in the tree.
 * - A cursor is good until the tree next changes.
 */
interface Laned {
  readonly lane0: number
  readonly lane1: number
  readonly lane2: number
  readonly lane3: number
}

export type Lanes = readonly [number, number, number, number]

export interface Sum {
  readonly count: number
  readonly lanes: Lanes
}

export interface RangeIndexOptions<T> {
  compare: (a: T, b: T) => number
  /** Keep sums of the items' lanes. */
  lanes?: T extends Laned ? boolean : false
}

export type ItemBound<T> = (item: T) => number

/** Slots of a node. Measured: 64 takes 2 bytes more per item, and neither is faster. */
const NODE_SLOTS = 128
const NODE_SLOTS_MIN = NODE_SLOTS / 4
/** A bulk-built node leaves room for the first inserts. */
const NODE_SLOTS_BULK = (NODE_SLOTS * 7) / 8
/** Slots grow by this many at a time: arrays left to themselves grow by half and waste most of it. */
const SLOTS_STEP = 8

const EMPTY_SUM: Sum = { count: 0, lanes: [0, 0, 0, 0] }

class Tally implements Laned {
  count = 0
  lane0 = 0
  lane1 = 0
  lane2 = 0
  lane3 = 0
}

/** Its tally is that of the items in or below it. */
class Node<T> extends Tally {
  /** Items of a leaf, least items of an inner node's children; the first `length` are in use. */
  slots: T[]
  /** Undefined in a leaf. */
  children: Node<T>[] | undefined
  length: number
  /** The leaf to the right of this leaf. */
  next: Node<T> | undefined = undefined

  constructor(slots: T[], children: Node<T>[] | undefined, length: number) {
    super()
    this.slots = slots
    this.children = children
    this.length = length
  }
}

/** Ascending iteration; not a generator because a generator takes two to four times as long per item. */
export class Cursor<T> implements IterableIterator<T> {
  #leaf: Node<T> | undefined
  #at: number

  constructor(leaf: Node<T>, at: number) {
    this.#leaf = leaf
    this.#at = at
  }

  next(): IteratorResult<T, undefined> {
    const value = this.take()
    return value === undefined ? { done: true, value: undefined } : { done: false, value }
  }

  /** The next item without a result around it, for where that shows; `undefined` at the end. */
  take(): T | undefined {
    let leaf = this.#leaf
    if (leaf !== undefined && this.#at >= leaf.length) {
      leaf = this.#leaf = leaf.next
      this.#at = 0
    }
    return leaf?.slots[this.#at++]
  }

  [Symbol.iterator](): this {
    return this
  }
}

export class RangeIndex<T> implements Iterable<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #lanes: boolean
  /** Not `#root`, so that the tests can walk the tree. */
  private root: Node<T> = new Node<T>([], undefined, 0)

  constructor(options: RangeIndexOptions<T>) {
    this.#compare = options.compare
    this.#lanes = options.lanes ?? false
  }

  /** Builds the tree in O(n) from items in strictly ascending order. */
  static fromSorted<T>(items: readonly T[], options: RangeIndexOptions<T>): RangeIndex<T> {
    for (let i = 1; i < items.length; i++) {
      if (options.compare(items[i - 1]!, items[i]!) >= 0) {
        throw new TypeError(`items are not in strictly ascending order at position ${i}`)
      }
    }
    const index = new RangeIndex(options)
    if (items.length === 0) return index
    let level = evenRuns(items.length).map(
      ([start, end]) => new Node(items.slice(start, end), undefined, end - start),
    )
    level.forEach((leaf, i) => (leaf.next = level[i + 1]))
    for (const leaf of level) index.#retally(leaf)
    while (level.length > 1) {
      const below = level
      level = evenRuns(below.length).map(([start, end]) => {
        const children = below.slice(start, end)
        return new Node(children.map(least), children, end - start)
      })
      for (const node of level) index.#retally(node)
    }
    index.root = level[0]!
    return index
  }

  get size(): number {
    return this.root.count
  }

  get min(): T | undefined {
    return this.root.slots[0]
  }

  get max(): T | undefined {
    return this.at(this.size - 1)
  }

  /** False when an equal item is there; that one stays. */
  insert(item: T): boolean {
    if (!this.#insert(this.root, item)) return false
    if (this.root.length === NODE_SLOTS) {
      const root = new Node([least(this.root)], [this.root], 1)
      this.#retally(root)
      this.root = root
      this.#split(root, 0)
    }
    return true
  }

  /** Removes the item that equals `probe`; false when there is none. */
  delete(probe: T): boolean {
    if (this.#delete(this.root, probe) === undefined) return false
    if (this.root.length === 1 && this.root.children !== undefined) {
      this.root = this.root.children[0]!
    }
    return true
  }

  /** The item that equals `probe`. */
  get(probe: T): T | undefined {
    let node = this.root
    for (;;) {
      const at = this.#search(node, probe)
      if (node.children === undefined) return at < 0 ? undefined : node.slots[at]
      node = node.children[at < 0 ? Math.max(~at - 1, 0) : at]!
    }
  }

  has(probe: T): boolean {
    return this.get(probe) !== undefined
  }

  /** Items from the first one at the bound (not `inclusive`: above it) on, ascending. */
  from(bound?: ItemBound<T>, options?: { inclusive?: boolean }): Cursor<T> {
    const limit = options?.inclusive === false ? 1 : 0
    let node = this.root
    for (;;) {
      const below = bound === undefined ? 0 : countBelow(node, bound, limit)
      if (node.children === undefined) return new Cursor(node, below)
      node = node.children[Math.max(below - 1, 0)]!
    }
  }

  [Symbol.iterator](): Cursor<T> {
    return this.from()
  }

  /** How many items are below the bound. */
  rank(bound: ItemBound<T>): number {
    return this.#below(bound).count
  }

  /** The item with `rank` items below it. */
  at(rank: number): T | undefined {
    if (!Number.isInteger(rank) || rank < 0 || rank >= this.size) return undefined
    let node = this.root
    let left = rank
    while (node.children !== undefined) {
      let i = 0
      while (left >= node.children[i]!.count) left -= node.children[i++]!.count
      node = node.children[i]!
    }
    return node.slots[left]
  }

  /** Count and lanes of the items at or above `lower` and below `upper`. */
  sum(lower?: ItemBound<T>, upper?: ItemBound<T>): Sum {
    const high = upper === undefined ? this.root : this.#below(upper)
    const low = lower === undefined ? new Tally() : this.#below(lower)
    // Bounds that cross hold nothing between them.
    if (low.count >= high.count) return EMPTY_SUM
    return {
      count: high.count - low.count,
      lanes: [
        (high.lane0 - low.lane0) | 0,
        (high.lane1 - low.lane1) | 0,
        (high.lane2 - low.lane2) | 0,
        (high.lane3 - low.lane3) | 0,
      ],
    }
  }

  /** Count and lanes of the items below the bound. */
  #below(bound: ItemBound<T>): Tally {
    const tally = new Tally()
    let node = this.root
    for (;;) {
      const below = countBelow(node, bound, 0)
      const at = node.children === undefined ? below : Math.max(below - 1, 0)
      // From whichever end of the node is nearer.
      if (at <= node.length / 2) {
        for (let i = 0; i < at; i++) this.#addSlot(tally, node, i)
      } else {
        addTally(tally, node)
        for (let i = at; i < node.length; i++) this.#subtractSlot(tally, node, i)
      }
      if (node.children === undefined) return tally
      node = node.children[at]!
    }
  }

  #addSlot(tally: Tally, node: Node<T>, i: number): void {
    if (node.children !== undefined) addTally(tally, node.children[i]!)
    else this.#addItem(tally, node.slots[i]!)
  }

  #subtractSlot(tally: Tally, node: Node<T>, i: number): void {
    if (node.children !== undefined) subtractTally(tally, node.children[i]!)
    else this.#subtractItem(tally, node.slots[i]!)
  }

  #addItem(tally: Tally, item: T): void {
    tally.count++
    if (this.#lanes) addLanes(tally, item as Laned)
  }

  #subtractItem(tally: Tally, item: T): void {
    tally.count--
    if (this.#lanes) subtractLanes(tally, item as Laned)
  }

  /** Tallies a node anew from its slots. */
  #retally(node: Node<T>): void {
    const tally = new Tally()
    for (let i = 0; i < node.length; i++) this.#addSlot(tally, node, i)
    node.count = tally.count
    node.lane0 = tally.lane0
    node.lane1 = tally.lane1
    node.lane2 = tally.lane2
    node.lane3 = tally.lane3
  }

  #insert(node: Node<T>, item: T): boolean {
    const found = this.#search(node, item)
    if (node.children === undefined) {
      if (found >= 0) return false
      node.slots = withEntry(node.slots, node.length++, ~found, item)
    } else {
      const at = found < 0 ? Math.max(~found - 1, 0) : found
      const child = node.children[at]!
      if (!this.#insert(child, item)) return false
      node.slots[at] = least(child)
      if (child.length === NODE_SLOTS) this.#split(node, at)
    }
    this.#addItem(node, item)
    return true
  }

  #delete(node: Node<T>, probe: T): T | undefined {
    const found = this.#search(node, probe)
    let removed: T | undefined
    if (node.children === undefined) {
      if (found < 0) return undefined
      removed = node.slots[found]
      node.slots = withoutEntry(node.slots, node.length--, found)
    } else {
      const at = found < 0 ? Math.max(~found - 1, 0) : found
      const child = node.children[at]!
      removed = this.#delete(child, probe)
      if (removed === undefined) return undefined
      if (child.length < NODE_SLOTS_MIN) this.#refill(node, at)
      else node.slots[at] = least(child)
    }
    this.#subtractItem(node, removed!)
    return removed
  }

  /** The slot that equals `item`, or the complement of the slot before which it would stand. */
  #search(node: Node<T>, item: T): number {
    const { slots } = node
    let low = 0
    let high = node.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = this.#compare(slots[middle]!, item)
      if (order === 0) return middle
      if (order < 0) low = middle + 1
      else high = middle
    }
    return ~low
  }

  #split(parent: Node<T>, at: number): void {
    const left = parent.children![at]!
    // Ascending inserts fill the last child again and again: leaving more on its left packs such a tree tighter.
    const cut = at === parent.length - 1 ? NODE_SLOTS - NODE_SLOTS_MIN : NODE_SLOTS / 2
    const right = new Node(
      left.slots.slice(cut, left.length),
      left.children?.slice(cut, left.length),
      left.length - cut,
    )
    left.slots = left.slots.slice(0, cut)
    left.children = left.children?.slice(0, cut)
    left.length = cut
    if (left.children === undefined) {
      right.next = left.next
      left.next = right
    }
    this.#retally(right)
    subtractTally(left, right)
    parent.slots = withEntry(parent.slots, parent.length, at + 1, least(right))
    parent.children = withEntry(parent.children!, parent.length, at + 1, right)
    parent.length++
  }

  /** Merges the child at `at`, which has become too small, with a neighbour, or shares out their slots. */
  #refill(parent: Node<T>, at: number): void {
    const children = parent.children!
    const first = at + 1 < parent.length ? at : at - 1
    const left = children[first]!
    const right = children[first + 1]!
    const slots = [...left.slots.slice(0, left.length), ...right.slots.slice(0, right.length)]
    const below =
      left.children === undefined
        ? undefined
        : [...left.children.slice(0, left.length), ...right.children!.slice(0, right.length)]
    const merge = slots.length <= NODE_SLOTS - NODE_SLOTS_MIN
    const cut = merge ? slots.length : slots.length >>> 1
    this.#refit(left, slots.slice(0, cut), below?.slice(0, cut))
    parent.slots[first] = least(left)
    if (merge) {
      if (below === undefined) left.next = right.next
      parent.slots = withoutEntry(parent.slots, parent.length, first + 1)
      parent.children = withoutEntry(children, parent.length, first + 1)
      parent.length--
    } else {
      this.#refit(right, slots.slice(cut), below?.slice(cut))
      parent.slots[first + 1] = least(right)
    }
  }

  #refit(node: Node<T>, slots: T[], children: Node<T>[] | undefined): void {
    node.slots = slots
    node.children = children
    node.length = slots.length
    this.#retally(node)
  }
}

function least<T>(node: Node<T>): T {
  return node.slots[0]!
}

/** How many of a node's slots are below the bound; with a limit of 1, below or at it. */
function countBelow<T>(node: Node<T>, bound: ItemBound<T>, limit: 0 | 1): number {
  const { slots } = node
  let low = 0
  let high = node.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = bound(slots[middle]!)
    if (order < 0 || (order === 0 && limit === 1)) low = middle + 1
    else high = middle
  }
  return low
}

/** The array, or a larger one, with `entry` at `at`; `length` of its places were in use. */
function withEntry<E>(array: E[], length: number, at: number, entry: E): E[] {
  let grown = array
  if (length === array.length) {
    grown = new Array<E>(length + SLOTS_STEP)
    for (let i = 0; i < at; i++) grown[i] = array[i]!
  }
  for (let i = length; i > at; i--) grown[i] = array[i - 1]!
  grown[at] = entry
  return grown
}

/** The array, or a smaller one, without the entry at `at`; `length` of its places were in use. */
function withoutEntry<E>(array: E[], length: number, at: number): E[] {
  for (let i = at + 1; i < length; i++) array[i - 1] = array[i]!
  // A place out of use must not keep an item alive.
  array[length - 1] = undefined as E
  return array.length - length < 2 * SLOTS_STEP ? array : array.slice(0, length)
}

/** Cuts 0..length into runs of nearly the same size that fit a bulk-built node. */
function evenRuns(length: number): [start: number, end: number][] {
  const runs = Math.ceil(length / NODE_SLOTS_BULK)
  return Array.from({ length: runs }, (_, i) => [
    Math.floor((i * length) / runs),
    Math.floor(((i + 1) * length) / runs),
  ])
}

function addLanes(tally: Tally, by: Laned): void {
  tally.lane0 = (tally.lane0 + by.lane0) | 0
  tally.lane1 = (tally.lane1 + by.lane1) | 0
  tally.lane2 = (tally.lane2 + by.lane2) | 0
  tally.lane3 = (tally.lane3 + by.lane3) | 0
}

function subtractLanes(tally: Tally, by: Laned): void {
  tally.lane0 = (tally.lane0 - by.lane0) | 0
  tally.lane1 = (tally.lane1 - by.lane1) | 0
  tally.lane2 = (tally.lane2 - by.lane2) | 0
  tally.lane3 = (tally.lane3 - by.lane3) | 0
}

function addTally(tally: Tally, by: Tally): void {
  tally.count += by.count
  addLanes(tally, by)
}

function subtractTally(tally: Tally, by: Tally): void {
  tally.count -= by.count
  subtractLanes(tally, by)
}
