/** The simulated disk behind the store port, so that the contract suite can say whether it keeps what it promises. */
import { closed, commitFailed, failedBefore, locked } from '../../src/store/level-errors.ts'
import { copyOf, slicesOf } from '../../src/store/memory-store.ts'
import type { HearsayError } from '../../src/errors.ts'
import type { Store, StoreBatch, StoreRecord } from '../../src/store/store.ts'
import type { SimDisk } from './sim-disk.ts'

const NAME = 'simulated'

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
    for (const slice of slicesOf(this.#disk.records())) {
      this.#refuseClosed()
      yield slice
    }
  }

  async *inspect(): AsyncIterable<number> {
    for await (const slice of this.load()) yield slice.length
  }

  async releaseMemory(): Promise<void> {
    this.#refuseClosed()
  }

  commit(batch: StoreBatch, { sync }: { sync: boolean }): Promise<void> {
    if (this.#closing !== undefined) return Promise.reject(closed(NAME))
    const copy = copyOf(batch)
    const turn = this.#tail.then(() => this.#write(copy, sync))
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
