/** A memory network for the contract suite, on a virtual clock. */
import assert from 'node:assert/strict'
import { createMemoryNetwork } from '../../src/net/memory-transport.ts'
import type { MemoryNetwork } from '../../src/net/memory-transport.ts'
import { startNoting } from './transport.ts'
import type { TestPeer, World } from './transport.ts'

/** Virtual time that no condition may take, milliseconds. */
const PATIENCE_MS = 300_000

/** Runs tasks in the order of their time, then of their making. */
export class VirtualClock {
  now = 0
  #tasks: { at: number; order: number; task: () => void }[] = []
  #order = 0

  schedule = (delayMs: number, task: () => void): void => {
    assert.ok(delayMs >= 0)
    const entry = { at: this.now + delayMs, order: this.#order++, task }
    let low = 0
    let high = this.#tasks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#tasks[middle]
      if (other !== undefined && other.at <= entry.at) low = middle + 1
      else high = middle
    }
    this.#tasks.splice(low, 0, entry)
  }

  /** Runs the next task that is due by the given time; false if there is none. */
  step(until: number): boolean {
    const next = this.#tasks[0]
    if (next === undefined || next.at > until) return false
    this.#tasks.shift()
    this.now = next.at
    next.task()
    return true
  }

  async advance(ms: number): Promise<void> {
    const until = this.now + ms
    while (this.step(until)) await Promise.resolve()
    this.now = until
  }
}

/** Small and good enough: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

export interface MemoryWorld extends World {
  network: MemoryNetwork
  clock: VirtualClock
  advance: (ms: number) => Promise<void>
}

export function memoryWorld(seed = 1): Promise<MemoryWorld> {
  const clock = new VirtualClock()
  const network = createMemoryNetwork({
    schedule: clock.schedule,
    now: () => clock.now,
    random: seededRandom(seed),
  })
  const peers: TestPeer[] = []
  const world: MemoryWorld = {
    network,
    clock,
    peer: async (name, options = {}) => {
      const peer = await startNoting(network.transport(name, options))
      peers.push(peer)
      return peer
    },
    until: async (what, condition) => {
      const limit = clock.now + PATIENCE_MS
      while (!condition()) {
        const ran = clock.step(limit)
        // Without a task left, only what was promised already can still happen.
        await (ran ? Promise.resolve() : new Promise(setImmediate))
        assert.ok(ran || condition(), `waited in vain for ${what}`)
      }
    },
    settled: async (promise) => {
      let done = false
      const watched = promise.finally(() => {
        done = true
      })
      watched.catch(() => {})
      await world.until('a promise', () => done)
      return watched
    },
    deadAddress: () => Promise.resolve('/memory/nobody'),
    advance: (ms) => clock.advance(ms),
    end: async () => {
      for (const { transport } of peers) await transport.close()
    },
  }
  return Promise.resolve(world)
}
