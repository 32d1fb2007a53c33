/**
 * One key as the answerer sees it in one look, and what the asker does with it.
 *
 * `held` is the complete list of the answerer's held dots of the key; `items` are those of them that the asker lacks, as
 * far as they fit. The asker drops a sibling of its own only if the answerer knows it (`isDead`) and does not hold it,
 * and only in a batch after which it covers every dot of `held`: so a key's removals and its survivors land together
 * (R5), and an item that was left out for its size or refused as malformed keeps its predecessors alive.
 *
 * With each item goes a part of the hash that its sender computed when it took or made it, perhaps weeks ago: the envelopes of
 * the whole map stand in memory, and what a flipped bit there makes of a value would decode, spread to whoever lacks the item,
 * and be as likely as the true content to stay (R14). The receiver computes the hash in any case, so this costs four bytes and
 * nothing else; what does not match is refused like what does not decode. Broadcasts carry no such check: an item is in them
 * a moment after it was made, and travels on in the very bytes that came. Nor do whole frames: between the encoder and the
 * decoder the link authenticates every byte, and what broken memory puts in before, it puts under the checksum as well.
 * Contexts are guarded by rules of their own (R13, R15).
 */
import { toBinary, fromBinary } from '../bytes.ts'
import type { ActorId } from '../bytes.ts'
import type { Change } from '../change.ts'
import { outlasts } from '../dropped.ts'
import {
  compareDots,
  compareStamps,
  decodeItem,
  dotText,
  hashPrefix,
  KEY_BYTES_MAX,
  lane,
  setLane,
} from '../item.ts'
import type { Dot, Hash, Item } from '../item.ts'
import type { Arena } from '../wire/arena.ts'
import { decodeDots } from '../wire/dots.ts'
import type { ActorTable } from '../wire/dots.ts'
import type { KeyState as WireKeyState } from '../wire/messages.ts'

/** A delete that the answerer's removal log remembers, and one of the dots that it removed. */
export interface Proof {
  mutation: Dot
  removed: Dot
}

export interface KeyState {
  key: string
  held: readonly Dot[]
  items: readonly Item[]
  /** Dots of the asker that the answerer says are removed; only in answers to `resolve`. */
  removed: readonly Dot[]
  proofs: readonly Proof[]
  /** Dots of the asker that are dead at the answerer by a peer's word alone; it does not vouch for those not in `removed`. */
  hearsay: readonly Dot[]
  /** Items that did not decode or break a bound. */
  itemsRefused: number
}

export interface KeyStateParts {
  key: string
  held: readonly Dot[]
  items: readonly Item[]
  removed?: readonly Dot[]
  proofs?: readonly Proof[]
  hearsay?: readonly Dot[]
}

export const CHECK_BYTES = 4
/** What a key adds to a message at most, and each of its dots, and each of its items besides its envelope. */
const STATE_BYTES = 24
const DOT_BYTES = 9
const ITEM_BYTES = 6 + CHECK_BYTES
/** One for all, of what nearly every key has none. */
export const NONE: readonly never[] = []

/** What is empty is left out. */
export function encodeKeyState(parts: KeyStateParts, table: ActorTable): WireKeyState {
  const { held, items, removed = NONE, proofs = NONE, hearsay = NONE } = parts
  const wire: WireKeyState = {
    items: items.map((item) => item.envelope as Uint8Array<ArrayBuffer>),
  }
  if (items.length === 0) wire.key = fromBinary(parts.key)
  else wire.checks = checksOf(items, table.arena)
  if (held.length > 0) wire.held = table.dots(held)
  if (removed.length > 0) wire.removed = table.dots(removed)
  if (proofs.length > 0) {
    wire.mutations = table.dots(proofs.map((proof) => proof.mutation))
    wire.proved = table.dots(proofs.map((proof) => proof.removed))
  }
  if (hearsay.length > 0) wire.hearsay = table.dots(hearsay)
  return wire
}

export function checksOf(items: readonly Item[], arena: Arena): Uint8Array<ArrayBuffer> {
  const checks = arena.take(CHECK_BYTES * items.length)
  let at = 0
  for (const item of items) {
    setLane(checks, at, item.lane0)
    at += CHECK_BYTES
  }
  return checks
}

