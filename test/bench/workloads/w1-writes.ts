/** W1: writes to a fleet of one, each acknowledged before it counts; beside it the store's own synced puts. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Workload } from '../bench-run.ts'
import { metered, quantile } from '../meter.ts'
import { hearsay } from '../systems/hearsay.ts'
import { newPuts, writeAll } from '../systems/system.ts'
import type { System } from '../systems/system.ts'

const WORKER = fileURLToPath(new URL('../store-worker.js', import.meta.url))

/** Single synced puts per second of the store, in a process of its own. */
function storeRate(ms: number): number {
  const at = mkdtempSync(path.join(tmpdir(), 'store-'))
  const task = {
    task: 'rate',
    engine: 'hearsay',
    at: path.join(at, 'db'),
    batch: 1,
    sync: true,
    ms,
  }
  const { stdout, status } = spawnSync(process.execPath, [WORKER, JSON.stringify(task)], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  rmSync(at, { recursive: true })
  if (status !== 0) throw new Error('the measurement of the store failed')
  return Number(stdout)
}

export const w1: Workload = {
  id: 'W1',
  title: 'local writes, acknowledged when durable, on one node',
  async run(bench) {
    const single = bench.size(500, 5_000)
    const many = bench.size(10_000, 100_000)
    const systems: System[] = [hearsay, ...bench.rivals]
    await bench.alternatePlaced('one node', systems, async ({ system, note }) => {
      const cluster = await system.open(1)
      try {
        const node = cluster.nodes[0]!
        const writer = await node.writer()
        await writeAll(writer, newPuts('warm', 200), 64)
        // Just before what it is compared with: a disk's sync rate drifts within seconds.
        const store = system === hearsay ? storeRate(bench.size(300, 2_000)) : undefined
        const one = await metered([node], () => writeAll(writer, newPuts('one', single), 1))
        const rate = single / one.window.seconds
        note('one in flight', 'writes/s', rate)
        note('one in flight, p50', 'ms', quantile(one.result, 0.5))
        note('one in flight, p99', 'ms', quantile(one.result, 0.99))
        if (store !== undefined) {
          note("the store's own synced puts", 'puts/s', store)
          note('one in flight against the store', 'times as long', store / rate, '≤ 1.5')
        }
        const all = await metered([node], () => writeAll(writer, newPuts('many', many), 64))
        note('64 in flight', 'writes/s', many / all.window.seconds, '≥ 20,000')
        note('64 in flight, p50', 'ms', quantile(all.result, 0.5))
        note('64 in flight, p99', 'ms', quantile(all.result, 0.99))
        note('64 in flight, CPU per 10,000', 's', (all.window.cpuSeconds / many) * 10_000)
        note('64 in flight, CPU of the driver', 's', all.window.driverCpuSeconds)
        note('64 in flight, peak memory', 'MiB', all.window.peakMiB)
        await writer.close()
      } finally {
        await cluster.close()
      }
    })
  },
}
