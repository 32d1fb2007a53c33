/**
 * The dissemination that is simulated is the one that ships: ten real daemons over libp2p, and ten simulated ones that are
 * linked in the same way, get the same number of copies of each broadcast. Counted, not timed.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pino from 'pino'
import { createDaemon, defaultConfig } from '../../src/index.ts'
import type { Daemon, Status } from '../../src/index.ts'
import { bytes, digestText, until } from '../support/daemons.ts'
import { simulatedCopies } from '../support/sim-dissemination.ts'
import type { Topology, Workload } from '../support/sim-dissemination.ts'

const DAEMONS = 10
const WORKLOAD: Workload = { rounds: 8, valueBytes: 100 }
/** Meshes are drawn at random; several fleets tell what is usual. */
const SIMULATED_SEEDS = [1, 2, 3, 4, 5]
const TOLERANCE = 0.1
const WAIT_MS = 120_000

describe('dissemination', function () {
  this.timeout(5 * WAIT_MS)
  let directory: string
  let daemons: Daemon[]

  beforeEach(() => {
    directory = mkdtempSync(path.join(tmpdir(), 'hs-'))
    daemons = []
  })
  afterEach(async () => {
    await Promise.all(daemons.map((one) => one.stop()))
    rmSync(directory, { recursive: true, force: true })
  })

  /** The first is everybody's bootstrap peer; of the others they hear from each other. */
  async function start(): Promise<void> {
    for (let i = 0; i < DAEMONS; i++) {
      const config = defaultConfig(path.join(directory, String(i)))
      config.listen = ['/ip4/127.0.0.1/tcp/0']
      config.bootstrap = (await statuses()).slice(0, 1).flatMap(({ addresses }) => addresses)
      daemons.push(await createDaemon(config, { log: pino({ level: 'silent' }) }))
    }
  }

  function statuses(): Promise<Status[]> {
    return Promise.all(daemons.map((one) => one.status()))
  }

  async function topology(): Promise<Topology> {
    const all = await statuses()
    const numbers = new Map(all.map(({ peerId }, index) => [peerId, index]))
    return all.map(({ peers }) => {
      const open = peers.filter(({ gossip }) => gossip)
      return new Set(open.map(({ peer }) => numbers.get(peer)!).toSorted((a, b) => a - b))
    })
  }

  /** Once all are linked with all, which so few daemons are, and none comes or goes. */
  function settled(): Promise<Topology> {
    let since = Date.now()
    let before = ''
    return until(
      'the links to stay as they are',
      async () => {
        const now = await topology()
        const text = textOf(now)
        if (text !== before) since = Date.now()
        before = text
        const enough = now.every((links) => links.size === DAEMONS - 1)
        return enough && Date.now() - since > 5_000 ? now : undefined
      },
      { waitMs: WAIT_MS },
    )
  }

  async function counters(): Promise<{ copies: number; deliveries: number }> {
    const sum = { copies: 0, deliveries: 0 }
    for (const { transport } of await statuses()) {
      sum.deliveries += transport.gossipReceived
      sum.copies += transport.gossipReceived + transport.gossipDuplicates
    }
    return sum
  }

  async function realCopies(): Promise<number> {
    const before = await counters()
    for (let round = 0; round < WORKLOAD.rounds; round++) {
      const value = new Uint8Array(WORKLOAD.valueBytes)
      await Promise.all(daemons.map((one, i) => one.put(bytes(`${round} ${i}`), value)))
      const agree = async (): Promise<boolean> =>
        new Set((await statuses()).map(digestText)).size === 1
      await until('all to agree', agree, { waitMs: WAIT_MS })
    }
    const after = await counters()
    return (after.copies - before.copies) / (after.deliveries - before.deliveries)
  }

  it(`of ${DAEMONS} daemons is as simulated`, async () => {
    await start()
    const links = await settled()
    const real = await realCopies()
    assert.equal(textOf(await topology()), textOf(links), 'links came or went meanwhile')
    const all = SIMULATED_SEEDS.map((seed) => simulatedCopies(links, WORKLOAD, seed))
    const simulated = all.reduce((sum, one) => sum + one, 0) / all.length
    const pairs = links.reduce((sum, { size }) => sum + size, 0) / 2
    const said = `${real.toFixed(3)} copies per delivery, ${simulated.toFixed(3)} simulated, over ${pairs} links`
    console.log(`      ${said}`)
    assert.ok(Math.abs(real - simulated) <= TOLERANCE * simulated, said)
  })
})

function textOf(topology: Topology): string {
  return topology.map((links) => [...links].join()).join(' ')
}
