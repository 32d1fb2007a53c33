/**
 * Local writes: bounds, dots, timestamps, and what a put or a delete supersedes.
 *
 * A put supersedes exactly the held items of its key that its writer had observed: those held now (expired ones too), or
 * those that its version token names. What a token names and this replica has never seen is superseded all the same: the
 * writer saw it elsewhere. What it names and is dead already needs nothing.
 */
import { toHex } from './bytes.ts'
import type { ActorId } from './bytes.ts'
import type { Change } from './change.ts'
import { invariant } from './invariant.ts'
import { compareDots, KEY_BYTES_MAX, makeRegister, nextStamp } from './item.ts'
import type { Dot, Hash, Item, Stamp } from './item.ts'
import { SUPERSEDES_MAX } from './wire/gossip.ts'
import type { Delta } from './wire/gossip.ts'

const NONE: readonly Dot[] = []
const NO_BYTES = new Uint8Array(0)

export interface LocalMutation {
  op: 'put' | 'delete'
  key: string
  /** Puts only. */
  value?: Uint8Array
  /** Wall-clock milliseconds; 0 for none. */
  expiry?: number
  /** What the writer observed, if it is not what is held now. */
  observed?: readonly Dot[]
}

export interface LocalResult {
  /** Absent when a delete found nothing. */
  dot: Dot | undefined
  superseded: number
  /** Held dots of the key right after the mutation. */
  held: Dot[]
  /** What it removed, for who waits for that to happen elsewhere. */
  removed: Dot[]
}

/** Codes are those of the error policy. */
export interface Refusal {
  code: 'EMPTY_KEY' | 'KEY_TOO_LARGE' | 'VALUE_TOO_LARGE' | 'TOO_MANY_SIBLINGS' | 'BAD_TOKEN'
  message: string
}

export interface WriteLimits {
  valueBytes: number
  siblings: number
}

/** The run's writer: an actor and the greatest counter it has given out. */
export interface Writer {
  actor: ActorId
  head: number
}

/** What can be refused without looking at the map. */
export function refuseBySize(mutation: LocalMutation, limits: WriteLimits): Refusal | undefined {
  const { key, value } = mutation
  if (key.length === 0)
    return { code: 'EMPTY_KEY', message: 'the key is empty: give at least one byte' }
  if (key.length > KEY_BYTES_MAX) {
    const message = `the key has ${key.length} bytes, at most ${KEY_BYTES_MAX} are possible`
    return { code: 'KEY_TOO_LARGE', message }
  }
  if (value !== undefined && value.length > limits.valueBytes) {
    const message = `the value has ${value.length} bytes, at most ${limits.valueBytes} are allowed here (limits.valueBytes)`
    return { code: 'VALUE_TOO_LARGE', message }
  }
  return undefined
}

/** Applies one write, all of its mutations or none, and gives the deltas to broadcast once it is durable. */
export function applyWrite(
  change: Change,
  mutations: readonly LocalMutation[],
  writer: Writer,
  wallMs: number,
  hash: Hash,
  limits: WriteLimits,
): { results: LocalResult[]; deltas: Delta[] } | Refusal {
  const refusal = refuseByState(change, mutations, writer, limits)
  if (refusal !== undefined) return refusal
  const results: LocalResult[] = []
  const deltas: Delta[] = []
  for (const mutation of mutations) {
    const result = applyOne(change, mutation, writer, wallMs, hash, deltas)
    invariant(result.dot !== undefined || result.superseded === 0, 'R9', 'a removal without a dot')
    results.push(result)
  }
  return { results, deltas }
}

function refuseByState(
  change: Change,
  mutations: readonly LocalMutation[],
  writer: Writer,
  limits: WriteLimits,
): Refusal | undefined {
  if (mutations.every(({ observed }) => observed === undefined)) return undefined
  const putsBefore = new Map<string, number>()
  for (const { op, key, observed } of mutations) {
    if (observed === undefined) continue
    // Such a dot would be seen as removed before it is made, and so would be the item that gets it.
    if (observed.some((dot) => dot.actor === writer.actor && dot.counter > writer.head)) {
      const message = 'the version token names a write that was never made: read the key again'
      return { code: 'BAD_TOKEN', message }
    }
    const stranger = observed
      .map((dot) => change.held(dot.actor, dot.counter))
      .find((item) => item !== undefined && item.key !== key)
    if (stranger !== undefined) {
      const name = `${toHex(stranger.actor)}:${stranger.counter}`
      return {
        code: 'BAD_TOKEN',
        message: `the version token names ${name}, which is of another key`,
      }
    }
    if (op === 'delete') continue
    const puts = putsBefore.get(key) ?? 0
    putsBefore.set(key, puts + 1)
    const siblings = change.siblings(key)
    const gone = siblings.filter((item) => observed.some((dot) => compareDots(dot, item) === 0))
    if (siblings.length - gone.length + puts + 1 > limits.siblings) {
      const message = `the key would have more than ${limits.siblings} concurrent siblings: read it, and write with the token of what you read`
      return { code: 'TOO_MANY_SIBLINGS', message }
    }
  }
  return undefined
}

