/** A daemon that stood still does not hold it against its peers; one that did not, does. */
import assert from 'node:assert/strict'
import type { Engine } from '../../src/core/engine.ts'
import type { CoreEffect } from '../../src/core/events.ts'
import { Fleet, START_WALL_MS } from '../support/fleet.ts'

const STALL_MS = 60_000

/** A tick at monotonic time `mono`, as a shell sends it that asks for the next deadline afterwards. */
function tick(engine: Engine, mono: number): CoreEffect[] {
  const effects = engine.handle({ type: 'tick' }, { wall: START_WALL_MS + mono, mono })
  engine.deadline()
  return effects
}

const hungUp = (effects: CoreEffect[]) => effects.some(({ type }) => type === 'disconnect')

/** An engine in the middle of a comparison, and its time. */
function asking(): { engine: Engine; mono: number } {
  const fleet = new Fleet({ seed: 1, nodes: 2, faults: { gossipLoss: 1, linkDelay: [50, 50] } })
  fleet.startAll()
  fleet.pass(1_000)
  const [node] = fleet.nodes
  const engine = node!.live
  const underWay = () => [...engine.links.peers.values()].some((peer) => peer.session !== undefined)
  assert.ok(fleet.until(underWay, 60_000))
  engine.deadline()
  return { engine, mono: fleet.now(node!).mono }
}

describe('a stall of our own', () => {
  it('gives a peer that has not said hello its time once more, and no more', () => {
    const fleet = new Fleet({ seed: 1, nodes: 1 })
    fleet.startAll()
    const engine = fleet.nodes[0]!.live
    engine.handle({ type: 'linkUp', peer: 'slow' }, { wall: START_WALL_MS, mono: 0 })
    const due = engine.deadline()
    assert.ok(!hungUp(tick(engine, due + STALL_MS)), 'its hello may lie unread')
    const next = engine.deadline()
    assert.ok(next > due + STALL_MS && next < due + STALL_MS + 60_000, `waits until ${next}`)
    assert.ok(hungUp(tick(engine, next)), 'it did not come')
  })

  it('fails no session whose answer may lie unread', () => {
    const { engine, mono } = asking()
    const [peer] = engine.links.peers.values()
    const { session } = peer!
    tick(engine, mono + STALL_MS)
    assert.equal(peer!.session, session)
    assert.equal(engine.counters()['sessions.failed'], undefined)
    assert.ok((peer!.unansweredSince ?? Infinity) >= mono + STALL_MS, 'nor is it shown as silent')
  })

  it('is none when the shell is in time: then the peer has failed', () => {
    const { engine } = asking()
    const [peer] = engine.links.peers.values()
    for (let i = 0; i < 100 && peer!.session !== undefined; i++) tick(engine, engine.deadline())
    assert.equal(engine.counters()['sessions.failed'], 1)
  })

  it('is seen whatever event comes first after it', () => {
    const { engine, mono } = asking()
    const wall = START_WALL_MS + mono + STALL_MS
    engine.handle({ type: 'write', id: 1, mutations: [] }, { wall, mono: mono + STALL_MS })
    engine.deadline()
    tick(engine, mono + STALL_MS)
    assert.equal(engine.counters()['sessions.failed'], undefined)
  })
})
