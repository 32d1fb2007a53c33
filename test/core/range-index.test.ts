import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { RangeIndex } from '../../src/core/range-index.ts'
import type { Lanes } from '../../src/core/range-index.ts'

interface Item {
  readonly key: number
  readonly lane0: number
  readonly lane1: number
  readonly lane2: number
  readonly lane3: number
}

const compare = (a: Item, b: Item): number => a.key - b.key
const OPTIONS = { compare, lanes: true }

/** Of the code under test: a node with this many slots in use is split, one with fewer than a quarter refilled. */
const NODE_SLOTS = 128
const SPARE_SLOTS_MAX = 16

function itemOf(key: number): Item {
  const hash = createHash('md5').update(`${key}`).digest()
  return {
    key,
    lane0: hash.readInt32BE(0),
    lane1: hash.readInt32BE(4),
    lane2: hash.readInt32BE(8),
    lane3: hash.readInt32BE(12),
  }
}

const made = new Map<number, Item>()
function item(key: number): Item {
  let known = made.get(key)
  if (known === undefined) made.set(key, (known = itemOf(key)))
  return known
}

const at =
  (key: number) =>
  (entry: Item): number =>
    entry.key - key

function sumOf(items: readonly Item[]): Lanes {
  const lane = (read: (entry: Item) => number): number =>
    Number(
      BigInt.asIntN(
        32,
        items.reduce((sum, entry) => sum + BigInt(read(entry)), 0n),
      ),
    )
  return [
    lane((entry) => entry.lane0),
    lane((entry) => entry.lane1),
    lane((entry) => entry.lane2),
    lane((entry) => entry.lane3),
  ]
}

type Node = RangeIndex<Item>['root']

/** Walks the whole tree and checks what must hold at every node. Returns its items. */
function walk(index: RangeIndex<Item>, lanes = true): Item[] {
  const leaves: Node[] = []
  const depths = new Set<number>()
  const visit = (node: Node, depth: number): Item[] => {
    const { children, length, slots } = node
    assert.ok(length < NODE_SLOTS, `a node has room for one more, not ${length}`)
    if (node !== index['root']) {
      assert.ok(length >= NODE_SLOTS / 4, `at least a quarter full, not ${length}`)
    }
    assert.ok(slots.length - length <= SPARE_SLOTS_MAX, 'no room kept that is not soon used')
    for (const spare of slots.slice(length)) assert.equal(spare, undefined, 'nothing kept alive')
    let below: Item[]
    if (children === undefined) {
      leaves.push(node)
      depths.add(depth)
      below = slots.slice(0, length)
    } else {
      assert.ok(length >= 2, 'an inner node has a choice')
      assert.ok(children.length - length <= SPARE_SLOTS_MAX)
      for (const spare of children.slice(length)) assert.equal(spare, undefined)
      below = children.slice(0, length).flatMap((child, i) => {
        assert.equal(slots[i], child.slots[0], 'a slot is the least item of its child')
        return visit(child, depth + 1)
      })
    }
    assert.equal(node.count, below.length)
    assert.deepEqual(
      [node.lane0, node.lane1, node.lane2, node.lane3],
      lanes ? sumOf(below) : [0, 0, 0, 0],
    )
    return below
  }
  const items = visit(index['root'], 0)
  assert.equal(depths.size, 1, 'all leaves are at the same depth')
  leaves.forEach((leaf, i) => assert.equal(leaf.next, leaves[i + 1], 'leaves are chained'))
  for (let i = 1; i < items.length; i++) assert.ok(items[i - 1]!.key < items[i]!.key, 'ascending')
  return items
}

/** Compares every answer about a few bounds with a sorted array. */
function checkAnswers(index: RangeIndex<Item>, keys: ReadonlySet<number>, bounds: number[]): void {
  const sorted = [...keys].sort((a, b) => a - b).map(item)
  assert.equal(index.size, sorted.length)
  assert.equal(index.min, sorted[0])
  assert.equal(index.max, sorted.at(-1))
  for (const bound of bounds) {
    const below = sorted.filter((entry) => entry.key < bound)
    const rest = sorted.slice(below.length)
    assert.equal(index.rank(at(bound)), below.length)
    assert.equal(index.at(below.length), rest[0])
    assert.equal(index.has(item(bound)), keys.has(bound))
    assert.equal(index.get(item(bound)), keys.has(bound) ? item(bound) : undefined)
    assert.deepEqual([...index.from(at(bound))], rest)
    const above = rest.filter((entry) => entry.key !== bound)
    assert.deepEqual([...index.from(at(bound), { inclusive: false })], above)
    assert.deepEqual(index.sum(at(bound)), { count: rest.length, lanes: sumOf(rest) })
    assert.deepEqual(index.sum(undefined, at(bound)), { count: below.length, lanes: sumOf(below) })
    for (const other of bounds) {
      const between = sorted.filter((entry) => bound <= entry.key && entry.key < other)
      const expected = { count: between.length, lanes: sumOf(between) }
      assert.deepEqual(index.sum(at(bound), at(other)), expected)
    }
  }
  assert.deepEqual(index.sum(), { count: sorted.length, lanes: sumOf(sorted) })
}

