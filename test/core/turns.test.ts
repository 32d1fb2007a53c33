/** Who is sent the next chunk. */
import assert from 'node:assert/strict'

import type { Answerer } from '../../src/core/repair/answerer.ts'
import { Budget } from '../../src/core/repair/budget.ts'
import { Turns } from '../../src/core/repair/turns.ts'
import { SETTINGS } from '../support/fleet.ts'

const CHUNK_BYTES = 1_000
const KEYS = 10
const SESSIONS_MAX = 4

/** Whoever pulls from it asks again as soon as it has been served. */
function newAnswerer(name: string, served: string[], chunks = Infinity, keys = KEYS): Answerer {
  let left = chunks
  const one = {
    servedAs: 0,
    pulling: true,
    get waits() {
      return left > 0
    },
    sendChunk() {
      served.push(name)
      left--
      return { bytes: CHUNK_BYTES, keys }
    },
  }
  return one as unknown as Answerer
}

function budgetOf(bytesPerSecond: number): Budget {
  return new Budget({ ...SETTINGS.repair, bytesPerSecond }, 0)
}

describe('core: turns of those that pull', () => {
  it('nobody waits for one that asks again and again, though the budget is always spent', () => {
    const served: string[] = []
    const answerers = ['a', 'b', 'c'].map((name) => newAnswerer(name, served))
    const turns = new Turns(budgetOf(CHUNK_BYTES / 2), SESSIONS_MAX, () => answerers)
    for (let mono = 0; served.length < 9; mono = turns.dueAt()) turns.serve(mono)
    assert.equal(served.join(''), 'abcabcabc')
  })

  it('a call sends one chunk, and the rest is due at once', () => {
    const served: string[] = []
    const turns = new Turns(budgetOf(1e9), SESSIONS_MAX, () => [newAnswerer('a', served)])
    turns.serve(5)
    assert.equal(served.length, 1)
    assert.equal(turns.dueAt(), 5)
  })

  it('the rest waits for a moment while clients read or write here, and no longer when they are gone', () => {
    const turns = new Turns(budgetOf(1e9), SESSIONS_MAX, () => [newAnswerer('a', [])])
    const pauseAt = (mono: number): number => {
      turns.serve(mono)
      return turns.dueAt() - mono
    }
    turns.client(1_000)
    assert.ok(pauseAt(1_001) > 0)
    assert.ok(pauseAt(1_100) > 0)
    assert.equal(pauseAt(2_000), 0)
    turns.client(2_001)
    assert.ok(turns.dueAt() > 2_000)
  })

  it('while clients are there, who is sent many keys waits for the longer, whoever had them', () => {
    const pauseAfter = (keys: number): number => {
      const answerers = [newAnswerer('a', [], 1, keys), newAnswerer('b', [])]
      const turns = new Turns(budgetOf(1e9), SESSIONS_MAX, () => answerers)
      turns.client(1_000)
      turns.serve(1_000)
      return turns.dueAt() - 1_000
    }
    assert.ok(pauseAfter(100) > 2 * pauseAfter(10))
    assert.ok(pauseAfter(0) > 0)
  })

  it('nothing is due when nobody waits', () => {
    const served: string[] = []
    const answerers = [newAnswerer('a', served, 2)]
    const turns = new Turns(budgetOf(1e9), SESSIONS_MAX, () => answerers)
    for (let call = 0; call < 3; call++) turns.serve(0)
    assert.equal(served.length, 2)
    assert.equal(turns.dueAt(), Infinity)
  })

  it('while the budget is overdrawn no more pulls begin than get a second chunk before they are given up', () => {
    const budget = budgetOf(CHUNK_BYTES / 2)
    const answerers: Answerer[] = []
    const turns = new Turns(budget, SESSIONS_MAX, () => answerers)
    const pulls = (): number => {
      answerers.length = 0
      while (turns.mayBegin(0)) answerers.push(newAnswerer('a', []))
      return answerers.length
    }
    assert.equal(pulls(), SESSIONS_MAX)
    budget.spend(1e9)
    const overdrawn = pulls()
    assert.ok(overdrawn > 0)
    assert.ok(overdrawn * budget.readyAt() < SETTINGS.repair.sessionTimeout)
  })
})
