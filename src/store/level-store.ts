/**
 * The durable store: LevelDB, by way of classic-level.
 *
 * ## On disk
 *
 * | key                     | value                                      |
 * |-------------------------|--------------------------------------------|
 * | 0x01, the record's key  | the record's value, CRC-32 of both (4)     |
 * | 0x00, commit number (8) | CRC-32 of the key (4): a link of the chain |
 *
 * Three things are added to what LevelDB does, because it checks less than its name suggests: its binding leaves the
 * checksums of table blocks unchecked, and a damaged block of its log is skipped without a word and the log read on
 * behind it. So its **tables** are checked before it opens them (`table-check.ts`). Every record carries its own
 * **checksum**, over key and value. And every commit puts its own link and removes the link before it: the **chain**. One
 * link is left when no commit is missing in the middle, two or more otherwise, while a torn last commit, which nobody was
 * told of, leaves one. Commits that are lost from the *end* cannot be seen from inside: the store is then as it was before
 * them, whole, and peers have what was sent.
 *
 * ## What is durable when (seen with strace; the test of it is `store-level.test.ts`)
 *
 * LevelDB writes a batch to its log as one record and, for a synced write, calls fdatasync on that log before it
 * reports success. Tables and the manifest are synced before the log that they replace is removed. But a synced write
 * syncs only the *current* log: unsynced batches before it may stand in the log before, which nobody ever syncs; and
 * of unsynced pages the later may reach the disk without the earlier, over which recovery skips. Either breaks a
 * promise of the port. Therefore **every commit is synced**, whatever its caller allows: up to a fifth of the rate of
 * batches of 1,000 (on an idle machine, classic-level alone).
 *
 * LevelDB does not sync the *name* of a log that it begins before it acknowledges what is in it. On ext4, XFS and btrfs the
 * file's own fdatasync does that too, but POSIX promises it of a sync of the directory only. So a commit after which the
 * directory has changed syncs that as well, before it is acknowledged: once or twice in 16 MiB.
 *
 * After a failed commit LevelDB may go on behind a half-written record; this store does not (promise 4).
 *
 * ## Damage
 *
 * A record whose checksum is wrong and a block that LevelDB cannot read are told and passed over. Where its lists are
 * damaged or missing, LevelDB makes new ones of the tables and logs that it finds. What is given then may lack records, and
 * may have some that were deleted; its caller's sums tell. A store put together in this way, or with a damaged table, takes no
 * commit (promise 5).
 *
 * When LevelDB merges a table whose keys are out of order, the process ends. So where a table is damaged, another process opens
 * the store first (`level-trial.ts`), and if that ends by a signal the store is refused.
 *
 * A running store reads tables through the page cache: so `load` sees what became of them on disk since they were opened.
 * Its latest commits it reads from memory, until `inspect` moves them into a table and the log that had them goes. Its lists it
 * reads again only when it is opened anew, but `inspect` does. Tables that are in no list are not part of the store, and no
 * damage whatever is in them (`level-manifest.ts`).
 *
 * Tables are read through a mapping, where what the disk cannot read ends the process by a signal. So every file is read as
 * plain bytes before (`plain-read.ts`): at opening, where it cannot be read it refuses, and by `inspect`.
 *
 * ## Locks
 *
 * LevelDB's fcntl lock on `LOCK` excludes other processes and dies with its own. It does not exclude this process: a
 * second opening by another path would be let in, and one that is refused lifts the lock when it closes its file. So
 * open directories are also kept here, and `LOCK` is never opened by anything else in this process. The lock is as
 * good as the file system's: local disks only.
 *
 * ## The choice, measured (`test/bench/store.ts`: Node 20, 2 cores, classic-level 3.0.0, lmdb 3.5.6)
 *
 * Keys of 25 bytes, values of 330. One run, on a machine that others used: a load of 4 to 20 on its two cores. Rates are
 * the best of five, starts the best of three; yet ratios changed by more than two from run to run, and classic-level's
 * sizes with the moment of its last compaction (overwrites: 9 to 46 MiB). Firmer are processor times: this store spends
 * 6.2 to 6.6 µs on a record written in batches of 1,000 (classic-level alone 4.7 to 5.6, lmdb 16), and 5.2 to 5.4 on one
 * loaded (4.1 to 5.0, lmdb 1.3). With the machine idle classic-level alone loaded 1,000,000 in 1.6 to 2.5 s; this store
 * was never measured so.
 *
 * |                                      | this store | classic-level | uncompressed |     lmdb |
 * |--------------------------------------|-----------:|--------------:|-------------:|---------:|
 * | single puts/s, synced                |      4,151 |         3,775 |        3,860 |    2,131 |
 * | batches of 64, synced, records/s     |     23,121 |        25,235 |       72,950 |   12,612 |
 * | batches of 1,000, synced             |    142,986 |       160,173 |      133,920 |   61,648 |
 * | batches of 64, unsynced              |          – |       121,913 |      211,810 |  104,751 |
 * | batches of 1,000, unsynced           |          – |       149,955 |      169,574 |  117,796 |
 * | point reads/s, of 1,000,000          |          – |        14,615 |        9,223 |  100,145 |
 * | start with 100,000, ms               |        516 |           205 |          329 |      428 |
 * | start with 1,000,000, ms             |      6,790 |         6,528 |        3,488 |    2,032 |
 * | memory then, allocated + mapped, MiB |   66 + 256 |      68 + 299 |     68 + 394 | 18 + 589 |
 * | size on disk of 1,000,000, MiB       |        246 |           253 |          366 |      547 |
 * | 1,000,000 overwrites of 10,000, MiB  |         16 |            46 |           37 |       14 |
 *
 * Damage, of 100 cases each; the rest gave a clean error or everything correct:
 *
 * |                                       |  this store |       classic-level | uncompressed |             lmdb |
 * |---------------------------------------|------------:|--------------------:|-------------:|-----------------:|
 * | flip in a table (lmdb: its file)      |           – |            58 wrong |     82 wrong |         51 wrong |
 * | flip in the log                       |   7 earlier | 95 wrong, 5 earlier |     the same |                  |
 * | truncated table (lmdb: its file)      |           – |                   – |            – |         100 died |
 * | truncated log                         | 100 earlier |         100 earlier |  100 earlier |                  |
 * | swapped blocks of a table (its file)  |           – |                   – |       9 died | 86 wrong, 5 died |
 * | swapped blocks of the log             |   2 earlier | 97 wrong, 3 earlier |     the same |                  |
 * | CURRENT or manifest, any of the three |           – |                   – |            – |                  |
 *
 * "Wrong": records missing or false without a word. "Earlier": the store as it was before its last commits, whole.
 * "Died": the process, by a signal.
 *
 * lmdb starts and reads faster, and a damaged file of it kills the process or answers wrongly; classic-level by itself
 * answers wrongly as often, and hardly does with checksum and chain. Damage before speed: classic-level. Before the checksums of
 * tables were checked as well, 14 of 2,000 more flips in a table were wrong, and one ended the process in an assertion of LevelDB.
 * Of the 14, 12 were looked into: each lacked a few records, and showed no false one. LevelDB keeps a record's sequence number
 * and type beside it, out of reach of the record's own checksum. So whoever loads must count.
 */
import { statSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import type { ChainedBatch } from 'classic-level'
import { HearsayError } from '../errors.ts'
import { codeOf, makeDirectory, syncDirectory } from './durable-files.ts'
import { openLevel } from './level-open.ts'
import type { Level } from './level-open.ts'
import { readPlainly } from './plain-read.ts'
import {
  closed,
  commitFailed,
  damaged,
  failedBefore,
  locked,
  openFailed,
  reasonText,
} from './level-errors.ts'
import type { Store, StoreBatch, StoreRecord } from './store.ts'
import { deadly } from './trial.ts'

type Batch = ChainedBatch<Level, Uint8Array, Uint8Array>

const KiB = 1024
const MiB = 1024 * KiB

/** Of the sizes from 256 KiB to 16 MiB the smallest was the fastest: its records die young. */
const LOAD_SLICE_RECORDS_MAX = 1024
/** A slice ends with the record that crosses this: it may be longer by one record. */
const LOAD_SLICE_BYTES_MAX = 256 * KiB

/** To open a store anew takes some milliseconds: less than this is not worth them. */
const RELEASE_BYTES_MIN = 8 * MiB

/** A file system's clock has ticks of up to 10 ms: of two changes within one the second does not show in the time. */
const TICK_MS = 50

/** First byte of every key on disk: whose record it is. */
const CHAIN = 0x00
const RECORD = 0x01
const BEHIND_RECORDS = Uint8Array.of(0x02)
const CHAIN_KEY_BYTES = 9
const CRC_BYTES = 4
/** The CRC-32 of anything followed by its own CRC-32, least significant byte first. */
const CRC_RESIDUE = 0x2144df1c

/** Directories open in this process, by device and inode: the one lock that LevelDB's own does not give. */
const openDirectories = new Set<string>()

/**
 * Opens the store in `directory`, which is created where it is missing. One whose lists or files are damaged is put
 * together again from what its tables and logs still give; `load` then tells that there is damage.
 */
export async function openLevelStore(directory: string): Promise<Store> {
  const identity = await prepareDirectory(directory)
  if (openDirectories.has(identity)) throw locked(directory, `this process (${process.pid})`)
  openDirectories.add(identity)
  try {
    const damage = await damageOf(directory)
    const opened = await openChained(directory)
    opened.damage.push(...damage)
    return new LevelStore(directory, opened, () => openDirectories.delete(identity))
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
    return `${dev}:${ino}`
  } catch (error) {
    throw new HearsayError(
      'DATA_DIR_UNUSABLE',
      `${directory} cannot be used as a directory: ${String(error)}`,
      { cause: error },
    )
  }
}

/** What is wrong with its tables. Refuses where LevelDB would not get through them alive. */
async function damageOf(directory: string): Promise<string[]> {
  const damage: string[] = []
  const unreadable = (what: string): never => {
    throw damaged(directory, what)
  }
  const told = (name: string, fault: string): number => damage.push(`${name}: ${fault}`)
  for await (const _bytes of readPlainly(directory, { unreadable, damaged: told })) continue
  const death = damage.length === 0 ? undefined : await deadly(directory)
  if (death === undefined) return damage
  throw damaged(directory, `${damage.join('; ')}; and LevelDB does not survive it (${death})`)
}

interface Opened {
  level: Level
  /** Number of the latest commit. */
  head: number
  /** What is wrong with it, as far as opening it shows. */
  damage: string[]
}

async function openChained(directory: string): Promise<Opened> {
  const { level, damage } = await openOrSalvage(directory)
  try {
    const keys = await firstKeys(level)
    const links = keys.filter((key) => key[0] === CHAIN)
    const [link] = links
    if (keys.length === 0 && damage.length === 0) return await beginChain(directory, level)
    if (links.length > 1) damage.push('commits are missing in the middle of its log')
    else if (link === undefined) damage.push('the record of its latest commit is missing')
    else if (link.length !== CHAIN_KEY_BYTES) {
      damage.push('the record of its latest commit does not read')
    }
    if (link === undefined || damage.length > 0) return { level, head: 0, damage }
    return { level, head: Number(Buffer.from(link).readBigUInt64BE(1)), damage }
  } catch (error) {
    if (codeOf(error) === 'LEVEL_CORRUPTION') {
      return { level, head: 0, damage: [...damage, reasonText(error)] }
    }
    await level.close()
    throw error
  }
}

/** Links of the chain stand before all records: the first two keys tell whether there is exactly one. */
function firstKeys(level: Level): Promise<Uint8Array[]> {
  return level.keys({ limit: 2, fillCache: false }).all()
}

async function beginChain(directory: string, level: Level): Promise<Opened> {
  await level.put(chainKey(0), seal(chainKey(0), new Uint8Array(0)), { sync: true })
  await level.close()
  // Opening moves the first link from the log into a table, where no damage to the log can take it away together with
  // the links that follow.
  return { level: await openLevel(directory), head: 0, damage: [] }
}

async function openOrSalvage(directory: string): Promise<{ level: Level; damage: string[] }> {
  const reason = await headless(directory)
  try {
    if (reason === undefined) return { level: await openLevel(directory), damage: [] }
  } catch (error) {
    const refusal = openFailed(directory, error)
    if (refusal.code !== 'STORE_DAMAGED') throw refusal
    return salvage(directory, reasonText(error))
  }
  return salvage(directory, reason)
}

/** LevelDB begins an empty store where CURRENT is missing, and removes the files that it then does not know. */
async function headless(directory: string): Promise<string | undefined> {
  const names = await readdir(directory)
  if (names.includes('CURRENT')) return undefined
  const orphan = names.find((name) => /\.(ldb|sst|log)$/.test(name))
  return orphan === undefined ? undefined : `the file CURRENT is missing, and ${orphan} is there`
}

/** LevelDB makes new lists of what it finds in tables and logs. Which of it is whole and of now, it cannot tell. */
async function salvage(
  directory: string,
  reason: string,
): Promise<{ level: Level; damage: string[] }> {
  try {
    await ClassicLevel.repair(directory)
    return { level: await openLevel(directory), damage: [reason] }
  } catch (error) {
    throw damaged(directory, `${reason}; and it cannot be put together again: ${reasonText(error)}`)
  }
}

class LevelStore implements Store {
  readonly #directory: string
  readonly #level: Level
  readonly #damage: readonly string[]
  readonly #release: () => void
  /** Number of the latest commit handed to LevelDB. */
  #head: number
  /** Settles, never rejecting, when every commit asked for so far has settled. */
  #tail: Promise<void> = Promise.resolve()
  #failure: HearsayError | undefined
  /** When the directory had last changed before its names were synced; undefined when that may not be the last change. */
  #namesOf: number | undefined
  #closing: Promise<void> | undefined

  constructor(directory: string, { level, head, damage }: Opened, release: () => void) {
    this.#directory = directory
    this.#level = level
    this.#head = head
    this.#damage = damage
    this.#release = release
    if (damage.length > 0) this.#failure = damaged(directory, damage.join('; '))
  }

  async *load(onDamage: (what: string) => void): AsyncIterable<StoreRecord[]> {
    this.#refuseClosed()
    for (const what of this.#damage) onDamage(what)
    let last: Uint8Array | undefined
    try {
      for await (const entries of this.#read(LOAD_SLICE_RECORDS_MAX)) {
        last = entries.at(-1)?.[0]
        yield this.#wholeOf(entries, onDamage)
      }
    } catch (error) {
      this.#refuseClosed()
      onDamage(reasonText(error))
      yield* this.#loadRest(last, onDamage)
    }
  }

  /**
   * LevelDB goes on behind a block that it cannot read and says so at the end, in place of the last slice: that one is
   * read again, record by record, until it says so again.
   */
  async *#loadRest(
    last: Uint8Array | undefined,
    onDamage: (what: string) => void,
  ): AsyncIterable<StoreRecord[]> {
    try {
      for await (const entries of this.#read(1, last)) yield this.#wholeOf(entries, onDamage)
    } catch {
      this.#refuseClosed()
    }
  }

  /** Entries behind the key `after`, in slices of at most `records`. */
  async *#read(records: number, after?: Uint8Array): AsyncIterable<[Uint8Array, Uint8Array][]> {
    const iterator = this.#level.iterator({
      ...(after === undefined ? { gte: Uint8Array.of(RECORD) } : { gt: after }),
      fillCache: false,
      highWaterMarkBytes: LOAD_SLICE_BYTES_MAX,
    })
    let next = iterator.nextv(records)
    try {
      for (;;) {
        const entries = await next
        if (entries.length === 0) return
        // The next slice is read by another thread while the caller works on this one.
        next = iterator.nextv(records)
        next.catch(() => undefined)
        yield entries
      }
    } finally {
      await iterator.close()
    }
  }

  #wholeOf(entries: [Uint8Array, Uint8Array][], tell: (what: string) => void): StoreRecord[] {
    const records: StoreRecord[] = []
    for (const [key, sealed] of entries) {
      if (sealed.length >= CRC_BYTES && checksum(key, sealed) === CRC_RESIDUE) {
        records.push(unsealed(key, sealed))
      } else {
        const name = Buffer.from(key.subarray(1, 33)).toString('hex')
        tell(`the checksum of record ${name} is wrong`)
      }
    }
    return records
  }

  /** A compaction of a range without records: LevelDB begins every one by writing its memory to a table. */
  async *inspect(damaged: (what: string) => void): AsyncIterable<number> {
    this.#refuseClosed()
    await this.#level.compactRange(BEHIND_RECORDS, BEHIND_RECORDS)
    yield* readPlainly(this.#directory, {
      unreadable: damaged,
      damaged: (name, fault) => damaged(`${name}: ${fault}`),
    })
  }

  /**
   * LevelDB keeps the tables that it has read mapped until it is closed: a third of the memory that a large map takes, for
   * what is never read again. Its lock is given up for a moment here, so what another process did in it must show.
   */
  async releaseMemory(): Promise<void> {
    this.#refuseClosed()
    if ((await this.sizeBytes()) < RELEASE_BYTES_MIN) return
    try {
      await this.#level.close()
      await this.#level.open()
    } catch (error) {
      throw openFailed(this.#directory, error)
    }
    const [link] = await firstKeys(this.#level)
    if (link === undefined || Buffer.compare(link, chainKey(this.#head)) !== 0) {
      throw locked(this.#directory, 'another process, which has changed it since')
    }
  }

  /** Synced always: see the module's header. */
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
    if (prepared === undefined) return
    try {
      await prepared.write({ sync: true })
      await this.#syncNames()
    } catch (error) {
      this.#failure = commitFailed(this.#directory, error)
      throw this.#failure
    }
  }

  async #syncNames(): Promise<void> {
    const { mtimeMs } = statSync(this.#directory)
    if (mtimeMs === this.#namesOf) return
    await syncDirectory(this.#directory)
    this.#namesOf = Math.abs(Date.now() - mtimeMs) > TICK_MS ? mtimeMs : undefined
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
}

/** Not by `subarray`, which takes twice as long on the Buffers that LevelDB gives: this runs for every record at start. */
function unsealed(key: Uint8Array, sealed: Uint8Array): StoreRecord {
  return {
    key: new Uint8Array(key.buffer, key.byteOffset + 1, key.length - 1),
    value: new Uint8Array(sealed.buffer, sealed.byteOffset, sealed.length - CRC_BYTES),
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
