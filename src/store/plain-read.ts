/**
 * Reads a store's files as plain bytes, before LevelDB reads its tables through a mapping: there a sector that the disk cannot
 * read, or a table that became shorter, ends the process by a signal. Here it is an error that can be told. A table with damage
 * in it may end the process as well, so the checksums of tables are checked too (`table-check.ts`).
 *
 * What was read is in the page cache then, so the reading that follows costs the disk nothing.
 */
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { codeOf } from './durable-files.ts'
import { tableFault } from './table-check.ts'

const TABLE = /\.(ldb|sst)$/
const READ_BY_LEVELDB = /^(\d+\.(ldb|sst|log)|MANIFEST-\d+|CURRENT)$/

interface Told {
  /** A file cannot be read, or is too short. */
  unreadable(what: string): void
  /** A table is not as it was written. */
  damaged(name: string, fault: string): void
}

export class PlainReader {
  readonly #directory: string
  /** Size of each table when it was first seen finished, 0 of one that never was. They are written once and never change. */
  #finished = new Map<string, number>()
  #isFirst = true

  constructor(directory: string) {
    this.#directory = directory
  }

  /**
   * Yields the bytes read since the last time. The first time must be before LevelDB opens the store. Later a table that is
   * not whole, and never was, may be one that is still being written: it is passed over.
   */
  async *read(told: Told): AsyncGenerator<number> {
    const finished = new Map<string, number>()
    for (const name of await readdir(this.#directory)) {
      if (!READ_BY_LEVELDB.test(name)) continue
      let bytes: Buffer
      try {
        bytes = await readFile(path.join(this.#directory, name))
      } catch (error) {
        // Compaction removes files at any moment.
        if (codeOf(error) === 'ENOENT') continue
        told.unreadable(`${name} cannot be read: ${(error as Error).message}`)
        continue
      }
      if (bytes.length > 0) yield bytes.length
      if (!TABLE.test(name)) continue
      const known = this.#finished.get(name)
      const fault = tableFault(bytes)
      const mayBeUnfinished = known === undefined && !this.#isFirst
      if (fault !== undefined && mayBeUnfinished) continue
      const size = known ?? (fault === undefined ? bytes.length : 0)
      finished.set(name, size)
      if (fault !== undefined) told.damaged(name, fault)
      if (bytes.length < size) told.unreadable(`${name} has ${bytes.length} bytes, and had ${size}`)
    }
    this.#finished = finished
    this.#isFirst = false
  }
}
