/** What the answering side of a pull sends, chunk by chunk. */
import assert from 'node:assert/strict'
import { makeRegister } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import { PullAnswer } from '../../src/core/repair/pull-answer.ts'
import { Replica } from '../../src/core/replica.ts'
import { hash } from '../support/fleet.ts'

const [WRITER, OTHER] = ['w'.repeat(16), 'o'.repeat(16)]
/** Two of them are more than a chunk. */
const BYTES = 40_000
const CHUNKS_MAX = 10

function item(actor: string, counter: number, key: string): Item {
  const value = new Uint8Array(BYTES)
  return makeRegister({ actor, counter, key, value, ms: 1, tick: 0, expiry: 0 }, hash)
}

describe('core: pull answers', () => {
  it('end although one dot is both a value and a delete of a key whose value does not fit beside it (R14, seed 4014725)', () => {
    const replica = new Replica(hash)
    replica.context.addRange(OTHER, 1, 2)
    replica.context.addRange(WRITER, 1, 1)
    replica.load([item(OTHER, 2, 'deleted elsewhere'), item(WRITER, 1, 'put')])
    const removed = { actor: OTHER, counter: 1 }
    replica.removals.add({ actor: WRITER, counter: 1, removed, key: 'deleted elsewhere' })
    const scope = { theirs: new Map([[OTHER, [1, 1]]]), buckets: undefined }
    const pull = new PullAnswer(replica, 1, scope, new Map(), 1_000_000)
    let chunks = 0
    while (!pull.done && chunks < CHUNKS_MAX) {
      pull.nextChunk()
      chunks++
    }
    assert.ok(pull.done, `${chunks} chunks, and no end`)
  })
})
