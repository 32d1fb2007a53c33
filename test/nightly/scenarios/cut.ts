/**
 * Two sites with a bad line between them, which is cut and healed: half of the fleet at each, every packet between them
 * delayed by 200 ms each way, one of ten lost. The settings are those of `config/wan.yaml`.
 */
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { contents } from '../../support/daemons.ts'
import { joinSites } from '../../support/bad-link.ts'
import { profileSettings } from '../../support/default-settings.ts'
import { Namespaces } from '../../support/network.ts'
import { linksOf } from '../world.ts'
import type { World } from '../world.ts'
import { patiently } from '../patience.ts'
import { NotPermitted, seconds } from '../scenario.ts'
import type { Scenario } from '../scenario.ts'

const LINE = { delayMs: 200, loss: 0.1 }
const LOAD_MS = 30_000
const CUT_MS = 60_000
/** The line takes part in everything, and loses much of it. */
const FEWER_WRITES = 2

export const cut: Scenario = {
  name: 'cut',
  claim: 'half of the fleet is cut off and healed, over a line of 200 ms and 10 % loss',
  async run(world) {
    const { count, seed } = world.plan
    const network = Namespaces.create(world.fleet, count, 2)
    if (typeof network === 'string') throw new NotPermitted(network)
    const [near, far] = network.sites as [string, string]
    const line = await joinSites(world.fleet, [near, far], LINE, seed)
    if (typeof line === 'string') throw new NotPermitted(line)

    world.settings = profileSettings('wan')
    const start = performance.now()
    const daemons = await world.form(count, (i) => network.options(i))
    const formed = performance.now() - start
    const isHere = (i: number): boolean => network.siteOf(i, count) === 0
    const sites = [daemons.filter((_, i) => isHere(i)), daemons.filter((_, i) => !isHere(i))]
    const [here, there] = sites as [typeof daemons, typeof daemons]
    world.write(daemons, FEWER_WRITES)
    let noticed = 0
    let healed = 0
    await world.asked(async () => {
      await pause(LOAD_MS)
      await line.cut()
      const cutAt = performance.now()
      await world.ledger.putOwn(here[0]!.client, 'of the first site')
      await world.ledger.putOwn(there[0]!.client, 'of the second site')
      for (const site of sites) await apart(world, site)
      noticed = performance.now() - cutAt
      // Each side must be able to say yes of itself.
      for (const site of sites) {
        await patiently('a yes of one side', () =>
          world.judge.ask(world.random.pick(site), 'fleet'),
        )
      }
      await pause(Math.max(CUT_MS - (performance.now() - cutAt), 0))
      for (const one of here) assert.ok(!(await has(one, 'of the second site')), 'the cut leaks')
      for (const one of there) assert.ok(!(await has(one, 'of the first site')), 'the cut leaks')
      await line.set(LINE)
      const healedAt = performance.now()
      await patiently(
        'the sites to have met',
        async () =>
          (await has(here.at(-1)!, 'of the second site')) &&
          has(there.at(-1)!, 'of the first site'),
      )
      healed = performance.now() - healedAt
      await pause(LOAD_MS)
    })
    const agreed = await world.settled()
    return [
      `the line: ${line.kind}, ${await line.counts()}`,
      `formed in ${seconds(formed)}`,
      `${seconds(noticed)} until nobody was linked across the cut`,
      `${seconds(healed)} from healing until each side had what the other wrote`,
      `yes of the whole fleet ${agreed.toFixed(1)} s after the last write`,
      `${(network.bytesDelivered() / 2 ** 20).toFixed(1)} MiB on the network`,
    ]
  },
}

/** Waits until nobody of a site is linked with anybody elsewhere. */
async function apart(world: World, site: World['running']): Promise<void> {
  const own = new Set(site.map(({ peerId }) => peerId))
  for (const one of site) {
    await patiently(`${one.name} to notice the cut`, async () =>
      (await linksOf(one)).every((peer) => own.has(peer)),
    )
  }
}

async function has(one: World['running'][number], key: string): Promise<boolean> {
  return (await contents(one.client)).has(key)
}
