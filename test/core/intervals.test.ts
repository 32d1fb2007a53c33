import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { GrowingSet } from '../../src/core/growing-set.ts'
import * as intervals from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'

/** The plainest possible set to compare with. */
type Oracle = Set<number>

function membersOf(set: Intervals): Oracle {
  const members = new Set<number>()
  for (let i = 0; i < set.length; i += 2) {
    for (let n = set[i]!; n <= set[i + 1]!; n++) members.add(n)
  }
  return members
}

function intervalsOf(members: Oracle): Intervals {
  const flat: number[] = []
  for (const n of [...members].sort((a, b) => a - b)) {
    if (flat.at(-1) === n - 1) flat[flat.length - 1] = n
    else flat.push(n, n)
  }
  return flat
}

const UNIVERSE = 60
const anyMembers = fc
  .uniqueArray(fc.integer({ min: 1, max: UNIVERSE }))
  .map((list) => new Set(list))
const anySet = anyMembers.map(intervalsOf)
const anyRange = fc
  .tuple(fc.integer({ min: 1, max: UNIVERSE }), fc.integer({ min: 1, max: UNIVERSE }))
  .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)])
const numbers = Array.from({ length: UNIVERSE + 2 }, (_, i) => i)

/** As a caller sees it: a set in its one form, with these members. */
function same(actual: Intervals, expected: Oracle): void {
  assert.ok(intervals.isValid(actual), `not in its one form: ${actual.join()}`)
  assert.deepEqual(actual, intervalsOf(expected))
}

