/** What a daemon observes of itself beside the map: stalls, lasting differences, memory, the disk. */
import { statfs } from 'node:fs/promises'
import { getHeapStatistics } from 'node:v8'
import type { PeerStatus, Status } from '../daemon-api.ts'
import type { Log } from '../net/log.ts'
import { LoopWatch } from './loop-watch.ts'
import { PEER_WATCH_INTERVAL_MS, PeerWatch } from './peer-watch.ts'

/** A disk answers within milliseconds, and a bad one within a second; beyond this it does not work. */
const COMMIT_PATIENCE_MS = 10_000

export interface HealthSources {
  log: Log
  peers(): PeerStatus[]
  /** Mutations seen. */
  dots(): number
}

export class Health {
  readonly #sources: HealthSources
  readonly #loop: LoopWatch
  readonly #peers = new PeerWatch()
  readonly #timer: NodeJS.Timeout

  constructor(sources: HealthSources) {
    this.#sources = sources
    this.#loop = new LoopWatch(sources.log)
    this.#timer = setInterval(() => this.#look(sources.peers()), PEER_WATCH_INTERVAL_MS)
  }

  stop(): void {
    this.#loop.stop()
    clearInterval(this.#timer)
  }

  /** The same peers, with for how long things have been so. */
  withTimes(peers: PeerStatus[]): PeerStatus[] {
    this.#look(peers)
    const mono = performance.now()
    return peers.map((peer) => ({ ...peer, ...this.#peers.times(peer, mono) }))
  }

  view(): Pick<Status, 'quietMs' | 'memory' | 'eventLoop'> {
    const { count, totalMs, last } = this.#loop.stalls()
    const { used_heap_size: heapUsedBytes, heap_size_limit: heapLimitBytes } = getHeapStatistics()
    return {
      quietMs: this.#peers.quietMs(performance.now()),
      memory: { rssBytes: process.memoryUsage.rss(), heapUsedBytes, heapLimitBytes },
      eventLoop: {
        stalls: count,
        stalledMs: totalMs,
        ...(last === undefined ? {} : { last }),
      },
    }
  }

  /** As counters, for metrics. */
  counters(): Record<string, number> {
    const { count, totalMs } = this.#loop.stalls()
    return { eventLoopStalls: count, eventLoopStalledSeconds: totalMs / 1_000 }
  }

  #look(peers: PeerStatus[]): void {
    this.#peers.look(peers, this.#sources.dots(), performance.now())
  }
}

/** Bytes that an unprivileged process may still use beside `dir`. */
export async function freeBytes(dir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dir)
  return bavail * bsize
}

/** What keeps the store from its work, in words. */
export function storeAilment(store: { failing?: string; commitMs?: number }): string | undefined {
  if (store.failing !== undefined) return `the store has failed: ${store.failing}`
  const { commitMs = 0 } = store
  if (commitMs < COMMIT_PATIENCE_MS) return undefined
  return `the disk has not answered a commit for ${Math.round(commitMs / 1_000)} seconds`
}
