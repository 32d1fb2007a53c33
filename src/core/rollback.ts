/**
 * A store that is older than what this daemon has acknowledged: its disk was rolled back, or a backup or a copy was put in its
 * place. It is whole, so nothing inside it tells. But no mutation leaves before it is durable here (R6): when a peer has one of
 * an earlier run of this peer that is missing here, the store had it once. Peers bring back what they have; what had
 * reached none of them is lost, and that is what people must be told.
 */
import type { ActorId } from './bytes.ts'
import { toBinary } from './bytes.ts'
import * as intervals from './intervals.ts'
import type { ContextPart } from './replica.ts'

export interface RolledBack {
  /** Wall clock, milliseconds. */
  at: number
  /** Own mutations that were missing when it was noticed. */
  dots: number
}

export class RollbackWatch {
  readonly #ownHalf: string
  #found: RolledBack | undefined

  constructor(peerHash: Uint8Array) {
    this.#ownHalf = toBinary(peerHash)
  }

  get found(): RolledBack | undefined {
    return this.#found
  }

  /** Looks at what a peer has and this replica lacks. True the first time that it tells of a roll back. */
  notices(lacked: ContextPart, writing: ActorId | undefined, wall: number): boolean {
    if (this.#found !== undefined) return false
    let dots = 0
    for (const [actor, seen] of lacked) {
      if (actor.endsWith(this.#ownHalf) && actor !== writing) dots += intervals.count(seen)
    }
    if (dots > 0) this.#found = { at: wall, dots }
    return dots > 0
  }
}
