/**
 * The durable store: LevelDB, by way of classic-level.
 */
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import type { ChainedBatch } from 'classic-level'
import { HearsayError } from '../errors.ts'
import { codeOf, makeDirectory } from './durable-files.ts'
import {
  closed,
  commitFailed,
  damaged,
  failedBefore,
  loadFailed,
  locked,
  openFailed,
} from './level-errors.ts'
import type { Store, StoreBatch, StoreRecord } from './store.ts'

type Level = ClassicLevel<Uint8Array, Uint8Array>
type Batch = ChainedBatch<Level, Uint8Array, Uint8Array>

const KiB = 1024
const MiB = 1024 * KiB

export const LEVEL_OPTIONS = {
  compression: true,
  writeBufferSize: 16 * MiB,
  maxFileSize: 16 * MiB,
  blockSize: 16 * KiB,
  cacheSize: 64 * KiB,
}

const LOAD_SLICE_RECORDS_MAX = 1024
/** A slice ends with the record that crosses this: it may be longer by one record. */
const LOAD_SLICE_BYTES_MAX = 256 * KiB

/** First byte of every key on disk: whose record it is. */
const CHAIN = 0x00
const RECORD = 0x01
const CHAIN_KEY_BYTES = 9
const CRC_BYTES = 4
/** The CRC-32 of anything followed by its own CRC-32, least significant byte first. */
const CRC_RESIDUE = 0x2144df1c

/** Directories open in this process, by device and inode: the one lock that LevelDB's own does not give. */
const openDirectories = new Set<string>()

export async function openLevelStore(directory: string): Promise<Store> {
  const identity = await prepareDirectory(directory)
  if (openDirectories.has(identity)) throw locked(directory, `this process (${process.pid})`)
  openDirectories.add(identity)
  try {
    const { level, head } = await openChained(directory)
    return new LevelStore(directory, level, head, () => openDirectories.delete(identity))
  } catch (error) {
    openDirectories.delete(identity)
    throw error instanceof HearsayError ? error : openFailed(directory, error)
  }
}

/** Creates the directory where it is missing; what names it whatever path leads to it. */
async function prepareDirectory(directory: string): Promise<string> {
  try {
    await makeDirectory(path.resolve(directory), 0o700)
    const { dev, ino } = await stat(directory, { bigint: true })
    await refuseHeadless(directory)
    return `${dev}:${ino}`
  } catch (error) {
    if (error instanceof HearsayError) throw error
    throw new HearsayError(
      'DATA_DIR_UNUSABLE',
      `${directory} cannot be used as a directory: ${String(error)}`,
      { cause: error },
    )
  }
}

/** LevelDB begins an empty store where CURRENT is missing, and removes the files that it then does not know. */
async function refuseHeadless(directory: string): Promise<void> {
  const names = await readdir(directory)
  if (names.includes('CURRENT')) return
  const orphan = names.find((name) => /\.(ldb|sst|log)$/.test(name))
  if (orphan !== undefined) {
    throw damaged(directory, `the file CURRENT is missing, and ${orphan} is there`)
  }
}

async function openChained(directory: string): Promise<{ level: Level; head: number }> {
  const level = await openLevel(directory)
  try {
    const head = await readChain(directory, level)
    if (head !== undefined) return { level, head }
    await level.put(chainKey(0), seal(chainKey(0), new Uint8Array(0)), { sync: true })
    await level.close()
  } catch (error) {
    await level.close()
    throw error
  }
  // Opening moves the first link from the log into a table, where no damage to the log can take it away together with
  // the links that follow.
  return { level: await openLevel(directory), head: 0 }
}

async function openLevel(directory: string): Promise<Level> {
  const level: Level = new ClassicLevel<Uint8Array, Uint8Array>(directory, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    ...LEVEL_OPTIONS,
  })
  await level.open()
  return level
}

/** The number of the latest commit; absent in a store that was never used. */
async function readChain(directory: string, level: Level): Promise<number | undefined> {
  const links: Uint8Array[] = await level
    .keys({ lt: Uint8Array.of(RECORD), limit: 2, fillCache: false })
    .all()
  const [link, another] = links
  if (another !== undefined) {
    throw damaged(directory, 'commits are missing in the middle of its log')
  }
  if (link === undefined) {
    const [record] = await level.keys({ limit: 1, fillCache: false }).all()
    if (record === undefined) return undefined
    throw damaged(directory, 'the record of its latest commit is missing')
  }
  if (link.length !== CHAIN_KEY_BYTES) {
    throw damaged(directory, 'the record of its latest commit does not read')
  }
  return Number(Buffer.from(link).readBigUInt64BE(1))
}

