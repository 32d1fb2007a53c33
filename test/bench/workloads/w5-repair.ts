/**
 * W5: repair of 10 changed keys, and of 10 changed and 10 deleted ones, among many equal ones, between two daemons that hear no
 * gossip.
 *
 * Message bytes are what the link's counters say, wire bytes what the loopback device carried, both for the window in
 * which one daemon is told to repair until it agrees. After a restart of the one with the changes its removal log is
 * gone, and the deletes can only be found by comparing fingerprints of ranges.
 */
import type { Notes, Workload } from '../bench-run.ts'
import { metered } from '../meter.ts'
import { digestText } from '../../support/daemons.ts'
import type { TestDaemon } from '../../support/daemons.ts'
import { hearsay } from '../systems/hearsay.ts'
import type { HearsayCluster } from '../systems/hearsay.ts'
import {
  KEY_BYTES,
  PAIR_BYTES,
  allHold,
  fill,
  newPuts,
  value,
  waitFor,
  writeAll,
} from '../systems/system.ts'

/** Neither gossip nor the timer does what is to be measured. */
const SILENT = { gossip: { enabled: false }, repair: { interval: '1h', bytesPerSecond: '1024MiB' } }
const CHANGED = 10
const REPAIRS_MAX = 100
/** Range comparison leaves the newest seconds for last; what was written must have settled to be counted as settled. */
const SETTLE_MS = 6_000
/** A session that is under way says something within this. */
const REST_MS = 500
const keyOf = (i: number): string => `e${String(i).padStart(KEY_BYTES - 1, '0')}`

interface Repair {
  messageBytes: number
  wireBytes: number
  rounds: number
  seconds: number
  sessions: number
  keysByRangeStep: number
  cpuSeconds: number
}

async function agree(one: TestDaemon, other: TestDaemon): Promise<boolean> {
  const [a, b] = await Promise.all([one.client.status(), other.client.status()])
  return digestText(a) === digestText(b)
}

async function repairUntilEqual({ nodes }: HearsayCluster): Promise<Repair> {
  const [answerer, asker] = nodes.map(({ daemon }) => daemon) as [TestDaemon, TestDaemon]
  const bytes = async (): Promise<number> => {
    const { transport } = await asker.client.status()
    return transport.bytesSent + transport.bytesReceived
  }
  const before = await bytes()
  let rounds = 0
  let sessions = 0
  let keysByRangeStep = 0
  const { window } = await metered(nodes, async () => {
    do {
      if (++sessions > REPAIRS_MAX) throw new Error('repairs do not end the difference')
      const [receipt] = await asker.client.repair(answerer.peerId)
      rounds += receipt!.rounds
      keysByRangeStep += receipt!.keysByRangeStep
    } while (!(await agree(asker, answerer)))
  })
  return {
    messageBytes: (await bytes()) - before,
    wireBytes: window.wireBytes,
    rounds,
    sessions,
    keysByRangeStep,
    seconds: window.seconds,
    cpuSeconds: window.cpuSeconds,
  }
}

/** Waits until neither says anything to the other any more. */
async function atRest({ nodes }: HearsayCluster): Promise<void> {
  let before = NaN
  await waitFor('silence', async () => {
    await new Promise((resolve) => setTimeout(resolve, REST_MS))
    const { transport } = await nodes[0]!.daemon.client.status()
    const silent = transport.messagesReceived === before
    before = transport.messagesReceived
    return silent
  })
}

/** Changes keys from number `from` on, and deletes as many as `deletes` says behind them. */
async function differ(
  { nodes }: HearsayCluster,
  from: number,
  deletes: number = CHANGED,
): Promise<void> {
  const writer = await nodes[0]!.writer()
  const changes = Array.from({ length: CHANGED }, (_, i) => ({
    key: keyOf(from + i),
    value: value(from + i + 1),
  }))
  await writeAll(writer, changes, 1)
  for (let i = 0; i < deletes; i++) await writer.delete(keyOf(from + CHANGED + i))
  await writer.close()
}

function tell(
  note: Notes,
  what: string,
  repair: Repair,
  goals: { bytes?: string; wire?: string },
): void {
  note(`${what}: message bytes`, 'B', repair.messageBytes, goals.bytes)
  note(`${what}: wire bytes`, 'B', repair.wireBytes, goals.wire)
  note(`${what}: rounds`, '', repair.rounds)
  note(`${what}: sessions`, '', repair.sessions)
  note(`${what}: keys named by the range step`, '', repair.keysByRangeStep)
  note(`${what}: time`, 'ms', repair.seconds * 1000)
  note(`${what}: CPU of both`, 's', repair.cpuSeconds)
}

/** Restarts the daemon that others ask, and gives back what connecting again has cost on the wire. */
async function reconnect({ nodes }: HearsayCluster): Promise<number> {
  const daemons = nodes.map(({ daemon }) => daemon)
  const { window } = await metered([], async () => {
    await daemons[0]!.stop()
    daemons[0]!.launch()
    await waitFor('the link', async () => {
      const peer = await daemons[1]!.peer(daemons[0]!).catch(() => undefined)
      return peer?.lastDigest !== undefined
    })
  })
  return window.wireBytes
}

export const w5: Workload = {
  id: 'W5',
  title: `repair of ${CHANGED} changed and ${CHANGED} deleted keys among equal ones, two daemons`,
  async run(bench) {
    const payload = CHANGED * PAIR_BYTES
    for (const keys of bench.size([20_000], [20_000, 100_000, 1_000_000])) {
      const cluster = await hearsay.open(2, SILENT)
      try {
        bench.progress(`W5  ${keys} keys are written`)
        await fill(cluster.nodes[0]!, newPuts('e', keys))
        await allHold(cluster.nodes.slice(0, 1), keys)
        await repairUntilEqual(cluster)
        await atRest(cluster)
        let next = 0
        await bench.alternate(`${keys} keys`, [hearsay], async ({ note }) => {
          tell(note, 'equal maps', await repairUntilEqual(cluster), { bytes: '≤ 200' })
          const above = { bytes: `≤ ${payload} + 1,024`, wire: `≤ ${payload} + 4,096` }
          await differ(cluster, next, 0)
          next += CHANGED
          tell(note, 'only changes', await repairUntilEqual(cluster), above)
          await differ(cluster, next)
          next += 2 * CHANGED
          tell(note, 'removals known', await repairUntilEqual(cluster), above)
          await differ(cluster, next)
          next += 2 * CHANGED
          await settle()
          note('connecting again, with the pull: wire bytes', 'B', await reconnect(cluster))
          const wiped = await repairUntilEqual(cluster)
          tell(note, 'removals forgotten, after the pull', wiped, { bytes: '≤ 20,480' })
        })
      } finally {
        await cluster.close()
      }
    }
  },
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
}
