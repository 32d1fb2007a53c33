/** The list of tables is read as LevelDB reads it. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ClassicLevel } from 'classic-level'
import { tablesIn } from '../../src/store/level-manifest.ts'

const KiB = 1024
const FLUSHES = 60
const LAST_KEY = '\u{7f}'
/** A prime, so that every place of a header is met. */
const STEP = 61

/** Numbers and sizes of its tables, as LevelDB says them itself. */
function tablesOf(level: ClassicLevel): Map<number, number> {
  const lines = level.getProperty('leveldb.sstables').matchAll(/^ (\d+):(\d+)\[/gm)
  return new Map(Array.from(lines, ([, number, bytes]) => [Number(number), Number(bytes)]))
}

const sorted = (tables: Map<number, number>): [number, number][] =>
  [...tables].toSorted(([a], [b]) => a - b)

/** Undefined where it is damaged. */
function listIn(manifest: Buffer): string | undefined {
  try {
    return JSON.stringify(sorted(tablesIn(manifest)))
  } catch {
    return undefined
  }
}

/** All that it says when it is cut: an edit that changes the list is longer than a step. */
function listsOfPrefixes(manifest: Buffer): Set<string> {
  const lists = new Set<string>()
  for (let length = 0; length < manifest.length + STEP; length += STEP) {
    lists.add(JSON.stringify(sorted(tablesIn(manifest.subarray(0, length)))))
  }
  return lists
}

describe('manifest', () => {
  let directory: string
  let manifest: Buffer
  let tables: Map<number, number>

  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hearsay-manifest-'))
    const level = new ClassicLevel(directory)
    await level.open()
    // Long keys: an edit has the first and the last of each table, and together they take more than one block.
    for (let i = 0; i < FLUSHES; i++) {
      await level.put(`${i % 7} `.padEnd(KiB, 'k'), `value ${i}`)
      await level.put(`${i % 11} `.padEnd(KiB, 'l'), `value ${i}`)
      await level.compactRange('', i % 3 === 0 ? '5' : LAST_KEY)
    }
    tables = tablesOf(level)
    await level.close()
    const current = await readFile(path.join(directory, 'CURRENT'), 'utf8')
    manifest = await readFile(path.join(directory, current.trimEnd()))
  })

  after(() => rm(directory, { recursive: true }))

  it('lists the tables that LevelDB has', () => {
    assert.ok(manifest.length > 2 * 32 * KiB, `${manifest.length} bytes`)
    assert.ok(tables.size > 0)
    assert.deepEqual(sorted(tablesIn(manifest)), sorted(tables))
  })

  it('lists those that it had at some time when it is cut', () => {
    assert.ok(listsOfPrefixes(manifest).size > FLUSHES)
  })

  it('tells of a byte that is another, unless LevelDB takes it for the end', () => {
    const once = listsOfPrefixes(manifest)
    let told = 0
    let flips = 0
    for (let at = 0; at < manifest.length; at += STEP, flips++) {
      const damaged = Buffer.from(manifest)
      damaged[at]! ^= 1 << (at % 8)
      const listed = listIn(damaged)
      if (listed === undefined) told++
      else assert.ok(once.has(listed), `byte ${at}: ${listed}`)
    }
    assert.ok(told > 0.9 * flips, `${told} of ${flips}`)
  })
})