function applyOne(
  change: Change,
  mutation: LocalMutation,
  writer: Writer,
  wallMs: number,
  hash: Hash,
  deltas: Delta[],
): LocalResult {
  const { held, unseen } = observedNow(change, mutation)
  const superseded: readonly Dot[] = unseen.length === 0 ? held : [...held, ...unseen]
  let dot: Dot | undefined
  let rest = superseded
  if (mutation.op === 'put') {
    dot = { actor: writer.actor, counter: ++writer.head }
    const item = makePut(mutation, dot, nextStamp(wallMs, held), hash)
    change.add(item)
    const fits = superseded.length <= SUPERSEDES_MAX
    const supersedes = fits ? superseded : superseded.slice(0, SUPERSEDES_MAX)
    deltas.push({ dot, item, supersedes, announcedBytes: 0 })
    rest = fits ? NONE : superseded.slice(SUPERSEDES_MAX)
  }
  for (let at = 0; at < rest.length; at += SUPERSEDES_MAX) {
    const removal = { actor: writer.actor, counter: ++writer.head }
    dot ??= removal
    change.see(removal.actor, removal.counter)
    for (const item of held) change.log(removal, item)
    const supersedes = rest.slice(at, at + SUPERSEDES_MAX)
    deltas.push({ dot: removal, supersedes, announcedBytes: 0 })
  }
  for (const item of held) change.remove(item)
  for (const one of unseen) change.see(one.actor, one.counter)
  return {
    dot,
    superseded: superseded.length,
    held: change.siblings(mutation.key).map(dotOf),
    removed: held.map(dotOf),
  }
}

/** Field by field: this runs for every write, and spread objects cost several times as much. */
function makePut(mutation: LocalMutation, dot: Dot, stamp: Stamp, hash: Hash): Item {
  const { key, value = NO_BYTES, expiry = 0 } = mutation
  const { actor, counter } = dot
  const { ms, tick } = stamp
  return makeRegister({ actor, counter, ms, tick, key, value, expiry }, hash)
}

function dotOf({ actor, counter }: Dot): Dot {
  return { actor, counter }
}

function observedNow(
  change: Change,
  mutation: LocalMutation,
): { held: Item[]; unseen: readonly Dot[] } {
  const siblings = change.siblings(mutation.key)
  if (mutation.observed === undefined) {
    return { held: siblings.filter((item) => item.field === ''), unseen: NONE }
  }
  const held: Item[] = []
  const unseen: Dot[] = []
  for (const dot of distinct(mutation.observed)) {
    const item = change.held(dot.actor, dot.counter)
    if (item !== undefined) held.push(item)
    else if (!change.covers(dot.actor, dot.counter)) unseen.push(dot)
  }
  return { held, unseen }
}

/** A token may come from anywhere, and may name a dot twice. */
function distinct(dots: readonly Dot[]): Iterable<Dot> {
  return new Map(dots.map((dot) => [`${dot.actor}${dot.counter}`, dot])).values()
}

/** Takes a mutation that came by gossip. Any order, twice or never: the result is the same. */
export function applyDelta(change: Change, delta: Delta): void {
  // Announced: nothing may happen before the item is here, else its predecessors would vanish with nothing in their
  // place (R5). A pull brings it with everything that belongs to it.
  if (delta.announcedBytes > 0) return
  const { dot, item } = delta
  if (!change.covers(dot.actor, dot.counter)) {
    if (item === undefined) change.see(dot.actor, dot.counter)
    else change.add(item)
  }
  // Also when the delta's own dot was covered already: a mark that arrived some other way says nothing of these.
  for (const gone of delta.supersedes) {
    const held = change.held(gone.actor, gone.counter)
    if (held !== undefined) {
      change.remove(held)
      if (item === undefined) change.log(dot, held)
    }
    change.see(gone.actor, gone.counter)
  }
}
