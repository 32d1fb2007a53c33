/** Whatever is flipped in a table of LevelDB, its checksums tell. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { openLevelStore } from '../../src/store/level-store.ts'
import { tableFault } from '../../src/store/table-check.ts'
import { put } from './store-model.ts'

const FOOTER_BYTES = 48
const MAGIC_BYTES = 8

describe('table check', () => {
  let parent: string
  let tables: Buffer[]

  before(async () => {
    parent = await mkdtemp(path.join(tmpdir(), 'hearsay-tables-'))
    const directory = path.join(parent, 'store')
    const store = await openLevelStore(directory)
    // Several blocks, and an index that is compressed.
    for (let i = 0; i < 40; i++) {
      await store.commit(put([`key ${i}`, `value ${i} `.repeat(300)]), { sync: true })
    }
    await store.close()
    await (await openLevelStore(directory)).close()
    const names = (await readdir(directory)).filter((name) => name.endsWith('.ldb'))
    tables = await Promise.all(names.map((name) => readFile(path.join(directory, name))))
  })

  after(() => rm(parent, { recursive: true }))

  it('passes tables as they were written', () => {
    assert.ok(tables.length > 1)
    for (const table of tables) assert.equal(tableFault(table), undefined)
  })

  it('tells of every byte that is another, save those between the handles and the magic of the footer', () => {
    const [largest] = tables.toSorted((a, b) => b.length - a.length)
    const missed: number[] = []
    for (let at = 0; at < largest!.length; at++) {
      const damaged = Buffer.from(largest!)
      damaged[at]! ^= 1 << (at % 8)
      if (tableFault(damaged) === undefined) missed.push(at)
    }
    const padding = { from: largest!.length - FOOTER_BYTES, to: largest!.length - MAGIC_BYTES }
    for (const at of missed) assert.ok(at >= padding.from && at < padding.to, `byte ${at}`)
  })

  it('tells of a table that is cut, at any length', () => {
    const [largest] = tables.toSorted((a, b) => b.length - a.length)
    for (let length = 0; length < largest!.length; length++) {
      assert.notEqual(tableFault(largest!.subarray(0, length)), undefined)
    }
  })
})
