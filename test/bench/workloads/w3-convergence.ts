/** W3: five connected nodes, all that may write writing, until every node holds every key. */
import type { Workload } from '../bench-run.ts'
import { metered } from '../meter.ts'
import { converged } from '../../support/daemons.ts'
import { HearsayNode, hearsay } from '../systems/hearsay.ts'
import { allHold, newPuts, writeAll } from '../systems/system.ts'
import type { Cluster, System } from '../systems/system.ts'

const NODES = 5
const IN_FLIGHT = 64

async function writeEverywhere(cluster: Cluster, keys: number): Promise<void> {
  const writable = cluster.nodes.filter((node) => node.writable)
  const writers = await Promise.all(writable.map((node) => node.writer()))
  const share = keys / writers.length
  await Promise.all(
    writers.map((writer, i) => writeAll(writer, newPuts(`k${i}`, share), IN_FLIGHT)),
  )
  await Promise.all(writers.map((writer) => writer.close()))
}

interface Traffic {
  published: number
  messages: number
  commits: number
  received: number
  copies: number
  gossip: number
  pulled: number
  itemsPulled: number
}

async function trafficOf(nodes: readonly HearsayNode[]): Promise<Traffic> {
  const statuses = await Promise.all(nodes.map(({ daemon }) => daemon.client.status()))
  const sum = (of: (status: (typeof statuses)[number]) => number): number =>
    statuses.reduce((total, status) => total + of(status), 0)
  return {
    published: sum(({ transport }) => transport.gossipBytesPublished),
    messages: sum(({ transport }) => transport.gossipPublished),
    commits: sum(({ counters }) => counters['commits'] ?? 0),
    received: sum(({ transport }) => transport.gossipReceived),
    copies: sum(({ transport }) => transport.gossipReceived + transport.gossipDuplicates),
    gossip: sum(({ transport }) => transport.gossipBytesReceived),
    pulled: sum(({ transport }) => transport.bytesReceived),
    itemsPulled: sum(({ counters }) => counters['repairItemsReceived'] ?? 0),
  }
}

export const w3: Workload = {
  id: 'W3',
  title: `convergence throughput, ${NODES} nodes all writing with ${IN_FLIGHT} in flight`,
  async run(bench) {
    const systems: System[] = [hearsay, ...bench.rivals]
    for (const keys of bench.size([10_000], [10_000, 50_000])) {
      const few = keys === 10_000
      await bench.alternate(`${keys} keys`, systems, async ({ system, note, costs }) => {
        const cluster = await system.open(NODES)
        try {
          const deliveries = keys * (NODES - 1)
          const nodes = cluster.nodes.filter((node) => node instanceof HearsayNode)
          const before = await trafficOf(nodes)
          let written = 0
          const from = performance.now()
          const { window } = await metered(cluster.nodes, async () => {
            await writeEverywhere(cluster, keys)
            written = performance.now() - from
            await allHold(cluster.nodes, keys)
          })
          note('until all have all', 'keys/s', keys / window.seconds, '≥ 12,000')
          note('until all is acknowledged', 's', written / 1000)
          note('from then until all have all', 's', window.seconds - written / 1000)
          costs(window, few ? '≤ 4' : undefined)
          note('wire bytes per key per other node', 'B', window.wireBytes / deliveries, '≤ 450')
          if (nodes.length === 0) return
          await converged(nodes.map(({ daemon }) => daemon))
          const after = await trafficOf(nodes)
          const payload = (after.published - before.published) * (NODES - 1)
          const copies = after.copies - before.copies
          note('copies per delivery', '', copies / (after.received - before.received), '≤ 1.5')
          note('wire bytes per byte of payload and receiver', '', window.wireBytes / payload)
          note('keys per gossip message', '', keys / (after.messages - before.messages))
          note(
            'commits of all nodes per 1,000 keys',
            '',
            ((after.commits - before.commits) / keys) * 1000,
          )
          note('gossip payload per key and receiver', 'B', payload / deliveries)
          note('first copies of the gossip', 'of 1', (after.gossip - before.gossip) / payload)
          const pulled = after.pulled - before.pulled
          note('message bytes of repair', 'of the wire', pulled / window.wireBytes)
          note(
            'items pulled',
            'of deliveries',
            (after.itemsPulled - before.itemsPulled) / deliveries,
          )
        } finally {
          await cluster.close()
        }
      })
    }
  },
}
