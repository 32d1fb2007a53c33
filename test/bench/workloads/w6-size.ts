/**
 * W6: what a map takes of memory and disk, and how long a cold start takes: from the start of the process to the first
 * answer that knows all keys. Memory above the value is the resident memory of a daemon that was started on the full
 * map, less that of one started on the empty map, less the values.
 */
import type { Workload } from '../bench-run.ts'
import { diskBytes, residentMiB } from '../machine.ts'
import { metered } from '../meter.ts'
import { hearsay } from '../systems/hearsay.ts'
import { PAIR_BYTES, VALUE_BYTES, fill, newPuts, waitFor } from '../systems/system.ts'
import type { Cluster, System } from '../systems/system.ts'

const MiB = 1024 * 1024
/** After its start a process still gives memory back. */
const REST_MS = 1_000

const rest = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, REST_MS))

/** Fleets of one, filled at their first turn. */
class Filled {
  readonly #clusters = new Map<System, Cluster>()
  readonly #empty = new Map<System, number>()
  readonly #keys: number

  constructor(keys: number) {
    this.#keys = keys
  }

  async of(system: System): Promise<{ cluster: Cluster; emptyMiB: number }> {
    let cluster = this.#clusters.get(system)
    if (cluster === undefined) {
      cluster = await system.open(1)
      this.#clusters.set(system, cluster)
      await rest()
      const node = cluster.nodes[0]!
      this.#empty.set(system, residentMiB(node.pid))
      await fill(node, newPuts('s', this.#keys))
    }
    return { cluster, emptyMiB: this.#empty.get(system)! }
  }

  async close(): Promise<void> {
    for (const cluster of this.#clusters.values()) await cluster.close()
  }
}

export const w6: Workload = {
  id: 'W6',
  title: 'memory, disk and cold start',
  async run(bench) {
    for (const keys of bench.size([20_000], [100_000, 1_000_000])) {
      const systems: System[] = keys > 100_000 ? [hearsay] : [hearsay, ...bench.rivals]
      const startGoal = keys === 100_000 ? '≤ 0.7' : keys === 1_000_000 ? '≤ 4' : undefined
      const filled = new Filled(keys)
      try {
        await bench.alternate(`${keys} keys`, systems, async ({ system, note }) => {
          const { cluster, emptyMiB } = await filled.of(system)
          const node = cluster.nodes[0]!
          note('memory before the restart', 'MiB', residentMiB(node.pid))
          note('disk before the restart', 'of raw data', diskBytes(node.data) / keys / PAIR_BYTES)
          await node.stop()
          const { window } = await metered(
            [],
            async () => {
              node.launch()
              await waitFor('all keys', async () => (await node.keys()) === keys)
            },
            () => [node],
          )
          note('cold start', 's', window.seconds, startGoal)
          note('cold start, CPU', 's', window.cpuSeconds)
          note('cold start, peak memory', 'MiB', window.peakMiB)
          await rest()
          const resident = residentMiB(node.pid)
          const perKey = ((resident - emptyMiB) * MiB) / keys - VALUE_BYTES
          note('memory of the empty daemon', 'MiB', emptyMiB)
          note('memory', 'MiB', resident)
          note('memory per key above the value', 'B', perKey, '≤ 500')
          const disk = diskBytes(node.data) / keys / PAIR_BYTES
          note('disk after the restart', 'of raw data', disk, '≤ 1.5')
        })
      } finally {
        await filled.close()
      }
    }
  },
}
