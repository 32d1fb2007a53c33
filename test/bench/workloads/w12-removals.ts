/**
 * W12: removals that nobody remembers, at a scale at which a guard against false ones could keep daemons apart.
 *
 * Away: one daemon of three is stopped while all keys are deleted, far more than removal logs remember; from its start until all
 * agree. At full speed: two daemons, each written to with many puts and deletes of the same keys under way, with values so large
 * that gossip cannot keep up; from the last acknowledgement until they agree. Standing still: the same with a third daemon, which
 * gets no processor for the first half and comes back into the flood: what it knows of the mutations is full of gaps.
 */
import { randomFillSync } from 'node:crypto'
import { converged } from '../../support/daemons.ts'
import type { Bench, Workload } from '../bench-run.ts'
import { metered } from '../meter.ts'
import { hearsay } from '../systems/hearsay.ts'
import type { HearsayCluster, HearsayNode } from '../systems/hearsay.ts'
import { allHold, fill, inFlight, newPuts } from '../systems/system.ts'
import type { Put } from '../systems/system.ts'

const PATIENCE_MS = 10 * 60_000
const IN_FLIGHT = 64
/** More than gossip keeps up with. */
const IN_FLOOD = 4096
const LARGE_BYTES = 4096
/** Of the mutations at full speed. */
const DELETES = 0.25

async function withCluster(
  nodes: number,
  work: (cluster: HearsayCluster) => Promise<void>,
): Promise<void> {
  const cluster = await hearsay.open(nodes)
  try {
    await work(cluster)
  } finally {
    await cluster.close()
  }
}

async function agreed(nodes: readonly HearsayNode[]): Promise<void> {
  await converged(
    nodes.map(({ daemon }) => daemon),
    { waitMs: PATIENCE_MS },
  )
}

async function heldBack(nodes: readonly HearsayNode[]): Promise<number> {
  const statuses = await Promise.all(nodes.map(({ daemon }) => daemon.client.status()))
  return statuses.reduce((sum, { counters }) => sum + (counters['removalsHeldBack'] ?? 0), 0)
}

async function deleteAll(node: HearsayNode, puts: Iterable<Put>): Promise<void> {
  const writer = await node.writer()
  await inFlight(IN_FLIGHT, puts, ({ key }) => writer.delete(key))
  await writer.close()
}

async function away(bench: Bench): Promise<void> {
  const count = bench.size(100_000, 1_000_000)
  await bench.alternate(`away while ${count} keys are deleted`, [hearsay], ({ note }) =>
    withCluster(3, async ({ nodes }) => {
      const [writer, , late] = nodes as [HearsayNode, HearsayNode, HearsayNode]
      await fill(writer, newPuts('d', count))
      await allHold(nodes, count)
      await late.stop()
      await deleteAll(writer, newPuts('d', count))
      await allHold(nodes.slice(0, 2), 0)
      const { window } = await metered([], async () => {
        late.launch()
        await allHold([late], 0)
        await agreed(nodes)
      })
      note('until all agree', 's', window.seconds)
      note('wire bytes per key', 'B', window.wireBytes / count)
      note('removals held back', '', await heldBack(nodes))
    }),
  )
}

async function writeAndDelete(node: HearsayNode, steps: number, keys: number): Promise<void> {
  const writer = await node.writer()
  await inFlight(IN_FLOOD, Array(steps).keys(), () => {
    const key = `k${Math.floor(Math.random() * keys)}`
    if (Math.random() < DELETES) return writer.delete(key)
    return writer.put({ key, value: randomFillSync(Buffer.allocUnsafe(LARGE_BYTES)) })
  })
  await writer.close()
}

async function atFullSpeed(bench: Bench): Promise<void> {
  const steps = bench.size(20_000, 150_000)
  const keys = bench.size(10_000, 75_000)
  await bench.alternate(`${steps} writes to each of two at full speed`, [hearsay], ({ note }) =>
    withCluster(2, async ({ nodes }) => {
      const { window: writing } = await metered([], async () => {
        await Promise.all(nodes.map((node) => writeAndDelete(node, steps, keys)))
      })
      const { window } = await metered([], () => agreed(nodes))
      note('writes', '1/s', (2 * steps) / writing.seconds)
      note('until both agree', 's', window.seconds)
      note('removals held back', '', await heldBack(nodes))
    }),
  )
}

async function standingStill(bench: Bench): Promise<void> {
  const steps = bench.size(10_000, 50_000)
  const keys = bench.size(10_000, 75_000)
  const title = `twice ${steps} writes to each of two, a third stands still for half of them`
  await bench.alternate(title, [hearsay], ({ note }) =>
    withCluster(3, async ({ nodes }) => {
      const [one, two, third] = nodes as [HearsayNode, HearsayNode, HearsayNode]
      const half = async (): Promise<void> => {
        await Promise.all([one, two].map((node) => writeAndDelete(node, steps, keys)))
      }
      third.daemon.pause()
      await half()
      third.daemon.resume()
      await half()
      const { window } = await metered([], () => agreed(nodes))
      note('until all agree', 's', window.seconds)
      note('removals held back', '', await heldBack(nodes))
    }),
  )
}

export const w12: Workload = {
  id: 'W12',
  title: 'removals that nobody remembers',
  async run(bench) {
    await away(bench)
    await atFullSpeed(bench)
    await standingStill(bench)
  },
}
