/** A step that waits for its place in a commit. */
import type { Change } from './change.ts'

export interface Work {
  /** What it costs the queue and the batch, bytes. */
  bytes: number
  /** Whether somebody waits for it to be on disk: local writes do, what peers sent does not. */
  durable: boolean
  /** Adds its part to the change. Must not fail: whatever can be wrong was checked before. */
  run(change: Change): void
  /** After the batch is in the store and applied, or after it was given up. */
  done(committed: boolean): void
}

/** A commit that changes nothing of the map: when it is done, all that this replica has now is on disk. */
export function barrier(done: (committed: boolean) => void): Work {
  return { bytes: 0, durable: true, run: (change) => change.touch(), done }
}
