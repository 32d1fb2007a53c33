/**
 * Large fleets: how far a write travels and what that costs, and how a fleet heals of which half was cut off for an hour.
 *
 *     npm run simulate -- --large 100,1000,10000
 *
 * The nodes are linked as daemons link themselves (`src/net/neighbourhood.ts`): two on either side of the ring, and others at
 * random until each has as many as a daemon wants. At most 100 of them write, 1,000 keys in all. Then the half of the ring is cut off, each half
 * writes another 100 keys, and an hour later the links come back.
 *
 * Delays: 5 to 50 ms a hop, commits 1 to 5 ms. Message bytes, before framing and encryption. What a daemon would do
 * about lost links, dial others, is left out: the halves keep the links that they have. Repair intervals grow with the fleet, as an
 * operator would have them, so that an hour of silence does not cost an hour of computing.
 */
import { TUNING_DEFAULTS } from '../../src/net/tuning.ts'
import { binary, Fleet, SETTINGS, summaryOf } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'
import { Seeded } from '../support/seeded.ts'

const LINKS_WANTED = TUNING_DEFAULTS.linksWanted
const RING_LINKS_PER_SIDE = 2
const WRITERS_MAX = 100
const KEYS = 1_000
const KEYS_PER_HALF = 100
const VALUE_BYTES = 256
const CUT_MS = 3_600_000
/** Until all have met and compared. */
const SETTLE_MS = 60_000
const LOOK_MS = 100
const AGREED_MS_MAX = 3_600_000

export interface LargeResult {
  nodes: number
  repairIntervalMs: number
  linksMean: number
  writers: number
  keys: number
  hopsMean: number
  hopsMax: number
  copiesPerDelivery: number
  /** Of gossip, per key and node. */
  gossipBytesPerKey: number
  /** From the last write until all nodes hold all. */
  everywhereMs: number
  /** Of one node, both ways, while nothing happens. */
  idleBytesPerSecond: number
  /** From the moment the links come back until all nodes hold all. */
  healedMs: number
  /** Of all messages of repair until then, per node; the payload is that of KEYS_PER_HALF keys. */
  healBytesPerNode: number
  processorSeconds: number
}

export function large(count: number, repairIntervalMs: number): LargeResult {
  const from = process.cpuUsage()
  const links = linksOf(count)
  const { repair } = SETTINGS
  const fleet = new Fleet({
    seed: 1,
    nodes: count,
    settings: { ...SETTINGS, repair: { ...repair, interval: repairIntervalMs } },
    faults: { linkDelay: [5, 50], gossipDelay: [5, 50], commitTime: [1, 5] },
    topology: (a, b) => links[a.index]!.has(b.index),
    trace: false,
    faultless: true,
  })
  for (const node of fleet.nodes) fleet.start(node)
  eachLink(fleet, links, (a, b) => fleet.connect(a, b))
  fleet.pass(SETTLE_MS)

  const writers = fleet.nodes.slice(0, Math.min(count, WRITERS_MAX))
  write(fleet, writers, KEYS, 'key')
  const everywhereMs = untilAgreed(fleet)
  const { copies, deliveries, bytes, deliveriesByHops } = fleet.gossip
  const hops = deliveriesByHops.reduce((sum, at, distance) => sum + at * distance, 0)

  const idleFrom = fleet.network.bytes
  eachLink(fleet, links, (a, b) => {
    if (isFar(a, count) !== isFar(b, count)) fleet.cut(a, b)
  })
  fleet.pass(SETTLE_MS)
  const halves = [fleet.nodes.slice(0, WRITERS_MAX / 2), fleet.nodes.slice(-WRITERS_MAX / 2)]
  for (const [index, half] of halves.entries()) write(fleet, half, KEYS_PER_HALF, `half${index}`)
  fleet.pass(CUT_MS)
  const idleBytes = fleet.network.bytes - idleFrom

  const healFrom = fleet.network.bytes
  eachLink(fleet, links, (a, b) => fleet.connect(a, b))
  const healedMs = untilAgreed(fleet)
  const used = process.cpuUsage(from)
  return {
    nodes: count,
    repairIntervalMs,
    linksMean: links.reduce((sum, { size }) => sum + size, 0) / count,
    writers: writers.length,
    keys: KEYS,
    hopsMean: hops / deliveries,
    hopsMax: deliveriesByHops.length - 1,
    copiesPerDelivery: copies / deliveries,
    gossipBytesPerKey: bytes / KEYS / count,
    everywhereMs,
    idleBytesPerSecond: (2 * idleBytes) / count / ((CUT_MS + SETTLE_MS) / 1_000),
    healedMs,
    healBytesPerNode: (fleet.network.bytes - healFrom) / count,
    processorSeconds: (used.user + used.system) / 1e6,
  }
}

/** Nodes stand on the ring in the order of their index; half of it is far. */
function isFar(node: SimNode, count: number): boolean {
  return node.index >= count / 2
}

function linksOf(count: number): ReadonlySet<number>[] {
  const links = Array.from({ length: count }, () => new Set<number>())
  const link = (a: number, b: number): void => {
    links[a]!.add(b)
    links[b]!.add(a)
  }
  for (let a = 0; a < count; a++) {
    for (let step = 1; step <= RING_LINKS_PER_SIDE; step++) link(a, (a + step) % count)
  }
  const random = new Seeded(1, 'links')
  for (let a = 0; a < count; a++) {
    while (links[a]!.size < Math.min(LINKS_WANTED, count - 1)) {
      const b = random.int(0, count - 1)
      if (b !== a) link(a, b)
    }
  }
  return links
}

function eachLink(
  fleet: Fleet,
  links: readonly ReadonlySet<number>[],
  act: (a: SimNode, b: SimNode) => void,
): void {
  for (const [index, others] of links.entries()) {
    for (const other of others) {
      if (index < other) act(fleet.nodes[index]!, fleet.nodes[other]!)
    }
  }
}

/** Ten keys at a time, one writer after the other. */
function write(fleet: Fleet, writers: readonly SimNode[], keys: number, prefix: string): void {
  for (let i = 0; i < keys; i++) {
    const writer = writers[Math.floor(i / 10) % writers.length]!
    const key = binary(`${prefix}${i}`)
    fleet.write(writer, [{ op: 'put', key, value: new Uint8Array(VALUE_BYTES) }])
    if (i % 10 === 9) fleet.pass(20)
  }
}

function untilAgreed(fleet: Fleet): number {
  const from = fleet.time
  while (!agreed(fleet)) {
    if (fleet.time - from > AGREED_MS_MAX) throw new Error('the fleet does not agree')
    fleet.pass(LOOK_MS)
  }
  return fleet.time - from
}

function agreed(fleet: Fleet): boolean {
  const dots = Math.max(...fleet.nodes.map((node) => node.live.replica.context.dots))
  if (fleet.nodes.some((node) => node.live.replica.context.dots !== dots)) return false
  const first = summaryOf(fleet.nodes[0]!)
  return fleet.nodes.every((node) => summaryOf(node) === first)
}
