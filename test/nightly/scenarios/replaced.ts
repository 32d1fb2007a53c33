/**
 * A third of the fleet is replaced every minute: machines that are thrown away with their disks, and new ones.
 *
 * Half of those that go are retired as an operator should: nobody writes to them any more, `converged` is waited for, then they
 * stop. The others die at once, and take with them what they alone had. Whatever a yes had covered survives either way.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { TestDaemon } from '../../support/daemons.ts'
import { hearsay } from '../../support/hearsay.ts'
import { meshed, startAll } from '../world.ts'
import type { World } from '../world.ts'
import { patiently } from '../patience.ts'
import { seconds } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'

const PERIOD_MS = 60_000
const TOLD = 2

export const replaced: Scenario = {
  name: 'replaced',
  claim: 'a third of the daemons is replaced every minute, and nothing that a yes covered is lost',
  async run(world) {
    const daemons = await world.form(world.plan.count)
    world.write(daemons)
    let gone = 0
    const completeMs: number[] = []
    await world.asked(async () => {
      for (let minute = 1; minute <= world.plan.minutes; minute++) {
        const start = performance.now()
        const leaving = world.random.some(world.running, Math.floor(world.plan.count / 3))
        const fresh = await replace(world, leaving)
        gone += leaving.length
        completeMs.push(...fresh)
        await pause(Math.max(PERIOD_MS - (performance.now() - start), 0))
      }
    })
    const links = await meshed(world.running)
    const agreed = await world.settled()
    return [
      `${gone} replaced`,
      `a new one complete ${seconds(Math.max(...completeMs))} after it was started at the latest`,
      `${Math.min(...links)} links at least`,
      `yes of the whole fleet ${agreed.toFixed(1)} s after the last write`,
    ]
  },
}

/** Milliseconds until each of the new ones was complete. */
async function replace(world: World, leaving: readonly TestDaemon[]): Promise<number[]> {
  const staying = world.running.filter((one) => !leaving.includes(one))
  await Promise.all(
    leaving.map(async (one, i) => {
      if (i % 2 === 0) await retire(world, one)
      else {
        await one.kill()
        await world.load.stop(one)
      }
      rmSync(one.data, { recursive: true })
    }),
  )
  const fresh: TestDaemon[] = []
  for (const _ of leaving) fresh.push(await world.create(world.random.some(staying, TOLD)))
  const startedAt = performance.now()
  await startAll(fresh)
  world.write(fresh)
  return Promise.all(
    fresh.map(async (one) => {
      await patiently(`${one.name} to be complete`, async () => (await one.client.ready()).ready)
      return performance.now() - startedAt
    }),
  )
}

async function retire(world: World, one: TestDaemon): Promise<void> {
  await world.load.stop(one)
  const { code, out, err } = await hearsay(one, 'converged', '--wait', '5m')
  assert.equal(code, 0, `${one.name} cannot be retired: ${out}${err}`)
  // Again through the judge, which notes what is proved.
  await patiently(`a yes of ${one.name}`, () => world.judge.ask(one, 'linked'))
  assert.deepEqual(await one.stop(), { code: 0, signal: null })
}
