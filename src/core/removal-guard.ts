/**
 * The guard against a peer that lost records and does not know it (R13).
 *
 * A peer that has a dot in its context and no item for it says "removed", and a single damaged replica that says so of
 * everything would empty the fleet. So keys that would end up empty by removals that nothing but a context proves are
 * counted, over a sliding hour and all peers; removals which a peer's removal log proves are not. Past the limit such
 * keys are *held*: they stay as they are until
 * - another peer says the same of them, or
 * - an operator approves, or
 * - they have been held for `removalHold`: then they go, with an alarm. Held for ever they would keep replicas from agreeing.
 *
 * What is held is not applied and not forgotten by the peer: it differs, so that it comes again with the next comparison,
 * and the guard decides anew. To refuse, an operator has the items written anew, under dots that nobody has removed.
 */
import type { Item } from './item.ts'
import type { Replica } from './replica.ts'

const MINUTE_MS = 60_000
const WINDOW_MINUTES = 60
/** Part of all keys, beside the configured number, that may be emptied in an hour. */
const KEYS_PART = 0.01
/** Keys remembered as held, some 200 bytes each; what is beyond stays as well, and is decided when there is room. */
const HELD_MAX = 65_536
/** For how long an approval holds, so that what comes again in the next comparisons goes too. */
const APPROVAL_MS = 60 * MINUTE_MS

export interface RemovalGuardSettings {
  /** Keys that may be emptied in an hour, where that is more than a hundredth of them. */
  removalsMax: number
  /** Milliseconds. */
  removalHold: number
}

export interface HeldKey {
  key: string
  /** The peer that said first that it is removed. */
  peer: string
  /** Monotonic milliseconds. */
  since: number
  items: readonly Item[]
}

export type Verdict = 'apply' | 'apply-overdue' | 'hold'

export class RemovalGuard {
  readonly #replica: Replica
  readonly #settings: RemovalGuardSettings
  readonly #held = new Map<string, HeldKey>()
  /** Keys emptied, by minute; index is the minute modulo the window. */
  readonly #emptied = new Uint32Array(WINDOW_MINUTES)
  #minute = 0
  #approvedUntil = -Infinity

  constructor(replica: Replica, settings: RemovalGuardSettings) {
    this.#replica = replica
    this.#settings = settings
  }

  /** Keys that are held, the longest held first; a key that has changed since is not. */
  held(): HeldKey[] {
    for (const [key, { items }] of this.#held) {
      if (!this.#isAsItWas(key, items)) this.#held.delete(key)
    }
    return [...this.#held.values()]
  }

  get holds(): boolean {
    return this.#held.size > 0
  }

  /** Whether `peer` is believed that the last items of a key were removed. */
  judge(peer: string, key: string, items: readonly Item[], mono: number): Verdict {
    const before = this.#held.get(key)
    const same = before !== undefined && sameItems(before.items, items)
    const overdue = same && mono - before.since >= this.#settings.removalHold
    const agreed = same && before.peer !== peer
    if (agreed || overdue || mono < this.#approvedUntil || this.#fits(mono)) {
      this.#held.delete(key)
      return overdue && !agreed ? 'apply-overdue' : 'apply'
    }
    if (!same && (before !== undefined || this.#held.size < HELD_MAX)) {
      this.#held.set(key, { key, peer, since: mono, items })
    }
    return 'hold'
  }

  /** What is held may go, and what peers say in the next hour is believed. Gives what was held. */
  approve(mono: number): HeldKey[] {
    this.#approvedUntil = mono + APPROVAL_MS
    return this.#take()
  }

  /** Gives what was held, for its items to be written anew. */
  refuse(): HeldKey[] {
    this.#approvedUntil = -Infinity
    return this.#take()
  }

  #take(): HeldKey[] {
    const held = this.held()
    this.#held.clear()
    return held
  }

  #isAsItWas(key: string, items: readonly Item[]): boolean {
    return sameItems(this.#replica.siblings(key), items)
  }

  /** Counts one more key if it fits the limit. */
  #fits(mono: number): boolean {
    const slot = this.#slot(mono)
    const emptied = this.#emptied.reduce((sum, keys) => sum + keys, 0)
    const part = Math.floor((this.#replica.keys + emptied) * KEYS_PART)
    if (emptied >= Math.max(this.#settings.removalsMax, part)) return false
    this.#emptied[slot]!++
    return true
  }

  /** The place of this minute; those of minutes that have passed out of the window begin at zero again. */
  #slot(mono: number): number {
    const minute = Math.floor(mono / MINUTE_MS)
    const passed = Math.min(minute - this.#minute, WINDOW_MINUTES)
    for (let i = 1; i <= passed; i++) this.#emptied[(this.#minute + i) % WINDOW_MINUTES] = 0
    this.#minute = minute
    return minute % WINDOW_MINUTES
  }
}

function sameItems(a: readonly Item[], b: readonly Item[]): boolean {
  return a.length === b.length && a.every((item) => b.includes(item))
}
