/** What the store benchmark compares: our store, and the libraries by themselves. */
import { createHash } from 'node:crypto'
import { ClassicLevel } from 'classic-level'
import { open } from 'lmdb'
import { LEVEL_OPTIONS } from '../../src/store/level-open.ts'
import { openLevelStore } from '../../src/store/level-store.ts'
import type { StoreRecord } from '../../src/store/store.ts'

export interface Engine {
  batch(puts: StoreRecord[]): Promise<void>
  /** Absent where the engine has no point reads. */
  get?(key: Uint8Array): Uint8Array | undefined
  scan(take: (records: Iterable<StoreRecord>) => void): Promise<void>
  close(): Promise<void>
}

export const ENGINES = ['hearsay', 'classic-level', 'classic-level-plain', 'lmdb'] as const

export type EngineName = (typeof ENGINES)[number]

export function openEngine(name: EngineName, at: string, sync: boolean): Promise<Engine> {
  if (name === 'hearsay') return openHearsay(at)
  if (name === 'lmdb') return openLmdb(at, sync)
  return openClassic(at, sync, name === 'classic-level')
}

async function openHearsay(at: string): Promise<Engine> {
  const store = await openLevelStore(at)
  return {
    batch: (puts) => store.commit({ puts, deletes: [] }, { sync: true }),
    async scan(take) {
      for await (const slice of store.load((what) => {
        throw new Error(what)
      }))
        take(slice)
    },
    close: () => store.close(),
  }
}

async function openClassic(at: string, sync: boolean, compression: boolean): Promise<Engine> {
  const level = new ClassicLevel<Uint8Array, Uint8Array>(at, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    ...LEVEL_OPTIONS,
    compression,
  })
  await level.open()
  return {
    async batch(puts) {
      const batch = level.batch()
      for (const { key, value } of puts) batch.put(key, value)
      await batch.write({ sync })
    },
    get: (key) => level.getSync(key),
    async scan(take) {
      const iterator = level.iterator({ fillCache: false, highWaterMarkBytes: 256 * 1024 })
      try {
        for (;;) {
          const entries = await iterator.nextv(1024)
          if (entries.length === 0) return
          take(entries.map(([key, value]) => ({ key, value })))
        }
      } finally {
        await iterator.close()
      }
    },
    close: () => level.close(),
  }
}

async function openLmdb(at: string, sync: boolean): Promise<Engine> {
  const db = open<Uint8Array, Uint8Array>({
    path: at,
    encoding: 'binary',
    keyEncoding: 'binary',
    // With overlapping sync a commit resolves before it is on disk.
    ...(sync ? { overlappingSync: false } : { noSync: true }),
  })
  return {
    async batch(puts) {
      await db.transaction(() => {
        for (const { key, value } of puts) void db.put(key, value)
      })
    },
    get: (key) => db.get(key),
    async scan(take) {
      take(db.getRange() as Iterable<StoreRecord>)
    },
    close: () => db.close(),
  }
}

const VALUE_BYTES = 330
const POOL_BYTES = 1 << 20

/** Half of it text, half of it noise: what a value with an identity or a signature in it compresses like. */
const pool = Buffer.alloc(POOL_BYTES)
for (let i = 0, state = 1; i < POOL_BYTES; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  pool[i] = i % 64 < 32 ? state >>> 24 : 97 + (i % 7)
}

/** A key of 25 bytes that falls anywhere in the order, and a value of 330 that differs from every other. */
export function recordOf(number: number, version = 0): StoreRecord {
  const key = Buffer.alloc(25, 'i')
  key.writeUInt32BE(Math.imul(number, 2_654_435_761) >>> 0, 1)
  key.writeUInt32BE(number, 21)
  const from = (Math.imul(number + version, 7919) >>> 0) % (POOL_BYTES - VALUE_BYTES)
  const value = Buffer.from(pool.subarray(from, from + VALUE_BYTES))
  value.writeUInt32BE(number, 0)
  value.writeUInt32BE(version, 4)
  return { key, value }
}

/** Of all records in order. */
export class ContentHash {
  readonly #hash = createHash('sha256')

  add(records: Iterable<StoreRecord>): void {
    for (const { key, value } of records) {
      this.#hash.update(`${key.length} ${value.length} `).update(key).update(value)
    }
  }

  digest(): string {
    return this.#hash.digest('hex')
  }
}
