/** Whether a replica may lack what took the place of what is dead by hearsay. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

import { CatchUp } from '../../src/core/catch-up.ts'
import { Context } from '../../src/core/context.ts'
import { Peer } from '../../src/core/peer.ts'
import type { Answerer } from '../../src/core/repair/answerer.ts'

const ACTOR = 'a'.repeat(16)
const LINKED_AT = 1_000
const MINUTE_MS = 60_000

const hash = (bytes: Uint8Array): Uint8Array => createHash('md5').update(bytes).digest()

function start(): { peers: Map<string, Peer>; peer: Peer; catchUp: CatchUp; context: Context } {
  const peer = new Peer('them', {} as Answerer, {
    linkedAt: LINKED_AT,
    nextDigestAt: 0,
    helloBy: 0,
  })
  const peers = new Map([['them', peer]])
  return { peers, peer, catchUp: new CatchUp(peers), context: new Context(hash) }
}

describe('core: catching up', () => {
  it('is under way until a peer has told what it has, and until that has come', () => {
    const { peer, catchUp, context } = start()
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), true)
    peer.lacked(new Map([[ACTOR, [1, 2]]]), context, LINKED_AT)
    context.addRange(ACTOR, 1, 1)
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), true)
    context.addRange(ACTOR, 2, 2)
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), false)
  })

  it('does not end because the peer has left', () => {
    const { peers, peer, catchUp, context } = start()
    peer.lacked(new Map([[ACTOR, [1, 2]]]), context, LINKED_AT)
    peers.delete(peer.id)
    catchUp.left(peer, context)
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), true)
    context.addRange(ACTOR, 1, 2)
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), false)
  })

  it('does not wait for ever for what does not come, nor for a peer that does not tell', () => {
    const { peers, peer, catchUp, context } = start()
    const later = LINKED_AT + 3 * MINUTE_MS
    assert.equal(catchUp.isUnderWay(context, later), false)
    peer.lacked(new Map([[ACTOR, [1, 2]]]), context, LINKED_AT)
    assert.equal(catchUp.isUnderWay(context, later), false)
    peers.delete(peer.id)
    catchUp.left(peer, context)
    assert.equal(catchUp.isUnderWay(context, later), false)
  })

  it('is not under way alone', () => {
    const { catchUp, context } = { ...start(), catchUp: new CatchUp(new Map()) }
    assert.equal(catchUp.isUnderWay(context, 0), false)
  })
})
