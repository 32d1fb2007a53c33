/**
 * The bodies of listings, exports and watches, as generators that are pulled only while the reader reads. A reader that
 * stops costs one chunk of text and, at most, one key's values: between two chunks nothing of the map is held, and a
 * listing finds its place again by the last key. So a listing is no snapshot: it shows each key as it is when it gets
 * there.
 */
import { setImmediate } from 'node:timers/promises'
import type { Daemon, EntryView, ScanOptions, WatchEvent } from '../daemon-api.ts'
import { failureLine } from './http-errors.ts'
import { changeJsonPieces } from './json.ts'
import { CHUNK_BYTES, SCAN_KEYS_MAX } from './limits.ts'

export interface Pages extends Omit<ScanOptions, 'limit'> {
  limit?: number
  signal: AbortSignal
  /** One line, without its line feed, in pieces none of which is longer than one value. */
  line: (entry: EntryView) => Iterable<string>
}

/** The next chunk's text and the keys it took, or the one key that is too large for a chunk. */
type Step = { text: string; taken: number; last: Uint8Array } | { large: EntryView }

export async function* scanned(daemon: Daemon, pages: Pages): AsyncGenerator<string> {
  const { prefix, signal } = pages
  let after = pages.after
  let left = pages.limit ?? Number.POSITIVE_INFINITY
  let look = SCAN_KEYS_MAX
  try {
    while (left > 0) {
      signal.throwIfAborted()
      const step = nextStep(daemon, pages, {
        limit: Math.min(look, left),
        ...(prefix === undefined ? {} : { prefix }),
        ...(after === undefined ? {} : { after }),
      })
      if (step === undefined) return
      if ('large' in step) {
        yield* pages.line(step.large)
        yield '\n'
        after = step.large.key
        left -= 1
      } else {
        yield step.text
        after = step.last
        left -= step.taken
      }
      // Keys that make a chunk at a time: looking at more than are taken is work for nothing.
      look = 'large' in step ? 1 : Math.min(SCAN_KEYS_MAX, 2 * step.taken)
      await setImmediate()
    }
  } catch (error) {
    yield failureLine(error)
  }
}

function nextStep(daemon: Daemon, pages: Pages, options: ScanOptions): Step | undefined {
  const entries = daemon.scan(options)
  let text = ''
  let taken = 0
  let last: Uint8Array | undefined
  for (const entry of entries) {
    if (valueBytes(entry) > CHUNK_BYTES) {
      if (last === undefined) return { large: entry }
      break
    }
    for (const piece of pages.line(entry)) text += piece
    text += '\n'
    taken += 1
    last = entry.key
    if (text.length >= CHUNK_BYTES) break
  }
  return last === undefined ? undefined : { text, taken, last }
}

function valueBytes(entry: EntryView): number {
  return entry.siblings.reduce((sum, { value }) => sum + value.length, 0)
}

/** A blank line first, when every later change is sure to be told, and then after each silence. */
export async function* watched(
  daemon: Daemon,
  options: { prefix: Uint8Array; signal: AbortSignal; heartbeatMs: number },
): AsyncGenerator<string> {
  const { signal, heartbeatMs } = options
  const events = daemon.watch(options.prefix, signal)[Symbol.asyncIterator]()
  try {
    let next = new Awaited(events.next())
    yield '\n'
    for (;;) {
      const result = await next.within(heartbeatMs)
      if (result === undefined) {
        yield '\n'
        continue
      }
      if (result.done === true) break
      yield* changeJsonPieces(result.value)
      yield '\n'
      next = new Awaited(events.next())
    }
    signal.throwIfAborted()
  } catch (error) {
    yield failureLine(error)
  } finally {
    await events.return?.()
  }
}

/** A promise that can be waited for again and again without a growing list of those who wait. */
class Awaited {
  #settled: (() => IteratorResult<WatchEvent>) | undefined
  #wake: () => void = () => {}

  constructor(promise: Promise<IteratorResult<WatchEvent>>) {
    promise.then(
      (result) => this.#settle(() => result),
      (error: unknown) =>
        this.#settle(() => {
          throw error
        }),
    )
  }

  /** Undefined when it has not settled in time. */
  async within(ms: number): Promise<IteratorResult<WatchEvent> | undefined> {
    if (this.#settled === undefined) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#settled?.()
  }

  #settle(settled: () => IteratorResult<WatchEvent>): void {
    this.#settled = settled
    this.#wake()
  }
}
