/**
 * The range step: range-based set reconciliation (Meyer, arXiv:2212.13567) over the order of held items.
 *
 * The asker sends fingerprints of ranges; the answerer leaves out those that agree, lists small ones and splits the
 * others; the asker does the same with what comes back. Each message thus goes one level down, and n items take
 * O(log n) rounds. The step only names candidates: keys (or, where only the other side knows the key, dots) on which the
 * replicas may differ. It decides nothing and never touches a context; `resolve` decides.
 *
 * Range fingerprints are the first 8 bytes of the sum: a false match hides a difference from this step only, and the full
 * fingerprint of the digest still tells that there is one.
 */
import { fromBinary, toBinary } from '../bytes.ts'
import type { ActorId } from '../bytes.ts'
import { dotText, HASH_PREFIX_BYTES, hashPrefix, lanesToBytes } from '../item.ts'
import type { Dot, Item } from '../item.ts'
import { boundAt, boundOf, compareBounds } from '../replica.ts'
import type { Bound, Replica } from '../replica.ts'
import { ActorTable, decodeActors, decodeDots } from '../wire/dots.ts'
import type { Bound as WireBound, Range as WireRange, Ranges } from '../wire/messages.ts'
import type { RepairSizes } from './sizes.ts'

/** Parts into which a differing range is split. */
const BRANCHES = 16
/** Beyond this a list is refused even if asked for, and split instead. */
const LIST_HARD_MAX = 256
/** Of each list at least so many own items are compared, where so many may be at all. */
const COMPARED_WITH_LIST_MIN = 64
/** Ranges in one message; what does not fit is found by the next step. */
export const RANGES_MAX = 1024
const FINGERPRINT_BYTES = 8

export interface Range {
  lower: Bound
  upper: Bound
}

export type RangeClaim =
  | (Range & { listed: false; fingerprint: string; count: number })
  | (Range & { listed: true; entries: { dot: Dot; hash: string }[] })

export interface Candidates {
  keys: Set<string>
  dots: Dot[]
  /** Not all own items of the listed ranges were compared. */
  partial: boolean
}

/** Splits into parts of about equal count; fewer where there are fewer items. */
export function splitRange(replica: Replica, range: Range, parts: number): Range[] {
  const low = replica.rank(range.lower)
  const count = Math.max(replica.rank(range.upper) - low, 0)
  const ranges: Range[] = []
  let { lower } = range
  for (let part = 1; part < parts; part++) {
    const item = replica.atRank(low + Math.floor((count * part) / parts))
    if (item === undefined || count === 0) break
    const cut = shortestBound(replica, item, low)
    if (compareBounds(cut, lower) <= 0 || compareBounds(cut, range.upper) >= 0) continue
    ranges.push({ lower, upper: cut })
    lower = cut
  }
  ranges.push({ lower, upper: range.upper })
  return ranges
}

/** A bound before `item` and after its predecessor: the bare time where that tells them apart. */
function shortestBound(replica: Replica, item: Item, lowestRank: number): Bound {
  const full = boundOf(item)
  const bare = boundAt(full.space, full.ms)
  return replica.rank(bare) === replica.rank(full) && replica.rank(bare) >= lowestRank ? bare : full
}

export function claim(replica: Replica, range: Range): RangeClaim {
  const { count, lanes } = replica.sum(range.lower, range.upper)
  const fingerprint = toBinary(lanesToBytes(lanes).subarray(0, FINGERPRINT_BYTES))
  return { ...range, listed: false, fingerprint, count }
}

/** The answer to the asker's claims: nothing where they agree, else the range split or listed. */
export function answerRanges(
  replica: Replica,
  claims: readonly RangeClaim[],
  sizes: RepairSizes,
): RangeClaim[] {
  const answer: RangeClaim[] = []
  for (const theirs of claims) {
    if (answer.length >= RANGES_MAX) break
    const mine = claim(replica, theirs)
    if (mine.listed) continue
    if (theirs.listed) {
      if (mine.count <= LIST_HARD_MAX) answer.push(list(replica, theirs))
      else answer.push(...splitRange(replica, theirs, BRANCHES).map((r) => claim(replica, r)))
      continue
    }
    if (mine.fingerprint === theirs.fingerprint && mine.count === theirs.count) continue
    if (mine.count <= sizes.listed) answer.push(list(replica, theirs))
    else answer.push(...splitRange(replica, theirs, BRANCHES).map((r) => claim(replica, r)))
  }
  return answer
}

