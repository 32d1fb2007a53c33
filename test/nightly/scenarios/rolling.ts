/** Every daemon is restarted, one after the other, while the fleet is written to. */
import assert from 'node:assert/strict'
import { linksOf } from '../world.ts'
import { patiently } from '../patience.ts'
import { seconds } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'

export const rolling: Scenario = {
  name: 'rolling',
  claim: 'every daemon is restarted, one after the other, and the others go on',
  async run(world) {
    const daemons = await world.form(world.plan.count)
    world.write(daemons)
    const enough = Math.min(world.plan.count - 1, 6)
    const awayMs: number[] = []
    let fewest = Infinity
    await world.asked(async () => {
      for (const one of daemons) {
        const from = performance.now()
        assert.deepEqual(await one.stop(), { code: 0, signal: null })
        await one.start()
        await patiently(`${one.name} to be complete and linked`, async () => {
          const [links, { ready }] = await Promise.all([linksOf(one), one.client.ready()])
          return ready && links.length >= enough
        })
        awayMs.push(performance.now() - from)
        for (const other of daemons) fewest = Math.min(fewest, (await linksOf(other)).length)
      }
    })
    const agreed = await world.settled()
    return [
      `${daemons.length} restarts, back with ${enough} links after ${seconds(Math.max(...awayMs))} at the latest`,
      `no daemon had fewer than ${fewest} links in between`,
      `yes of the whole fleet ${agreed.toFixed(1)} s after the last write`,
    ]
  },
}
