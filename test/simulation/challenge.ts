/**
 * The broadcast challenge of Gossip Glomers on our own fleet: 25 nodes, links that take 100 ms, 100 operations a second, half
 * of them reads. A read asks the daemon beside it and costs no message. Latency is the time from a write to the moment at
 * which the last node shows it.
 */
import { TUNING_DEFAULTS } from '../../src/net/tuning.ts'
import { binary, Fleet, SETTINGS } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'
import { Seeded } from '../support/seeded.ts'

const LINK_MS = 100
const OPERATIONS_PER_SECOND = 100
/** Until all have met and compared. */
const SETTLE_MS = 20_000
const MEASURE_MS = 30_000
const VALUE_BYTES = 8

export interface ChallengeResult {
  nodes: number
  repairIntervalMs: number
  operations: number
  messagesPerOperation: number
  gossipPerOperation: number
  copiesPerDelivery: number
  latencyMedianMs: number
  latencyMaxMs: number
  /** Writes that some node had not shown at the end. */
  late: number
}

export function challenge(nodes: number, repairIntervalMs: number): ChallengeResult {
  const { repair } = SETTINGS
  const fleet = new Fleet({
    seed: 1,
    nodes,
    settings: { ...SETTINGS, repair: { ...repair, interval: repairIntervalMs } },
    faults: { linkDelay: [LINK_MS, LINK_MS], gossipDelay: [LINK_MS, LINK_MS], commitTime: [1, 2] },
    topology: topologyOf(nodes),
    trace: false,
  })
  const shown = watch(fleet)
  fleet.startAll()
  fleet.pass(SETTLE_MS)
  const before = [fleet.network.messages, fleet.gossip.copies, fleet.gossip.deliveries] as const
  const random = new Seeded(1, 'challenge')
  const operations = (MEASURE_MS / 1_000) * OPERATIONS_PER_SECOND
  for (let i = 0; i < operations; i++) {
    if (random.chance(0.5)) shown.write(random.pick(fleet.nodes), `key${i}`)
    fleet.pass(MEASURE_MS / operations)
  }
  const messages = fleet.network.messages - before[0]
  fleet.pass(5 * LINK_MS)
  const copies = fleet.gossip.copies - before[1]
  const latencies = shown.latencies()
  return {
    nodes,
    repairIntervalMs,
    operations,
    messagesPerOperation: (messages + copies) / operations,
    gossipPerOperation: copies / operations,
    copiesPerDelivery: copies / (fleet.gossip.deliveries - before[2]),
    latencyMedianMs: latencies[latencies.length >> 1] ?? Infinity,
    latencyMaxMs: latencies.at(-1) ?? Infinity,
    late: shown.late(),
  }
}

/** Everyone is linked to everyone as long as a daemon keeps so many links; beyond, to some at random. */
function topologyOf(nodes: number): (a: SimNode, b: SimNode) => boolean {
  if (nodes <= TUNING_DEFAULTS.linksWanted + 1) return () => true
  const random = new Seeded(1, 'links')
  const links = new Set<number>()
  for (let a = 0; a < nodes; a++) {
    for (let i = 0; i < TUNING_DEFAULTS.linksWanted / 2; i++) {
      const b = random.int(0, nodes - 1)
      links.add(Math.min(a, b) * nodes + Math.max(a, b))
    }
  }
  return (a, b) => links.has(Math.min(a.index, b.index) * nodes + Math.max(a.index, b.index))
}

interface Shown {
  write(node: SimNode, key: string): void
  /** Ascending. */
  latencies(): number[]
  late(): number
}

function watch(fleet: Fleet): Shown {
  const writes = new Map<string, { at: number; nodes: Set<SimNode>; last: number }>()
  fleet.observers.push({
    after: (node, _event, effects) => {
      for (const effect of effects) {
        if (effect.type !== 'changed') continue
        for (const key of effect.keys) {
          const write = writes.get(key)
          if (write === undefined || write.nodes.has(node)) continue
          write.nodes.add(node)
          write.last = fleet.time
        }
      }
    },
  })
  const everywhere = (): { at: number; last: number }[] =>
    [...writes.values()].filter((write) => write.nodes.size === fleet.nodes.length)
  return {
    write: (node, key) => {
      writes.set(binary(key), { at: fleet.time, nodes: new Set(), last: 0 })
      fleet.write(node, [{ op: 'put', key: binary(key), value: new Uint8Array(VALUE_BYTES) }])
    },
    latencies: () =>
      everywhere()
        .map(({ at, last }) => last - at)
        .sort((a, b) => a - b),
    late: () => writes.size - everywhere().length,
  }
}
