/** W4: a node that missed writes, from the start of its process until it holds them all. */
import type { Workload } from '../bench-run.ts'
import { metered } from '../meter.ts'
import { HearsayNode, hearsay } from '../systems/hearsay.ts'
import { allHold, fill, newPuts, waitFor } from '../systems/system.ts'
import type { System } from '../systems/system.ts'

const NODES = 3
const HELD = 1_000

export const w4: Workload = {
  id: 'W4',
  title: `catch-up of one of ${NODES} nodes, from the start of its process`,
  async run(bench) {
    const missed = bench.size(5_000, 20_000)
    const systems: System[] = [hearsay, ...bench.rivals]
    await bench.alternate(`${missed} keys missed`, systems, async ({ system, note, costs }) => {
      const cluster = await system.open(NODES)
      try {
        const { nodes } = cluster
        const late = nodes.at(-1)!
        const others = nodes.slice(0, -1)
        const writer = others.find(({ writable }) => writable)!
        await fill(writer, newPuts('before', HELD))
        await allHold(nodes, HELD)
        await late.stop()
        await fill(writer, newPuts('missed', missed))
        await allHold(others, HELD + missed)
        let answered = 0
        const from = performance.now()
        const { window } = await metered(
          others,
          async () => {
            late.launch()
            await waitFor('an answer', async () => (await late.keys()) !== undefined)
            answered = performance.now() - from
            await allHold([late], HELD + missed)
          },
          () => [late],
        )
        note('until it holds all', 's', window.seconds, '≤ 1')
        note('until it answers', 's', answered / 1000)
        note('CPU of the late node', 's', window.processes.at(-1)!.cpuSeconds)
        costs(window)
        note('wire bytes per key', 'B', window.wireBytes / missed)
        if (!(late instanceof HearsayNode)) return
        const receipts = (await late.daemon.client.peers()).flatMap((p) => p.lastReceipt ?? [])
        const pulls = receipts.filter(({ itemsReceived }) => itemsReceived > 0)
        const fastest = pulls.map((one) => one.itemsReceived / (one.durationMs / 1000))
        note('bulk transfer, by the receipt', 'keys/s', Math.max(...fastest), '≥ 50,000')
        const items = pulls.reduce((sum, one) => sum + one.itemsReceived, 0)
        note('items received by all sessions', 'of missed', items / missed)
      } finally {
        await cluster.close()
      }
    })
  },
}
