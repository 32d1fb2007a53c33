/** A row of batches that a seed alone decides, so that another process can say what a store must hold after each. */
import type { StoreBatch, StoreRecord } from '../../src/store/store.ts'

/** A small generator of 32-bit numbers (splitmix32). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = state ^ (state >>> 16)
    mixed = Math.imul(mixed, 0x21f0aaad)
    mixed ^= mixed >>> 15
    mixed = Math.imul(mixed, 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }
}

/** Every batch says its number under one key; overwrites, removes, and now and then carries a large value. */
export function batchOf(seed: number, number: number): StoreBatch {
  const random = randomOf(Math.imul(seed, 1_000_003) + number)
  const puts: StoreRecord[] = [{ key: Buffer.from('number'), value: Buffer.from(String(number)) }]
  const deletes: Uint8Array[] = []
  const count = 1 + (random() % 20)
  for (let i = 0; i < count; i++) {
    const length = random() % (random() % 64 === 0 ? 400_000 : 500)
    puts.push({
      key: Buffer.from(`key ${random() % 300}`),
      value: Buffer.alloc(length, `${number}.${i}`),
    })
  }
  for (let i = random() % 6; i > 0; i--) deletes.push(Buffer.from(`key ${random() % 300}`))
  return { puts, deletes }
}
