/**
 * Whether this daemon's wall clock may be believed enough to purge expired items (R12).
 *
 * Hiding an expired item is harmless: a wrong clock hides it here only, until the clock is right. Purging is not: what is
 * purged here is dead for every peer that asks. So purging waits while the clock is in doubt, and doubt is the state in
 * which a clock begins.
 *
 * Doubt begins: at start; when the wall clock moves against the monotonic one by more than the allowed skew; when it
 * stands before the time of the latest commit in the store.
 *
 * Doubt ends, and the rule is the same in a fleet of any size:
 * - with peers: at least one linked peer has told its clock since the doubt began, and of all that did, and this daemon,
 *   more than half agree within the allowed skew. In a fleet of two that disagree neither side purges until they agree.
 * - alone (no peer linked, none configured): the clock has run steadily for `STEADY_MS`.
 * - cut off from configured peers: it does not end. Expired items stay hidden, and wait.
 *
 * What ended it lasts: peers that agreed and then left are no reason to doubt anew.
 */
import type { Now } from './settings.ts'

/** Longer than a time daemon takes to notice and step a clock that was wrong at boot. */
const STEADY_MS = 10 * 60_000

export interface ClockState {
  doubt: boolean
  reason?: string
}

export class ClockWatch {
  readonly #skew: number
  readonly #hasPeersConfigured: boolean
  readonly #offsets = new Map<string, number>()
  /** Wall minus monotonic time at the start, or when it last moved by more than is allowed. */
  #base: number
  /** Peers agreed when they last told, and nothing has spoken against the clock since. */
  #agreed = false
  #doubtSince: number
  #cause: string

  constructor(skew: number, hasPeersConfigured: boolean, now: Now, committedAt: number) {
    this.#skew = skew
    this.#hasPeersConfigured = hasPeersConfigured
    this.#base = now.wall - now.mono
    this.#doubtSince = now.mono
    this.#cause =
      now.wall + skew < committedAt
        ? 'the clock stands before the latest commit in the store'
        : 'the clock has not been compared since the start'
  }

  /** Called with every event: a jump, or a clock that runs too fast, shows as wall and monotonic time moving apart. */
  observe(now: Now): void {
    const drift = now.wall - now.mono - this.#base
    if (Math.abs(drift) <= this.#skew) return
    this.#base += drift
    this.#doubtSince = now.mono
    this.#cause = `the clock moved by ${Math.round(drift / 1000)} s against elapsed time`
    this.#agreed = false
    this.#offsets.clear()
  }

  /** A peer's clock minus ours, milliseconds, as its digest told. */
  peerClock(peer: string, offset: number): void {
    this.#offsets.set(peer, offset)
    const heard = this.#offsets.size
    let others = 0
    for (const each of this.#offsets.values()) if (Math.abs(each) > this.#skew) others++
    const agreeing = heard - others
    this.#agreed = agreeing > 0 && (agreeing + 1) * 2 > heard + 1
    if (!this.#agreed) this.#cause = `${others} of ${heard} peers have another time`
  }

  peerGone(peer: string): void {
    this.#offsets.delete(peer)
  }

  state(now: Now): ClockState {
    if (this.#agreed) return { doubt: false }
    const isAlone = this.#offsets.size === 0 && !this.#hasPeersConfigured
    if (isAlone && now.mono - this.#doubtSince >= STEADY_MS) return { doubt: false }
    return { doubt: true, reason: this.#cause }
  }
}
