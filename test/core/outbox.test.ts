/** When deltas of local writes leave: alone at once, many together, and none for nobody. */
import assert from 'node:assert/strict'
import { Outbox } from '../../src/core/outbox.ts'
import { makeRegister } from '../../src/core/item.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import type { Delta } from '../../src/core/wire/gossip.ts'
import { Fleet, hash } from '../support/fleet.ts'

const ACTOR = 'a'.repeat(16)
const INLINE_BYTES = 16 * 1024
const GOSSIP_BYTES_MAX = 64 * 1024

function delta(counter: number, valueBytes = 100): Delta {
  const value = new Uint8Array(valueBytes)
  const fields = { actor: ACTOR, counter, ms: 1, tick: 0, key: `k${counter}`, value, expiry: 0 }
  const item = makeRegister(fields, hash)
  return { dot: { actor: ACTOR, counter }, item, supersedes: [], announcedBytes: 0 }
}

function counters(payloads: readonly Uint8Array[]): number[] {
  return payloads.flatMap((bytes) => {
    assert.ok(bytes.length < GOSSIP_BYTES_MAX)
    return decodeGossip(bytes, hash)!.map(({ dot }) => dot.counter)
  })
}

describe('outbox', () => {
  it('lets a first delta go at once, and one that comes a moment later', () => {
    const outbox = new Outbox(INLINE_BYTES)
    for (let i = 1; i <= 10; i++) {
      outbox.add([delta(i)])
      assert.deepEqual(counters(outbox.due(i * 10)), [i])
      assert.equal(outbox.deadline(), Infinity)
    }
  })

  it('gathers what comes in numbers, in order, for a bounded time', () => {
    const outbox = new Outbox(INLINE_BYTES)
    let mono = 0
    let next = 1
    const payloads: Uint8Array[] = []
    const waits: number[] = []
    for (; mono < 1_000; mono++) {
      const oldest = outbox.deadline() === Infinity ? mono : undefined
      outbox.add([delta(next++)])
      payloads.push(...outbox.due(mono))
      if (oldest !== undefined && outbox.deadline() < Infinity) {
        waits.push(outbox.deadline() - oldest)
      }
    }
    assert.ok(payloads.length < 40, `${payloads.length} payloads`)
    assert.ok(Math.max(...waits) <= 50, `waited for ${Math.max(...waits)} ms`)
    assert.ok(outbox.deadline() <= mono + 50)
    payloads.push(...outbox.due(outbox.deadline()))
    assert.deepEqual(
      counters(payloads),
      Array.from({ length: next - 1 }, (_, i) => i + 1),
    )
  })

  it('does not wait for more when there is much', () => {
    const outbox = new Outbox(INLINE_BYTES)
    outbox.add(Array.from({ length: 50 }, (_, i) => delta(i + 1)))
    assert.equal(counters(outbox.due(0)).length, 50)
    outbox.add([delta(51, 10_000)])
    assert.deepEqual(outbox.due(1), [])
    outbox.add([delta(52, 15_000), delta(53, 15_000)])
    assert.deepEqual(counters(outbox.due(1)), [51, 52, 53])
  })

  it('is emptied when told to, whatever is waited for', () => {
    const outbox = new Outbox(INLINE_BYTES)
    outbox.add([delta(1), delta(2)])
    outbox.take(0)
    outbox.add([delta(3)])
    assert.deepEqual(outbox.due(0), [])
    assert.deepEqual(counters(outbox.take(0)), [3])
    assert.deepEqual(outbox.take(0), [])
  })
})

describe('broadcasts', () => {
  function put(fleet: Fleet, count: number): void {
    for (let i = 0; i < count; i++) {
      const value = new Uint8Array([i])
      fleet.write(fleet.nodes[0]!, [{ op: 'put', key: `key ${i}`, value }])
      fleet.pass(1)
    }
  }

  function published(fleet: Fleet): { count: number } {
    const seen = { count: 0 }
    fleet.observers.push({
      after: (_node, _event, effects) => {
        seen.count += effects.filter(({ type }) => type === 'publish').length
      },
    })
    return seen
  }

  it('are few when writes are many, and bring all of them', () => {
    // No comparison falls into the time of this test.
    const fleet = new Fleet({ seed: 1, nodes: 2 })
    fleet.startAll()
    fleet.pass(2_000)
    const seen = published(fleet)
    put(fleet, 500)
    fleet.pass(200)
    assert.equal(fleet.nodes[1]!.live.replica.keys, 500)
    assert.ok(seen.count > 5 && seen.count < 30, `${seen.count} payloads`)
  })

  it('are not made for nobody; who links later gets it all', () => {
    let met = false
    const fleet = new Fleet({ seed: 1, nodes: 2, topology: () => met })
    for (const node of fleet.nodes) fleet.start(node)
    const seen = published(fleet)
    put(fleet, 100)
    fleet.pass(100)
    assert.equal(seen.count, 0)
    met = true
    fleet.connect(fleet.nodes[0]!, fleet.nodes[1]!)
    assert.ok(fleet.until(() => fleet.nodes[1]!.live.replica.keys === 100, 5_000))
    assert.equal(seen.count, 0)
  })
})
