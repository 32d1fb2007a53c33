/** Lists of non-negative safe integers as packed varints (LEB128). */
import { decodeUint8Array, encodeUint8Array, encodingLength } from 'uint8-varint'
import type { Arena } from './arena.ts'

/** In an array of their own unless there is an arena. */
export function packNumbers(numbers: readonly number[], arena?: Arena): Uint8Array<ArrayBuffer> {
  const length = numbers.reduce((sum, number) => sum + encodingLength(number), 0)
  const bytes = arena === undefined ? new Uint8Array(length) : arena.take(length)
  let at = 0
  numbers.forEach((number) => {
    encodeUint8Array(number, bytes, at)
    at += encodingLength(number)
  })
  return bytes
}

/** `undefined` when the bytes are not such a list or hold more than `countMax` numbers. */
export function unpackNumbers(bytes: Uint8Array, countMax: number): number[] | undefined {
  const numbers: number[] = []
  let at = 0
  try {
    while (at < bytes.length) {
      const number = decodeUint8Array(bytes, at)
      if (numbers.length === countMax || !Number.isSafeInteger(number)) return undefined
      numbers.push(number)
      at += encodingLength(number)
      // A padded number has a continuation where its shortest form ends.
      if (bytes[at - 1]! >= 0x80) return undefined
    }
  } catch {
    return undefined
  }
  return at === bytes.length ? numbers : undefined
}
