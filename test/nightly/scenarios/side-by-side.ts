/** Two clusters on one local network find their own members by mDNS, and nothing of the other. */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { contents } from '../../support/daemons.ts'
import type { TestDaemon } from '../../support/daemons.ts'
import { Namespaces } from '../../support/network.ts'
import { startAll, meshed, World } from '../world.ts'
import { NotPermitted, seconds } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'

const LOAD_MS = 40_000

export const sideBySide: Scenario = {
  name: 'side-by-side',
  claim: 'two clusters on one network find their own by mDNS, and neither hears of the other',
  async run(north) {
    const { count } = north.plan
    const network = Namespaces.create(north.fleet, count)
    if (typeof network === 'string') throw new NotPermitted(network)
    const south = new World(north.plan, 'south')
    try {
      const start = performance.now()
      const half = Math.ceil(count / 2)
      const clusters = [
        { world: north, daemons: await make(north, network, 0, half) },
        { world: south, daemons: await make(south, network, half, count) },
      ]
      // Mixed, so that each meets strangers before it meets its own.
      await startAll(clusters.flatMap(({ daemons }) => daemons))
      for (const { daemons } of clusters) await meshed(daemons)
      const formed = performance.now() - start
      for (const { world, daemons } of clusters) world.write(daemons)
      await north.asked(() => south.asked(() => pause(LOAD_MS)))
      const agreed = Math.max(await north.settled(), await south.settled())
      for (const { world, daemons } of clusters) await checkApart(world, daemons)
      const { yes, no, lies } = south.judge
      return [
        `formed ${seconds(formed)} after the first was started, without an address`,
        `yes of each ${agreed.toFixed(1)} s after its last write`,
        `the second: ${south.ledger.acknowledged} writes, yes ${yes}, no ${no}, lies ${lies.length}`,
        `${(network.bytesDelivered() / 2 ** 20).toFixed(1)} MiB on the network`,
      ]
    } finally {
      await south.close()
    }
  },
}

async function make(
  world: World,
  network: Namespaces,
  from: number,
  to: number,
): Promise<TestDaemon[]> {
  const daemons: TestDaemon[] = []
  for (let i = from; i < to; i++) {
    const settings = { first: i === from, discovery: { mdns: true } }
    daemons.push(await world.create([], { ...network.options(i), settings }))
  }
  return daemons
}

/** What its own ledger says was checked; here that nobody even knows of a daemon of the other cluster. */
async function checkApart({ ledger }: World, daemons: readonly TestDaemon[]): Promise<void> {
  const own = new Set(daemons.map(({ peerId }) => peerId))
  assert.ok(ledger.acknowledged > 0)
  for (const { client, name } of daemons) {
    const known = await client.knownPeers()
    assert.ok(
      known.every(({ peer }) => own.has(peer)),
      `${name} knows a stranger`,
    )
    assert.ok((await contents(client)).size > 0, name)
  }
}
