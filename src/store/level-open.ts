/** LevelDB with the options of the durable store (`level-store.ts`). */
import { ClassicLevel } from 'classic-level'

export type Level = ClassicLevel<Uint8Array, Uint8Array>

const KiB = 1024
const MiB = 1024 * KiB

export const LEVEL_OPTIONS = {
  /** Snappy: two thirds of the disk, and a block that does not decompress is damage that is seen. */
  compression: true,
  /** Twice the rate of bulk writes that 4 MiB, the default, allows. Two may be in memory; opening replays one at most. */
  writeBufferSize: 16 * MiB,
  /** As large, so that a million records are some 20 files instead of some 150. */
  maxFileSize: 16 * MiB,
  /** A tenth faster to load than 4 KiB; smaller blocks only help point reads, and there are none. */
  blockSize: 16 * KiB,
  /** Nothing is read twice. */
  cacheSize: 64 * KiB,
}

export async function openLevel(directory: string): Promise<Level> {
  const level: Level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    ...LEVEL_OPTIONS,
  })
  await level.open()
  return level
}
