/**
 * Expiry. An item is hidden the moment it expires, and purged only at its expiry + the allowed skew of clocks + a grace,
 * and not while the clock is in doubt (R12). A purge takes no dot: every replica comes to it by the same rule, and
 * digests leave expired items out, so that replicas which purge at different moments do not differ.
 */
import { boundAt } from './replica.ts'
import type { Replica } from './replica.ts'
import type { Item } from './item.ts'
import type { CoreSettings, Now } from './settings.ts'
import type { Work } from './work.ts'

/** Items purged in one pass; the rest follow at the next. */
const PURGED_MAX = 10_000
/** Expiries told to watchers in one step. */
const TOLD_MAX = 10_000

interface PurgeHost {
  submit(work: Work): void
  changed(keys: Set<string>): void
}

export class Purge {
  readonly #replica: Replica
  readonly #settings: CoreSettings['expiry']
  /** Wall clock up to which watchers have been told of expiries. */
  #toldUpTo: number
  #nextPurgeAt: number

  constructor(replica: Replica, settings: CoreSettings['expiry'], now: Now) {
    this.#replica = replica
    this.#settings = settings
    this.#toldUpTo = now.wall
    this.#nextPurgeAt = now.mono + settings.purgeInterval
  }

  /** Monotonic time at which the next item expires or the next purge is due. */
  deadline(now: Now): number {
    const next = this.#firstExpiringAfter(this.#toldUpTo)
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
          if (change.held(item.actor, item.counter) === item) change.remove(item)
        }
      },
      done: () => undefined,
    })
  }

  /** Keys with an item that expired since they were last told, a bounded number at a time. */
  #expiredSince(now: Now): Set<string> {
    const keys = new Set<string>()
    for (const item of this.#replica.fromBound(boundAt(1, Math.floor(this.#toldUpTo) + 1))) {
      if (item.expiry > now.wall || keys.size >= TOLD_MAX) {
        this.#toldUpTo = Math.max(this.#toldUpTo, Math.min(item.expiry - 1, now.wall))
        return keys
      }
      keys.add(item.key)
    }
    this.#toldUpTo = Math.max(this.#toldUpTo, now.wall)
    return keys
  }

  #firstExpiringAfter(wall: number): Item | undefined {
    for (const item of this.#replica.fromBound(boundAt(1, Math.floor(wall) + 1))) return item
    return undefined
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
