/** Waiting for single writes to be on other daemons, or here, and for the replica to be no staler than a client bears. */
import assert from 'node:assert/strict'
import type { Target } from '../../src/core/cover.ts'
import type { CoreEffect } from '../../src/core/events.ts'
import type { LocalMutation, LocalResult } from '../../src/core/writes.ts'
import { binary, Fleet } from '../support/fleet.ts'
import type { FleetOptions, SimNode } from '../support/fleet.ts'

type Answer = Extract<CoreEffect, { type: 'confirmed' | 'awaited' | 'freshness' }>

class World {
  readonly fleet: Fleet
  readonly #written = new Map<number, readonly LocalResult[]>()
  readonly #answers = new Map<number, Answer>()

  constructor(options: Partial<FleetOptions> = {}) {
    this.fleet = new Fleet({ seed: 1, nodes: 3, ...options })
    this.fleet.observers.push({
      after: (_node, _event, effects) => {
        for (const effect of effects) {
          if (effect.type === 'written' && effect.outcome.ok) {
            this.#written.set(effect.id, effect.outcome.results)
          }
          const isAnswer =
            effect.type === 'confirmed' || effect.type === 'awaited' || effect.type === 'freshness'
          if (isAnswer) this.#answers.set(effect.id, effect)
        }
      },
    })
    this.fleet.startAll()
    this.fleet.pass(5_000)
  }

