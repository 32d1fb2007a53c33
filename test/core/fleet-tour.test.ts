/** "Has the whole fleet converged?": also those who are no neighbours of the daemon that is asked. */
import assert from 'node:assert/strict'
import type { FleetConvergence } from '../../src/core/fleet-tour.ts'
import { ConvergeCheck } from '../support/converge-check.ts'
import { binary, Fleet } from '../support/fleet.ts'
import type { FleetOptions, SimNode } from '../support/fleet.ts'

const inARow = (a: SimNode, b: SimNode): boolean => Math.abs(a.index - b.index) === 1

class World {
  readonly fleet: Fleet
  readonly check: ConvergeCheck

  constructor(options: Partial<FleetOptions> = {}) {
    this.fleet = new Fleet({ seed: 1, nodes: 6, topology: inARow, ...options })
    this.check = new ConvergeCheck(this.fleet)
    this.fleet.startAll()
    this.fleet.pass(5_000)
  }

  ask(node: SimNode, withinMs = 10_000): FleetConvergence {
    const answer = this.check.askFleet(node, withinMs)
    this.fleet.until(() => answer.fleetResult !== undefined, withinMs + 100)
    return answer.fleetResult ?? assert.fail('an answer in time')
  }

  write(node: SimNode, key: string): void {
    this.fleet.write(node, [{ op: 'put', key: binary(key), value: new Uint8Array(3) }])
  }
}

function whys({ laggards }: FleetConvergence): string[] {
  return laggards.map(({ peer, why }) => `${peer} ${why}`).sort()
}

describe('converged, of a whole fleet', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  for (const at of [0, 3, 5]) {
    it(`brings what the ends of a row wrote to all of it, asked at ${at}`, () => {
      const world = new World({ faults: { gossipLoss: 1 } })
      const { nodes } = world.fleet
      world.write(nodes[0]!, 'x')
      world.write(nodes[5]!, 'y')
      world.fleet.pass(50)
      const result = world.ask(nodes[at]!)
      assert.deepEqual(result.laggards, [])
      assert.equal(result.converged, true)
      assert.equal(result.count, 6)
      assert.deepEqual(result.members.sort(), nodes.map(({ id }) => id).sort())
      for (const { live } of nodes) assert.equal(live.replica.size, 2)
    })
  }

  it('asks everybody once where all are linked with all', () => {
    const world = new World({ topology: () => true })
    const result = world.ask(world.fleet.nodes[2]!)
    assert.equal(result.converged, true)
    assert.equal(result.count, 6)
  })

  it('names a moment while everybody writes', () => {
    const world = new World({ faults: { gossipLoss: 0.3 } })
    const { fleet } = world
    let count = 0
    const write = (): void => {
      for (const node of fleet.nodes) world.write(node, `k${count++ % 30}`)
      fleet.schedule(20, write)
    }
    write()
    fleet.pass(1_000)
    for (const node of fleet.nodes) {
      const result = world.ask(node)
      assert.equal(result.converged, true, JSON.stringify(result.laggards))
    }
    assert.equal(world.check.yes, 6)
  })

  it('names who stands still although nobody asked is its neighbour, and counts the others', () => {
    const world = new World()
    const { nodes } = world.fleet
    world.fleet.stop(nodes[4]!)
    const result = world.ask(nodes[0]!)
    assert.equal(result.converged, false)
    assert.deepEqual(whys(result), [`${nodes[4]!.id} no-answer`])
    assert.equal(result.count, 4)
  })

  it('names once who is silent to all of its neighbours', () => {
    const world = new World({ topology: () => true })
    const { nodes } = world.fleet
    world.fleet.stop(nodes[4]!)
    const result = world.ask(nodes[0]!)
    assert.deepEqual(whys(result), [`${nodes[4]!.id} no-answer`])
    assert.equal(result.count, 5)
  })

  it('says no of a link that is lost while the question travels', () => {
    const world = new World()
    const { fleet } = world
    const [a, , , d, e, f] = fleet.nodes
    fleet.stop(f!)
    const answer = world.check.askFleet(a!, 40_000)
    fleet.schedule(200, () => fleet.cut(d!, e!))
    fleet.until(() => answer.fleetResult !== undefined, 41_000)
    const result = answer.fleetResult ?? assert.fail('no answer')
    assert.equal(result.converged, false)
    assert.ok(whys(result).includes(`${e!.id} link-lost`), whys(result).join())
  })

  it('of one daemon alone speaks of itself', () => {
    const world = new World({ nodes: 1 })
    const { count, converged } = world.ask(world.fleet.nodes[0]!)
    assert.deepEqual([count, converged], [1, true])
  })
})
