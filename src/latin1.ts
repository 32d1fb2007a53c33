/** What the core's binary strings need of Node: functions of their argument alone, so that the core may call them. */

/** Bytes as a string of one character of 0..255 each; eight times as fast as what the language itself offers. */
export function latin1Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

const POOL_BYTES = 8192

let pool = Buffer.allocUnsafeSlow(POOL_BYTES)
let poolUsed = 0

/**
 * The way back. Small arrays share a pool, where room costs a tenth of what an array of its own does; so one that is kept for
 * long should be copied. Not Node's pool, which gives a view of itself for each, of which this could only make another.
 */
export function bytesOfLatin1(text: string): Uint8Array<ArrayBuffer> {
  const { length } = text
  if (poolUsed + length > POOL_BYTES) {
    pool = Buffer.allocUnsafeSlow(Math.max(length, POOL_BYTES))
    poolUsed = 0
  }
  pool.write(text, poolUsed, 'latin1')
  const bytes = new Uint8Array(pool.buffer, poolUsed, length)
  poolUsed += length
  return bytes
}
