/** What a driver does with the effects of its engine, and in which order. */
import assert from 'node:assert/strict'
import { createMemoryNetwork } from '../../src/net/memory-transport.ts'
import type { CoreDriver } from '../../src/daemon/core-driver.ts'
import { until } from '../support/control.ts'
import { Drivers } from '../support/driver.ts'
import { binary } from '../support/fleet.ts'

describe('the driver of the core', () => {
  const drivers = new Drivers()

  afterEach(() => drivers.end())

  /** A driver with a peer that its payloads are for. */
  async function start(published: () => void): Promise<CoreDriver> {
    const network = createMemoryNetwork({
      schedule: (delayMs, task) => void setTimeout(task, delayMs),
      now: () => performance.now(),
      random: Math.random,
    })
    const [mine, peers] = [network.transport('a'), network.transport('b')]
    const driver = await drivers.start('a', mine, await drivers.dataDirectory(), published)
    await drivers.start('b', peers, await drivers.dataDirectory())
    await peers.connect('/memory/a')
    await until('the two are linked', () => driver.engine.links.peers.size === 1)
    return driver
  }

  it('answers whoever wrote before it hands the payload to gossip', async () => {
    const order: string[] = []
    const driver = await start(() => order.push('published'))
    const write = driver.write([{ op: 'put', key: binary('key') }])
    void write.then(() => order.push('answered'))
    await until('the payload is published', () => order.includes('published'))
    assert.deepEqual(order, ['answered', 'published'])
  })

  it('publishes when it is stopped what it has not published yet', async () => {
    let published = 0
    const driver = await start(() => published++)
    await driver.write([{ op: 'put', key: binary('key') }])
    assert.equal(published, 0)
    await driver.stop()
    assert.equal(published, 1)
  })

  it('tells the core that a client reads, and not of every read', async () => {
    const driver = await start(() => undefined)
    const { engine } = driver
    const told: string[] = []
    const handle = engine.handle.bind(engine)
    engine.handle = (event, now) => {
      told.push(event.type)
      return handle(event, now)
    }
    const reads = (): number => told.filter((type) => type === 'read').length
    for (let i = 0; i < 1_000; i++) driver.read()
    const first = reads()
    assert.ok(first > 0 && first < 1_000, `${first} of 1,000 reads`)
    await until('it is told again', () => {
      driver.read()
      return reads() > first
    })
  })
})
