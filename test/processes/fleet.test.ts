/** Real daemons agree: under concurrent writes, with a newcomer, after a pause, and after all were killed at once. */
import assert from 'node:assert/strict'
import { bytes, converged, linked, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'

const WRITES_EACH = 120

/** Writes on all daemons at once, some writes each. */
async function writeEverywhere(
  ledger: Ledger,
  daemons: readonly TestDaemon[],
  writes: number,
  tag = '',
): Promise<void> {
  await Promise.all(
    daemons.map((one) => {
      let left = writes
      return ledger.mixed(one.client, `${one.name}${tag}`, () => left-- > 0)
    }),
  )
}

async function checkAll(ledger: Ledger, daemons: readonly TestDaemon[]): Promise<void> {
  await converged(daemons)
  for (const one of daemons) await ledger.check(one.client, one.name)
}

describe('a fleet of processes', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  for (const count of [3, 5]) {
    it(`of ${count} agrees after concurrent writes, and holds what was acknowledged`, async () => {
      const daemons = await fleet().startMany(count)
      const ledger = new Ledger()
      await writeEverywhere(ledger, daemons, WRITES_EACH)
      await checkAll(ledger, daemons)
      assert.equal(ledger.acknowledged, count * WRITES_EACH)
    })
  }

  it('takes in a newcomer while it is written to', async () => {
    const daemons = await fleet().startMany(2)
    const ledger = new Ledger()
    await writeEverywhere(ledger, daemons, WRITES_EACH)
    let writing = true
    const load = Promise.all(
      daemons.map((one) => ledger.mixed(one.client, `${one.name}-late`, () => writing)),
    )
    const bootstrap = daemons.map(({ bootstrap: address }) => address)
    const newcomer = await fleet().create({ settings: { bootstrap } })
    newcomer.launch()
    await until('the newcomer to answer', async () => (await newcomer.client.id()).peerId)
    // Absent is not deleted: until it has pulled from a complete peer it says so, and then it has what was there before.
    await until('the newcomer to be complete', async () => (await newcomer.client.ready()).ready)
    for (const one of ['a-0', 'b-0']) {
      assert.ok((await newcomer.client.get(bytes(one))).found, `${one} on the newcomer`)
    }
    const written = ledger.acknowledged
    await until('writes after it was there', () => ledger.acknowledged > written + 50)
    writing = false
    await load
    await checkAll(ledger, [...daemons, newcomer])
  })

  it('hands on its last writes before it stops', async () => {
    const [a, b] = await fleet().startMany(2, { repair: { interval: '1h' } })
    assert.ok(a !== undefined && b !== undefined)
    const keys = Array.from({ length: 300 }, (_, i) => `last-${i}`)
    const puts = keys.map((key) => ({ op: 'put' as const, key: bytes(key), value: bytes('x') }))
    for await (const answer of a.client.write(puts)) assert.ok('written' in answer)
    await a.stop()
    await until('what a wrote', async () => (await b.client.status()).keys === keys.length)
  })

  it('comes back with everything after all were killed at once', async () => {
    const daemons = await fleet().startMany(3)
    const ledger = new Ledger()
    const load = Promise.all(daemons.map((one) => ledger.mixed(one.client, one.name, () => true)))
    await until('some writes', () => ledger.acknowledged > 200)
    await Promise.all(daemons.map((one) => one.kill()))
    await load
    await Promise.all(daemons.map((one) => one.start()))
    await checkAll(ledger, daemons)
    const ready = await Promise.all(daemons.map((one) => one.client.ready()))
    for (const { completeness } of ready) assert.notEqual(completeness.state, 'syncing')
    await linked(daemons)
    await writeEverywhere(ledger, daemons, 20, '-again')
    await checkAll(ledger, daemons)
  })
})
