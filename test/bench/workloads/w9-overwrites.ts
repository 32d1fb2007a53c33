/** W9: overwrites of the same keys by two daemons, each its half of them: what grows? */
import type { Bench, Notes, Workload } from '../bench-run.ts'
import { diskBytes, residentMiB } from '../machine.ts'
import { metered } from '../meter.ts'
import { hearsay } from '../systems/hearsay.ts'
import type { HearsayCluster } from '../systems/hearsay.ts'
import { KEY_BYTES, allHold, value, waitFor, writeAll } from '../systems/system.ts'
import type { Put } from '../systems/system.ts'

const MiB = 1024 * 1024
const KEYS = 10_000
const STAGES = 5

/** `count` puts to the keys of one daemon, which differ from those of all other rounds. */
function* overwrites(owner: number, from: number, count: number): Generator<Put> {
  const own = KEYS / 2
  for (let i = from; i < from + count; i++) {
    const key = `o${owner}${String(i % own).padStart(KEY_BYTES - 2, '0')}`
    yield { key, value: value(i) }
  }
}

interface Sizes {
  diskMiB: number
  memoryMiB: number
  gaps: number
  actors: number
}

async function sizes({ nodes }: HearsayCluster): Promise<Sizes> {
  const statuses = await Promise.all(nodes.map(({ daemon }) => daemon.client.status()))
  return {
    diskMiB: Math.max(...nodes.map(({ data }) => diskBytes(data))) / MiB,
    memoryMiB: Math.max(...nodes.map(({ pid }) => residentMiB(pid))),
    gaps: Math.max(...statuses.map(({ context }) => context.gaps)),
    actors: Math.max(...statuses.map(({ context }) => context.actors)),
  }
}

async function stage(cluster: HearsayCluster, number: number, each: number): Promise<number> {
  const { window } = await metered(cluster.nodes, async () => {
    await Promise.all(
      cluster.nodes.map(async (node, owner) => {
        const writer = await node.writer()
        await writeAll(writer, overwrites(owner, number * each, each), 64)
        await writer.close()
      }),
    )
    await allHold(cluster.nodes, KEYS)
    const dots = 2 * each * (number + 1)
    for (const { daemon } of cluster.nodes) {
      await waitFor('every dot', async () => (await daemon.digest()).dots === dots)
    }
  })
  return window.seconds
}

async function turn(bench: Bench, total: number, note: Notes): Promise<void> {
  const cluster = await hearsay.open(2)
  try {
    const each = total / STAGES / 2
    for (let number = 0; number < STAGES; number++) {
      const seconds = await stage(cluster, number, each)
      const at = `after ${((number + 1) * 100) / STAGES} %`
      bench.progress(`W9  ${at}`)
      const { diskMiB, memoryMiB, gaps, actors } = await sizes(cluster)
      note(`${at}: overwrites`, 'writes/s', (2 * each) / seconds)
      note(`${at}: disk`, 'MiB', diskMiB)
      note(`${at}: memory`, 'MiB', memoryMiB)
      note(`${at}: context, intervals beyond one per actor`, '', gaps, '0')
      note(`${at}: context, actors`, '', actors, '2')
    }
  } finally {
    await cluster.close()
  }
}

export const w9: Workload = {
  id: 'W9',
  title: `overwrites of ${KEYS} keys by two daemons; the goal is flat`,
  async run(bench) {
    const total = bench.size(50_000, 1_000_000)
    await bench.alternate(`${total} overwrites`, [hearsay], ({ note }) => turn(bench, total, note))
  },
}
