/** What the core remembers of a peer: how far behind it this replica is, and when to compare again. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

import { Context } from '../../src/core/context.ts'
import { LASTING_MS, Peer } from '../../src/core/peer.ts'
import type { Answerer } from '../../src/core/repair/answerer.ts'
import type { Comparison, Digest } from '../../src/core/repair/digest.ts'

const INTERVAL_MS = 5_000
const NOW = { wall: 1_000_000, mono: 0 }
const digest: Digest = {
  contextHash: '',
  dots: 0,
  fingerprint: '',
  items: 0,
  settled: '',
  writer: undefined,
  clock: NOW.wall,
  complete: true,
}
const equal: Comparison = {
  contextsEqual: true,
  behind: 0,
  fingerprintsEqual: true,
  settledEqual: true,
}
const underWay: Comparison = {
  contextsEqual: false,
  behind: 0,
  fingerprintsEqual: false,
  settledEqual: true,
}
const FILL = 100

const hash = (bytes: Uint8Array): Uint8Array => createHash('md5').update(bytes).digest()

function newPeer(): Peer {
  return new Peer('them', {} as Answerer, { linkedAt: 0, nextDigestAt: 0, helloBy: 0 })
}

describe('core: a peer', () => {
  it('is compared soon after a difference, and ever later while differences go on', () => {
    const peer = newPeer()
    const waits = [equal, underWay, underWay, underWay, underWay, underWay, equal, underWay].map(
      (comparison) => {
        peer.compared(digest, comparison, NOW, FILL)
        return peer.nextIn(INTERVAL_MS)
      },
    )
    assert.deepEqual(waits, [5_000, 1_000, 2_000, 4_000, 5_000, 5_000, 5_000, 1_000])
  })

  it('is compared soon while it is not complete', () => {
    const peer = newPeer()
    peer.compared({ ...digest, complete: false }, equal, NOW, FILL)
    assert.equal(peer.nextIn(INTERVAL_MS), 1_000)
  })

  it('is compared soon as long as settled items differ', () => {
    const peer = newPeer()
    for (let i = 0; i < 5; i++) {
      peer.compared(digest, { ...underWay, settledEqual: false }, NOW, FILL)
      assert.equal(peer.nextIn(INTERVAL_MS), 1_000)
    }
  })

  it('is never compared later than the usual interval', () => {
    const peer = newPeer()
    peer.compared(digest, underWay, NOW, FILL)
    assert.equal(peer.nextIn(300), 300)
  })

  it('counts what is missing of what it told, whatever way it comes', () => {
    const peer = newPeer()
    const context = new Context(hash)
    const actor = 'a'.repeat(16)
    assert.equal(peer.dotsBehind(context), undefined)
    peer.lacked(new Map([[actor, [3, 7]]]), context, { mono: 0 })
    assert.equal(peer.dotsBehind(context), 5)
    context.add(actor, [1, 4])
    assert.equal(peer.dotsBehind(context), 3)
    context.add(actor, [5, 9])
    assert.equal(peer.dotsBehind(context), 0)
  })

  it('knows since when something has been missing, while what it lacks changes', () => {
    const peer = newPeer()
    const context = new Context(hash)
    const actor = 'a'.repeat(16)
    const tells = (missing: [number, number], mono: number): void =>
      peer.lacked(new Map([[actor, missing]]), context, { mono })
    assert.equal(peer.behindSince(context), undefined)
    tells([3, 7], 10)
    assert.equal(peer.behindSince(context), 10)
    context.add(actor, [1, 6])
    tells([7, 20], 20)
    assert.equal(peer.behindSince(context), 10)
    context.add(actor, [7, 7])
    assert.equal(peer.behindSince(context), 20)
    context.add(actor, [8, 20])
    assert.equal(peer.behindSince(context), undefined)
  })

  it('is looked through when settled items differ twice, and a session that was put off takes no turn', () => {
    const peer = newPeer()
    const compare = (mono: number): string => {
      const comparison = { ...underWay, settledEqual: false }
      return peer.compared(digest, comparison, { ...NOW, mono }, FILL).ranges
    }
    assert.deepEqual([compare(0), compare(0), compare(0)], ['none', 'settled', 'settled'])
    peer.rangesBegin(0)
    assert.equal(compare(0), 'none')
    assert.equal(compare(2_999), 'none')
    assert.equal(compare(3_000), 'settled')
  })

  it('is left in peace while it fills, and looked through when it comes no nearer', () => {
    const peer = newPeer()
    let mono = 0
    const rangesWhen = (behind: number): string => {
      const comparison = { ...underWay, settledEqual: false, behind }
      mono += 3_000
      const { ranges } = peer.compared(digest, comparison, { ...NOW, mono }, FILL)
      if (ranges !== 'none') peer.rangesBegin(mono)
      return ranges
    }
    rangesWhen(10 * FILL)
    assert.deepEqual(
      [9, 8, 2, 1].map((fills) => rangesWhen(fills * FILL)),
      ['none', 'none', 'none', 'none'],
    )
    assert.equal(rangesWhen(FILL - 1), 'settled')
    assert.equal(rangesWhen(5 * FILL), 'settled')
    assert.equal(rangesWhen(4.5 * FILL), 'settled')
    assert.equal(rangesWhen(3 * FILL), 'none')
    assert.equal(rangesWhen(3 * FILL), 'settled')
  })

  it('has not given all while it has told of a part of its context', () => {
    const peer = newPeer()
    const context = new Context(hash)
    const actor = 'a'.repeat(16)
    context.add(actor, [1, 7])
    peer.lacked(new Map([[actor, [3, 7]]]), context, { mono: 0, isPart: true })
    assert.equal(peer.hasGivenAll(context), false)
    peer.lacked(new Map([[actor, [3, 9]]]), context, { mono: 0 })
    assert.equal(peer.hasGivenAll(context), false)
    context.add(actor, [8, 9])
    assert.equal(peer.hasGivenAll(context), true)
  })

  it('may have something once it is known to differ, until it tells, and for so long as that is waited for', () => {
    const peer = newPeer()
    const context = new Context(hash)
    peer.compared(digest, equal, { ...NOW, mono: 0 }, FILL)
    assert.equal(peer.isAhead(context, 0), false)
    peer.compared(digest, underWay, { ...NOW, mono: 10 }, FILL)
    peer.compared(digest, underWay, { ...NOW, mono: 5_000 }, FILL)
    assert.equal(peer.isAhead(context, 5_000), true)
    assert.equal(peer.hasMore(context), true)
    assert.equal(peer.isAhead(context, 10 + LASTING_MS + 1), false)
    peer.lacked(new Map(), context, { mono: 6_000 })
    assert.equal(peer.isAhead(context, 6_000), false)
    assert.equal(peer.hasMore(context), false)
  })

  it('with an equal context leaves nothing missing', () => {
    const peer = newPeer()
    peer.lacked(new Map([['a'.repeat(16), [3, 7]]]), new Context(hash), { mono: 0 })
    peer.compared(digest, equal, NOW, FILL)
    assert.equal(peer.dotsBehind(new Context(hash)), 0)
  })
})
