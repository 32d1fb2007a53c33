/** A fleet forms by itself from the address of one daemon. */
import { setTimeout as pause } from 'node:timers/promises'
import { linksOf } from '../world.ts'
import { range, seconds } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'

const LOAD_MS = 20_000

export const forming: Scenario = {
  name: 'forming',
  claim: 'all find each other from one address',
  async run(world) {
    const start = performance.now()
    const daemons = await world.form(world.plan.count)
    const formed = performance.now() - start
    const links = await Promise.all(daemons.map(linksOf))
    world.write(daemons)
    await world.asked(() => pause(LOAD_MS))
    const agreed = await world.settled()
    return [
      `formed ${seconds(formed)} after the first was started, ${range(links.map((one) => one.length))} links each`,
      `yes of the whole fleet ${agreed.toFixed(1)} s after the last write`,
    ]
  },
}
