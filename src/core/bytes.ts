/**
 * Binary strings: bytes held as a string, one character of 0..255 per byte.
 *
 * A binary string is compact (the engine stores it with one byte per character), works as a Map key, and compares with
 * `<` in byte order. Keys, fields and actors are kept so.
 */
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'
import { bytesOfLatin1, latin1Of } from '../latin1.ts'

/** The identity of one run of a daemon: a binary string of 16 bytes. */
export type ActorId = string

/** For keys and actors a loop is faster than the call. */
const LOOP_BYTES_MAX = 64

export function toBinary(bytes: Uint8Array): string {
  return bytes.length === 16 ? toBinary16(bytes) : latin1Of(bytes)
}

export function fromBinary(text: string): Uint8Array<ArrayBuffer> {
  if (text.length > LOOP_BYTES_MAX) return bytesOfLatin1(text)
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i)
  return bytes
}

export function toHex(binary: string): string {
  return toString(fromBinary(binary), 'base16')
}

/** `undefined` when the text is not pairs of hexadecimal digits. Either case is taken. */
export function fromHex(hex: string): string | undefined {
  if (!/^(?:[0-9a-f]{2})*$/i.test(hex)) return undefined
  return toBinary(fromString(hex.toLowerCase(), 'base16'))
}

/** Twice as fast as the call, for the size of an actor and of a hash. */
function toBinary16(b: Uint8Array): string {
  return String.fromCharCode(
    b[0]!,
    b[1]!,
    b[2]!,
    b[3]!,
    b[4]!,
    b[5]!,
    b[6]!,
    b[7]!,
    b[8]!,
    b[9]!,
    b[10]!,
    b[11]!,
    b[12]!,
    b[13]!,
    b[14]!,
    b[15]!,
  )
}
