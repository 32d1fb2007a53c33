import assert from 'node:assert/strict'
import { Fleet, stateOf } from '../support/fleet.ts'
import type { FleetOptions } from '../support/fleet.ts'

function busyRun(options: FleetOptions): Fleet {
  const fleet = new Fleet(options)
  fleet.startAll()
  for (let i = 0; i < 20; i++) {
    const node = fleet.random.pick(fleet.nodes)
    const key = `key ${fleet.random.int(0, 3)}`
    const op = fleet.random.chance(0.8) ? 'put' : 'delete'
    fleet.write(node, [{ op, key, value: new Uint8Array([i]) }])
    fleet.pass(fleet.random.int(0, 50))
  }
  fleet.pass(20_000)
  return fleet
}

describe('fleet of engines', () => {
  it('agrees when nothing goes wrong', () => {
    const fleet = busyRun({ seed: 1, nodes: 3 })
    const [first, ...others] = fleet.nodes.map(stateOf)
    for (const other of others) assert.equal(other, first)
    for (const node of fleet.nodes) {
      const found = node.live.completeness(fleet.now(node))
      assert.deepEqual(found, { state: 'complete' }, fleet.history.join('\n'))
    }
  })

  it('knows when it was last complete while nothing happens on it any more', () => {
    const fleet = busyRun({ seed: 1, nodes: 2 })
    const [node] = fleet.nodes
    const engine = node!.live
    const { wall, mono } = fleet.now(node!)
    const { state } = engine.completeness({ wall, mono: mono + 60_000 })
    assert.equal(state, 'complete-as-of')
  })

  it('does the same again with the same seed, and something else with another', () => {
    const [a, again, b] = [5, 5, 6].map((seed) => busyRun({ seed, nodes: 4 }).hash())
    assert.equal(again, a)
    assert.notEqual(b, a)
  })
})
