/** What a disk may do to a file behind its writer's back, decided by a number alone. */
import { readFileSync, writeFileSync } from 'node:fs'
import { randomOf } from '../contract/store-batches.ts'

export const DAMAGES = ['flip', 'truncate', 'swap'] as const

export type DamageKind = (typeof DAMAGES)[number]

const SWAP_BYTES = 4096

export function spoil(file: string, kind: DamageKind, number: number): void {
  const random = randomOf(number + 1)
  const contents = readFileSync(file)
  if (kind === 'flip') contents[random() % contents.length]! ^= 1 << (random() % 8)
  if (kind === 'swap') {
    const blocks = Math.floor(contents.length / SWAP_BYTES)
    // A file of one block has nothing to swap: then its halves.
    const size = blocks < 2 ? Math.floor(contents.length / 2) : SWAP_BYTES
    const count = Math.floor(contents.length / size)
    const a = random() % count
    const b = (a + 1 + (random() % (count - 1))) % count
    const kept = Buffer.from(contents.subarray(a * size, (a + 1) * size))
    contents.copy(contents, a * size, b * size, (b + 1) * size)
    kept.copy(contents, b * size)
  }
  const length = kind === 'truncate' ? random() % contents.length : contents.length
  writeFileSync(file, contents.subarray(0, length))
}
