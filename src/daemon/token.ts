/**
 * Version tokens: the held dots of one key, as a reader observed them. Opaque to clients, URL-safe, and bound to their key
 * by a checksum, so that a token that was cut, mixed up or made up is refused instead of superseding what nobody saw.
 *
 * Bytes: format (1), checksum (4), then per dot the actor (16) and the counter (varint).
 */
import { createHash } from 'node:crypto'
import { fromBinary, toBinary } from '../core/bytes.ts'
import { ACTOR_BYTES, isCounter } from '../core/item.ts'
import type { Dot } from '../core/item.ts'
import { packNumbers, unpackNumbers } from '../core/wire/numbers.ts'
import { HearsayError } from '../errors.ts'

const FORMAT = 1
const CHECKSUM_BYTES = 4
const COUNTER_BYTES_MAX = 8
/** A key with more siblings than this cannot be told in one token; the rest stay siblings of the next write. */
const DOTS_MAX = 256

export function encodeToken(key: string, dots: readonly Dot[]): string {
  const parts = dots
    .slice(0, DOTS_MAX)
    .flatMap((dot) => [fromBinary(dot.actor), packNumbers([dot.counter])])
  const payload = Buffer.concat(parts)
  return Buffer.concat([Uint8Array.of(FORMAT), checksum(key, payload), payload]).toString(
    'base64url',
  )
}

export function decodeToken(key: string, token: string): Dot[] {
  const bytes = Buffer.from(token, 'base64url')
  const payload = bytes.subarray(1 + CHECKSUM_BYTES)
  const wellFormed =
    bytes.length >= 1 + CHECKSUM_BYTES &&
    bytes[0] === FORMAT &&
    checksum(key, payload).equals(bytes.subarray(1, 1 + CHECKSUM_BYTES))
  const dots = wellFormed ? decodeDots(payload) : undefined
  if (dots === undefined) {
    const message =
      'the version token was not made for this key: hand over the token of a read of the same key, unchanged'
    throw new HearsayError('BAD_TOKEN', message)
  }
  return dots
}

function decodeDots(payload: Uint8Array): Dot[] | undefined {
  const dots: Dot[] = []
  let at = 0
  while (at < payload.length) {
    const start = at + ACTOR_BYTES
    let end = start
    while (end < payload.length && payload[end]! >= 0x80 && end - start < COUNTER_BYTES_MAX) end++
    const [counter] = unpackNumbers(payload.subarray(start, ++end), 1) ?? []
    if (end > payload.length || counter === undefined || !isCounter(counter)) return undefined
    dots.push({ actor: toBinary(payload.subarray(at, start)), counter })
    at = end
  }
  return dots.length <= DOTS_MAX ? dots : undefined
}

function checksum(key: string, payload: Uint8Array): Buffer {
  const hash = createHash('sha256').update(key, 'latin1').update('\0').update(payload)
  return hash.digest().subarray(0, CHECKSUM_BYTES)
}
