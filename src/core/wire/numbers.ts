/** Lists of non-negative safe integers as packed varints (LEB128). */
import { decodeUint8Array, encodeUint8Array, encodingLength } from 'uint8-varint'
import type { Arena } from './arena.ts'

/** In an array of their own unless there is an arena. */
export function packNumbers(numbers: ArrayLike<number>, arena?: Arena): Uint8Array<ArrayBuffer> {
  // By index: `for of` leaves an object for each number behind here, and this runs for every key of an answer.
  let length = 0
  for (let i = 0; i < numbers.length; i++) length += encodingLength(numbers[i]!)
  const bytes = arena === undefined ? new Uint8Array(length) : arena.take(length)
  let at = 0
  for (let i = 0; i < numbers.length; i++) {
    encodeUint8Array(numbers[i]!, bytes, at)
    at += encodingLength(numbers[i]!)
  }
  return bytes
}

/** `undefined` when the bytes are not such a list or hold more than `countMax` numbers. */
export function unpackNumbers(bytes: Uint8Array, countMax: number): number[] | undefined {
  // Each number ends at a byte without the bit that says that it goes on.
  let count = 0
  for (const byte of bytes) if (byte < 0x80) count++
  if (count > countMax) return undefined
  const numbers = new Array<number>(count)
  let at = 0
  try {
    for (let i = 0; i < count; i++) {
      const number = decodeUint8Array(bytes, at)
      if (!Number.isSafeInteger(number)) return undefined
      numbers[i] = number
      at += encodingLength(number)
      // A padded number has a continuation where its shortest form ends.
      if (bytes[at - 1]! >= 0x80) return undefined
    }
  } catch {
    return undefined
  }
  return at === bytes.length ? numbers : undefined
}
