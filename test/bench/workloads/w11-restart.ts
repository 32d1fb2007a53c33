/**
 * W11: ten daemons of twelve that missed writes are started again at once, against one that is started alone: wire bytes from
 * the start of the processes until all hold everything and all digests are equal. "One pull each" is ten times what the
 * one alone took.
 */
import type { Workload } from '../bench-run.ts'
import { metered } from '../meter.ts'
import { converged } from '../../support/daemons.ts'
import type { HearsayNode } from '../systems/hearsay.ts'
import { hearsay } from '../systems/hearsay.ts'
import { allHold, fill, newPuts } from '../systems/system.ts'

const NODES = 12
const RESTARTED = 10
const HELD = 1_000
const PATIENCE_MS = 10 * 60_000

export const w11: Workload = {
  id: 'W11',
  title: `${RESTARTED} of ${NODES} daemons that missed writes, started again at once`,
  async run(bench) {
    const missed = bench.size(5_000, 20_000)
    await bench.alternate(`${missed} keys missed by each`, [hearsay], async ({ note }) => {
      const cluster = await hearsay.open(NODES)
      try {
        const { nodes } = cluster
        await fill(nodes[0]!, newPuts('before', HELD))
        await allHold(nodes, HELD)
        let held = HELD
        const miss = async (prefix: string, late: readonly HearsayNode[]) => {
          await Promise.all(late.map((node) => node.stop()))
          await fill(nodes[0]!, newPuts(prefix, missed))
          held += missed
          await allHold(
            nodes.filter((node) => !late.includes(node)),
            held,
          )
          const { window } = await metered([], async () => {
            for (const node of late) node.launch()
            await allHold(late, held)
            await converged(
              nodes.map(({ daemon }) => daemon),
              { waitMs: PATIENCE_MS },
            )
          })
          const statuses = await Promise.all(late.map(({ daemon }) => daemon.client.status()))
          const items = statuses.reduce(
            (sum, { counters }) => sum + (counters['repairItemsReceived'] ?? 0),
            0,
          )
          return { ...window, items: items / missed / late.length }
        }
        const one = await miss('one', nodes.slice(-1))
        const ten = await miss('ten', nodes.slice(-RESTARTED))
        note('one alone: wire bytes', 'B', one.wireBytes)
        note('one alone: wire bytes per key', 'B', one.wireBytes / missed)
        note('one alone: items received', 'of missed', one.items)
        note('ten at once: wire bytes', 'B', ten.wireBytes)
        note('ten at once: items received', 'of missed', ten.items)
        note('times one pull each', '', ten.wireBytes / (RESTARTED * one.wireBytes), '≤ 1.5')
        note('one alone: until all agree', 's', one.seconds)
        note('ten at once: until all agree', 's', ten.seconds)
      } finally {
        await cluster.close()
      }
    })
  },
}
