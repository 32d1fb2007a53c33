/**
 * Sets of positive integers as closed intervals: which counters of one actor have been seen.
 *
 * A set is the flat list [from0, to0, from1, to1, …] with 1 <= from <= to, and each from at least 2 above the to before
 * it: intervals are ascending, disjoint and never adjacent. So a set has exactly one form and equal sets have equal
 * lists. A list is never changed once it is made; whoever holds one has a snapshot for free.
 */
import { packNumbers, unpackNumbers } from './wire/numbers.ts'

export type Intervals = readonly number[]

export const EMPTY: Intervals = []

/** The numbers from..to, both in it. */
export interface Range {
  from: number
  to: number
}

/** True when the numbers are a set in its one form. Numbers from outside pass through here before anything else. */
export function isValid(numbers: readonly number[]): numbers is Intervals {
  if (numbers.length % 2 !== 0) return false
  let lowest = 1
  for (let i = 0; i < numbers.length; i += 2) {
    const from = numbers[i]!
    const to = numbers[i + 1]!
    if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to)) return false
    if (from < lowest || to < from) return false
    lowest = to + 2
  }
  return true
}

/** The least index of an interval whose end is at or above `n`; the number of intervals when there is none. */
function firstEndingAt(set: Intervals, n: number): number {
  let low = 0
  let high = set.length / 2
  while (low < high) {
    const middle = (low + high) >>> 1
    if (set[2 * middle + 1]! < n) low = middle + 1
    else high = middle
  }
  return low
}

export function covers(set: Intervals, n: number): boolean {
  const at = 2 * firstEndingAt(set, n)
  return at < set.length && set[at]! <= n
}

/** Greatest member; 0 when there is none. */
export function head(set: Intervals): number {
  return set.length === 0 ? 0 : set[set.length - 1]!
}

export function count(set: Intervals): number {
  let total = 0
  for (let i = 0; i < set.length; i += 2) total += set[i + 1]! - set[i]! + 1
  return total
}

/** How many members lie in [from, to]. */
export function countWithin(set: Intervals, from: number, to: number): number {
  let total = 0
  for (let i = 2 * firstEndingAt(set, from); i < set.length && set[i]! <= to; i += 2) {
    total += Math.min(set[i + 1]!, to) - Math.max(set[i]!, from) + 1
  }
  return total
}

export function equals(a: Intervals, b: Intervals): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** The set with [from, to] in it; the very same list when it was. `from` > `to` adds nothing. */
export function addRange(set: Intervals, from: number, to: number): Intervals {
  if (from > to) return set
  // Intervals first..last-1 overlap or touch [from, to] and melt into one.
  const first = firstEndingAt(set, from - 1)
  let last = first
  while (2 * last < set.length && set[2 * last]! <= to + 1) last++
  if (last === first + 1 && set[2 * first]! <= from && to <= set[2 * first + 1]!) return set
  const low = first < last ? Math.min(from, set[2 * first]!) : from
  const high = first < last ? Math.max(to, set[2 * last - 1]!) : to
  if (first === 0 && 2 * last === set.length) return [low, high]
  return set.toSpliced(2 * first, 2 * (last - first), low, high)
}

/** The set of what lies in ranges that come in whatever order and may overlap. */
export function fromRanges(ranges: Iterable<Range>): Intervals {
  const set: number[] = []
  for (const { from, to } of Array.from(ranges).sort((a, b) => a.from - b.from)) {
    const end = set.length - 1
    if (end < 0 || set[end]! < from - 1) set.push(from, to)
    else if (set[end]! < to) set[end] = to
  }
  return set
}

