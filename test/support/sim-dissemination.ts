/** Copies of a broadcast in a simulated fleet that is linked as another one is, under the same writes. */
import { binary, Fleet, summaryOf } from './fleet.ts'

/** In which all have met, formed their meshes, and told each other of their neighbours. */
const SETTLE_MS = 20_000
const AGREE_MS = 60_000

/** Who is linked with whom, both ways, by number. */
export type Topology = readonly ReadonlySet<number>[]

/** Rounds in which every node writes one key, each round after all have agreed on the one before. */
export interface Workload {
  rounds: number
  valueBytes: number
}

export function simulatedCopies(
  topology: Topology,
  { rounds, valueBytes }: Workload,
  seed: number,
): number {
  const fleet = new Fleet({
    seed,
    nodes: topology.length,
    topology: (a, b) => topology[a.index]!.has(b.index),
    trace: false,
  })
  fleet.startAll()
  fleet.pass(SETTLE_MS)
  const { copies, deliveries } = fleet.gossip
  for (let round = 0; round < rounds; round++) {
    for (const node of fleet.nodes) {
      const key = binary(`${round} ${node.index}`)
      fleet.write(node, [{ op: 'put', key, value: new Uint8Array(valueBytes) }])
    }
    const agreed = fleet.until(() => new Set(fleet.nodes.map(summaryOf)).size === 1, AGREE_MS)
    if (!agreed) throw new Error(`no agreement in round ${round}`)
    // Copies that nobody needs come last.
    fleet.pass(SETTLE_MS)
  }
  return (fleet.gossip.copies - copies) / (fleet.gossip.deliveries - deliveries)
}
