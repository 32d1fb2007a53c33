/** Real daemons that are told of one address find each other, keep together when that is gone, and find who moved. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { bytes, converged, freePort, linked, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'

const COUNT = 10

describe('joining', function () {
  this.timeout(300_000)
  const fleet = useFleet()

  /** Daemons that know the address of the first, and nothing else. */
  async function startFromOne(count: number): Promise<TestDaemon[]> {
    const first = await fleet().start()
    const others = []
    for (let i = 1; i < count; i++) {
      others.push(await fleet().create({ settings: { bootstrap: [first.address] } }))
    }
    // At once: that is how a fleet comes back from a power cut.
    for (const one of others) one.launch()
    for (const one of others) {
      await until(
        `${one.name} to answer`,
        async () => (one.peerId = (await one.client.id()).peerId),
      )
    }
    return [first, ...others]
  }

  it(`of ${COUNT} from one address: a mesh by itself, that outlives the first and finds who moved`, async () => {
    const daemons = await startFromOne(COUNT)
    await linked(daemons)
    await daemons[3]!.client.put(bytes('greeting'), bytes('hello'))
    await converged(daemons)

    const [first, moving, ...others] = daemons as [TestDaemon, TestDaemon, ...TestDaemon[]]
    await first.stop()
    await moving.stop()
    // It comes back elsewhere, without an address book, and told of one daemon only.
    rmSync(path.join(moving.data, 'peers.json'), { force: true })
    const moved = await fleet().start({
      name: 'moved',
      data: moving.data,
      port: await freePort(),
      settings: { bootstrap: [others[0]!.address] },
    })
    assert.equal(moved.peerId, moving.peerId)
    await linked([moved, ...others])
    await others.at(-1)!.client.put(bytes('greeting'), bytes('again'))
    await converged([moved, ...others])
    for (const one of others) {
      const book = await one.client.knownPeers()
      const entry = book.find(({ peer }) => peer === moved.peerId)
      assert.ok(entry?.addresses.includes(moved.address), `${one.name} does not know where it went`)
    }
  })

  it('remembers whom it met over a restart, without the address that it was told of', async () => {
    const [first, a, b] = (await startFromOne(3)) as [TestDaemon, TestDaemon, TestDaemon]
    await linked([first, a, b])
    await first.stop()
    await a.stop()
    await a.start({ bootstrap: [] })
    await linked([a, b])
  })

  it('forgets a peer that is gone when told to, and no other', async () => {
    const [first, a, b] = (await startFromOne(3)) as [TestDaemon, TestDaemon, TestDaemon]
    await linked([first, a, b])
    await b.stop()
    await until('the loss', async () => (await a.peer(b)) === undefined)
    const known = async (): Promise<string[]> =>
      (await a.client.knownPeers()).map(({ peer }) => peer).sort()
    assert.deepEqual(await known(), [first.peerId, b.peerId].sort())
    await a.client.forget(b.peerId)
    assert.deepEqual(await known(), [first.peerId])
    await assert.rejects(a.client.forget(b.peerId), { code: 'UNKNOWN_PEER' })
    // One that is alive comes back by itself.
    await a.client.forget(first.peerId)
    await linked([first, a])
    assert.deepEqual(await known(), [first.peerId])
  })
})
