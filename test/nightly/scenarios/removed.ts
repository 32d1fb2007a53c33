/** A member is removed from the allow list of all others while its gossip is under way. */
import assert from 'node:assert/strict'
import { bytes, contents } from '../../support/daemons.ts'
import { linksOf } from '../world.ts'
import { patiently } from '../patience.ts'
import { seconds } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'

/** Writes of the one that was thrown out. */
const WRITES_AFTER = 100
/** Tries to come back that must have been turned away. */
const TRIES = 3

export const removed: Scenario = {
  name: 'removed',
  claim: 'a member is removed from the allow list in mid-gossip, and hears and tells nothing more',
  async run(world) {
    const daemons = await world.form(world.plan.count)
    const everyone = daemons.map(({ peerId }) => peerId)
    for (const one of daemons) await one.client.changeAllowList({ add: everyone, force: true })
    world.write(daemons)
    const out = world.random.pick(daemons.slice(1))
    const others = daemons.filter((one) => one !== out)
    let took = 0
    let tries = 0
    await world.asked(async () => {
      await patiently('writes of it', async () => (await contents(out.client)).size > 20)
      const start = performance.now()
      for (const one of others) await one.client.changeAllowList({ remove: [out.peerId] })
      took = performance.now() - start
      await patiently('nobody to be linked to it', async () => (await linksOf(out)).length === 0)
      // It goes on for itself; what it writes now nobody may ever see.
      await world.load.stop(out)
      for (let i = 0; i < WRITES_AFTER; i++) {
        await world.ledger.putOwn(out.client, `out-${i}`)
        await world.ledger.putOwn(others[i % others.length]!.client, `in-${i}`)
      }
      const triesBefore = await turnedAway()
      await patiently(
        'tries of it to come back',
        async () => (tries = (await turnedAway()) - triesBefore) >= TRIES,
      )
      for (const one of others) {
        assert.ok(!(await linksOf(one)).includes(out.peerId), `${one.name} is linked to it`)
        const { entry } = await one.client.getAll(bytes(`out-${WRITES_AFTER - 1}`))
        assert.equal(entry, undefined, `${one.name} heard of it`)
      }
      const own = await contents(out.client)
      assert.ok(![...own.keys()].some((key) => key.startsWith('in-')), 'it heard of the others')
      assert.equal(await world.judge.ask(out, 'linked'), false, 'it knows of others')
    })

    async function turnedAway(): Promise<number> {
      const statuses = await Promise.all(others.map((one) => one.client.status()))
      return statuses.reduce((sum, { transport }) => sum + transport.peersTurnedAway, 0)
    }

    // It is taken back, and has kept what it wrote.
    for (const one of others) await one.client.changeAllowList({ add: [out.peerId] })
    await patiently('it to be linked', async () => (await linksOf(out)).length > 0)
    const agreed = await world.settled()
    return [
      `removed on ${others.length} daemons in ${seconds(took)}`,
      `${WRITES_AFTER} writes on either side stayed there, ${tries} tries to come back were turned away`,
      `taken back: yes of the whole fleet after ${agreed.toFixed(1)} s`,
    ]
  },
}
