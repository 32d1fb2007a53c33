/**
 * An item: what a put made. Immutable; its envelope is hashed, stored and forwarded as the very bytes its writer made,
 * so that a version which does not know its kind, or a field of it, still passes it on whole.
 *
 * In memory keys, fields and actors are binary strings (one character per byte): compact, comparable in byte order with
 * `<`, and usable as Map keys.
 */
import { fromBinary, toBinary } from './bytes.ts'
import type { ActorId } from './bytes.ts'
import { Slab } from './slabs.ts'
import type { Place, Slabs } from './slabs.ts'
import { Envelope } from './wire/messages.ts'

/** Bounds of the protocol, equal on every daemon of every version; a configured bound applies to local writes only. */
export const KEY_BYTES_MAX = 1024
export const FIELD_BYTES_MAX = 1024
export const VALUE_BYTES_MAX = 16 * 1024 * 1024
/** An envelope of the largest key, field and value, with room for fields that later versions add. */
export const ENVELOPE_BYTES_MAX = VALUE_BYTES_MAX + 8192
export const ACTOR_BYTES = 16

const MS_MAX = 2 ** 48 - 1
const TICK_MAX = 2 ** 16 - 1

export const KIND_REGISTER = 1

export const HASH_PREFIX_BYTES = 8

/** Keyed 128-bit hash, 16 bytes. Equal on all daemons of a cluster, unpredictable outside it. */
export type Hash = (bytes: Uint8Array) => Uint8Array

/**
 * A hybrid timestamp: 48 bits of wall-clock milliseconds and a 16-bit tick. It orders concurrent siblings for display;
 * nothing that safety rests on looks at it (design, section 6).
 */
export interface Stamp {
  ms: number
  tick: number
}

export interface Dot {
  actor: ActorId
  counter: number
}

/** An envelope that has what an item cannot be without. */
type WholeEnvelope = Envelope & Required<Pick<Envelope, 'actor' | 'key'>>

export class Item implements Dot, Stamp {
  readonly key: string
  readonly field: string
  actor: ActorId
  readonly counter: number
  readonly kind: number
  readonly ms: number
  readonly tick: number
  /** Wall-clock milliseconds; 0 for none. */
  readonly expiry: number
  /** The envelope's keyed hash, four 32-bit lanes. */
  readonly lane0: number
  readonly lane1: number
  readonly lane2: number
  readonly lane3: number
  #envelope: Uint8Array | Slab
  /** Where in the slab. */
  #at = 0

  /** `envelope` may be a view, of the message that it came in; it must not change any more. */
  constructor(fields: WholeEnvelope, envelope: Uint8Array, hash: Uint8Array) {
    const { field } = fields
    this.key = toBinary(fields.key)
    this.field = field === undefined || field.length === 0 ? '' : toBinary(field)
    this.actor = toBinary(fields.actor)
    this.counter = fields.counter
    this.kind = fields.kind
    this.ms = fields.ms
    this.tick = fields.tick
    this.expiry = fields.expiry
    this.lane0 = lane(hash, 0)
    this.lane1 = lane(hash, 4)
    this.lane2 = lane(hash, 8)
    this.lane3 = lane(hash, 12)
    this.#envelope = envelope
  }