/** Inserts or deletes `count` keys from `start` on, `stride` apart, in either direction, round the key space. */
interface Step {
  readonly insert: boolean
  readonly start: number
  readonly stride: number
  readonly count: number
}

const KEYS = 4001

function apply(index: RangeIndex<Item>, keys: Set<number>, step: Step): void {
  let key = step.start
  for (let i = 0; i < step.count; i++) {
    if (step.insert) {
      assert.equal(index.insert(item(key)), !keys.has(key))
      keys.add(key)
    } else {
      // An equal item, not the same one.
      assert.equal(index.delete({ ...item(key) }), keys.delete(key))
    }
    key = (key + step.stride + KEYS) % KEYS
  }
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  insert: fc.boolean(),
  start: fc.nat(KEYS - 1),
  stride: fc.oneof(fc.constantFrom(1, -1, 2, 1009), fc.integer({ min: -KEYS + 1, max: KEYS - 1 })),
  count: fc.oneof(fc.nat(5), fc.nat(300), fc.nat(KEYS)),
})

/** A small generator of its own, so that the long run is the same everywhere. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

describe('range index', () => {
  it('answers as a sorted array does, whatever was inserted and deleted', () => {
    fc.assert(
      fc.property(
        fc.array(anyStep, { maxLength: 8 }),
        fc.array(fc.integer({ min: -1, max: KEYS }), { minLength: 1, maxLength: 4 }),
        (steps, bounds) => {
          const index = new RangeIndex<Item>(OPTIONS)
          const keys = new Set<number>()
          for (const step of steps) {
            apply(index, keys, step)
            walk(index)
          }
          checkAnswers(index, keys, bounds)
        },
      ),
      { numRuns: 60 },
    )
  })

  it('keeps its shape through a long run that grows to three levels and shrinks to nothing', () => {
    const random = randomFrom(20_261_122)
    const index = new RangeIndex<Item>(OPTIONS)
    const keys = new Set<number>()
    const space = 60_000
    let deepest = 0
    // The part of inserts among the operations of a phase.
    for (const inserts of [1, 0.9, 0.5, 0.2, 0.7, 0.1, 0]) {
      for (let i = 0; i < 30_000; i++) {
        const key = Math.floor(random() * space)
        if (random() < inserts) {
          assert.equal(index.insert(item(key)), !keys.has(key))
          keys.add(key)
        } else {
          assert.equal(index.delete(item(key)), keys.delete(key))
        }
      }
      const items = walk(index)
      assert.equal(items.length, keys.size)
      assert.ok(items.every((entry) => keys.has(entry.key)))
      let depth = 1
      for (let node = index['root']; node.children !== undefined; node = node.children[0]!) depth++
      deepest = Math.max(deepest, depth)
    }
    assert.equal(deepest, 3)
    for (const key of keys) assert.ok(index.delete(item(key)))
    assert.deepEqual(walk(index), [])
    assert.equal(index['root'].children, undefined, 'an empty tree is one leaf')
    assert.deepEqual([...index], [])
  })

  it('keeps its shape when it is filled and emptied in order, from either end', () => {
    const count = 20_000
    for (const up of [true, false]) {
      const index = new RangeIndex<Item>(OPTIONS)
      for (let i = 0; i < count; i++) assert.ok(index.insert(item(up ? i : count - 1 - i)))
      assert.equal(walk(index).length, count)
      for (let i = 0; i < count; i++) {
        assert.ok(index.delete(item(up ? i : count - 1 - i)))
        if (i === count - 1) break
        assert.equal(index.min, item(up ? i + 1 : 0))
        assert.equal(index.max, item(up ? count - 1 : count - 2 - i))
        if (i % 1999 === 0) assert.equal(walk(index).length, count - 1 - i)
      }
      assert.equal(index.size, 0)
    }
  })

  it('merges a node that has become too small, or shares with its neighbour, as both fit', () => {
    // Two leaves of 112, of which one shrinks to `kept` and the other to less than a quarter.
    for (const small of [0, 112]) {
      for (let kept = 32; kept <= 112; kept++) {
        const items = Array.from({ length: 224 }, (_, i) => item(i))
        const index = RangeIndex.fromSorted(items, OPTIONS)
        const gone = new Set<Item>()
        for (let i = kept; i < 112; i++) gone.add(item(112 - small + i))
        for (let i = 0; i < 81; i++) gone.add(item(small + i))
        for (const entry of gone) assert.ok(index.delete(entry))
        const left = items.filter((entry) => !gone.has(entry))
        assert.deepEqual(walk(index), left)
      }
    }
  })

  it('is built from sorted items, of any number, and can be changed then', () => {
    const counts = [0, 1, 2, 111, 112, 113, 127, 128, 224, 225, 5000, 12_544, 12_545, 20_000]
    for (const count of counts) {
      const items = Array.from({ length: count }, (_, i) => item(2 * i))
      const index = RangeIndex.fromSorted(items, OPTIONS)
      assert.deepEqual(walk(index), items)
      const keys = new Set(items.map(({ key }) => key))
      checkAnswers(index, keys, [-1, 0, count, 2 * count])
      for (let key = 1; key < 400; key += 2) assert.ok(index.insert(item(key)))
      for (let key = 0; key < 400; key += 2) assert.equal(index.delete(item(key)), keys.has(key))
      walk(index)
    }
  })

  it('refuses to be built from items out of order or twice', () => {
    for (const keys of [
      [1, 3, 2],
      [1, 2, 2],
    ]) {
      assert.throws(() => RangeIndex.fromSorted(keys.map(item), OPTIONS), {
        name: 'TypeError',
        message: 'items are not in strictly ascending order at position 2',
      })
    }
  })

  it('keeps the first of two equal items', () => {
    const index = new RangeIndex<Item>(OPTIONS)
    const first = item(1)
    assert.ok(index.insert(first))
    assert.ok(!index.insert({ ...first, lane0: first.lane0 + 1 }))
    assert.equal(index.get({ ...first }), first)
    assert.deepEqual(index.sum(), { count: 1, lanes: sumOf([first]) })
  })

  it('takes what an equal item gave to the sums, not what the probe would', () => {
    const index = RangeIndex.fromSorted([item(1), item(2)], OPTIONS)
    assert.ok(index.delete({ key: 1, lane0: 9, lane1: 9, lane2: 9, lane3: 9 }))
    assert.deepEqual(index.sum(), { count: 1, lanes: sumOf([item(2)]) })
  })

  it('takes bounds that look at a part of the order only', () => {
    const index = new RangeIndex<Item>(OPTIONS)
    for (let key = 0; key < 3000; key++) index.insert(item(key))
    // All keys of one hundred are equal to this bound.
    const hundred =
      (n: number) =>
      (entry: Item): number =>
        Math.floor(entry.key / 100) - n
    assert.equal(index.from(hundred(7)).next().value?.key, 700)
    assert.equal(index.from(hundred(7), { inclusive: false }).next().value?.key, 800)
    assert.equal(index.rank(hundred(7)), 700)
    assert.equal(index.sum(hundred(7), hundred(9)).count, 200)
  })

  it('counts without lanes, for items that have none', () => {
    const index = new RangeIndex<string>({ compare: (a, b) => (a < b ? -1 : a === b ? 0 : 1) })
    const words = Array.from({ length: 2000 }, (_, i) => `word ${(i * 7919) % 2000}`)
    for (const word of words) assert.ok(index.insert(word))
    assert.deepEqual([...index], words.toSorted())
    const below = words.filter((word) => word < 'word 5').length
    const bound = (word: string): number => (word < 'word 5' ? -1 : 1)
    assert.deepEqual(index.sum(undefined, bound), { count: below, lanes: [0, 0, 0, 0] })
    for (const word of words) assert.ok(index.delete(word))
    assert.equal(index.size, 0)
  })

  it('answers nothing for ranks that are not there', () => {
    const index = RangeIndex.fromSorted([item(1)], OPTIONS)
    for (const rank of [-1, 1, 0.5, Number.NaN, Infinity]) assert.equal(index.at(rank), undefined)
    assert.equal(new RangeIndex<Item>(OPTIONS).max, undefined)
    assert.equal(new RangeIndex<Item>(OPTIONS).min, undefined)
  })

  it('goes on saying that it is done', () => {
    const cursor = RangeIndex.fromSorted([item(1)], OPTIONS).from()
    assert.equal(cursor.next().value, item(1))
    for (let i = 0; i < 3; i++) assert.deepEqual(cursor.next(), { done: true, value: undefined })
  })
})