export function union(a: Intervals, b: Intervals): Intervals {
  if (a.length === 0) return b
  if (b.length === 0) return a
  if (b.length === 2) return addRange(a, b[0]!, b[1]!)
  // At its full length at once: a long list that grows is copied again and again, and most of the time goes to fresh memory.
  const joined = new Array<number>(a.length + b.length)
  let length = 0
  let i = 0
  let j = 0
  while (i < a.length || j < b.length) {
    const takeA = j >= b.length || (i < a.length && a[i]! <= b[j]!)
    const from = takeA ? a[i]! : b[j]!
    const to = takeA ? a[i + 1]! : b[j + 1]!
    if (takeA) i += 2
    else j += 2
    if (length === 0 || joined[length - 1]! < from - 1) {
      joined[length++] = from
      joined[length++] = to
    } else if (joined[length - 1]! < to) joined[length - 1] = to
  }
  joined.length = length
  return joined
}

/** The intervals of a set, one by one. */
export function rangesOf(set: Intervals): Range[] {
  const ranges: Range[] = []
  for (let i = 0; i < set.length; i += 2) ranges.push({ from: set[i]!, to: set[i + 1]! })
  return ranges
}

/** Members of `a` that are not in `b`. */
export function subtract(a: Intervals, b: Intervals): Intervals {
  if (a.length === 0 || b.length === 0) return a
  const rest: number[] = []
  let j = 2 * firstEndingAt(b, a[0]!)
  for (let i = 0; i < a.length; i += 2) {
    let from = a[i]!
    const to = a[i + 1]!
    while (j < b.length && b[j + 1]! < from) j += 2
    while (j < b.length && b[j]! <= to) {
      if (from < b[j]!) rest.push(from, b[j]! - 1)
      from = b[j + 1]! + 1
      if (from > to) break
      j += 2
    }
    if (from <= to) rest.push(from, to)
  }
  return rest
}

export function intersect(a: Intervals, b: Intervals): Intervals {
  if (a.length === 0 || b.length === 0) return EMPTY
  const common: number[] = []
  let i = 2 * firstEndingAt(a, b[0]!)
  let j = 2 * firstEndingAt(b, a[0]!)
  while (i < a.length && j < b.length) {
    const from = Math.max(a[i]!, b[j]!)
    const to = Math.min(a[i + 1]!, b[j + 1]!)
    if (from <= to) common.push(from, to)
    if (a[i + 1]! < b[j + 1]!) i += 2
    else j += 2
  }
  return common
}

/** What is missing between 1 and the head. */
export function gaps(set: Intervals): Intervals {
  const holes: number[] = []
  let next = 1
  for (let i = 0; i < set.length; i += 2) {
    if (next < set[i]!) holes.push(next, set[i]! - 1)
    next = set[i + 1]! + 1
  }
  return holes
}

/**
 * The canonical bytes of a set: varints of (from - lowest possible from) and (to - from) for each interval. One set has
 * one encoding, which is what lets it be hashed.
 */
export function encodeIntervals(set: Intervals): Uint8Array<ArrayBuffer> {
  // Fresh memory for a long plain list would take more time than all the rest.
  const steps = new Float64Array(set.length)
  let lowest = 1
  for (let i = 0; i < set.length; i += 2) {
    steps[i] = set[i]! - lowest
    steps[i + 1] = set[i + 1]! - set[i]!
    lowest = set[i + 1]! + 2
  }
  return packNumbers(steps)
}

/** `undefined` when the bytes are not the canonical form of a set. No bytes are the empty set. */
export function decodeIntervals(bytes: Uint8Array): Intervals | undefined {
  if (hasPaddedVarint(bytes)) return undefined
  const steps = unpackNumbers(bytes, bytes.length)
  if (steps === undefined || steps.length % 2 !== 0) return undefined
  let lowest = 1
  for (let i = 0; i < steps.length; i += 2) {
    steps[i] = lowest + steps[i]!
    steps[i + 1] = steps[i]! + steps[i + 1]!
    lowest = steps[i + 1]! + 2
  }
  return Number.isSafeInteger(head(steps)) ? steps : undefined
}

/** A varint that is longer than it must be ends in a zero byte with a continued byte before it. */
function hasPaddedVarint(bytes: Uint8Array): boolean {
  for (let i = 1; i < bytes.length; i++) if (bytes[i] === 0 && bytes[i - 1]! >= 0x80) return true
  return false
}
