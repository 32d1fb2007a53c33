/**
 * Reads the store of a running daemon from end to end and checks every record's checksum, every item's hash, and their
 * sums and count (R8): at once for `hearsay verify`, and slowly in the background, the scrub.
 *
 * Disks forget, and a record that nobody reads is missed only at the next start, when memory is gone. While the daemon
 * runs, memory has everything, so a store that is found to be damaged is written anew from it and nothing is lost. What a
 * running store does not read again is told in `store/level-store.ts`.
 *
 * One pass holds a snapshot of the store: until it ends, the disk keeps what was overwritten meanwhile, at most the size
 * that the store had at its beginning.
 */
import { setImmediate, setTimeout as wait } from 'node:timers/promises'
import { Loader } from '../core/records.ts'
import type { Hash } from '../core/item.ts'
import type { StoreCheck } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import type { Log } from '../net/log.ts'
import type { Store } from '../store/store.ts'
import { REWRITTEN } from './core-driver.ts'

/** Checked in one go: about a millisecond of small records. */
const STEP_RECORDS = 128
/** The scrub reads at this rate, bytes per second: a hundredth of what a disk gives. */
const SCRUB_RATE_MIN = 4 * 1024 * 1024
/** A store that is too large for that rate is read within this part of the interval. */
const SCRUB_PART = 0.5
/** A pass that failed begins anew so often before it gives up. */
const ATTEMPTS_MAX = 3
/** And so much later. */
const RETRY_MS = 500
/** A damaged store that could not be written anew is looked at again after this, milliseconds, unless the interval is shorter. */
const FAILED_RETRY_MS = 10 * 60_000
/** Node's timers take at most 31 bits of milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1

export interface StoreCheckHost {
  /** The one in use: another one after each reopening. */
  store(): Store
  hash: Hash
  /** Writes the store anew from memory; false when `damaged` is not in use any more. */
  rewrite(damaged: Store): Promise<boolean>
  log: Log
  /** From pass to pass, milliseconds; 0 for none. */
  intervalMs: number
  /** Uniform in [0, 1). */
  random(): number
}

export class StoreChecker {
  readonly #host: StoreCheckHost
  readonly #stop = new AbortController()
  readonly #counts = { storeChecks: 0, storeChecksDamaged: 0, storeRewrites: 0 }
  #verifying: Promise<StoreCheck> | undefined
  #scrubbing: Promise<void> | undefined
  #latest: StoreCheck | undefined

  constructor(host: StoreCheckHost) {
    this.#host = host
    if (host.intervalMs > 0) this.#scrubbing = this.#scrub()
  }

  get latest(): StoreCheck | undefined {
    return this.#latest
  }

