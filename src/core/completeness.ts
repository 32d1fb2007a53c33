/**
 * Whether this replica may say "absent".
 *
 * A replica is complete as of the moment at which a complete peer fixed the context of a pull, once its own context
 * covers that context, or at which it and a complete peer found their contexts equal. What covered it last is stored: after
 * a restart, and while cut off, a replica is complete as of then.
 */
import type { ActorId } from './bytes.ts'
import type { Context } from './context.ts'
import * as intervals from './intervals.ts'
import type { Intervals } from './intervals.ts'

export type Completeness =
  { state: 'complete' } | { state: 'complete-as-of'; asOf: number } | { state: 'syncing' }

interface Target {
  asOf: number
  missing: Map<ActorId, Intervals>
}

export class CompletenessWatch {
  /** Wall-clock milliseconds; 0 for never. */
  asOf: number
  /** Alone by configuration: complete as long as there never was a peer. */
  #alone: boolean
  /** Monotonic time of the latest confirmation in this run. */
  #confirmedAt: number | undefined
  #offered: (Target & { peer: string }) | undefined
  #target: Target | undefined

  constructor(asOf: number, alone: boolean) {
    this.asOf = asOf
    this.#alone = alone
  }

  state(mono: number, freshMs: number): Completeness {
    if (this.asOf === 0) return { state: 'syncing' }
    const fresh = this.#confirmedAt !== undefined && mono - this.#confirmedAt <= freshMs
    return this.#alone || fresh
      ? { state: 'complete' }
      : { state: 'complete-as-of', asOf: this.asOf }
  }

  get ever(): boolean {
    return this.asOf > 0
  }

  peerSeen(): void {
    this.#alone = false
  }

  confirm(wall: number, mono: number): void {
    this.asOf = Math.max(this.asOf, wall)
    this.#confirmedAt = mono
  }

  /** A pull from `peer` began: what this replica lacks of the context that it fixed. */
  offer(peer: string, wall: number, missing: Map<ActorId, Intervals>): void {
    this.#offered = { peer, asOf: wall, missing }
  }

  /** The pull ended with a peer that is complete: covering what it offered will make this replica complete. */
  accept(peer: string): void {
    if (this.#offered?.peer !== peer) return
    this.#target = this.#offered
    this.#offered = undefined
  }

  /** True when the context has come to cover the target. */
  check(context: Context, mono: number): boolean {
    const target = this.#target
    if (target === undefined) return false
    for (const [actor, missing] of target.missing) {
      const left = intervals.subtract(missing, context.get(actor))
      if (left.length > 0) {
        target.missing.set(actor, left)
        return false
      }
      target.missing.delete(actor)
    }
    this.#target = undefined
    this.confirm(target.asOf, mono)
    return true
  }
}