/**
 * The asker's next claims after an answer; candidates from listed ranges go into `found`. Of what only the asker has, those
 * that the answerer may have removed; the others it has not seen yet, and comes for them itself. Where it has very many, a part
 * is compared: which one, `step` tells, the number of the range step. So it does of answers of which not all may fit into the
 * next claims: the first ones could all be for the answerer to mend.
 */
export function nextClaims(
  replica: Replica,
  answer: readonly RangeClaim[],
  found: Candidates,
  mayBeRemoved: (item: Item) => boolean,
  sizes: RepairSizes,
  step: number,
): RangeClaim[] {
  const next: RangeClaim[] = []
  const lists = answer.filter(({ listed }) => listed).length
  const least = Math.min(COMPARED_WITH_LIST_MIN, sizes.compared)
  const size = Math.max(Math.floor(sizes.compared / lists), least)
  const from = answer.length * BRANCHES > RANGES_MAX ? mixed(step) % answer.length : 0
  for (const theirs of [...answer.slice(from), ...answer.slice(0, from)]) {
    if (theirs.listed) {
      const part = partOf(replica, theirs, size, step)
      found.partial ||= part !== theirs
      compareLists(replica, theirs, part, found, mayBeRemoved)
      continue
    }
    const mine = claim(replica, theirs)
    if (mine.listed || next.length >= RANGES_MAX) continue
    if (mine.fingerprint === theirs.fingerprint && mine.count === theirs.count) continue
    const { lower, upper } = theirs
    if (Math.min(mine.count, theirs.count) <= sizes.listed) {
      next.push({ lower, upper, listed: true, entries: [] })
    } else {
      next.push(...splitRange(replica, theirs, BRANCHES).map((r) => claim(replica, r)))
    }
  }
  return next
}

export function firstClaims(replica: Replica, ranges: readonly Range[]): RangeClaim[] {
  return ranges.flatMap((range) =>
    splitRange(replica, range, BRANCHES).map((part) => claim(replica, part)),
  )
}

function itemsOf(replica: Replica, range: Range): Item[] {
  const items: Item[] = []
  for (const item of replica.fromBound(range.lower)) {
    if (compareBounds(boundOf(item), range.upper) >= 0) break
    items.push(item)
  }
  return items
}

function list(replica: Replica, { lower, upper }: Range): RangeClaim {
  const entries = itemsOf(replica, { lower, upper }).map((item) => ({
    dot: { actor: item.actor, counter: item.counter },
    hash: hashPrefix(item),
  }))
  return { lower, upper, listed: true, entries }
}

/** The range itself, or one of the parts of so many items that it is made of. */
function partOf(replica: Replica, range: Range, size: number, step: number): Range {
  const low = replica.rank(range.lower)
  const high = replica.rank(range.upper)
  if (high - low <= size) return range
  const parts = Math.ceil((high - low) / size)
  const from = low + (mixed(step) % parts) * size
  const end = from + size < high ? replica.atRank(from + size) : undefined
  return {
    lower: boundOf(replica.atRank(from)!),
    upper: end === undefined ? range.upper : boundOf(end),
  }
}

/** Scatters the numbers of steps, of which those with one peer may be every nth (MurmurHash3's finaliser). */
function mixed(step: number): number {
  let mix = Math.imul(step ^ (step >>> 16), 0x85ebca6b)
  mix = Math.imul(mix ^ (mix >>> 13), 0xc2b2ae35)
  return (mix ^ (mix >>> 16)) >>> 0
}

