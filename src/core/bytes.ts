/**
 * Binary strings: bytes held as a string, one character of 0..255 per byte.
 *
 * A binary string is compact (the engine stores it with one byte per character), works as a Map key, and compares with
 * `<` in byte order. Keys, fields and actors are kept so; values and envelopes stay `Uint8Array`.
 */
import { fromString } from 'uint8arrays/from-string'
import { toString } from 'uint8arrays/to-string'

/** The identity of one run of a daemon: a binary string of 16 bytes. */
export type ActorId = string

/** Arguments of one `fromCharCode` call; they live on the stack. */
const SLICE_BYTES = 8192

export function toBinary(bytes: Uint8Array): string {
  if (bytes.length === 16) return toBinary16(bytes)
  if (bytes.length <= SLICE_BYTES) return charsOf(bytes)
  const slices: string[] = []
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) {
    slices.push(charsOf(bytes.subarray(at, at + SLICE_BYTES)))
  }
  // Joined, not added up: `+` makes a rope, which costs more memory and is flattened at its first use.
  return slices.join('')
}

export function fromBinary(text: string): Uint8Array<ArrayBuffer> {
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

function charsOf(bytes: Uint8Array): string {
  // An array-like is all that `apply` needs; its type asks for an array, which would be a slow copy.
  return String.fromCharCode.apply(null, bytes as unknown as number[])
}

/** Twice as fast as `charsOf`, for the size of an actor and of a hash. */
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
