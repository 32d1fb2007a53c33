/**
 * The disk of a simulated node: batches are atomic and ordered, and a crash takes away any number of the latest ones that
 * were not synced (the promises of `src/store/store.ts`, at their weakest).
 */
import { toBinary, fromBinary } from '../../src/core/bytes.ts'
import type { RawBatch, RawRecord } from '../../src/core/records.ts'

export class SimDisk {
  readonly #records = new Map<string, Uint8Array>()
  /** Batches that a crash may take away, the oldest first. */
  #unsynced: RawBatch[] = []
  /** Batches that no crash takes away. */
  durable = 0

  /** All batches, numbered from 1. */
  get batches(): number {
    return this.durable + this.#unsynced.length
  }

  write(batch: RawBatch): void {
    this.#unsynced.push(batch)
  }

  sync(): void {
    for (const batch of this.#unsynced) this.#take(batch)
    this.durable = this.batches
    this.#unsynced = []
  }

  /** Loses all batches after number `kept`. */
  crash(kept: number): void {
    this.#unsynced = this.#unsynced.slice(0, kept - this.durable)
    this.sync()
  }

  /** In ascending order of keys. */
  records(): RawRecord[] {
    return Array.from(this.#records, ([key, value]) => ({ key, value }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, value }) => ({ key: fromBinary(key), value }))
  }

  #take({ puts, deletes }: RawBatch): void {
    for (const key of deletes) this.#records.delete(toBinary(key))
    for (const { key, value } of puts) this.#records.set(toBinary(key), value)
  }
}
