/** How often daemons compare themselves with each other, and in what order they pull from several. */
import assert from 'node:assert/strict'
import { decodeLink } from '../../src/core/wire/link.ts'
import { binary, Fleet, SETTINGS, summaryOf } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'

const NODES = 12
const INTERVALS = 10
/** An exchange serves both sides; of two that wait, the one whose wait was drawn shorter asks. */
const EXCHANGES_MAX = ((NODES * 4) / 2) * INTERVALS * 1.25

function put(fleet: Fleet, node: SimNode, key: string): void {
  fleet.write(node, [{ op: 'put', key: binary(key), value: new Uint8Array(8) }])
}

function countMessages(fleet: Fleet): Map<string, number> {
  const counts = new Map<string, number>()
  fleet.observers.push({
    before: (_node, event) => {
      if (event.type !== 'message') return
      const message = decodeLink(event.bytes)
      if (typeof message === 'string') assert.fail(message)
      counts.set(message.type, (counts.get(message.type) ?? 0) + 1)
    },
  })
  return counts
}

function settledFleet(): Fleet {
  const fleet = new Fleet({ seed: 1, nodes: NODES })
  fleet.startAll()
  fleet.pass(60_000)
  return fleet
}

describe('comparisons', function () {
  this.timeout(60_000)

  it('four peers in each interval, however many there are', () => {
    const fleet = settledFleet()
    const counts = countMessages(fleet)
    fleet.pass(INTERVALS * SETTINGS.repair.interval)
    const exchanges = counts.get('digestAsk') ?? 0
    assert.ok(exchanges <= EXCHANGES_MAX, `${exchanges} exchanges`)
    assert.ok(exchanges >= EXCHANGES_MAX / 4, `${exchanges} exchanges`)
  })

  it('at most twice as many while all write without a pause and gossip brings everything', () => {
    const fleet = settledFleet()
    for (let i = 0; i < 500; i++) {
      put(fleet, fleet.random.pick(fleet.nodes), `before ${i}`)
      fleet.pass(20)
    }
    const counts = countMessages(fleet)
    const writes = (INTERVALS * SETTINGS.repair.interval) / 20
    for (let i = 0; i < writes; i++) {
      put(fleet, fleet.random.pick(fleet.nodes), `key ${i}`)
      fleet.pass(20)
    }
    const exchanges = counts.get('digestAsk') ?? 0
    assert.ok(exchanges <= 2 * EXCHANGES_MAX, `${exchanges} exchanges`)
  })

  it('who finds that several peers have more pulls from one after the other at once', () => {
    const fleet = new Fleet({ seed: 1, nodes: 4 })
    const [late, ...others] = fleet.nodes as [SimNode, ...SimNode[]]
    fleet.startAll()
    for (const a of fleet.nodes) for (const b of fleet.nodes) if (a !== b) fleet.cut(a, b)
    fleet.pass(60_000)
    for (const [index, node] of others.entries()) {
      for (let i = 0; i < 50; i++) put(fleet, node, `of ${index} ${i}`)
    }
    fleet.pass(1_000)
    for (const node of others) fleet.connect(late, node)
    const hasAll = (): boolean => late.live.replica.size === 150
    assert.ok(fleet.until(hasAll, SETTINGS.repair.interval / 2), summaryOf(late))
  })
})
