/** Nothing waits for ever, and nothing turns in circles: deadlines, queues and retries of an engine. */
import assert from 'node:assert/strict'
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

describe('liveness', () => {
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
})
