/** A store that is older than what was acknowledged is noticed by what peers have of this peer's own (R6). */
import assert from 'node:assert/strict'
import { RollbackWatch } from '../../src/core/rollback.ts'

const OWN = new Uint8Array(8).fill(7)
const ours = (run: string): string => run.repeat(8) + '\x07'.repeat(8)
const theirs = 'a'.repeat(8) + '\x08'.repeat(8)
const NOW = 1_000

describe('a store that was rolled back', () => {
  it('is noticed once, by mutations of earlier runs that a peer has', () => {
    const watch = new RollbackWatch(OWN)
    const lacked = new Map([
      [ours('a'), [3, 5]],
      [ours('b'), [1, 1]],
      [theirs, [1, 9]],
    ])
    assert.equal(watch.notices(lacked, ours('c'), NOW), true)
    assert.deepEqual(watch.found, { at: NOW, dots: 4 })
    assert.equal(watch.notices(lacked, ours('c'), NOW + 1), false)
    assert.deepEqual(watch.found, { at: NOW, dots: 4 })
  })

  it('is not told by what others wrote, nor by what is under way in this run', () => {
    const watch = new RollbackWatch(OWN)
    assert.equal(watch.notices(new Map([[theirs, [1, 9]]]), undefined, NOW), false)
    assert.equal(watch.notices(new Map([[ours('c'), [1, 2]]]), ours('c'), NOW), false)
    assert.equal(watch.found, undefined)
  })
})