  counters(): Record<string, number> {
    return { ...this.#counts }
  }

  /** Checks now, as fast as the disk reads; who asks meanwhile gets the same answer. */
  verify(): Promise<StoreCheck> {
    this.#verifying ??= this.#check(() => undefined).finally(() => (this.#verifying = undefined))
    return this.#verifying
  }

  /** Ends what is under way. */
  async stop(): Promise<void> {
    this.#stop.abort(stopping())
    await Promise.allSettled([this.#scrubbing, this.#verifying])
  }

  /** Opening the store has checked all of it; so the first pass comes after most of an interval, at a time of its own. */
  async #scrub(): Promise<void> {
    const { intervalMs, log } = this.#host
    let pause = intervalMs * (0.5 + 0.5 * this.#host.random())
    while (await this.#slept(pause)) {
      pause = intervalMs
      try {
        const sizeBytes = await this.#host.store().sizeBytes()
        const check = await this.#check(pacer(scrubRate(sizeBytes, intervalMs), this.#stop.signal))
        if (check.failure !== undefined) pause = Math.min(intervalMs, FAILED_RETRY_MS)
      } catch (error) {
        if (!this.#stop.signal.aborted) log.error({ err: error }, 'the store could not be checked')
      }
    }
  }

  /** False when the daemon stops instead. */
  async #slept(ms: number): Promise<boolean> {
    const { signal } = this.#stop
    try {
      await wait(Math.min(ms, TIMER_MAX_MS), undefined, { ref: false, signal })
      return true
    } catch {
      return false
    }
  }

  async #check(pace: Pace): Promise<StoreCheck> {
    for (let attempt = 1; ; attempt++) {
      const store = this.#host.store()
      const since = performance.now()
      try {
        const found = await readThrough(store, this.#host.hash, pace, this.#stop.signal)
        const check = await this.#healed(store, found)
        if (check === undefined) continue
        this.#counts.storeChecks++
        this.#latest = { ...check, at: Date.now(), durationMs: performance.now() - since }
        return this.#latest
      } catch (error) {
        this.#stop.signal.throwIfAborted()
        if (attempt === ATTEMPTS_MAX) throw error
        // Closed under the reader after a failed commit, it is open again a moment later.
        await this.#slept(RETRY_MS)
      }
    }
  }

  /** Undefined when another store has taken the place of the one that was read: then that is the one to check. */
  async #healed(
    store: Store,
    found: Found,
  ): Promise<Omit<StoreCheck, 'at' | 'durationMs'> | undefined> {
    if (found.damage.length === 0) return { ...found, rewritten: false }
    this.#counts.storeChecksDamaged++
    const { log } = this.#host
    const fields = { code: 'STORE_DAMAGED', damage: found.damage }
    try {
      if (!(await this.#host.rewrite(store))) return undefined
      this.#counts.storeRewrites++
      log.error(fields, REWRITTEN)
      return { ...found, rewritten: true }
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error)
      log.error(
        { ...fields, err: error },
        'the store is damaged and could not be written anew: it goes on as it is, and what is damaged is lost here at the next start',
      )
      return { ...found, rewritten: false, failure }
    }
  }
}

type Found = Pick<StoreCheck, 'records' | 'bytes' | 'damage'>
/** Called with the bytes read so far; the reading goes on when it resolves. */
type Pace = (bytes: number) => Promise<unknown> | undefined

async function readThrough(
  store: Store,
  hash: Hash,
  pace: Pace,
  signal: AbortSignal,
): Promise<Found> {
  const loader = new Loader(hash, false)
  let read = 0
  let unreadable = false
  const damaged = (what: string): void => {
    unreadable = true
    loader.damaged(what)
  }
  for await (const chunk of store.inspect(damaged)) {
    signal.throwIfAborted()
    await pace((read += chunk))
  }
  if (unreadable) return { records: 0, bytes: 0, damage: [...loader.check()] }
  let bytes = 0
  for await (const slice of store.load((what) => loader.damaged(what))) {
    for (let at = 0; at < slice.length; at += STEP_RECORDS) {
      loader.add(slice.slice(at, at + STEP_RECORDS))
      await setImmediate()
    }
    for (const { key, value } of slice) bytes += key.length + value.length
    signal.throwIfAborted()
    await pace(read + bytes)
  }
  // A daemon begins with records of its own, so there is no store in use without any.
  if (loader.records === 0) loader.damaged('it is empty')
  return { records: loader.records, bytes, damage: [...loader.check()] }
}

/** Bytes per second. */
function scrubRate(sizeBytes: number, intervalMs: number): number {
  return Math.max(SCRUB_RATE_MIN, (1000 * sizeBytes) / (SCRUB_PART * intervalMs))
}

function pacer(bytesPerSecond: number, signal: AbortSignal): Pace {
  const since = performance.now()
  return (bytes) => {
    const ahead = (1000 * bytes) / bytesPerSecond - (performance.now() - since)
    return ahead < 1 ? undefined : wait(ahead, undefined, { ref: false, signal })
  }
}

function stopping(): HearsayError {
  return new HearsayError('STOPPING', 'the daemon is stopping')
}
