/** Removals that are held back, as operators see and decide them (R13). */
import { fromBinary } from '../core/bytes.ts'
import type { Engine } from '../core/engine.ts'
import type { Doubts } from '../daemon-api.ts'
import type { HeldRemovals } from '../daemon-api.ts'

/** Keys that one answer names. */
const KEYS_NAMED_MAX = 1000

export function doubtsView(engine: Engine): Doubts {
  const { removals, actors } = engine.doubts()
  return { removalsHeld: removals, actorsDoubted: actors }
}

/** `mono` and `wall` are one moment, milliseconds. */
export function removalsView(engine: Engine, now: { mono: number; wall: number }): HeldRemovals {
  return {
    held: engine.doubts().removals,
    keys: engine.removalsHeld(KEYS_NAMED_MAX).map(({ key, peer, since, items }) => ({
      key: fromBinary(key),
      peer,
      since: Math.round(now.wall - (now.mono - since)),
      siblings: items.length,
    })),
  }
}
