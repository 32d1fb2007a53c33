import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { makeRegister } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import { ConflictFile } from '../../src/daemon/conflict-file.ts'
import { binary, hash } from '../support/fleet.ts'

const LOG = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: (fields: unknown) => assert.fail(JSON.stringify(fields)),
}

function item(value: string): Item {
  const at = { actor: 'a'.repeat(16), counter: 7, ms: 5, tick: 0, expiry: 0 }
  return makeRegister({ ...at, key: binary('ké'), value: Buffer.from(value) }, hash)
}

describe('the file of conflicts', () => {
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hearsay-conflicts-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('has the content that was lost, and the one that was kept', async () => {
    const file = new ConflictFile(directory, LOG)
    file.add('peer', item('kept'), item('lost'))
    file.add('peer', item('kept'), item('lost too'))
    await file.flushed()
    const text = await readFile(path.join(directory, 'conflicts.jsonl'), 'utf8')
    const lines = text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, Record<string, unknown>>)
    assert.equal(lines.length, 2)
    assert.equal(lines[0]?.['lost']?.['key'], 'ké')
    assert.equal(lines[0]['dot']?.['counter'], 7)
    assert.equal(
      Buffer.from(lines[1]?.['lost']?.['valueBase64'] as string, 'base64').toString(),
      'lost too',
    )
    assert.equal((await stat(path.join(directory, 'conflicts.jsonl'))).mode & 0o777, 0o600)
  })

  it('is kept aside when it is full, and grows no further', async () => {
    const full = path.join(directory, 'conflicts.jsonl')
    await writeFile(full, '')
    await truncate(full, 16 * 1024 * 1024)
    const file = new ConflictFile(directory, LOG)
    file.add('peer', item('kept'), item('lost'))
    await file.flushed()
    assert.deepEqual((await readdir(directory)).sort(), ['conflicts.jsonl', 'conflicts.old.jsonl'])
    assert.ok((await stat(full)).size < 1024)
  })
})
