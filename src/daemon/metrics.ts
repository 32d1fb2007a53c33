/** Prometheus metrics: everything that `status` tells as numbers, read when scraped. `metric-list.ts` has the list. */
import { Counter, Gauge, Registry, collectDefaultMetrics } from 'prom-client'
import type { Status } from '../daemon-api.ts'
import { COUNTERS, describedSources, GAUGES, PEER_GAUGES } from './metric-list.ts'
import type { CounterSource } from './metric-list.ts'

/** snake_case of a counter's name: `sessions.equal` becomes `sessions_equal`. */
function snake(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replaceAll(/[^a-zA-Z0-9]+/g, '_')
    .toLowerCase()
}

type Set = (status: Status) => void

export class Metrics {
  readonly #registry = new Registry()
  readonly #setters: Set[]
  readonly #described = describedSources()
  /** Of counts without an entry in the list. */
  readonly #others = new Map<string, Counter>()

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    this.#setters = [this.#buildInfo(), ...this.#gauges(), ...this.#counters()]
  }

  async render(status: Status): Promise<string> {
    for (const set of this.#setters) set(status)
    this.#setOthers(status)
    return this.#registry.metrics()
  }

  #gauge(name: string, help: string, labelNames: string[] = []): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] })
  }

  #counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name, help, labelNames, registers: [this.#registry] })
  }

  #buildInfo(): Set {
    const info = this.#gauge('hearsay_build_info', 'Always 1; the label tells the version.', [
      'version',
    ])
    return ({ version }) => info.set({ version }, 1)
  }

  #gauges(): Set[] {
    const ofDaemon = GAUGES.map(({ name, help, read }): Set => {
      const gauge = this.#gauge(name, help)
      return (status) => gauge.set(read(status) ?? 0)
    })
    const ofPeers = PEER_GAUGES.map(({ name, help, read }): Set => {
      const gauge = this.#gauge(name, help, ['peer'])
      return ({ peers }) => {
        gauge.reset()
        for (const peer of peers) {
          const value = read(peer)
          if (value !== undefined) gauge.set({ peer: peer.peer }, value)
        }
      }
    })
    return [...ofDaemon, ...ofPeers]
  }

  #counters(): Set[] {
    return COUNTERS.map(({ name, help, from }): Set => {
      if (typeof from === 'string') {
        const counter = this.#counter(name, help)
        return (status) => {
          counter.reset()
          counter.inc(countOf(status, from))
        }
      }
      const { label, values } = from
      const counter = this.#counter(name, help, [label])
      return (status) => {
        counter.reset()
        for (const [value, source] of Object.entries(values)) {
          counter.inc({ [label]: value }, countOf(status, source))
        }
      }
    })
  }

  #setOthers(status: Status): void {
    const counts = sourcesOf(status).filter((source) => !this.#described.has(source))
    for (const source of counts) {
      if (source === 'counters.watchers') continue
      let counter = this.#others.get(source)
      if (counter === undefined) {
        const name = source.replace(/^counters\./, '')
        counter = this.#counter(`hearsay_${snake(name)}_total`, `${name} since start.`)
        this.#others.set(source, counter)
      }
      counter.reset()
      counter.inc(countOf(status, source))
    }
  }
}

function countOf(status: Status, source: CounterSource): number {
  const [group, ...name] = source.split('.')
  const counts = { ...(group === 'counters' ? status.counters : status.transport) }
  return (counts as Record<string, number>)[name.join('.')] ?? 0
}

export function sourcesOf(status: Pick<Status, 'counters' | 'transport'>): CounterSource[] {
  return [
    ...Object.keys(status.counters).map((name): CounterSource => `counters.${name}`),
    ...Object.keys(status.transport).map((name): CounterSource => `transport.${name}`),
  ]
}
