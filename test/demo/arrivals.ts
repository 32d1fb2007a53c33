/** When keys arrive on a daemon, as a program sees it that watches there. */
import type { TestDaemon } from '../support/daemons.ts'
import { within } from '../support/daemons.ts'

export interface Arrivals {
  daemon: TestDaemon
  /** The keys that have come so far. */
  keys: ReadonlySet<string>
  /** When the last one came, by the monotonic clock. */
  last: Promise<number>
}

/** Watches from the moment this resolves until `count` keys have changed. */
export async function watchArrivals(daemon: TestDaemon, count: number): Promise<Arrivals> {
  const events = await daemon.client.watch(new Uint8Array(0))
  const keys = new Set<string>()
  const all = async (): Promise<number> => {
    for await (const { key } of events) {
      keys.add(Buffer.from(key).toString())
      if (keys.size >= count) break
    }
    return performance.now()
  }
  const last = within(`${count} keys to arrive on ${daemon.name}`, all())
  // Whoever asks hears of it; nobody may, when the demo is ended.
  last.catch(() => undefined)
  return { daemon, keys, last }
}