  get envelopeBytes(): number {
    const envelope = this.#envelope
    return envelope instanceof Slab ? envelope.lengthAt(this.#at) : envelope.length
  }

  /** A view; for reading. */
  get envelope(): Uint8Array {
    const envelope = this.#envelope
    return envelope instanceof Slab ? envelope.envelopeAt(this.#at) : envelope
  }

  isIn(slabs: Slabs): boolean {
    return this.#envelope instanceof Slab && this.#envelope.owner === slabs
  }

  isAt({ slab, at }: Place): boolean {
    return this.#envelope === slab && this.#at === at
  }

  /** Copies the envelope to slabs, or what is too long for them to an array of its own. */
  moveTo(slabs: Slabs): void {
    const { envelope } = this
    const place = slabs.add(envelope)
    this.#envelope = place?.slab ?? alone(envelope)
    this.#at = place?.at ?? 0
  }

  /** Lets the place in a slab go. The envelope still reads, and keeps the slab for as long as the item is there. */
  leave(): void {
    const slab = this.#envelope
    if (slab instanceof Slab) slab.owner.release({ slab, at: this.#at })
  }

  /** For an item that is kept and not held: with its envelope it keeps nothing else, neither a slab nor a message. */
  detach(): void {
    this.#envelope = alone(this.envelope)
  }

  /** The value's bytes, a view into the envelope. */
  value(): Uint8Array {
    return Envelope.decode(this.envelope).value ?? new Uint8Array(0)
  }
}

export interface NewItem extends Dot, Stamp {
  key: string
  value: Uint8Array
  expiry: number
}

export function makeRegister(item: NewItem, hash: Hash): Item {
  const fields: WholeEnvelope = {
    actor: fromBinary(item.actor),
    counter: item.counter,
    kind: KIND_REGISTER,
    key: fromBinary(item.key),
    ms: item.ms,
    tick: item.tick,
    expiry: item.expiry,
    value: item.value as Uint8Array<ArrayBuffer>,
  }
  const envelope = Envelope.encode(fields)
  return new Item(fields, envelope, hash(envelope))
}

/**
 * Decodes an envelope that came from outside. `undefined` when it does not decode or breaks a bound of the protocol
 * (R16). Its timestamp and expiry are data and never a reason to refuse it (R11, R12). The item has a view of `bytes`, until
 * it is held or detached.
 */
export function decodeItem(bytes: Uint8Array, hash: Hash): Item | undefined {
  if (bytes.length > ENVELOPE_BYTES_MAX) return undefined
  let fields: Envelope
  try {
    fields = Envelope.decode(bytes)
  } catch {
    return undefined
  }
  if (!withinBounds(fields)) return undefined
  return new Item(fields, bytes, hash(bytes))
}

function withinBounds(fields: Envelope): fields is WholeEnvelope {
  const { actor, key, field, value } = fields
  return (
    actor?.length === ACTOR_BYTES &&
    isCounter(fields.counter) &&
    key !== undefined &&
    key.length > 0 &&
    key.length <= KEY_BYTES_MAX &&
    (field === undefined || field.length <= FIELD_BYTES_MAX) &&
    (value === undefined || value.length <= VALUE_BYTES_MAX) &&
    fields.ms <= MS_MAX &&
    fields.tick <= TICK_MAX &&
    Number.isSafeInteger(fields.expiry)
  )
}

/** The bytes in an array that has nothing else. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes.buffer.byteLength === bytes.length ? bytes : bytes.slice()
}

export function isCounter(counter: number): boolean {
  return Number.isSafeInteger(counter) && counter > 0
}

/** A dot as a Map or Set key. */
export function dotText(dot: Dot): string {
  return `${dot.actor}${dot.counter}`
}

export function compareDots(a: Dot, b: Dot): number {
  if (a.actor !== b.actor) return a.actor < b.actor ? -1 : 1
  return a.counter - b.counter
}

/** Enough of an item's hash to tell two contents apart. Binary, 8 characters. */
export function hashPrefix(item: Item): string {
  return toBinary(lanesToBytes([item.lane0, item.lane1]))
}

export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms - b.ms || a.tick - b.tick
}

/** The order in which siblings are shown: the greatest (timestamp, dot) first. */
export function winnerFirst(a: Item, b: Item): number {
  return compareStamps(b, a) || compareDots(b, a)
}

/** The stamp of a new put: not before the wall clock, after everything that it supersedes; saturating. */
export function nextStamp(wallMs: number, superseded: readonly Stamp[]): Stamp {
  let stamp: Stamp = { ms: Math.min(Math.max(Math.floor(wallMs), 0), MS_MAX), tick: 0 }
  for (const seen of superseded) {
    const after = successor(seen)
    if (compareStamps(after, stamp) > 0) stamp = after
  }
  return stamp
}

function successor(stamp: Stamp): Stamp {
  if (stamp.tick < TICK_MAX) return { ms: stamp.ms, tick: stamp.tick + 1 }
  if (stamp.ms < MS_MAX) return { ms: stamp.ms + 1, tick: 0 }
  return { ms: MS_MAX, tick: TICK_MAX }
}

export function lanesToBytes(lanes: readonly number[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lanes.length * 4)
  lanes.forEach((value, index) => setLane(bytes, index * 4, value))
  return bytes
}

/** Big-endian signed 32-bit lane at `offset`. */
export function lane(hash: Uint8Array, offset: number): number {
  return (
    (hash[offset]! << 24) | (hash[offset + 1]! << 16) | (hash[offset + 2]! << 8) | hash[offset + 3]!
  )
}

/** The low 32 bits of a number, as `lane` reads them. */
export function setLane(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24
  bytes[offset + 1] = value >>> 16
  bytes[offset + 2] = value >>> 8
  bytes[offset + 3] = value
}
