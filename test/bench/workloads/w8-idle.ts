/** W8: what an idle fleet costs, empty and full. */
import type { Workload } from '../bench-run.ts'
import { metered } from '../meter.ts'
import { hearsay } from '../systems/hearsay.ts'
import { allHold, fill, newPuts } from '../systems/system.ts'

const NODES = 10
/** Until what the writes set going has come to rest. */
const REST_MS = 2_000

const rest = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export const w8: Workload = {
  id: 'W8',
  title: `an idle fleet of ${NODES}`,
  async run(bench) {
    const seconds = bench.size(2, 60)
    const cluster = await hearsay.open(NODES)
    try {
      for (const keys of bench.size([0, 5_000], [0, 100_000])) {
        if (keys > 0) {
          bench.progress(`W8  ${keys} keys are written`)
          await fill(cluster.nodes[0]!, newPuts('i', keys))
          await allHold(cluster.nodes, keys)
        }
        await rest(REST_MS)
        await bench.alternate(`${keys} keys, ${seconds} s`, [hearsay], async ({ note }) => {
          const { window } = await metered(cluster.nodes, () => rest(seconds * 1000))
          const share = window.cpuSeconds / window.seconds / NODES
          note('wire bytes per daemon', 'B/s', window.wireBytes / window.seconds / NODES, '≤ 1,024')
          note('CPU per daemon', '% of a core', share * 100, '≤ 1')
          note('peak memory of one daemon', 'MiB', window.peakMiB)
        })
      }
    } finally {
      await cluster.close()
    }
  },
}
