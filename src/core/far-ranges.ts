/**
 * Doubt of dots that nobody was heard of (R15).
 *
 * A range of dead dots comes without contents. If one flipped bit made a peer claim dots far beyond what their actor has
 * written, whoever believed it would take the actor's coming writes for removed. So a range that reaches *far* beyond every
 * head heard of its actor is left out, until another peer claims as much or some time has passed; then it is believed, with
 * an alarm. Left out whole: where the claim is false, the actor goes on to write into it, and what it wrote in the meantime
 * is not dead. What comes with its contents is never delayed: an item is proof of its dot. A second peer has it from the first
 * no earlier than it believed the first, which takes another witness or the same time and alarm.
 */
import type { ActorId } from './bytes.ts'
import type { Context } from './context.ts'
import type { DotRange } from './wire/dots.ts'

/** An actor that makes this many mutations in a row which leave nothing behind is rare; a flip of a high bit is not. */
export const FAR_DOTS = 2 ** 20
/** Long enough for every peer to be asked. */
export const FAR_HOLD_MS = 10 * 60_000
/** Actors with heads heard and not yet seen; beyond it the oldest are forgotten, and their ranges only wait. */
const HEARD_MAX = 4096
const CLAIMS_MAX = 1024

interface Claim {
  peer: string
  /** Monotonic milliseconds. */
  since: number
  /** The greatest counter claimed. */
  to: number
}

export interface Belief {
  /** What to take of the range; absent when none of it. */
  range: DotRange | undefined
  /** Only time speaks for it. */
  overdue: boolean
}

export class FarRanges {
  readonly #heads = new Map<ActorId, number>()
  readonly #claims = new Map<ActorId, Claim>()

  /** The actor's daemon, or a mutation that came with its contents, told of a counter. */
  heard(actor: ActorId, head: number): void {
    const before = this.#heads.get(actor) ?? 0
    if (before >= head) return
    this.#heads.delete(actor)
    this.#heads.set(actor, head)
    forgetOldest(this.#heads, HEARD_MAX)
  }

  /** Actors of which a peer claims more than is believed. */
  doubted(context: Context): number {
    let actors = 0
    for (const [actor, { to }] of this.#claims) if (!context.covers(actor, to)) actors++
    return actors
  }

  /**
   * How much of a range to believe.
   * @param seen the greatest counter that this replica has of the actor, with what came beside the range
   */
  judge(range: DotRange, seen: number, peer: string, mono: number): Belief {
    const { actor, to } = range
    const known = Math.max(seen, this.#heads.get(actor) ?? 0)
    if (to <= known + FAR_DOTS) return { range, overdue: false }
    const claim = this.#claims.get(actor)
    if (claim === undefined || to > claim.to + FAR_DOTS) {
      this.#claims.set(actor, { peer, since: mono, to })
      forgetOldest(this.#claims, CLAIMS_MAX)
    } else if (claim.peer !== peer) return { range, overdue: false }
    else if (mono - claim.since >= FAR_HOLD_MS) return { range, overdue: true }
    else claim.to = Math.max(claim.to, to)
    return { range: undefined, overdue: false }
  }
}

function forgetOldest<V>(map: Map<ActorId, V>, max: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= max) return
    map.delete(oldest)
  }
}
