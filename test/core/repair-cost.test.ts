/** What repair costs: messages, rounds and bytes for differences of a known size. Payload is the envelopes of items. */
import assert from 'node:assert/strict'
import type { RawRecord } from '../../src/core/records.ts'
import { decodeLink } from '../../src/core/wire/link.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { itemLists } from '../support/faulty-peer.ts'
import { binary, Fleet, summaryOf } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'

function keysOf(count: number, from = 0): string[] {
  return Array.from({ length: count }, (_, i) => binary(`key-${String(from + i).padStart(8, '0')}`))
}

function write(fleet: Fleet, node: SimNode, mutations: LocalMutation[]): void {
  fleet.write(node, mutations)
  fleet.pass(10)
}

function put(key: string): LocalMutation {
  return { op: 'put', key, value: new Uint8Array(50) }
}

const recordsByKeys = new Map<number, RawRecord[]>()

/** The records of a replica with so many keys. */
function recordsOf(keys: number): RawRecord[] {
  let records = recordsByKeys.get(keys)
  if (records === undefined) {
    const fleet = new Fleet({ seed: 2, nodes: 1 })
    fleet.startAll()
    write(fleet, fleet.nodes[0]!, keysOf(keys).map(put))
    recordsByKeys.set(keys, (records = fleet.nodes[0]!.disk.records()))
  }
  return records
}

/** Two nodes with the same keys, cut from each other. */
function equalMaps(keys: number): { fleet: Fleet; a: SimNode; b: SimNode } {
  const fleet = new Fleet({ seed: 1, nodes: 2 })
  const [a, b] = fleet.nodes as [SimNode, SimNode]
  for (const node of fleet.nodes) {
    node.disk.write({ puts: recordsOf(keys), deletes: [] })
    node.disk.sync()
    fleet.start(node)
  }
  // Later than the seconds in which items count as not settled.
  fleet.pass(60_000)
  return { fleet, a, b }
}

interface Cost {
  /** Messages of repair, in order, both ways. */
  messages: string[]
  sizes: number[]
  bytes: number
  payloadBytes: number
  /** From the first message of repair to agreement, virtual milliseconds. */
  agreedAfterMs: number
}

function repairCost(fleet: Fleet): Cost {
  const cost: Cost = { messages: [], sizes: [], bytes: 0, payloadBytes: 0, agreedAfterMs: 0 }
  fleet.observers.push({
    before: (node, event) => {
      if (event.type !== 'message') return
      const message = decodeLink(event.bytes)
      if (typeof message === 'string') assert.fail(message)
      const { type } = message
      if (type === 'hello' || type === 'neighbours') return
      cost.messages.push(`${event.peer} ${type}`)
      cost.sizes.push(event.bytes.length)
      cost.bytes += event.bytes.length
      for (const { items } of itemLists(message)) {
        for (const item of items) cost.payloadBytes += item.length
      }
      assert.ok(node.engine)
    },
  })
  const [a, b] = fleet.nodes as [SimNode, SimNode]
  const started = fleet.time
  fleet.connect(a, b)
  assert.ok(fleet.until(() => summaryOf(a) === summaryOf(b), 60_000))
  cost.agreedAfterMs = fleet.time - started
  // What is still under way belongs to it, and the next comparison does not.
  fleet.pass(200)
  return cost
}

function countOf(cost: Cost, message: string): number {
  return cost.messages.filter((one) => one === message).length
}

function show(title: string, cost: Cost): void {
  if (process.env['HEARSAY_SHOW'] === undefined) return
  console.log(
    title,
    cost.bytes,
    cost.payloadBytes,
    cost.agreedAfterMs,
    cost.messages.map((m, i) => `${m} ${cost.sizes[i]}`).join(', '),
  )
}

describe('cost of repair', function () {
  this.timeout(120_000)

  it('equal maps: one digest each way, under 100 bytes', () => {
    const { fleet } = equalMaps(20_000)
    const cost = repairCost(fleet)
    show('equal', cost)
    assert.deepEqual(cost.messages, ['node0 digestAsk', 'node1 digestAnswer'])
    assert.ok(cost.bytes <= 200, `${cost.bytes} bytes`)
  })

  it('10 changed keys among 20,000: one pull each way, at most 1 KB above their payload', () => {
    const { fleet, a } = equalMaps(20_000)
    write(fleet, a, keysOf(10, 5_000).map(put))
    const cost = repairCost(fleet)
    show('changed', cost)
    assert.equal(countOf(cost, 'node1 pullRequest'), 1)
    assert.equal(countOf(cost, 'node0 rangesAsk') + countOf(cost, 'node1 rangesAsk'), 0)
    assert.ok(cost.bytes - cost.payloadBytes <= 1024, `${cost.bytes} - ${cost.payloadBytes}`)
  })

  it('10 deleted keys among 20,000, while the answerer remembers them: the same', () => {
    const { fleet, a } = equalMaps(20_000)
    write(
      fleet,
      a,
      keysOf(10, 5_000).map((key) => ({ op: 'delete', key })),
    )
    const cost = repairCost(fleet)
    show('deleted', cost)
    assert.equal(countOf(cost, 'node1 pullRequest'), 1)
    assert.equal(countOf(cost, 'node0 rangesAsk') + countOf(cost, 'node1 rangesAsk'), 0)
    assert.equal(cost.payloadBytes, 0)
    assert.ok(cost.bytes <= 1024, `${cost.bytes} bytes`)
  })

  // Both sides look for what the other lacks: half of the bytes are each one's.
  for (const [keys, rounds, bytesMax] of [
    [20_000, 3, 40 * 1024],
    [100_000, 3, 50 * 1024],
  ] as const) {
    if (keys > 20_000 && process.env['HEARSAY_LARGE'] === undefined) continue
    it(`10 missed deletes among ${keys}: at most ${rounds} rounds of the range step`, () => {
      const { fleet, a } = equalMaps(keys)
      const step = Math.floor(keys / 11)
      const spread = Array.from({ length: 10 }, (_, i) => keysOf(1, (i + 1) * step)[0]!)
      write(
        fleet,
        a,
        spread.map((key) => ({ op: 'delete', key })),
      )
      fleet.crash(a, a.disk.batches)
      fleet.restart(a)
      const cost = repairCost(fleet)
      show(`missed among ${keys}`, cost)
      assert.ok(countOf(cost, 'node1 rangesAsk') <= rounds, cost.messages.join())
      assert.equal(countOf(cost, 'node1 resolve'), 1)
      assert.ok(cost.bytes <= bytesMax, `${cost.bytes} bytes`)
    })
  }
})
