/**
 * The guard against a peer that lost records and does not know it (R13).
 *
 * A peer that has a dot in its context and no item for it says "removed", and a single damaged replica that says so of
 * everything would empty the fleet. So keys that would lose items by removals that nothing but a context shows are counted,
 * over a sliding hour and all peers. Not counted are removals which a peer's removal log proves, and a value beside which the
 * peer shows a later one: whoever was away finds very many of those, and so does who hears of one value of a key in two. And each
 * mutation of which a pull told nothing but that it was may have removed something, by itself or by what it replaced: as many more
 * keys may go as a replica that was complete has missed such in the hour. Of a peer that lost records there are none. Past the
 * limit the items are *held*: they stay until
 * - two peers vouch for their removal, or
 * - an operator approves, or
 * - they have been held for `removalHold`: then they go, with an alarm. Held for ever they would keep replicas from agreeing.
 *
 * A peer vouches for what it knows by itself: it held the item and saw the mutation that removed it, or had proof of it, or
 * had two such peers. A peer that lacked an item, or let it go within the limit, has only heard from another that it is
 * removed: that other may be the damaged one, so it says "by hearsay" (`hearsay.ts`), and bears no witness. By induction
 * over the time at which each replica came to vouch for a dot, one that does so is the damaged replica itself, or knows of a
 * mutation that removed it, or had two vouchers, of whom at most one is damaged. So with one damaged replica no two peers
 * vouch for a removal that never was. An honest one has its writer and everybody whom its delta reached as vouchers, also
 * after restarts, for hearsay is stored; where only one is left, the removal waits for an operator or its time.
 *
 * What is held is not applied and not forgotten by the peer: it differs, so that it comes again with the next comparison,
 * and the guard decides anew. Where very many keys differ a comparison names only some of them, and another peer's would name
 * others: so every other peer is asked of what is held by name, once. To refuse, an operator has the items written anew, under
 * dots that nobody has removed.
 */
import type { Item } from './item.ts'
import type { Replica } from './replica.ts'

const MINUTE_MS = 60_000
const WINDOW_MINUTES = 60
/** Part of all keys, beside the configured number, that may be emptied in an hour. */
const KEYS_PART = 0.01
/** Items remembered as held, some 200 bytes each; what is beyond stays as well, and is decided when there is room. */
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
  /** The peer that said first that they are removed. */
  peer: string
  /** Monotonic milliseconds. */
  since: number
  items: readonly Item[]
}

/** A peer says that these items of one key are removed, and shows no proof. */
export interface Claim {
  peer: string
  items: readonly Item[]
  /** Whether the peer knows that by itself. */
  vouched(item: Item): boolean
}

interface HeldItem {
  /** Ascending, in the order in which items came to be held. */
  number: number
  /** As in `HeldKey`. */
  peer: string
  since: number
  /** The first peer that vouched for it. */
  voucher: string | undefined
}

/** `confirmed`: two peers or an operator say so. `fits`: it is one of those that may go on anyone's word. */
export type Verdict = 'confirmed' | 'fits' | 'overdue' | 'hold'

export class RemovalGuard {
  readonly #replica: Replica
  readonly #settings: RemovalGuardSettings
  readonly #held = new Map<Item, HeldItem>()
  /** The same items by key, the key that came to be held first in front. */
  readonly #byKey = new Map<string, Item[]>()
  /** Keys emptied, by minute; index is the minute modulo the window. */
  readonly #emptied = new Uint32Array(WINDOW_MINUTES)
  /** The same of mutations whose effect nobody told. */
  readonly #untold = new Uint32Array(WINDOW_MINUTES)
  #minute = 0
  #numbers = 0
  /** The greatest number of which a peer was asked by name. */
  readonly #askedUpTo = new Map<string, number>()
  #approvedUntil = -Infinity

  constructor(replica: Replica, settings: RemovalGuardSettings) {
    this.#replica = replica
    this.#settings = settings
  }

