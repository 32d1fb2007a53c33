/**
 * The admission secret is replaced while the fleet is written to: three times the key file is rotated, handed from daemon to
 * daemon and read anew, and at no time do two members refuse each other.
 */
import assert from 'node:assert/strict'
import { rotateKeyFile } from '../../../src/config/key-rotation.ts'
import type { TestDaemon } from '../../support/daemons.ts'
import { linksOf } from '../world.ts'
import { patiently } from '../patience.ts'
import { seconds } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'

const STEPS = 3

export const rotation: Scenario = {
  name: 'rotation',
  claim: 'the secret of the network key is replaced under load, and no member refuses another',
  async run(world) {
    const daemons = await world.form(world.plan.count)
    world.write(daemons)
    const [old] = (await daemons[0]!.client.networkKey()).labels
    const before = await Promise.all(daemons.map(linksOf))
    const start = performance.now()
    let hungUp = 0
    await world.asked(async () => {
      for (let step = 1; step <= STEPS; step++) {
        await rotateKeyFile(world.key)
        for (const one of daemons) {
          world.giveKey(one)
          hungUp += (await one.client.reloadNetworkKey()).hungUp.length
        }
        for (const one of daemons) await alike(one)
      }
    })
    const took = performance.now() - start
    for (const one of daemons) {
      const { labels } = await one.client.networkKey()
      assert.equal(labels.length, 1, one.name)
      assert.ok(!labels.includes(old!), `${one.name} still has the old secret`)
      assert.deepEqual(one.logged('another network key'), [], one.name)
    }
    const after = await Promise.all(daemons.map(linksOf))
    const agreed = await world.settled()
    const links = (all: string[][]): number => all.reduce((sum, one) => sum + one.length, 0) / 2
    return [
      `${STEPS} steps on ${daemons.length} daemons in ${seconds(took)}`,
      `links before ${links(before)}, after ${links(after)}, ended by a reload ${hungUp}`,
      `yes of the whole fleet ${agreed.toFixed(1)} s after the last write`,
    ]
  },
}

/** What `hearsay network-key status` waits for before the next step. */
async function alike(one: TestDaemon): Promise<void> {
  await patiently(`${one.name} to see its secrets with all that it is linked with`, async () => {
    const { labels, peers } = await one.client.networkKey()
    return peers.length > 0 && peers.every((peer) => peer.labels?.join() === labels.join())
  })
}