describe('intervals', () => {
  it('look up, count and find the head', () => {
    fc.assert(
      fc.property(anyMembers, anyRange, (members, [from, to]) => {
        const set = intervalsOf(members)
        for (const n of numbers) assert.equal(intervals.covers(set, n), members.has(n), `${n}`)
        assert.equal(intervals.count(set), members.size)
        assert.equal(intervals.head(set), Math.max(0, ...members))
        const within = [...members].filter((n) => from <= n && n <= to).length
        assert.equal(intervals.countWithin(set, from, to), within)
      }),
    )
  })

  it('add ranges, and leave the set they were added to as it was', () => {
    fc.assert(
      fc.property(anySet, fc.array(anyRange, { maxLength: 8 }), (start, ranges) => {
        let set: Intervals = Object.freeze(start)
        const members = membersOf(start)
        for (const [from, to] of ranges) {
          const before = set
          const missing = to - from + 1 - intervals.countWithin(set, from, to)
          for (let n = from; n <= to; n++) members.add(n)
          set = Object.freeze(intervals.addRange(set, from, to))
          same(set, members)
          assert.equal(
            set === before,
            missing === 0,
            'the same list exactly when nothing was added',
          )
        }
      }),
    )
  })

  it('add nothing for a range that ends before it begins', () => {
    const set = [3, 5]
    assert.equal(intervals.addRange(set, 9, 8), set)
  })

  it('grow by many steps as sets do', () => {
    // Scattered, so that what came lately is joined with the rest many times.
    const universe = 40_000
    const anySteps = fc.array(
      fc.tuple(fc.integer({ min: 1, max: universe }), fc.constantFrom(-1, 0, 0, 0, 1, 50)),
      { minLength: 2_000, maxLength: 5_000 },
    )
    fc.assert(
      fc.property(anySteps, anySet, (steps, other) => {
        const set = new GrowingSet()
        const members = new Set<number>()
        for (const [from, more] of steps) {
          assert.equal(set.covers(from), members.has(from))
          set.addRange(from, from + more)
          for (let n = from; n <= from + more; n++) members.add(n)
        }
        same(set.missingOf(other), new Set([...membersOf(other)].filter((n) => !members.has(n))))
        assert.equal(set.head, Math.max(...members))
        same(set.all, members)
        same(set.missingOf(other), new Set([...membersOf(other)].filter((n) => !members.has(n))))
      }),
      { numRuns: 20 },
    )
  })

  it('are made of ranges in whatever order, and give theirs', () => {
    fc.assert(
      fc.property(fc.array(anyRange, { maxLength: 12 }), (pairs) => {
        const ranges = pairs.map(([from, to]) => ({ from, to }))
        const members = new Set(ranges.flatMap(({ from, to }) => numbers.slice(from, to + 1)))
        const set = intervals.fromRanges(ranges)
        same(set, members)
        same(intervals.fromRanges(intervals.rangesOf(set)), members)
        assert.equal(intervals.rangesOf(set).length, set.length / 2)
      }),
      { numRuns: 500 },
    )
  })

  it('join, subtract and intersect as sets do', () => {
    fc.assert(
      fc.property(anySet, anySet, (a, b) => {
        const [x, y] = [membersOf(a), membersOf(b)]
        same(intervals.union(a, b), new Set([...x, ...y]))
        same(intervals.subtract(a, b), new Set([...x].filter((n) => !y.has(n))))
        same(intervals.intersect(a, b), new Set([...x].filter((n) => y.has(n))))
        assert.equal(intervals.equals(a, b), equalSets(x, y))
        assert.ok(intervals.equals(a, [...a]))
      }),
      { numRuns: 500 },
    )
  })

  it('name the holes below the head', () => {
    fc.assert(
      fc.property(anyMembers, (members) => {
        const head = Math.max(0, ...members)
        const holes = numbers.filter((n) => n >= 1 && n < head && !members.has(n))
        same(intervals.gaps(intervalsOf(members)), new Set(holes))
      }),
    )
  })

  it('agree on every pair of sets of up to six numbers', () => {
    const subsets = Array.from(
      { length: 64 },
      (_, bits) => new Set([1, 2, 3, 4, 5, 6].filter((n) => (bits >> (n - 1)) & 1)),
    )
    for (const x of subsets) {
      for (const y of subsets) {
        const [a, b] = [intervalsOf(x), intervalsOf(y)]
        same(intervals.union(a, b), new Set([...x, ...y]))
        same(intervals.subtract(a, b), new Set([...x].filter((n) => !y.has(n))))
        same(intervals.intersect(a, b), new Set([...x].filter((n) => y.has(n))))
      }
    }
  })

  it('take numbers from outside only in their one form', () => {
    const max = Number.MAX_SAFE_INTEGER
    for (const good of [[], [1, 1], [1, 3, 5, 5], [max, max], [1, max]]) {
      assert.ok(intervals.isValid(good), good.join())
    }
    const bad = [
      [1],
      [0, 1],
      [-1, 1],
      [2, 1],
      [1, 2, 3, 4],
      [1, 3, 2, 5],
      [5, 6, 1, 2],
      [1.5, 2],
      [1, Number.NaN],
      [1, Infinity],
      [1, max + 1],
      [1, max, max + 2, max + 4],
    ]
    for (const numbers of bad) assert.ok(!intervals.isValid(numbers), numbers.join())
  })

  it('are encoded and decoded without loss, up to the greatest counter', () => {
    const max = Number.MAX_SAFE_INTEGER
    const wide = fc
      .uniqueArray(fc.integer({ min: 1, max }), { maxLength: 12 })
      .map((list) => list.reduce<Intervals>((set, n) => intervals.addRange(set, n, n), []))
    fc.assert(
      fc.property(fc.oneof(anySet, wide), (set) => {
        assert.deepEqual(intervals.decodeIntervals(intervals.encodeIntervals(set)), set)
      }),
    )
    assert.deepEqual(intervals.decodeIntervals(intervals.encodeIntervals([1, max])), [1, max])
    assert.equal(intervals.encodeIntervals([1, 100]).length, 2)
  })

  it('have one encoding: what decodes encodes to the same bytes, all else is refused', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 12 }),
      fc
        .array(fc.constantFrom(0, 1, 0x7f, 0x80, 0x81, 0xff), { maxLength: 20 })
        .map((list) => Uint8Array.from(list)),
    )
    fc.assert(
      fc.property(bytes, (input) => {
        const set = intervals.decodeIntervals(input)
        if (set === undefined) return
        assert.ok(intervals.isValid(set))
        assert.deepEqual(intervals.encodeIntervals(set), input)
      }),
      { numRuns: 2000 },
    )
  })

  it('refuse malformed bytes', () => {
    const malformed = {
      'half an interval': [5],
      'a cut varint': [0, 0x80],
      'a padded varint': [0x80, 0, 0],
      'a padded second varint': [1, 0x81, 0x80, 0],
      'a number beyond the safe ones': [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
      'a varint without an end': [0, ...Array.from({ length: 12 }, () => 0xff)],
      'a sum beyond the safe numbers': [
        ...intervals.encodeIntervals([1, Number.MAX_SAFE_INTEGER]),
        0,
        0,
      ],
    }
    for (const [what, bytes] of Object.entries(malformed)) {
      assert.equal(intervals.decodeIntervals(Uint8Array.from(bytes)), undefined, what)
    }
  })
})

function equalSets(a: Oracle, b: Oracle): boolean {
  return a.size === b.size && [...a].every((n) => b.has(n))
}