/** Compares a list with the own items in `part` of its range. */
function compareLists(
  replica: Replica,
  theirs: RangeClaim & { listed: true },
  part: Range,
  found: Candidates,
  mayBeRemoved: (item: Item) => boolean,
): void {
  const mine = new Map(itemsOf(replica, part).map((item) => [dotText(item), item]))
  for (const { dot, hash } of theirs.entries) {
    const item = mine.get(dotText(dot))
    if (item === undefined) {
      const other = replica.held(dot.actor, dot.counter)
      const isInOtherPart = part !== theirs && other !== undefined && hashPrefix(other) === hash
      if (isInOtherPart) continue
      // Held at another place of the order, or dropped: one dot with two contents (R14). Ours that are covered and dead: the
      // peer learns that when it asks. Theirs are for `resolve` to name.
      const isDropped = replica.dropped.other(dot, hash) !== undefined
      if (other !== undefined) found.keys.add(other.key)
      else if (isDropped || !replica.context.covers(dot.actor, dot.counter)) found.dots.push(dot)
      continue
    }
    mine.delete(dotText(dot))
    // One dot with two contents: which of them stays, `resolve` tells (R14).
    if (hashPrefix(item) !== hash) found.keys.add(item.key)
  }
  for (const item of mine.values()) if (mayBeRemoved(item)) found.keys.add(item.key)
}

export function encodeRangeClaims(
  claims: readonly RangeClaim[],
  session: number,
  clock: number,
): Ranges {
  const table = new ActorTable()
  const ranges = claims.map((one, index): WireRange => {
    const bounds = encodeBounds(one, claims[index - 1])
    const none = new Uint8Array(0)
    if (!one.listed) {
      const fingerprint = fromBinary(one.fingerprint)
      return { ...bounds, fingerprint, count: one.count, listed: false, dots: none, hashes: none }
    }
    const dots = table.dots(one.entries.map((entry) => entry.dot))
    const hashes = fromBinary(one.entries.map((entry) => entry.hash).join(''))
    return { ...bounds, fingerprint: none, count: 0, listed: true, dots, hashes }
  })
  return { session, clock, actors: table.actors, ranges }
}

export function decodeRangeClaims(wire: Ranges): RangeClaim[] | undefined {
  const actors = decodeActors(wire.actors)
  if (actors === undefined || wire.ranges.length > BRANCHES * (RANGES_MAX + 1)) return undefined
  const claims: RangeClaim[] = []
  for (const range of wire.ranges) {
    const one = decodeRange(range, claims.at(-1), actors)
    if (one === undefined) return undefined
    claims.push(one)
  }
  return claims
}

function decodeRange(
  range: WireRange,
  previous: Range | undefined,
  actors: readonly ActorId[],
): RangeClaim | undefined {
  const lower = range.lower === undefined ? previous?.upper : decodeBound(range.lower)
  const upper = decodeBound(range.upper)
  if (lower === undefined || upper === undefined || compareBounds(lower, upper) > 0) {
    return undefined
  }
  if (!range.listed) {
    if (range.fingerprint.length !== FINGERPRINT_BYTES) return undefined
    const fingerprint = toBinary(range.fingerprint)
    return { lower, upper, listed: false, fingerprint, count: range.count }
  }
  const dots = decodeDots(range.dots, actors)
  if (dots === undefined || range.hashes.length !== dots.length * HASH_PREFIX_BYTES) {
    return undefined
  }
  const entries = dots.map((dot, index) => {
    const at = index * HASH_PREFIX_BYTES
    return { dot, hash: toBinary(range.hashes.subarray(at, at + HASH_PREFIX_BYTES)) }
  })
  return { lower, upper, listed: true, entries }
}

/** Bounds are most of what a range takes: one that begins where the one before it ends does not say so. */
function encodeBounds(
  { lower, upper }: Range,
  previous: Range | undefined,
): Pick<WireRange, 'lower' | 'upper'> {
  const adjacent = previous !== undefined && compareBounds(previous.upper, lower) === 0
  const bounds = { upper: encodeBound(upper) }
  return adjacent ? bounds : { ...bounds, lower: encodeBound(lower) }
}

function encodeBound(bound: Bound): WireBound {
  return { ...bound, actor: fromBinary(bound.actor) }
}

function decodeBound(wire: WireBound | undefined): Bound | undefined {
  if (wire === undefined) return undefined
  const wellFormed =
    wire.space <= 2 &&
    Number.isSafeInteger(wire.ms) &&
    Number.isSafeInteger(wire.counter) &&
    (wire.actor.length === 0 || wire.actor.length === 16)
  return wellFormed ? { ...wire, actor: toBinary(wire.actor) } : undefined
}
