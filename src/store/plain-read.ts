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
import { tablesIn } from './level-manifest.ts'
import { tableFault } from './table-check.ts'

const TABLE = /^(\d+)\.(?:ldb|sst)$/
const READ_BY_LEVELDB = /^(\d+\.(ldb|sst|log)|MANIFEST-\d+|CURRENT)$/

interface Told {
  /** A file cannot be read. */
  unreadable(what: string): void
  /** A table, or the list of them, is not as it was written. */
  damaged(name: string, fault: string): void
}

/** Yields the bytes that were read since the last time. Tables that are in no list are no part of the store, and passed over. */
export async function* readPlainly(directory: string, told: Told): AsyncGenerator<number> {
  const listed = await listedTables(directory, told)
  for (const name of await readdir(directory)) {
    if (!READ_BY_LEVELDB.test(name)) continue
    const number = TABLE.exec(name)?.[1]
    const size = number === undefined ? undefined : listed?.get(Number(number))
    if (number !== undefined && listed !== undefined && size === undefined) continue
    let bytes: Buffer
    try {
      bytes = await readFile(path.join(directory, name))
    } catch (error) {
      // Compaction removes files at any moment.
      if (codeOf(error) === 'ENOENT') continue
      told.unreadable(`${name} cannot be read: ${(error as Error).message}`)
      continue
    }
    if (bytes.length > 0) yield bytes.length
    if (number === undefined) continue
    const fault =
      size === undefined || size === bytes.length
        ? tableFault(bytes)
        : `it has ${bytes.length} bytes, and had ${size}`
    if (fault !== undefined) told.damaged(name, fault)
  }
}

/**
 * The bytes that each table of the store has, by its number. Undefined where there is no list, or a damaged one: LevelDB then
 * puts a store together from all that it finds.
 */
async function listedTables(
  directory: string,
  told: Told,
): Promise<ReadonlyMap<number, number> | undefined> {
  let name = 'CURRENT'
  try {
    name = (await readFile(path.join(directory, name), 'utf8')).trimEnd()
    return tablesIn(await readFile(path.join(directory, name)))
  } catch (error) {
    // Files that are missing, or do not read, are told by whoever reads them all.
    if (codeOf(error) === undefined) told.damaged(name, (error as Error).message)
    return undefined
  }
}