  /** Keys of which something is held back, the longest held first, at most so many. */
  held(most = Infinity): HeldKey[] {
    const keys: HeldKey[] = []
    for (const [key, items] of this.#byKey) {
      if (keys.length >= most) break
      const { peer, since } = this.#held.get(items[0]!)!
      keys.push({ key, peer, since, items })
    }
    return keys
  }

  /** Keys of which something is held back. */
  get keys(): number {
    return this.#byKey.size
  }

  /** Held items. */
  get size(): number {
    return this.#held.size
  }

  /** These went, for whatever reason. */
  removed(items: Iterable<Item>): void {
    if (this.#held.size === 0) return
    for (const item of items) this.#drop(item)
  }

  #hold(item: Item, state: HeldItem): void {
    this.#held.set(item, state)
    this.#byKey.set(item.key, [...(this.#byKey.get(item.key) ?? []), item])
  }

  #drop(item: Item): void {
    if (!this.#held.delete(item)) return
    const rest = this.#byKey.get(item.key)!.filter((other) => other !== item)
    if (rest.length === 0) this.#byKey.delete(item.key)
    else this.#byKey.set(item.key, rest)
  }

  /** So many mutations were told without what they did. */
  untold(mutations: number, mono: number): void {
    this.#untold[this.#slot(mono)]! += mutations
  }

  /** Keys of which something is held that this peer did not vouch for, and was not asked about; now it is. */
  toAsk(peer: string): Set<string> {
    const keys = new Set<string>()
    if (this.#held.size === 0) {
      this.#askedUpTo.clear()
      return keys
    }
    const askedUpTo = this.#askedUpTo.get(peer) ?? 0
    if (askedUpTo === this.#numbers) return keys
    for (const [{ key }, { number, voucher }] of this.#held) {
      if (number > askedUpTo && voucher !== peer) keys.add(key)
    }
    this.#askedUpTo.set(peer, this.#numbers)
    return keys
  }

  judge(claim: Claim, mono: number): Verdict {
    const { items } = claim
    const verdicts = items.map((item) => this.#judgeOne(claim, item, mono))
    const isHeld = verdicts.includes('hold')
    if (isHeld && mono >= this.#approvedUntil && !this.#fits(mono)) return 'hold'
    for (const item of items) this.#drop(item)
    if (mono < this.#approvedUntil) return 'confirmed'
    if (isHeld) return 'fits'
    return verdicts.includes('overdue') ? 'overdue' : 'confirmed'
  }

  #judgeOne(claim: Claim, item: Item, mono: number): Verdict {
    const { peer } = claim
    const held = this.#held.get(item)
    const voucher = claim.vouched(item) ? peer : undefined
    if (held === undefined) {
      if (this.#held.size < HELD_MAX) {
        this.#hold(item, { number: ++this.#numbers, peer, since: mono, voucher })
      }
      return 'hold'
    }
    if (held.voucher !== undefined && voucher !== undefined && held.voucher !== voucher) {
      return 'confirmed'
    }
    held.voucher ??= voucher
    return mono - held.since >= this.#settings.removalHold ? 'overdue' : 'hold'
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
    this.#byKey.clear()
    return held
  }

  /** Counts one more key if it fits the limit. */
  #fits(mono: number): boolean {
    const slot = this.#slot(mono)
    const emptied = sum(this.#emptied)
    const part = Math.floor((this.#replica.keys + emptied) * KEYS_PART)
    const most = Math.max(this.#settings.removalsMax, part) + sum(this.#untold)
    if (emptied >= most) return false
    this.#emptied[slot]!++
    return true
  }

  /** The place of this minute; those of minutes that have passed out of the window begin at zero again. */
  #slot(mono: number): number {
    const minute = Math.floor(mono / MINUTE_MS)
    const passed = Math.min(minute - this.#minute, WINDOW_MINUTES)
    for (let i = 1; i <= passed; i++) {
      const slot = (this.#minute + i) % WINDOW_MINUTES
      this.#emptied[slot] = 0
      this.#untold[slot] = 0
    }
    this.#minute = minute
    return minute % WINDOW_MINUTES
  }
}

function sum(counts: Uint32Array): number {
  return counts.reduce((all, count) => all + count, 0)
}
