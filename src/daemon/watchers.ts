/**
 * Watchers. A watcher holds the keys that changed since its reader last took them, not the changes: what a slow reader
 * costs is bounded by the number of keys, and a key that changed a thousand times is told once, as it is then.
 */
import { fromBinary } from '../core/bytes.ts'
import type { EntryView, WatchEvent } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'

class Watcher {
  readonly prefix: string
  readonly pending = new Set<string>()
  overflown = false
  wake: (() => void) | undefined

  constructor(prefix: string) {
    this.prefix = prefix
  }
}

export class Watchers {
  readonly #keysMax: number
  readonly #watchersMax: number
  readonly #read: (key: string) => EntryView | undefined
  readonly #watchers = new Set<Watcher>()

  constructor(
    limits: { watchKeys: number; watchersMax: number },
    read: (key: string) => EntryView | undefined,
  ) {
    this.#keysMax = limits.watchKeys
    this.#watchersMax = limits.watchersMax
    this.#read = read
  }

  get count(): number {
    return this.#watchers.size
  }

  changed(keys: Iterable<string>): void {
    if (this.#watchers.size === 0) return
    for (const key of keys) {
      for (const watcher of this.#watchers) {
        if (key.startsWith(watcher.prefix)) this.#note(watcher, key)
      }
    }
    for (const watcher of this.#watchers) {
      if (watcher.pending.size > 0 || watcher.overflown) watcher.wake?.()
    }
  }

  /** Listens from the moment of the call, not of the first read. */
  watch(prefix: string, signal: AbortSignal): AsyncIterable<WatchEvent> {
    if (this.#watchers.size >= this.#watchersMax) {
      const message = `there are ${this.#watchersMax} watchers already (limits.watchersMax)`
      throw new HearsayError('OVERLOADED', message)
    }
    const watcher = new Watcher(prefix)
    this.#watchers.add(watcher)
    signal.addEventListener('abort', () => this.#end(watcher), { once: true })
    if (signal.aborted) this.#end(watcher)
    return this.#events(watcher, signal)
  }

  async *#events(watcher: Watcher, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    try {
      while (!signal.aborted) {
        if (watcher.overflown) throw this.#overflow()
        const [key] = watcher.pending
        if (key === undefined) {
          await new Promise<void>((resolve) => (watcher.wake = resolve))
          continue
        }
        watcher.pending.delete(key)
        const entry = this.#read(key)
        yield { key: fromBinary(key), ...(entry === undefined ? {} : { entry }) }
      }
    } finally {
      this.#end(watcher)
    }
  }

  #note(watcher: Watcher, key: string): void {
    if (watcher.overflown) return
    watcher.pending.add(key)
    if (watcher.pending.size <= this.#keysMax) return
    watcher.overflown = true
    watcher.pending.clear()
  }

  #end(watcher: Watcher): void {
    this.#watchers.delete(watcher)
    watcher.wake?.()
  }

  #overflow(): HearsayError {
    return new HearsayError(
      'WATCH_OVERFLOW',
      `more than ${this.#keysMax} keys changed before they were read (limits.watchKeys): list anew and watch again`,
    )
  }
}
