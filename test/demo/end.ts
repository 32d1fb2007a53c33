/** The last act: all stop. */
import { claim, differs } from './claims.ts'
import * as screen from './screen.ts'
import type { Stage } from './stage.ts'

export async function end({ daemons }: Stage): Promise<void> {
  screen.section('7  Stopping')
  const exits = await screen.during('stopping', Promise.all(daemons.map((one) => one.stop())))
  const codes = exits.map(({ code }) => code)
  claim('all three stopped cleanly', differs(codes, [0, 0, 0], 'exit codes'))
}
