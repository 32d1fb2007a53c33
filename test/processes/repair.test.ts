/** What repair alone brings. Gossip is off in every test here, so nothing else can have carried it. */
import assert from 'node:assert/strict'
import type { RepairReceipt } from '../../src/daemon-api.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { bytes, contents, converged, until, useFleet } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'

const NO_GOSSIP = { gossip: { enabled: false } }
/** So long that only a new link, or a command, makes two daemons compare. */
const NO_REPAIR = { repair: { interval: '1h', pullDelay: '200ms' } }

describe('repair without gossip', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  async function keysOf(daemon: TestDaemon): Promise<string[]> {
    return [...(await contents(daemon.client)).keys()]
  }

  it('carries every change between two daemons by itself', async () => {
    const daemons = await fleet().startMany(2, NO_GOSSIP)
    const [a, b] = daemons
    assert.ok(a !== undefined && b !== undefined)
    const ledger = new Ledger()
    let left = 200
    await Promise.all(daemons.map((one) => ledger.mixed(one.client, one.name, () => left-- > 0)))
    await converged(daemons)
    for (const one of daemons) {
      await ledger.check(one.client, one.name)
      const { counters, transport } = await one.client.status()
      assert.equal(transport.gossipReceived, 0)
      assert.equal(transport.gossipPublished, 0)
      assert.ok((counters['repairItemsReceived'] ?? 0) > 0)
    }
  })

  it('tells a daemon that was away of deletes, with a receipt, and they stay deleted', async () => {
    const [a, b] = await fleet().startMany(2, NO_GOSSIP)
    assert.ok(a !== undefined && b !== undefined)
    await put(a, 100)
    await converged([a, b])
    await b.stop()
    for (let i = 0; i < 60; i++) await a.client.delete(bytes(`key-${i}`))
    await b.start(NO_REPAIR)
    const receipt = await receiptOf(b, a, (one) => one.itemsRemoved > 0)
    await converged([a, b])
    assert.deepEqual(
      { keys: receipt.keysChanged, removed: receipt.itemsRemoved, outcome: receipt.outcome },
      { keys: 60, removed: 60, outcome: 'repaired' },
    )
    // The removal log named the keys: one exchange was enough.
    assert.equal(receipt.keysByRangeStep, 0)
    assert.ok(receipt.messageBytes > 0 && receipt.rounds > 0)
    assert.equal((await keysOf(b)).length, 40)
    // They do not come back, also not by way of a third one that has heard of them only from this one.
    await a.stop()
    const c = await fleet().start({ settings: { ...NO_GOSSIP, bootstrap: [b.bootstrap] } })
    await converged([b, c])
    await a.start()
    await converged([a, b, c])
    assert.equal((await keysOf(a)).length, 40)
  })

  it('finds removals that were lost, by the range step', async () => {
    const [a, b] = await fleet().startMany(2, NO_GOSSIP)
    assert.ok(a !== undefined && b !== undefined)
    await put(a, 500)
    await converged([a, b])
    await b.kill()
    for (const i of [7, 77, 177, 277, 477]) await a.client.delete(bytes(`key-${i}`))
    // A removal log begins empty. Now no context tells which keys the deletes emptied: they are dots without a key.
    await a.restart()
    await b.start()
    await converged([a, b])
    assert.equal((await keysOf(b)).length, 495)
    assert.equal((await b.client.get(bytes('key-77'))).found, false)
    const { counters } = await b.client.status()
    assert.ok((counters['repairKeysByRangeStep'] ?? 0) >= 5, JSON.stringify(counters))
    assert.equal(counters['repairItemsRemoved'], 5)
  })

  it('tells an operator what a repair did, now', async () => {
    const [a, b] = await fleet().startMany(2, { ...NO_GOSSIP, ...NO_REPAIR })
    assert.ok(a !== undefined && b !== undefined)
    await until('the comparison of the new link', async () => {
      return (await b.peer(a))?.lastDigest !== undefined && !(await b.peer(a))!.repairing
    })
    await put(a, 30)
    assert.equal((await keysOf(b)).length, 0)
    const [receipt] = await b.client.repair(a.peerId)
    assert.equal(receipt?.outcome, 'repaired')
    assert.equal(receipt?.itemsReceived, 30)
    await converged([a, b])
    const [again] = await b.client.repair()
    assert.equal(again?.outcome, 'equal')
    await assert.rejects(b.client.repair('12D3KooWNobody'), { code: 'UNKNOWN_PEER' })
  })

  async function put(daemon: TestDaemon, count: number): Promise<void> {
    const puts = Array.from({ length: count }, (_, i) => ({
      op: 'put' as const,
      key: bytes(`key-${i}`),
      value: bytes(`value ${i}`),
    }))
    for await (const answer of daemon.client.write(puts)) assert.ok('written' in answer)
  }

  /** The latest receipt of `daemon` with `other` for which `wanted` holds. */
  function receiptOf(
    daemon: TestDaemon,
    other: TestDaemon,
    wanted: (receipt: RepairReceipt) => boolean,
  ): Promise<RepairReceipt> {
    return until(`a receipt of ${daemon.name}`, async () => {
      const receipt = (await daemon.peer(other))?.lastReceipt
      return receipt !== undefined && wanted(receipt) ? receipt : undefined
    })
  }
})
