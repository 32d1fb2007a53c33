/** The range step's comparison of lists, where one side has very much more than the other. */
import assert from 'node:assert/strict'
import { hashPrefix, makeRegister } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import { nextClaims } from '../../src/core/repair/ranges.ts'
import type { Candidates, RangeClaim } from '../../src/core/repair/ranges.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { boundAt, Replica } from '../../src/core/replica.ts'
import { quickHash } from '../support/quick-hash.ts'

const COUNT = 4 * SIZES.compared - 1
const ACTOR = 'a'.repeat(16)

function itemOf(counter: number): Item {
  const value = new Uint8Array(1)
  const stamp = { ms: 1_000 + counter, tick: 0 }
  return makeRegister(
    { actor: ACTOR, counter, key: `key ${counter}`, value, expiry: 0, ...stamp },
    quickHash,
  )
}

describe('a list of a range of which the asker has very much more', () => {
  const items = Array.from({ length: COUNT }, (_, i) => itemOf(i + 1))
  const replica = new Replica(quickHash)
  before(() => {
    replica.context.add(ACTOR, [1, COUNT])
    replica.load(items)
  })

  const listOf = (entries: readonly Item[], from = 0, to = 2 ** 40): RangeClaim => ({
    lower: boundAt(0, from),
    upper: boundAt(0, to),
    listed: true,
    entries: entries.map(({ actor, counter }) => ({ dot: { actor, counter }, hash: '' })),
  })

  /** What one session finds, and at how many of its own items it looked. */
  function compared(answer: RangeClaim[], session: number): Candidates & { looked: number } {
    const found: Candidates = { keys: new Set(), dots: [], partial: false }
    let looked = 0
    const mayBeRemoved = (): boolean => ++looked > 0
    nextClaims(replica, answer, found, mayBeRemoved, SIZES, session)
    return { ...found, looked }
  }

  it('is compared with a part of it at a time', () => {
    for (const answer of [
      [listOf([])],
      [listOf([], 0, 20_000), listOf([], 20_000)],
      Array.from({ length: 64 }, (_, i) => listOf([], i * 1_000, (i + 1) * 1_000)),
    ]) {
      const { looked, partial } = compared(answer, 1)
      assert.ok(looked > 0 && looked <= SIZES.compared, `${looked} looked at`)
      assert.ok(partial)
    }
  })

  it('is compared with all of it in time, whichever sessions are with that peer', () => {
    for (const every of [1, 7, 24]) {
      const keys = new Set<string>()
      for (let turn = 1; turn <= 60; turn++) {
        for (const key of compared([listOf([])], turn * every).keys) keys.add(key)
      }
      assert.equal(keys.size, COUNT, `every ${every}th session`)
    }
  })

  it('is compared whole where there is room for it', () => {
    const { looked, partial } = compared([listOf([], 0, 1_000 + SIZES.compared)], 1)
    assert.deepEqual({ looked, partial }, { looked: SIZES.compared - 1, partial: false })
  })

  it('names what the list has and this replica has with other content, in whatever part it is', () => {
    const other = items[COUNT >> 1]!
    for (let session = 1; session <= 20; session++) {
      assert.ok(compared([listOf([other])], session).keys.has(other.key))
    }
  })

  it('does not name what is the same, in whatever part it is', () => {
    const same = items[COUNT >> 1]!
    const claim = listOf([same])
    assert.ok(claim.listed)
    claim.entries[0]!.hash = hashPrefix(same)
    for (let session = 1; session <= 20; session++) {
      assert.equal(compared([claim], session).keys.has(same.key), false)
    }
  })
})