/** Bytes that a key adds to a message, at most, actors of the table aside. */
export function keyStateBytes(parts: KeyStateParts): number {
  const { held, removed = NONE, proofs = NONE, hearsay = NONE } = parts
  const dots = held.length + removed.length + 2 * proofs.length + hearsay.length
  let bytes = STATE_BYTES + parts.key.length + DOT_BYTES * dots
  for (const item of parts.items) bytes += ITEM_BYTES + item.envelopeBytes
  return bytes
}

/** The same of a key with nothing but this item. */
export function loneItemBytes({ key, envelopeBytes }: Item): number {
  return STATE_BYTES + key.length + DOT_BYTES + ITEM_BYTES + envelopeBytes
}

/** `undefined` when the frame is malformed. A single bad item is skipped and counted instead (R16). */
export function decodeKeyState(
  wire: WireKeyState,
  actors: readonly ActorId[],
  hash: Hash,
): KeyState | undefined {
  const held = decodeDots(wire.held, actors)
  const removed = decodeDots(wire.removed, actors)
  const proofs = decodeProofs(wire, actors)
  const hearsay = decodeDots(wire.hearsay, actors)
  if (held === undefined || removed === undefined) return undefined
  if (proofs === undefined || hearsay === undefined) return undefined
  const named = wire.key !== undefined && wire.key.length > 0 ? wire.key : undefined
  if (named !== undefined && named.length > KEY_BYTES_MAX)
    return refusedWhole(held, wire.items.length)
  const checks = wire.checks !== undefined && wire.checks.length > 0 ? wire.checks : undefined
  if (checks !== undefined && checks.length !== CHECK_BYTES * wire.items.length) return undefined
  const decoded = wire.items.map((bytes, index) => decodeChecked(bytes, checks, index, hash))
  const key = named === undefined ? decoded.find(Boolean)?.key : toBinary(named)
  if (key === undefined) {
    return wire.items.length > 0 ? refusedWhole(held, wire.items.length) : undefined
  }
  const items = those(decoded, (item): item is Item => item?.key === key)
  const itemsRefused = decoded.length - items.length
  return { key, held, items, removed, proofs, hearsay, itemsRefused }
}

/** `undefined` when it does not decode, or is not what its sender took or made. */
export function decodeChecked(
  bytes: Uint8Array,
  checks: Uint8Array | undefined,
  index: number,
  hash: Hash,
): Item | undefined {
  const item = decodeItem(bytes, hash)
  const isWhole = checks === undefined || item?.lane0 === lane(checks, CHECK_BYTES * index)
  return isWhole ? item : undefined
}

function decodeProofs(wire: WireKeyState, actors: readonly ActorId[]): Proof[] | undefined {
  const mutations = decodeDots(wire.mutations, actors)
  const proved = decodeDots(wire.proved, actors)
  if (mutations === undefined || proved?.length !== mutations.length) return undefined
  return proved.map((removed, index) => ({ mutation: mutations[index]!, removed }))
}

/** The name of the key is bad, or every item that would have told it: nothing is done, and its dots stay uncovered. */
export function refusedWhole(held: readonly Dot[], itemsRefused: number): KeyState {
  return { key: '', held, items: [], removed: [], proofs: [], hearsay: [], itemsRefused }
}

export type BareVerdict = 'ask' | 'hold' | 'heard' | 'confirmed'

/** What the asker's own knowledge has to say before something goes. */
export interface KeyStateJudge {
  /** Whether the answerer knows this sibling: what it knows and does not hold is removed. */
  isDead(dot: Dot): boolean
  /**
   * Whether these may go although nothing shows it but a context (R13), and `vouched` whether that is the answerer's own word.
   * `ask`: not by what the answerer said so far.
   */
  mayGo(items: readonly Item[], vouched: (item: Item) => boolean): BareVerdict
  /** Something that a peer has is on its way to the answerer. */
  catchingUp: boolean
}

export interface Applied {
  itemsAdded: number
  itemsRemoved: number
  /** Dots of `held` that are still uncovered: their items did not come. */
  missing: Dot[]
  /** Pairs of items under one dot: the one that is kept from now on, and the one that is not (R14). */
  twins: { kept: Item; lost: Item }[]
  /** Removals of the key are held back. */
  heldBack: boolean
  /** Removals of the key are to be asked for. */
  toAsk: boolean
}

