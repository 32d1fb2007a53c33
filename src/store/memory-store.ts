/**
 * The store without a disk: for tests, and for the simulator, which loses power when it pleases.
 *
 * A `MemoryDisk` outlives the stores that are opened on it, one at a time, as a directory outlives processes. It has no
 * timer and no randomness: a commit settles after a fixed number of microtasks, in the order of calls, and what a loss of
 * power leaves is for its caller to say.
 */
import { HearsayError } from '../errors.ts'
import { closed, commitFailed, failedBefore, locked } from './level-errors.ts'
import type { Store, StoreBatch, StoreRecord } from './store.ts'

const NAME = 'memory'
const LOAD_SLICE_RECORDS_MAX = 1024
/** A slice ends with the record that crosses this: it may be longer by one record. */
const LOAD_SLICE_BYTES_MAX = 256 * 1024

/** Called before each batch becomes part of the disk; what it throws fails the commit, and the batch is lost. */
type CommitHook = (batch: StoreBatch, options: { sync: boolean }) => void

export class MemoryDisk {
  /** Keys as text, one character a byte, so that the order of text is the order of bytes. */
  #records = new Map<string, Uint8Array>()
  /** Committed, not yet synced, oldest first. */
  #unsynced: StoreBatch[] = []
  #holder: MemoryStore | undefined
  beforeCommit: CommitHook | undefined

  open(): Store {
    if (this.#holder !== undefined) throw locked(NAME, 'another store of this process')
    this.#holder = new MemoryStore(this)
    return this.#holder
  }

  /** How many batches the next loss of power may take. */
  get unsynced(): number {
    return this.#unsynced.length
  }

  /**
   * The process is gone at once: its store takes nothing more, and commits under way never reach the disk. With the power,
   * the unsynced batches are lost but for the oldest `unsyncedKept`.
   */
  crash(unsyncedKept: number = this.#unsynced.length): void {
    this.#holder?.abandon()
    this.#holder = undefined
    for (const batch of this.#unsynced.splice(0, unsyncedKept)) apply(this.#records, batch)
    this.#unsynced = []
  }

  /** @internal */
  write(batch: StoreBatch, options: { sync: boolean }): void {
    this.beforeCommit?.(batch, options)
    this.#unsynced.push(batch)
    if (!options.sync) return
    for (const earlier of this.#unsynced) apply(this.#records, earlier)
    this.#unsynced = []
  }

  /** @internal */
  read(): Map<string, Uint8Array> {
    const records = new Map(this.#records)
    for (const batch of this.#unsynced) apply(records, batch)
    return records
  }

  /** @internal */
  release(store: Store): void {
    if (this.#holder === store) this.#holder = undefined
  }
}

class MemoryStore implements Store {
  readonly #disk: MemoryDisk
  #tail: Promise<void> = Promise.resolve()
  #failure: HearsayError | undefined
  #closing: Promise<void> | undefined
  #abandoned = false

  constructor(disk: MemoryDisk) {
    this.#disk = disk
  }

  async *load(_damaged: (what: string) => void): AsyncIterable<StoreRecord[]> {
    this.#refuseClosed()
    const records = this.#disk.read()
    const sorted = [...records.keys()].sort().map((text) => ({
      key: Buffer.from(text, 'latin1'),
      value: records.get(text)!.slice(),
    }))
    for (const slice of slicesOf(sorted)) {
      this.#refuseClosed()
      yield slice
    }
  }

  /** There is no disk that could forget. */
  async *inspect(): AsyncIterable<number> {
    this.#refuseClosed()
    yield* []
  }

  /** Its memory is the store. */
  async releaseMemory(): Promise<void> {
    this.#refuseClosed()
  }

  commit(batch: StoreBatch, options: { sync: boolean }): Promise<void> {
    const turn = this.#enqueue(copyOf(batch), options)
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  async #enqueue(batch: StoreBatch, options: { sync: boolean }): Promise<void> {
    this.#refuseClosed()
    await this.#tail
    // As of a process that died: what it waited for never comes.
    if (this.#abandoned) return new Promise(() => undefined)
    if (this.#failure !== undefined) throw failedBefore(NAME, this.#failure)
    try {
      this.#disk.write(batch, options)
    } catch (error) {
      this.#failure = commitFailed(NAME, error)
      throw this.#failure
    }
  }

  sizeBytes(): Promise<number> {
    return Promise.resolve(0)
  }

  close(): Promise<void> {
    this.#closing ??= this.#tail.then(() => this.#disk.release(this))
    return this.#closing
  }

  abandon(): void {
    this.#abandoned = true
    this.#closing ??= Promise.resolve()
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw closed(NAME)
  }
}

/** Records in slices of the size that the port promises. */
export function* slicesOf(records: Iterable<StoreRecord>): Generator<StoreRecord[]> {
  let slice: StoreRecord[] = []
  let bytes = 0
  for (const record of records) {
    slice.push(record)
    bytes += record.key.length + record.value.length
    if (slice.length < LOAD_SLICE_RECORDS_MAX && bytes <= LOAD_SLICE_BYTES_MAX) continue
    yield slice
    slice = []
    bytes = 0
  }
  if (slice.length > 0) yield slice
}

function apply(records: Map<string, Uint8Array>, { puts, deletes }: StoreBatch): void {
  for (const key of deletes) records.delete(textOf(key))
  for (const { key, value } of puts) records.set(textOf(key), value)
}

/** The bytes of a batch belong to its caller again when `commit` has returned. */
export function copyOf({ puts, deletes }: StoreBatch): StoreBatch {
  // The constructor, since `slice` of a Buffer shares its bytes.
  return {
    puts: puts.map(({ key, value }) => ({
      key: new Uint8Array(key),
      value: new Uint8Array(value),
    })),
    deletes: deletes.map((key) => new Uint8Array(key)),
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}