  /** Writes, and gives what to wait for elsewhere. */
  write(node: SimNode, mutation: LocalMutation): Target {
    const id = this.fleet.write(node, [mutation])
    this.fleet.until(() => this.#written.has(id), 1_000)
    const [{ dot, removed } = assert.fail('written')] = this.#written.get(id) ?? []
    return { dots: [dot ?? assert.fail('a dot')], gone: removed }
  }

  /** The peers on which it is, as soon as `peers` have it or after `withinMs`. */
  confirm(node: SimNode, target: Target, peers: number, withinMs = 5_000): string[] {
    const id = this.fleet.ask(node, (one) => ({
      type: 'confirm',
      id: one,
      target,
      peers,
      withinMs,
    }))
    const answer = this.#answer(id, withinMs)
    assert.equal(answer.type, 'confirmed')
    return answer.type === 'confirmed' ? answer.peers.sort() : []
  }

  await(node: SimNode, target: Target, withinMs = 5_000): number {
    const id = this.fleet.ask(node, (one) => ({ type: 'await', id: one, target, withinMs }))
    const answer = this.#answer(id, withinMs)
    return answer.type === 'awaited' ? answer.missing : assert.fail(answer.type)
  }

  fresh(node: SimNode, staleMs: number, withinMs = 1_000): (number | undefined)[] {
    const id = this.fleet.ask(node, (one) => ({ type: 'fresh', id: one, staleMs, withinMs }))
    const answer = this.#answer(id, withinMs)
    if (answer.type !== 'freshness') assert.fail(answer.type)
    return answer.peers.map(({ ageMs }) => ageMs)
  }

  #answer(id: number, withinMs: number): Answer {
    this.fleet.until(() => this.#answers.has(id), withinMs + 10)
    return this.#answers.get(id) ?? assert.fail('an answer in time')
  }
}

const put = (key: string): LocalMutation => ({
  op: 'put',
  key: binary(key),
  value: new Uint8Array(3),
})
const del = (key: string): LocalMutation => ({ op: 'delete', key: binary(key) })

describe('waiting for writes', () => {
  it('ends as soon as so many peers have it on their disks', () => {
    const world = new World()
    const { fleet } = world
    const [a, b, c] = fleet.nodes
    const target = world.write(a!, put('x'))
    const before = fleet.time
    assert.deepEqual(world.confirm(a!, target, 2), [b!.id, c!.id])
    assert.ok(fleet.time - before < 250, 'by gossip')
    for (const node of [b!, c!]) {
      // What was not synced is lost, and what was confirmed is there.
      fleet.crash(node, node.disk.durable)
      fleet.restart(node)
      const [dot] = target.dots
      assert.ok(node.live.replica.held(dot!.actor, dot!.counter) !== undefined)
    }
  })

  it('fetches what gossip has lost', () => {
    const world = new World({ faults: { gossipLoss: 1 } })
    const [a] = world.fleet.nodes
    const target = world.write(a!, put('x'))
    const before = world.fleet.time
    assert.equal(world.confirm(a!, target, 2).length, 2)
    assert.ok(world.fleet.time - before < 1_000, 'without waiting for the next repair')
  })

  it('says who has it when time is over, and counts whom it is linked with meanwhile', () => {
    const world = new World({ faults: { gossipLoss: 1 } })
    const { fleet } = world
    const [a, b, c] = fleet.nodes
    fleet.cut(a!, c!)
    fleet.cut(b!, c!)
    fleet.pass(5_000)
    const target = world.write(a!, put('x'))
    assert.deepEqual(world.confirm(a!, target, 2, 3_000), [b!.id])
    fleet.schedule(500, () => fleet.connect(a!, c!))
    assert.deepEqual(world.confirm(a!, target, 2, 20_000), [b!.id, c!.id])
  })

  it('does not take the dot of a delete for the delete', () => {
    const world = new World({ faults: { gossipLoss: 1 } })
    const { fleet } = world
    const [a, b, c] = fleet.nodes
    world.write(a!, put('x'))
    fleet.pass(20_000)
    fleet.cut(a!, c!)
    fleet.cut(b!, c!)
    fleet.pass(5_000)
    const target = world.write(a!, del('x'))
    fleet.pass(20_000)
    // Nobody remembers which key it was of, so that a pull brings the dot and not the removal.
    for (const node of [a!, b!]) {
      fleet.crash(node, node.disk.batches)
      fleet.restart(node)
    }
    fleet.connect(a!, c!)
    const [dot] = target.dots
    fleet.until(() => c!.live.replica.context.covers(dot!.actor, dot!.counter), 20_000)
    assert.equal(c!.live.replica.siblings(binary('x')).length, 1)
    assert.equal(world.await(c!, target), 0)
    assert.equal(c!.live.replica.siblings(binary('x')).length, 0)
  })

  it('for what another daemon wrote ends when it is here, or says how much is missing', () => {
    const world = new World({ faults: { gossipLoss: 1 } })
    const { fleet } = world
    const [a, b, c] = fleet.nodes
    const target = world.write(a!, put('x'))
    assert.equal(world.await(a!, target, 0), 0)
    assert.equal(world.await(b!, target), 0)
    fleet.cut(a!, c!)
    fleet.cut(b!, c!)
    fleet.pass(5_000)
    assert.equal(world.await(c!, world.write(a!, put('y')), 2_000), 1)
  })

  it('refuses an ask that names more than any write has', () => {
    const world = new World({ nodes: 1 })
    const [a] = world.fleet.nodes
    const actor = 'x'.repeat(16)
    const dots = Array.from({ length: 2_000 }, (_, i) => ({ actor, counter: i + 1 }))
    assert.deepEqual(world.confirm(a!, { dots, gone: [] }, 1), [])
  })
})

describe('staleness', () => {
  it('is known without asking where a comparison was made a moment ago', () => {
    const world = new World()
    const { fleet } = world
    fleet.pass(20_000)
    const [a] = fleet.nodes
    const before = fleet.time
    const ages = world.fresh(a!, 60_000)
    assert.equal(fleet.time, before)
    assert.ok(ages.every((age) => age !== undefined && age <= 60_000))
  })

  it('is made less by asking, under load as well, and what was written before is here then', () => {
    const world = new World({ faults: { gossipLoss: 0.5 } })
    const { fleet } = world
    const [a, b, c] = fleet.nodes
    const write = (): void => {
      fleet.write(b!, [put(`k${fleet.time % 20}`)])
      fleet.schedule(3, write)
    }
    write()
    for (let i = 0; i < 10; i++) {
      const { dots } = world.write(c!, put('x'))
      const ages = world.fresh(a!, 0)
      assert.ok(
        ages.every((age) => age !== undefined && age < 1_000),
        String(ages),
      )
      assert.ok(a!.live.replica.context.covers(dots[0]!.actor, dots[0]!.counter))
      fleet.pass(50)
    }
  })

  it('grows while a peer gives no sign of life', () => {
    const world = new World({ nodes: 2 })
    const { fleet } = world
    const [a, b] = fleet.nodes
    fleet.pass(10_000)
    fleet.stop(b!)
    fleet.pass(8_000)
    const [age] = world.fresh(a!, 500)
    assert.ok(age !== undefined && age >= 8_000, `${age} ms`)
  })
})
