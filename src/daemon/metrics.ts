/** Prometheus metrics: everything that `status` tells as numbers, read when scraped. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Status } from '../daemon-api.ts'

/** snake_case of a counter's name: `sessions.equal` becomes `sessions_equal`. */
function snake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^a-zA-Z0-9]+/g, '_')
    .toLowerCase()
}

const GAUGES: [name: string, help: string, read: (status: Status) => number][] = [
  ['keys', 'Keys with at least one held item', (s) => s.keys],
  ['items_held', 'Held items, siblings and expired ones among them', (s) => s.digest.items],
  ['items_expired', 'Held items that have expired and wait to be purged', (s) => s.itemsExpired],
  ['context_actors', 'Actors in the context', (s) => s.context.actors],
  ['context_dots', 'Mutations seen', (s) => s.context.dots],
  [
    'context_gaps',
    'Mutations missing below the greatest seen of their actor',
    (s) => s.context.gaps,
  ],
  ['dots_lost', 'Mutations that no linked peer has', (s) => s.context.dotsLost],
  [
    'complete',
    '1 unless this replica is still syncing',
    (s) => +(s.completeness.state !== 'syncing'),
  ],
  [
    'clock_in_doubt',
    '1 while expired items are not purged because of the clock',
    (s) => +s.clock.doubt,
  ],
  ['store_bytes', 'Size of the store on disk', (s) => s.store.sizeBytes],
  ['store_failing', '1 while the store cannot be written', (s) => +(s.store.failing !== undefined)],
  ['peers', 'Linked peers', (s) => s.peers.length],
  [
    'peers_disagreeing',
    'Linked peers whose last digest differed',
    (s) => s.peers.filter((peer) => peer.lastDigest?.agreed === false).length,
  ],
  [
    'peers_without_gossip',
    'Linked peers whose gossip streams are not open both ways',
    (s) => s.peers.filter((peer) => !peer.gossip).length,
  ],
]

export class Metrics {
  readonly #registry = new Registry()
  readonly #gauges: { gauge: Gauge; read: (status: Status) => number }[]
  readonly #behind: Gauge
  readonly #counters = new Map<string, Counter>()

  constructor() {
    const registers = [this.#registry]
    collectDefaultMetrics({ register: this.#registry })
    this.#gauges = GAUGES.map(([name, help, read]) => ({
      gauge: new Gauge({ name: `hearsay_${name}`, help, registers }),
      read,
    }))
    this.#behind = new Gauge({
      name: 'hearsay_peer_dots_behind',
      help: 'Mutations that this peer has and this daemon lacks, by the last comparison',
      labelNames: ['peer'],
      registers,
    })
  }

  async render(status: Status): Promise<string> {
    for (const { gauge, read } of this.#gauges) gauge.set(read(status))
    this.#behind.reset()
    for (const { peer, dotsBehind } of status.peers) {
      if (dotsBehind !== undefined) this.#behind.set({ peer }, dotsBehind)
    }
    const counts = { ...status.counters, ...prefixed('transport', { ...status.transport }) }
    for (const [name, value] of Object.entries(counts)) this.#setCounter(name, value)
    return this.#registry.metrics()
  }

  #setCounter(name: string, value: number): void {
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = new Counter({
        name: `hearsay_${snake(name)}_total`,
        help: `${name} since start`,
        registers: [this.#registry],
      })
      this.#counters.set(name, counter)
    }
    counter.reset()
    counter.inc(value)
  }
}

function prefixed(prefix: string, counts: Record<string, number>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts).map(([name, value]) => [`${prefix}_${name}`, value]),
  )
}
