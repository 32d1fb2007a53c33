/**
 * The disk of a simulated node: batches are atomic and ordered, and a crash takes away any number of the latest ones that
 * were not synced (the promises of `src/store/store.ts`, at their weakest). And what no store promises to survive: records
 * that are lost or flipped, an older copy put back, everything gone.
 */
import { toBinary, fromBinary } from '../../src/core/bytes.ts'
import type { RawBatch, RawRecord } from '../../src/core/records.ts'
import type { Seeded } from './seeded.ts'

/** What a disk held at some moment. */
export type DiskImage = ReadonlyMap<string, Uint8Array>

export class SimDisk {
  #records = new Map<string, Uint8Array>()
  /** Batches that a crash may take away, the oldest first. */
  #unsynced: RawBatch[] = []
  /** Batches that no crash takes away. */
  durable = 0
  /** Nothing more fits on it: commits fail. */
  full = false

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

  /** In ascending order of keys. Of what is not synced too: a process reads what it wrote. */
  records(): RawRecord[] {
    return Array.from(this.image(), ([key, value]) => ({ key, value }))
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .map(({ key, value }) => ({ key: fromBinary(key), value }))
  }

  image(): DiskImage {
    if (this.#unsynced.length === 0) return new Map(this.#records)
    const copy = new SimDisk()
    copy.#records = new Map(this.#records)
    for (const batch of this.#unsynced) copy.#take(batch)
    return copy.#records
  }

  // Damage; only while no process uses the disk.

  /** Puts a copy back, an older one or another disk's. Counts as a batch. */
  restore(image: DiskImage): void {
    this.#records = new Map(image)
    this.#unsynced = []
    this.durable++
  }

  /** Loses one record, or flips one bit of it; says which. Undefined when there is none. */
  damage(random: Seeded, how: 'lose' | 'flip', prefix?: number): string | undefined {
    const keys = [...this.#records.keys()]
      .filter((key) => prefix === undefined || key.charCodeAt(0) === prefix)
      .sort()
    if (keys.length === 0) return undefined
    const key = random.pick(keys)
    const value = this.#records.get(key)!.slice()
    if (how === 'lose' || value.length === 0) this.#records.delete(key)
    else {
      value[random.int(0, value.length - 1)]! ^= 1 << random.int(0, 7)
      this.#records.set(key, value)
    }
    return key
  }

  #take({ puts, deletes }: RawBatch): void {
    for (const key of deletes) this.#records.delete(toBinary(key))
    for (const { key, value } of puts) this.#records.set(toBinary(key), value)
  }
}
