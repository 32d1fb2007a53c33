/** W2: from the put to the watch event at the last node of an idle fleet, seen from one process with one clock. */
import type { Workload } from '../bench-run.ts'
import { metered, quantile } from '../meter.ts'
import { hearsay } from '../systems/hearsay.ts'
import { newPuts } from '../systems/system.ts'
import type { Cluster, Node, Put, System, Writer } from '../systems/system.ts'

/** Long enough that nothing of the put before is under way any more. */
const PAUSE_MS = 20
const EVENT_WAIT_MS = 30_000

class Arrivals {
  readonly #nodes: readonly Node[]
  #key = ''
  #missing = 0
  #done: () => void = () => undefined

  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes
  }

  async open(): Promise<() => void> {
    const ends = await Promise.all(
      this.#nodes.map((node) =>
        node.watch((key) => {
          if (key === this.#key && --this.#missing === 0) this.#done()
        }),
      ),
    )
    return () => {
      for (const end of ends) end()
    }
  }

  /** Resolves with the moment at which every node has told of the key. */
  async of(key: string): Promise<number> {
    this.#key = key
    this.#missing = this.#nodes.length
    let deadline: NodeJS.Timeout | undefined
    try {
      return await new Promise<number>((resolve, reject) => {
        this.#done = () => resolve(performance.now())
        const text = `${key} did not reach every node`
        deadline = setTimeout(() => reject(new Error(text)), EVENT_WAIT_MS)
      })
    } finally {
      clearTimeout(deadline)
    }
  }
}

interface Delays {
  acknowledged: number[]
  last: number[]
}

async function propagate(arrivals: Arrivals, writer: Writer, puts: Iterable<Put>): Promise<Delays> {
  const delays: Delays = { acknowledged: [], last: [] }
  for (const put of puts) {
    const all = arrivals.of(put.key)
    const from = performance.now()
    await Promise.all([
      all.then((at) => delays.last.push(at - from)),
      writer.put(put).then(() => delays.acknowledged.push(performance.now() - from)),
    ])
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  return delays
}

async function measure(cluster: Cluster, puts: number): Promise<Delays & { cpuSeconds: number }> {
  const arrivals = new Arrivals(cluster.nodes)
  const end = await arrivals.open()
  const writer = await cluster.nodes.find(({ writable }) => writable)!.writer()
  await propagate(arrivals, writer, newPuts('warm', 30))
  const { result, window } = await metered(cluster.nodes, () =>
    propagate(arrivals, writer, newPuts('p', puts)),
  )
  await writer.close()
  end()
  return { ...result, cpuSeconds: window.cpuSeconds }
}

export const w2: Workload = {
  id: 'W2',
  title: 'propagation on idle fleets, from the put to the watch event at the last node',
  async run(bench) {
    const systems: System[] = [hearsay, ...bench.rivals]
    const puts = bench.size(60, 1_000)
    for (const count of bench.size([5], [3, 5])) {
      await bench.alternatePlaced(`${count} nodes`, systems, async ({ system, note }) => {
        const cluster = await system.open(count)
        try {
          const { last, acknowledged, cpuSeconds } = await measure(cluster, puts)
          note('p50 to the last', 'ms', quantile(last, 0.5), count === 5 ? '≤ 3' : undefined)
          note('p99 to the last', 'ms', quantile(last, 0.99), count === 5 ? '≤ 10' : undefined)
          note('p50 to the acknowledgement', 'ms', quantile(acknowledged, 0.5))
          note('CPU of all per put', 'ms', (cpuSeconds * 1000) / puts)
        } finally {
          await cluster.close()
        }
      })
    }
  },
}
