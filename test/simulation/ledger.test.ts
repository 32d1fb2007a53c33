import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Stretch } from '../support/stretch-ledger.ts'
import { runStretch } from './batch.ts'
import { Ledger } from './ledger.ts'

function pass(ledger: Ledger, stretch: Stretch): void {
  ledger.passed(stretch, runStretch(stretch).tally)
}

describe('ledger of a search', () => {
  let directory: string
  let file: string

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'hearsay-ledger-'))
    file = path.join(directory, 'ledger.jsonl')
  })

  afterEach(() => rmSync(directory, { recursive: true }))

  it('goes on where it was left, also after a line that was cut short', () => {
    const first = new Ledger(file, 'code')
    assert.deepEqual(first.rest({ from: 1, count: 9 }), [{ from: 1, count: 9 }])
    pass(first, { from: 3, count: 2 })
    appendFileSync(file, '{"code":"code","from":7,')

    const second = new Ledger(file, 'code')
    assert.deepEqual(second.rest({ from: 1, count: 9 }), [
      { from: 1, count: 2 },
      { from: 5, count: 5 },
    ])
    assert.equal(second.tally.runs, 2)
    assert.ok(second.tally.simulatedMs > 0)

    pass(second, { from: 5, count: 1 })
    assert.equal(new Ledger(file, 'code').tally.runs, 3)
  })

  it('begins anew when the code is another', () => {
    pass(new Ledger(file, 'code'), { from: 3, count: 2 })
    const other = new Ledger(file, 'other code')
    assert.deepEqual(other.rest({ from: 3, count: 2 }), [{ from: 3, count: 2 }])
    assert.equal(other.tally.runs, 0)
  })
})
