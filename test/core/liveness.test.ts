/** Nothing waits for ever, and nothing turns in circles: deadlines, queues and retries of an engine. */
import assert from 'node:assert/strict'
import type { Receipt } from '../../src/core/repair/receipt.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { binary, Fleet, SETTINGS, START_WALL_MS, summaryOf } from '../support/fleet.ts'
import type { FleetOptions } from '../support/fleet.ts'

function puts(count: number, bytes: number, more: Partial<LocalMutation> = {}): LocalMutation[] {
  return Array.from({ length: count }, (_, i) => ({
    op: 'put',
    key: binary(`key${i}`),
    value: new Uint8Array(bytes).fill(i),
    ...more,
  }))
}

/** Two linked nodes; what node 0 writes reaches node 1 by repair alone. */
function deafPair(options: Partial<FleetOptions> = {}): Fleet {
  const fleet = new Fleet({ seed: 1, nodes: 2, ...options })
  fleet.faults = { ...fleet.faults, gossipLoss: 1 }
  fleet.startAll()
  fleet.pass(1_000)
  return fleet
}

describe('liveness', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  it('waits for credit without being woken when the budget of repair bytes is spent, too', () => {
    const repair = { ...SETTINGS.repair, bytesPerSecond: 64 * 1024, windowBytes: 64 * 1024 }
    const fleet = deafPair({
      settings: { ...SETTINGS, repair },
      // Credit comes back long after a second's budget is there again.
      faults: { linkDelay: [1_500, 1_500] },
    })
    const [a, b] = fleet.nodes
    fleet.write(a!, puts(20, 16 * 1024))
    assert.ok(fleet.until(() => summaryOf(a!) === summaryOf(b!), 120_000))
  })

  it('tells watchers of any number of items that expire in the same millisecond', () => {
    const fleet = new Fleet({ seed: 1, nodes: 1 })
    fleet.startAll()
    const told = new Set<string>()
    fleet.observers.push({
      after: (_node, event, effects) => {
        if (event.type !== 'tick') return
        for (const effect of effects) {
          if (effect.type === 'changed') for (const key of effect.keys) told.add(key)
        }
      },
    })
    fleet.write(fleet.nodes[0]!, puts(25_000, 0, { expiry: START_WALL_MS + 5_000 }))
    fleet.pass(6_000)
    assert.equal(told.size, 25_000)
  })

  it('closes a gap soon after it shows, though the peer that is asked has its dots a moment only', () => {
    const fleet = new Fleet({ seed: 1, nodes: 2 })
    fleet.startAll()
    fleet.pass(1_000)
    const [a, b] = fleet.nodes
    fleet.faults = { ...fleet.faults, gossipLoss: 1 }
    fleet.write(a!, puts(1, 1))
    fleet.pass(30)
    fleet.faults = { ...fleet.faults, gossipLoss: 0 }
    fleet.write(a!, puts(2, 1).slice(1))
    fleet.pass(50)
    assert.equal(b!.live.replica.context.gapCount, 1)
    const { gapDelay } = fleet.settings.repair
    assert.ok(fleet.until(() => summaryOf(a!) === summaryOf(b!), gapDelay + 100))
  })

  it('an operator who asks during a comparison gets a session that looks at everything', () => {
    const fleet = new Fleet({ seed: 1, nodes: 2, faults: { gossipLoss: 1, linkDelay: [50, 50] } })
    const [a, b] = fleet.nodes
    fleet.startAll()
    fleet.pass(1_000)
    fleet.write(a!, puts(3, 1))
    fleet.pass(10)
    const receipts: Receipt[] = []
    fleet.observers.push({
      after: (_node, _event, effects) => {
        for (const effect of effects) if (effect.type === 'repaired') receipts.push(effect.receipt)
      },
    })
    // The comparison under way leaves what is younger than the pull delay to gossip; the operator does not.
    const comparing = (): boolean => fleet.history.at(-1)!.includes('digestAsk from node1')
    assert.ok(fleet.until(comparing, 20_000))
    fleet.write(a!, puts(4, 1))
    fleet.repair(b!, a!)
    fleet.pass(1_000)
    assert.deepEqual(
      receipts.map(({ outcome }) => outcome),
      ['repaired'],
    )
    assert.equal(summaryOf(a!), summaryOf(b!))
  })

  it('an operator who asks hears of it when the link is lost', () => {
    const fleet = new Fleet({ seed: 1, nodes: 2, faults: { linkDelay: [500, 500] } })
    const [a, b] = fleet.nodes
    fleet.startAll()
    fleet.pass(10_000)
    const outcomes: string[] = []
    fleet.observers.push({
      after: (_node, _event, effects) => {
        for (const effect of effects) {
          if (effect.type === 'repaired') outcomes.push(effect.receipt.outcome)
        }
      },
    })
    fleet.repair(b!, a!)
    fleet.repair(b!, a!)
    fleet.cut(a!, b!)
    fleet.pass(5_000)
    assert.deepEqual(outcomes, ['failed', 'failed'])
  })

  it('refuses writes and drops broadcasts beyond their bounds, however small each of them is', () => {
    const limits = { ...SETTINGS.limits, writeQueueBytes: 64 * 1024, inboxBytes: 64 * 1024 }
    const fleet = new Fleet({
      seed: 1,
      nodes: 1,
      settings: { ...SETTINGS, limits },
      faults: { commitTime: [1_000, 1_000] },
    })
    const [node] = fleet.nodes
    fleet.startAll()
    let refused = 0
    fleet.observers.push({
      after: (_node, _event, effects) => {
        for (const effect of effects) {
          if (effect.type === 'written' && !effect.outcome.ok) refused++
        }
      },
    })
    for (let i = 0; i < 2_000; i++) fleet.write(node!, puts(1, 0))
    assert.ok(refused > 1_000, `${refused} of 2,000 refused`)
    const dot = { actor: 'x'.repeat(16), counter: 1 }
    const deltas = Array.from({ length: 100 }, () => ({ dot, supersedes: [], announcedBytes: 0 }))
    for (let i = 0; i < 100; i++) {
      fleet.dispatch(node!, { type: 'gossip', author: 'node9', deltas, bytes: 400 })
    }
    assert.ok(node!.live.counters()['gossipDropped']! > 5_000)
    fleet.pass(5_000)
    assert.ok(node!.live.idle)
    fleet.write(node!, puts(1, 0))
    const before = refused
    fleet.pass(5_000)
    assert.equal(refused, before)
  })

  it('asks for a gap although new ones keep showing', () => {
    const repair = { ...SETTINGS.repair, interval: 3_600_000 }
    const fleet = new Fleet({ seed: 1, nodes: 2, settings: { ...SETTINGS, repair } })
    fleet.startAll()
    fleet.pass(5_000)
    const [a, b] = fleet.nodes
    const first = fleet.time
    // Every other broadcast is lost, and they come faster than the delay after which a gap is asked for.
    for (let i = 0; i < 40; i++) {
      fleet.faults = { ...fleet.faults, gossipLoss: i % 2 === 0 ? 1 : 0 }
      fleet.write(a!, puts(50, 1).slice(i, i + 1))
      fleet.pass(100)
    }
    const pulls = fleet.history.filter(
      (line) => Number(line.split(' ')[0]) >= first && line.includes(`${a!.id} pullRequest`),
    )
    assert.ok(pulls.length > 0)
    assert.ok(b!.live.replica.context.dots > 1)
  })

  it('lets go of a peer that never says hello', () => {
    const fleet = new Fleet({ seed: 1, nodes: 1 })
    fleet.startAll()
    const engine = fleet.nodes[0]!.live
    const wall = START_WALL_MS
    engine.handle({ type: 'linkUp', peer: 'mute' }, { wall, mono: 0 })
    const due = engine.links.deadline()
    assert.ok(due > 0 && due <= 60_000, `due at ${due}`)
    const before = engine.handle({ type: 'tick' }, { wall, mono: due - 1 })
    assert.ok(!before.some(({ type }) => type === 'disconnect'))
    const effects = engine.handle({ type: 'tick' }, { wall, mono: due })
    assert.ok(effects.some((effect) => effect.type === 'disconnect' && effect.peer === 'mute'))
  })
})
