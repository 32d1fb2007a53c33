/**
 * Version tokens: the held dots of one key, as a reader observed them. Opaque to clients, URL-safe, and bound to their key
 * by a checksum, so that a token that was cut, mixed up or made up is refused instead of superseding what nobody saw.
 *
 * Bytes: format (1), checksum (4), then per dot the actor (16) and the counter (varint).
 *
 * The token of a delete (format 2) names more before these: the delete's own dot, how many items it removed (varint), and
 * their dots. None of them is observed, and a write with the token supersedes none of them; they tell another daemon what
 * must have arrived before the delete can be seen there.
 */
import { hash } from 'node:crypto'
import { fromBinary, toBinary } from '../core/bytes.ts'
import { ACTOR_BYTES, isCounter } from '../core/item.ts'
import type { Dot } from '../core/item.ts'
import { packNumbers, unpackNumbers } from '../core/wire/numbers.ts'
import { HearsayError } from '../errors.ts'

const FORMAT = 1
const FORMAT_OF_DELETE = 2
const CHECKSUM_BYTES = 4
const COUNTER_BYTES_MAX = 8
/** A key with more siblings than this cannot be told in one token; the rest stay siblings of the next write. */
const DOTS_MAX = 256

export interface TokenParts {
  observed: Dot[]
  /** The dot of the delete that made the token, if one did. */
  made: Dot[]
  /** What that delete removed. */
  gone: Dot[]
}

export function encodeToken(
  key: string,
  observed: readonly Dot[],
  deleted?: { made: Dot; gone: readonly Dot[] },
): string {
  const dots = observed.slice(0, DOTS_MAX)
  if (deleted === undefined) return seal(FORMAT, key, encodeDots(dots))
  const gone = deleted.gone.slice(0, DOTS_MAX)
  const head = [encodeDots([deleted.made]), packNumbers([gone.length])]
  return seal(FORMAT_OF_DELETE, key, Buffer.concat([...head, encodeDots([...gone, ...dots])]))
}

/** What a reader had observed. Throws BAD_TOKEN. */
export function decodeToken(key: string, token: string): Dot[] {
  return readToken(key, token).observed
}

/** Throws BAD_TOKEN. */
export function readToken(key: string, token: string): TokenParts {
  const bytes = Buffer.from(token, 'base64url')
  const payload = bytes.subarray(1 + CHECKSUM_BYTES)
  const isWhole =
    bytes.length >= 1 + CHECKSUM_BYTES &&
    checksum(key, payload).equals(bytes.subarray(1, 1 + CHECKSUM_BYTES))
  const parts = isWhole ? decodeParts(bytes[0]!, payload) : undefined
  if (parts === undefined) {
    const message =
      'the version token was not made for this key: hand over the token of a read of the same key, unchanged'
    throw new HearsayError('BAD_TOKEN', message)
  }
  return parts
}

function seal(format: number, key: string, payload: Buffer): string {
  const sealed = Buffer.concat([Uint8Array.of(format), checksum(key, payload), payload])
  return sealed.toString('base64url')
}

function encodeDots(dots: readonly Dot[]): Buffer {
  return Buffer.concat(dots.flatMap((dot) => [fromBinary(dot.actor), packNumbers([dot.counter])]))
}

function decodeParts(format: number, payload: Uint8Array): TokenParts | undefined {
  const reader = new PayloadReader(payload)
  if (format === FORMAT) {
    const observed = reader.rest()
    return observed && { observed, made: [], gone: [] }
  }
  const made = format === FORMAT_OF_DELETE ? reader.dots(1) : undefined
  const count = made && reader.number()
  const gone = count === undefined || count > DOTS_MAX ? undefined : reader.dots(count)
  const observed = gone && reader.rest()
  return made && gone && observed && { observed, made, gone }
}

class PayloadReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  number(): number | undefined {
    const start = this.#at
    let end = start
    while (this.#bytes[end]! >= 0x80 && end - start < COUNTER_BYTES_MAX) end++
    this.#at = ++end
    if (end > this.#bytes.length) return undefined
    const [number] = unpackNumbers(this.#bytes.subarray(start, end), 1) ?? []
    return number
  }

  dots(count: number): Dot[] | undefined {
    const dots: Dot[] = []
    for (let i = 0; i < count; i++) {
      const actor = toBinary(this.#bytes.subarray(this.#at, (this.#at += ACTOR_BYTES)))
      const counter = this.number()
      if (actor.length < ACTOR_BYTES || counter === undefined || !isCounter(counter))
        return undefined
      dots.push({ actor, counter })
    }
    return dots
  }

  rest(): Dot[] | undefined {
    const dots: Dot[] = []
    while (this.#at < this.#bytes.length) {
      const dot = this.dots(1)
      if (dot === undefined || dots.length >= DOTS_MAX) return undefined
      dots.push(...dot)
    }
    return dots
  }
}

function checksum(key: string, payload: Uint8Array): Buffer {
  const input = Buffer.concat([Buffer.from(`${key}\0`, 'latin1'), payload])
  return hash('sha256', input, 'buffer').subarray(0, CHECKSUM_BYTES)
}
