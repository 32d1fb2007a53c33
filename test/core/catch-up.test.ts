/** Whether a replica may lack what took the place of what is dead by hearsay. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'

import { CatchUp } from '../../src/core/catch-up.ts'
import { Context } from '../../src/core/context.ts'
import { Peer } from '../../src/core/peer.ts'
import type { Answerer } from '../../src/core/repair/answerer.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { binary, Fleet } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'

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
  return { peers, peer, catchUp: new CatchUp(peers, undefined), context: new Context(hash) }
}

describe('core: catching up', () => {
  it('is under way until a peer has told what it has, and until that has come', () => {
    const { peer, catchUp, context } = start()
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), true)
    peer.lacked(new Map([[ACTOR, [1, 2]]]), context, { mono: LINKED_AT })
    context.add(ACTOR, [1, 1])
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), true)
    context.add(ACTOR, [2, 2])
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), false)
  })

  it('does not end between the pulls of a session that takes several', () => {
    const sizes = { ...SIZES, actorsInline: 0, actorsPerPull: 1 }
    const fleet = new Fleet({ seed: 1, nodes: 2, sizes })
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.startAll()
    fleet.cut(a, b)
    for (let run = 0; run < 4; run++) {
      fleet.write(a, [{ op: 'put', key: binary('key') }])
      fleet.pass(4_000)
      fleet.crash(a)
      fleet.restart(a)
    }
    const lacks = (): boolean => !b.live.replica.context.includes(a.live.replica.context)
    assert.ok(lacks())
    let looks = 0
    fleet.observers.push({
      after: (node) => {
        if (node !== b || !lacks()) return
        looks++
        assert.ok(b.live.links.isCatchingUp(), 'it says that it has all, and more is to come')
      },
    })
    fleet.connect(a, b)
    assert.ok(fleet.until(() => !lacks(), 20_000))
    assert.ok(looks > 4)
  })

  it('does not end because the peer has left', () => {
    const { peers, peer, catchUp, context } = start()
    peer.lacked(new Map([[ACTOR, [1, 2]]]), context, { mono: LINKED_AT })
    peers.delete(peer.id)
    catchUp.left(peer, context)
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), true)
    context.add(ACTOR, [1, 2])
    assert.equal(catchUp.isUnderWay(context, LINKED_AT), false)
  })

  it('may have been under way when a run that begins with something it had only heard of was last stopped (R5, seed 12035920)', () => {
    const context = new Context(hash)
    const begun = new CatchUp(new Map(), LINKED_AT)
    assert.equal(begun.mayLackSuccessors(context, LINKED_AT + MINUTE_MS), true)
    assert.equal(begun.mayLackSuccessors(context, LINKED_AT + 3 * MINUTE_MS), false)
    const beganWithout = new CatchUp(new Map(), undefined)
    assert.equal(beganWithout.mayLackSuccessors(context, LINKED_AT + MINUTE_MS), false)
  })

  it('does not wait for ever for what does not come, nor for a peer that does not tell', () => {
    const { peers, peer, catchUp, context } = start()
    const later = LINKED_AT + 3 * MINUTE_MS
    assert.equal(catchUp.isUnderWay(context, later), false)
    peer.lacked(new Map([[ACTOR, [1, 2]]]), context, { mono: LINKED_AT })
    assert.equal(catchUp.isUnderWay(context, later), false)
    peers.delete(peer.id)
    catchUp.left(peer, context)
    assert.equal(catchUp.isUnderWay(context, later), false)
  })

  it('may have been under way when the replica was stopped, for as long as it would have waited', () => {
    const { catchUp, context } = { ...start(), catchUp: new CatchUp(new Map(), LINKED_AT) }
    assert.equal(catchUp.mayLackSuccessors(context, LINKED_AT + MINUTE_MS), true)
    assert.equal(catchUp.mayLackSuccessors(context, LINKED_AT + 3 * MINUTE_MS), false)
    const heardNothing = new CatchUp(new Map(), undefined)
    assert.equal(heardNothing.mayLackSuccessors(context, LINKED_AT), false)
  })

  it('is not under way alone', () => {
    const { catchUp, context } = { ...start(), catchUp: new CatchUp(new Map(), LINKED_AT) }
    assert.equal(catchUp.isUnderWay(context, 0), false)
  })
})
