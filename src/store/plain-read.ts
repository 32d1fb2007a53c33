/**
 * Reads a store's files as plain bytes, before LevelDB reads its tables through a mapping: there a sector that the disk cannot
 * read, or a table that became shorter, ends the process by a signal. Here it is an error that can be told.
 *
 * What was read is in the page cache then, so the reading that follows costs the disk nothing.
 */
import { open, readdir } from 'node:fs/promises'
import path from 'node:path'
import { codeOf } from './durable-files.ts'

const CHUNK_BYTES = 256 * 1024
const READ_BY_LEVELDB = /^(\d+\.(ldb|sst|log)|MANIFEST-\d+|CURRENT)$/

export class PlainReader {
  readonly #directory: string
  /** Size of each table when it was first seen. They are written once and never change. */
  #tables = new Map<string, number>()

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Yields the bytes read since the last time. `damaged` is called for each file that cannot be read or is too short. */
  async *read(damaged: (what: string) => void): AsyncGenerator<number> {
    const tables = new Map<string, number>()
    for (const name of await readdir(this.#directory)) {
      if (!READ_BY_LEVELDB.test(name)) continue
      let size = 0
      try {
        for await (const bytes of chunks(path.join(this.#directory, name))) {
          size += bytes
          yield bytes
        }
      } catch (error) {
        // Compaction removes files at any moment.
        if (codeOf(error) === 'ENOENT') continue
        damaged(`${name} cannot be read: ${(error as Error).message}`)
        continue
      }
      if (!name.endsWith('.ldb')) continue
      const before = this.#tables.get(name) ?? size
      if (size < before) damaged(`${name} has ${size} bytes, and had ${before}`)
      tables.set(name, before)
    }
    this.#tables = tables
  }
}

async function* chunks(file: string): AsyncGenerator<number> {
  const handle = await open(file, 'r')
  try {
    const buffer = Buffer.allocUnsafe(CHUNK_BYTES)
    for (;;) {
      const { bytesRead } = await handle.read(buffer)
      if (bytesRead === 0) return
      yield bytesRead
    }
  } finally {
    await handle.close()
  }
}
