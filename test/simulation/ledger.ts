/** The ledger of a search: it counts for the compiled core and simulator, which decide what a seed does. */
import * as support from '../support/stretch-ledger.ts'
import { StretchLedger } from '../support/stretch-ledger.ts'
import { add, emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'

/** Tests, and tools around the simulator, do not count. */
const SIMULATOR_FILES =
  /^(?:sim-|fleet|facts|batch-account|check-failure|draw|event-|faulty-|quick-|run|scenario|seeded)/

/** `root` is the directory of the build. */
export function codeHash(root: string): string {
  return support.codeHash(root, {
    'src/core': /./,
    'test/support': SIMULATOR_FILES,
    'test/simulation': SIMULATOR_FILES,
  })
}

export class Ledger extends StretchLedger<Tally> {
  constructor(file: string | undefined, code: string) {
    super(file, code, emptyTally(), add)
  }
}