/** Takes the answerer's word for one key into `change`. */
export function applyKeyState(change: Change, state: KeyState, judge: KeyStateJudge): Applied {
  const applied: Applied = {
    itemsAdded: 0,
    itemsRemoved: 0,
    missing: [],
    twins: [],
    heldBack: false,
    toAsk: false,
  }
  for (const item of state.items) takeItem(change, item, applied)
  applied.missing = state.held.filter((dot) => !change.covers(dot.actor, dot.counter))
  if (applied.missing.length > 0 || state.key === '') return applied
  const siblings = change.siblings(state.key)
  const others = without(siblings, state.held)
  const gone = others.filter((own) => judge.isDead(own))
  if (gone.length === 0) return applied
  const shown = siblings.filter((item) => !others.includes(item))
  removeGone(change, gone, { state, shown, judge, applied })
  return applied
}

/** Nearly always all of them, and then the very array: one that grows takes room for seventeen. */
function those<T, U extends T>(all: readonly T[], is: (one: T) => one is U): readonly U[] {
  return all.every(is) ? all : all.filter(is)
}

/** Those of the items of which the dot is not among `dots`. */
function without(items: readonly Item[], dots: readonly Dot[]): Item[] {
  const [only] = dots
  // Nearly always there is one, and a newcomer asks of every key.
  if (dots.length === 1) return items.filter((item) => compareDots(item, only!) !== 0)
  const texts = new Set(dots.map(dotText))
  return items.filter((item) => !texts.has(dotText(item)))
}

interface Look {
  state: KeyState
  /** Items that both hold now. */
  shown: readonly Item[]
  judge: KeyStateJudge
  applied: Applied
}

/**
 * What a delete is known to have removed goes by proof. What the answerer shows a later value of was replaced by that, for all
 * that can be seen: perhaps through others, which are gone everywhere. Of the rest nothing but the answerer's context speaks.
 */
function removeGone(change: Change, gone: readonly Item[], look: Look): void {
  const { state, shown, judge, applied } = look
  const proofs = new Map(state.proofs.map((proof) => [dotText(proof.removed), proof.mutation]))
  const bare: Item[] = []
  for (const own of gone) {
    const mutation = proofs.get(dotText(own))
    const isReplaced = shown.some((one) => one.field === own.field && compareStamps(one, own) > 0)
    if (mutation === undefined && !isReplaced) {
      bare.push(own)
      continue
    }
    applied.itemsRemoved++
    if (mutation === undefined) drop(change, own)
    else {
      change.remove(own)
      change.log(mutation, own)
    }
  }
  if (bare.length === 0) return
  // The answerer shows what is removed here. It has yet to learn that, and may have yet to learn what replaced these (R5).
  const empties = state.held.length > 0 && change.siblings(state.key).length === bare.length
  applied.toAsk = empties && judge.catchingUp
  if (applied.toAsk) return
  const own = new Set(state.removed.map(dotText))
  for (const dot of state.hearsay) own.delete(dotText(dot))
  const verdict = judge.mayGo(bare, (item) => own.has(dotText(item)))
  applied.heldBack = verdict === 'hold'
  applied.toAsk = verdict === 'ask'
  if (verdict === 'hold' || verdict === 'ask') return
  applied.itemsRemoved += bare.length
  for (const item of bare) {
    if (verdict === 'heard') drop(change, item)
    else change.drop(item)
  }
}

/** Nothing but the answerer's word speaks for it. */
function drop(change: Change, item: Item): void {
  change.drop(item)
  change.hear(item.actor, [item.counter, item.counter])
}

function takeItem(change: Change, item: Item, applied: Applied): void {
  if (!change.covers(item.actor, item.counter)) {
    change.add(item)
    applied.itemsAdded++
    return
  }
  // Of two contents of one dot every replica keeps the same. What is dead here stays dead, unless it was another content.
  const own = change.held(item.actor, item.counter)
  if (own === undefined) return takeBack(change, item, applied)
  if (hashPrefix(own) >= hashPrefix(item)) return
  change.replace(own, item)
  applied.twins.push({ kept: item, lost: own })
  applied.itemsAdded++
}

/** The content that was let go has another one under its dot: one of the two is held from now on. */
function takeBack(change: Change, item: Item, applied: Applied): void {
  const dropped = change.replica.dropped.other(item, hashPrefix(item))
  if (dropped === undefined) return
  const [kept, lost] = outlasts(dropped, hashPrefix(item)) ? [dropped, item] : [item, dropped]
  change.takeBack(kept)
  applied.twins.push({ kept, lost })
  applied.itemsAdded++
}
