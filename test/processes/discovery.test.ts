/** Daemons that are told of nobody find each other on the local network: each fleet its own, two on one network. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { formatNetworkKey, newNetworkKey } from '../../src/config/key-file.ts'
import { bytes, converged, linked, skipBecause, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { Namespaces } from '../support/network.ts'

describe('discovery on the local network', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  function lan(context: Mocha.Context, count: number): Namespaces {
    const network = Namespaces.create(fleet(), count)
    return typeof network === 'string' ? skipBecause(context, network) : network
  }

  function keyFile(name: string, text: string): string {
    const file = path.join(fleet().dir, name)
    writeFileSync(file, text, { mode: 0o600 })
    return file
  }

  async function start(
    network: Namespaces,
    index: number,
    networkKey: string,
    first: boolean,
  ): Promise<TestDaemon> {
    const settings = { networkKey, first, discovery: { mdns: true } }
    return fleet().start({ ...network.options(index), settings })
  }

  it('brings each of two fleets together, and neither hears of the other', async function () {
    const network = lan(this, 4)
    const [north, south] = ['north', 'south'].map((name) =>
      keyFile(name, formatNetworkKey(newNetworkKey())),
    ) as [string, string]
    const a = await start(network, 0, north, true)
    const x = await start(network, 1, south, true)
    const b = await start(network, 2, north, false)
    const y = await start(network, 3, south, false)
    // Told of nobody, and yet it knows that it does not know the fleet's map.
    for (const [one, other] of [[a, b] as const, [x, y] as const]) {
      await linked([one, other])
      await one.client.put(bytes('whose'), bytes(one.name))
      await converged([one, other])
      assert.equal((await other.client.ready()).ready, true)
    }
    for (const one of [a, b, x, y]) {
      assert.equal((await one.client.peers()).length, 1, one.name)
      assert.equal((await one.client.knownPeers()).length, 1, one.name)
      const { transport } = await one.client.status()
      assert.equal(transport.connectionsInbound, transport.handshakesInbound, one.name)
    }
  })

  it('dials who is announced under its own name without its secret in vain, and members at once', async function () {
    const network = lan(this, 3)
    const key = newNetworkKey()
    const stranger = { ...key, secrets: newNetworkKey().secrets }
    const files = [
      keyFile('key', formatNetworkKey(key)),
      keyFile('other', formatNetworkKey(stranger)),
    ]
    const a = await start(network, 0, files[0]!, true)
    const s = await start(network, 1, files[1]!, true)
    await until('a dial in vain', async () => (await a.client.status()).transport.dialsFailed > 0)
    const m = await start(network, 2, files[0]!, false)
    await linked([a, m])
    assert.deepEqual(await s.client.peers(), [])
    for (const one of [a, m]) {
      assert.deepEqual(
        (await one.client.knownPeers()).map(({ peer }) => peer),
        [one === a ? m.peerId : a.peerId],
      )
    }
  })
})
