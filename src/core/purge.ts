/**
 * Expiry. An item is hidden the moment it expires, and purged only at its expiry + the allowed skew of clocks + a grace,
 * and not while the clock is in doubt (R12). A purge takes no dot: every replica comes to it by the same rule, and
 * digests leave expired items out, so that replicas which purge at different moments do not differ.
 */
import { invariant } from './invariant.ts'
import { boundAt, boundOf, compareBounds } from './replica.ts'
import type { Bound, Replica } from './replica.ts'
import type { Item } from './item.ts'
import type { CoreSettings, Now } from './settings.ts'
import type { Work } from './work.ts'

/** Items purged in one pass: some milliseconds, in which nobody else is served. */
const PURGED_MAX = 250
/**
 * From the end of a pass that left something to the next, milliseconds. Together more than 20,000 items a second, as many as can be
 * written in one: else items that expire pile up.
 */
const PAUSE_MS = 5
/** Expiries told to watchers in one step. */
const TOLD_MAX = 10_000

interface PurgeHost {
  mono(): number
  submit(work: Work): void
  changed(keys: Set<string>): void
}

export class Purge {
  readonly #replica: Replica
  readonly #settings: CoreSettings['expiry']
  /** Watchers have been told of the expiry of every item before this place. */
  #toldBefore: Bound
  #nextPurgeAt: number

  constructor(replica: Replica, settings: CoreSettings['expiry'], now: Now) {
    this.#replica = replica
    this.#settings = settings
    this.#toldBefore = afterExpiry(now.wall)
    this.#nextPurgeAt = now.mono + settings.purgeInterval
  }

  /** Monotonic time at which the next item expires or the next purge is due. */
  deadline(now: Now): number {
    const [next] = this.#replica.fromBound(this.#toldBefore)
    const expiresIn = next === undefined ? Infinity : Math.max(next.expiry - now.wall, 0)
    return Math.min(now.mono + expiresIn, this.#nextPurgeAt)
  }

  run(now: Now, clockInDoubt: boolean, host: PurgeHost): void {
    const expired = this.#expiredSince(now)
    if (expired.size > 0) host.changed(expired)
    if (now.mono < this.#nextPurgeAt) return
    this.#nextPurgeAt = now.mono + this.#settings.purgeInterval
    if (clockInDoubt) return
    const due = this.#dueBefore(now.wall - this.#settings.skew - this.#settings.grace)
    if (due.length === 0) return
    host.submit({
      bytes: 0,
      durable: false,
      run: (change) => {
        for (const item of due) {
          const ripe = item.expiry + this.#settings.skew + this.#settings.grace < now.wall
          invariant(ripe, 'R12', 'an item is purged before its time')
          if (change.held(item.actor, item.counter) === item) change.drop(item)
        }
      },
      done: (committed) => {
        if (committed && due.length === PURGED_MAX) this.#nextPurgeAt = host.mono() + PAUSE_MS
      },
    })
  }

  /** Keys with an item that expired since they were last told, a bounded number at a time. */
  #expiredSince(now: Now): Set<string> {
    const keys = new Set<string>()
    for (const item of this.#replica.fromBound(this.#toldBefore)) {
      if (item.expiry > now.wall) break
      // Not the next millisecond but the next item: any number of them may expire at one moment.
      this.#toldBefore = { ...boundOf(item), counter: item.counter + 1 }
      keys.add(item.key)
      if (keys.size >= TOLD_MAX) return keys
    }
    const told = afterExpiry(now.wall)
    if (compareBounds(told, this.#toldBefore) > 0) this.#toldBefore = told
    return keys
  }

  #dueBefore(wall: number): Item[] {
    const due: Item[] = []
    for (const item of this.#replica.fromBound(boundAt(1, 0))) {
      if (item.expiry >= wall || due.length >= PURGED_MAX) break
      due.push(item)
    }
    return due
  }
}

/** The place after everything that has expired at `wall`. */
function afterExpiry(wall: number): Bound {
  return boundAt(1, Math.floor(wall) + 1)
}
