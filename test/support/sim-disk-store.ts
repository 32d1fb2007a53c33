/** The simulated disk behind the store port, so that the contract suite can say whether it keeps what it promises. */
import { closed, commitFailed, failedBefore, locked } from '../../src/store/level-errors.ts'
import type { HearsayError } from '../../src/errors.ts'
import type { Store, StoreBatch, StoreRecord } from '../../src/store/store.ts'
import type { SimDisk } from './sim-disk.ts'

const NAME = 'simulated'
const SLICE_RECORDS_MAX = 1024
/** A slice ends with the record that crosses this. */
const SLICE_BYTES_MAX = 256 * 1024

const held = new WeakSet<SimDisk>()

export function openSimDisk(disk: SimDisk): Store {
  if (held.has(disk)) throw locked(NAME, 'another store of this process')
  held.add(disk)
  return new SimDiskStore(disk)
}

class SimDiskStore implements Store {
  readonly #disk: SimDisk
  #tail: Promise<void> = Promise.resolve()
  #failure: HearsayError | undefined
  #closing: Promise<void> | undefined

  constructor(disk: SimDisk) {
    this.#disk = disk
  }

  async *load(): AsyncIterable<StoreRecord[]> {
    this.#refuseClosed()
    let slice: StoreRecord[] = []
    let bytes = 0
    for (const record of this.#disk.records()) {
      slice.push(record)
      bytes += record.key.length + record.value.length
      if (slice.length < SLICE_RECORDS_MAX && bytes <= SLICE_BYTES_MAX) continue
      yield slice
      this.#refuseClosed()
      slice = []
      bytes = 0
    }
    if (slice.length > 0) yield slice
  }

  async *inspect(): AsyncIterable<number> {
    for await (const slice of this.load()) yield slice.length
  }

  commit({ puts, deletes }: StoreBatch, { sync }: { sync: boolean }): Promise<void> {
    const batch = {
      puts: puts.map(({ key, value }) => ({
        key: new Uint8Array(key),
        value: new Uint8Array(value),
      })),
      deletes: deletes.map((key) => new Uint8Array(key)),
    }
    if (this.#closing !== undefined) return Promise.reject(closed(NAME))
    const turn = this.#tail.then(() => this.#write(batch, sync))
    this.#tail = turn.catch(() => undefined)
    return turn
  }

  #write(batch: StoreBatch, sync: boolean): void {
    if (this.#failure !== undefined) throw failedBefore(NAME, this.#failure)
    if (this.#disk.full) {
      this.#failure = commitFailed(NAME, new Error('no space left'))
      throw this.#failure
    }
    this.#disk.write(batch)
    if (sync) this.#disk.sync()
  }

  sizeBytes(): Promise<number> {
    return Promise.resolve(0)
  }

  close(): Promise<void> {
    this.#closing ??= this.#tail.then(() => {
      held.delete(this.#disk)
    })
    return this.#closing
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw closed(NAME)
  }
}
