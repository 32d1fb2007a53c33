/**
 * One key as the answerer sees it in one look, and what the asker does with it.
 *
 * `held` is the complete list of the answerer's held dots of the key; `items` are those of them that the asker lacks, as
 * far as they fit. The asker drops a sibling of its own only if the answerer knows it (`isDead`) and does not hold it,
 * and only in a batch after which it covers every dot of `held`: so a key's removals and its survivors land together
 * (R5), and an item that was left out for its size or refused as malformed keeps its predecessors alive.
 */
import { toBinary, fromBinary } from '../bytes.ts'
import type { ActorId } from '../bytes.ts'
import type { Change } from '../change.ts'
import { decodeItem, dotText, hashPrefix, KEY_BYTES_MAX } from '../item.ts'
import type { Dot, Hash, Item } from '../item.ts'
import { decodeDots } from '../wire/dots.ts'
import type { ActorTable } from '../wire/dots.ts'
import type { KeyState as WireKeyState } from '../wire/messages.ts'

export interface KeyState {
  key: string
  held: Dot[]
  items: Item[]
  /** Dots of the asker that the answerer says are removed; only in answers to `resolve`. */
  removed: Dot[]
  /** Deletes that emptied or thinned this key, where the answerer's removal log knows them. */
  mutations: Dot[]
  /** Items that did not decode or break a bound. */
  itemsRefused: number
}

export interface KeyStateParts {
  key: string
  held: readonly Dot[]
  items: readonly Item[]
  removed?: readonly Dot[]
  mutations?: readonly Dot[]
}

const NONE = new Uint8Array(0)

export function encodeKeyState(parts: KeyStateParts, table: ActorTable): WireKeyState {
  const list = (dots: readonly Dot[] | undefined): Uint8Array<ArrayBuffer> =>
    dots === undefined || dots.length === 0 ? NONE : table.dots(dots)
  return {
    key: parts.items.length > 0 ? NONE : fromBinary(parts.key),
    held: list(parts.held),
    items: parts.items.map((item) => item.envelope as Uint8Array<ArrayBuffer>),
    removed: list(parts.removed),
    mutations: list(parts.mutations),
  }
}

/** Bytes that a key adds to a message, at most, actors of the table aside. */
export function keyStateBytes(parts: KeyStateParts): number {
  const dots = parts.held.length + (parts.removed?.length ?? 0) + (parts.mutations?.length ?? 0)
  let bytes = 24 + parts.key.length + 9 * dots
  for (const item of parts.items) bytes += item.envelopeBytes + 6
  return bytes
}

/** `undefined` when the frame is malformed. A single bad item is skipped and counted instead (R16). */
export function decodeKeyState(
  wire: WireKeyState,
  actors: readonly ActorId[],
  hash: Hash,
): KeyState | undefined {
  const held = decodeDots(wire.held, actors)
  const removed = decodeDots(wire.removed, actors)
  const mutations = decodeDots(wire.mutations, actors)
  if (held === undefined || removed === undefined || mutations === undefined) return undefined
  if (wire.key.length > KEY_BYTES_MAX) return refusedWhole(held, wire)
  const decoded = wire.items.map((bytes) => decodeItem(bytes, hash))
  const key = wire.key.length > 0 ? toBinary(wire.key) : decoded.find(Boolean)?.key
  if (key === undefined) return wire.items.length > 0 ? refusedWhole(held, wire) : undefined
  const items = decoded.filter((item): item is Item => item?.key === key)
  return { key, held, items, removed, mutations, itemsRefused: decoded.length - items.length }
}

/** The name of the key is bad, or every item that would have told it: nothing is done, and its dots stay uncovered. */
function refusedWhole(held: Dot[], wire: WireKeyState): KeyState {
  return {
    key: '',
    held,
    items: [],
    removed: [],
    mutations: [],
    itemsRefused: wire.items.length,
  }
}

/** What the asker's own knowledge has to say before something goes. */
export interface KeyStateJudge {
  /** Whether the answerer knows this sibling: what it knows and does not hold is removed. */
  isDead(dot: Dot): boolean
  /** Whether these, the last items of their key, may go although nothing proves it but a context (R13). */
  mayEmpty(key: string, items: readonly Item[]): boolean
}

export interface Applied {
  itemsAdded: number
  itemsRemoved: number
  /** Dots of `held` that are still uncovered: their items did not come. */
  missing: Dot[]
  /** Pairs of items under one dot: the one that is kept from now on, and the one that is not (R14). */
  twins: { kept: Item; lost: Item }[]
  /** The key was to be emptied, and is held back. */
  heldBack: boolean
}

/** Takes the answerer's word for one key into `change`. */
export function applyKeyState(change: Change, state: KeyState, judge: KeyStateJudge): Applied {
  const applied: Applied = {
    itemsAdded: 0,
    itemsRemoved: 0,
    missing: [],
    twins: [],
    heldBack: false,
  }
  for (const item of state.items) takeItem(change, item, applied)
  applied.missing = state.held.filter((dot) => !change.covers(dot.actor, dot.counter))
  if (applied.missing.length > 0 || state.key === '') return applied
  const survivors = new Set(state.held.map(dotText))
  const siblings = change.siblings(state.key)
  const gone = siblings.filter((own) => !survivors.has(dotText(own)) && judge.isDead(own))
  const empties = gone.length > 0 && gone.length === siblings.length
  if (empties && state.mutations.length === 0 && !judge.mayEmpty(state.key, gone)) {
    applied.heldBack = true
    return applied
  }
  for (const own of gone) {
    change.remove(own)
    applied.itemsRemoved++
    for (const mutation of state.mutations) change.log(mutation, own)
  }
  return applied
}

function takeItem(change: Change, item: Item, applied: Applied): void {
  if (!change.covers(item.actor, item.counter)) {
    change.add(item)
    applied.itemsAdded++
    return
  }
  // Of two contents of one dot every replica keeps the same. What is dead here stays dead, whichever it was.
  const own = change.held(item.actor, item.counter)
  if (own === undefined || hashPrefix(own) >= hashPrefix(item)) return
  change.replace(own, item)
  applied.twins.push({ kept: item, lost: own })
  applied.itemsAdded++
}