class LevelStore implements Store {
  readonly #directory: string
  readonly #level: Level
  readonly #release: () => void
  /** Number of the latest commit handed to LevelDB. */
  #head: number
  /** Settles, never rejecting, when every commit asked for so far has settled. */
  #tail: Promise<void> = Promise.resolve()
  #failure: HearsayError | undefined
  #closing: Promise<void> | undefined

  constructor(directory: string, level: Level, head: number, release: () => void) {
    this.#directory = directory
    this.#level = level
    this.#head = head
    this.#release = release
  }

  async *load(): AsyncIterable<StoreRecord[]> {
    this.#refuseClosed()
    const iterator = this.#level.iterator({
      gte: Uint8Array.of(RECORD),
      fillCache: false,
      highWaterMarkBytes: LOAD_SLICE_BYTES_MAX,
    })
    let next = iterator.nextv(LOAD_SLICE_RECORDS_MAX)
    try {
      for (;;) {
        const entries = await next
        if (entries.length === 0) return
        // The next slice is read by another thread while the caller works on this one.
        next = iterator.nextv(LOAD_SLICE_RECORDS_MAX)
        next.catch(() => undefined)
        yield entries.map(([key, value]) => this.#unseal(key, value))
      }
    } catch (error) {
      if (error instanceof HearsayError) throw error
      this.#refuseClosed()
      throw loadFailed(this.#directory, error)
    } finally {
      await iterator.close()
    }
  }

  commit(batch: StoreBatch, _options: { sync: boolean }): Promise<void> {
    const turn = this.#enqueue(batch)
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  async #enqueue(batch: StoreBatch): Promise<void> {
    this.#refuseClosed()
    const empty = batch.puts.length === 0 && batch.deletes.length === 0
    // LevelDB copies the batch here, so the caller's buffers are free again when `commit` returns.
    const prepared = empty || this.#failure !== undefined ? undefined : this.#prepare(batch)
    await this.#tail
    if (this.#failure !== undefined) {
      await prepared?.close()
      throw failedBefore(this.#directory, this.#failure)
    }
    try {
      await prepared?.write({ sync: true })
    } catch (error) {
      this.#failure = commitFailed(this.#directory, error)
      throw this.#failure
    }
  }

  #prepare({ puts, deletes }: StoreBatch): Batch {
    const batch: Batch = this.#level.batch()
    for (const key of deletes) batch.del(recordKey(key))
    for (const { key, value } of puts) {
      const ours = recordKey(key)
      batch.put(ours, seal(ours, value))
    }
    batch.del(chainKey(this.#head))
    this.#head++
    const link = chainKey(this.#head)
    return batch.put(link, seal(link, new Uint8Array(0)))
  }

  async sizeBytes(): Promise<number> {
    let bytes = 0
    for (const name of await readdir(this.#directory)) {
      try {
        bytes += (await stat(path.join(this.#directory, name))).size
      } catch (error) {
        // Compaction removes files at any moment.
        if (codeOf(error) !== 'ENOENT') throw error
      }
    }
    return bytes
  }

  close(): Promise<void> {
    this.#closing ??= this.#tail
      .then(() => this.#level.close())
      .finally(() => {
        this.#release()
      })
    return this.#closing
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw closed(this.#directory)
  }

  #unseal(key: Uint8Array, sealed: Uint8Array): StoreRecord {
    if (sealed.length < CRC_BYTES || checksum(key, sealed) !== CRC_RESIDUE) {
      const name = Buffer.from(key.subarray(1, 33)).toString('hex')
      throw damaged(this.#directory, `the checksum of record ${name} is wrong`)
    }
    // Not `subarray`, which takes twice as long on the Buffers that LevelDB gives: this runs for every record at start.
    return {
      key: new Uint8Array(key.buffer, key.byteOffset + 1, key.length - 1),
      value: new Uint8Array(sealed.buffer, sealed.byteOffset, sealed.length - CRC_BYTES),
    }
  }
}

function recordKey(key: Uint8Array): Uint8Array {
  const ours = Buffer.allocUnsafe(1 + key.length)
  ours[0] = RECORD
  ours.set(key, 1)
  return ours
}

function chainKey(commit: number): Uint8Array {
  const key = Buffer.alloc(CHAIN_KEY_BYTES)
  key[0] = CHAIN
  key.writeBigUInt64BE(BigInt(commit), 1)
  return key
}

function seal(key: Uint8Array, value: Uint8Array): Uint8Array {
  const sealed = Buffer.allocUnsafe(value.length + CRC_BYTES)
  sealed.set(value)
  sealed.writeUInt32LE(checksum(key, value), value.length)
  return sealed
}

function checksum(key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(key))
}
