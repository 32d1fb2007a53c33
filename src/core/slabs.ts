/**
 * The envelopes of held items, outside of the heap. On it they would be half of what is there, and each pause of the collector,
 * however short, walks through the pages of all of it.
 *
 * Envelopes are appended to slabs, each behind its length. Bytes are never written twice: a view stays what it was for as long
 * as somebody looks at it. One that was let go leaves its bytes behind; a slab with less than half in use is evacuated, and
 * the collector takes it. So slabs take at most about twice what is in use.
 */

/** Longer ones are arrays of their own: what a slab has no room for at its end is wasted. */
const ENVELOPE_BYTES_MAX = 2048
const LENGTH_BYTES = 2
/** Each slab is twice the one before it, up to what is evacuated in a fraction of a millisecond. */
const SLAB_BYTES_MIN = 8 * 1024
const SLAB_BYTES_MAX = 64 * 1024

export class Slab {
  readonly owner: Slabs
  readonly bytes: Uint8Array
  /** Bytes that are written, and those of them that are in use. */
  used = 0
  live = 0

  constructor(owner: Slabs, size: number) {
    this.owner = owner
    this.bytes = new Uint8Array(size)
  }

  lengthAt(at: number): number {
    return this.bytes[at]! + 256 * this.bytes[at + 1]!
  }

  /** A view. */
  envelopeAt(at: number): Uint8Array {
    const from = at + LENGTH_BYTES
    return this.bytes.subarray(from, from + this.lengthAt(at))
  }

  /** The place of a copy; undefined when it does not fit. */
  append(envelope: Uint8Array): number | undefined {
    const { length } = envelope
    const at = this.used
    const end = at + LENGTH_BYTES + length
    if (end > this.bytes.length) return undefined
    this.bytes[at] = length
    this.bytes[at + 1] = length >>> 8
    this.bytes.set(envelope, at + LENGTH_BYTES)
    this.used = end
    this.live += end - at
    return at
  }

  *places(): Generator<number> {
    for (let at = 0; at < this.used; at += LENGTH_BYTES + this.lengthAt(at)) yield at
  }
}

export interface Place {
  slab: Slab
  at: number
}

export class Slabs {
  readonly #move: (place: Place) => void
  #newest = new Slab(this, SLAB_BYTES_MIN)

  /** @param move `add`s an envelope anew for whoever has it at this place; nobody has one that was let go */
  constructor(move: (place: Place) => void) {
    this.#move = move
  }

  /** The place of a copy; undefined for what is too long. */
  add(envelope: Uint8Array): Place | undefined {
    if (envelope.length > ENVELOPE_BYTES_MAX) return undefined
    for (;;) {
      const slab = this.#newest
      const at = slab.append(envelope)
      if (at !== undefined) return { slab, at }
      this.#newest = new Slab(this, Math.min(2 * slab.bytes.length, SLAB_BYTES_MAX))
      this.#evacuateIfSparse(slab)
    }
  }

  /** Lets the envelope at a place go. */
  release({ slab, at }: Place): void {
    slab.live -= LENGTH_BYTES + slab.lengthAt(at)
    if (slab !== this.#newest) this.#evacuateIfSparse(slab)
  }

  #evacuateIfSparse(slab: Slab): void {
    if (slab.live * 2 >= slab.bytes.length || slab.live === 0) return
    for (const at of slab.places()) this.#move({ slab, at })
    slab.live = 0
  }
}
