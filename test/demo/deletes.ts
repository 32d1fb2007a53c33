/** Act 6: keys are deleted while a daemon that has them is down. */
import { count } from '../../src/cli/words.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { contents } from '../support/daemons.ts'
import { claim, differs } from './claims.ts'
import { del, mediaTypes } from './data.ts'
import { claimRepaired } from './receipts.ts'
import * as screen from './screen.ts'
import { TWO_PERIODS, twoPeriods } from './stage.ts'
import type { Stage } from './stage.ts'
import { writeAll } from './write.ts'

const PREFIX = 'audio/'

export async function deleteWhileAway(stage: Stage): Promise<void> {
  const [a, b, c] = stage.daemons as [TestDaemon, TestDaemon, TestDaemon]
  const keys = mediaTypes().flatMap(([key]) => (key.startsWith(PREFIX) ? [key] : []))
  screen.section(`6  Deleting ${count(keys.length, 'key')} while b is down`)
  const had = await present(b)
  const { code } = await screen.during('stopping b', b.stop())
  claim(
    `b stopped cleanly, with ${count(had, 'key')} under ${PREFIX} on its disk`,
    differs([code, had], [0, keys.length], 'exit code and keys'),
  )
  const deleted = await screen.during('deleting on a', writeAll(a, keys.map(del)))
  for (const key of keys) stage.expect(key)
  claim('a deleted them', differs(deleted, keys.length, 'acknowledged'))
  await screen.during('restarting b', b.start())
  const took = await stage.agreed('waiting for agreement')
  claim(
    `b returned, and ${took} later they are gone from all three`,
    (await wrongCount([a, b, c])) ?? (await stage.wrongContents()),
  )
  await claimRepaired(b, 'repairItemsRemoved', keys.length)
  await twoPeriods('watching that they stay deleted')
  claim(`they are still gone after ${TWO_PERIODS}`, await wrongCount([a, b, c]))
}

async function present({ client }: TestDaemon): Promise<number> {
  return [...(await contents(client)).keys()].filter((key) => key.startsWith(PREFIX)).length
}

async function wrongCount(daemons: readonly TestDaemon[]): Promise<string | undefined> {
  for (const daemon of daemons) {
    const wrong = differs(await present(daemon), 0, `keys under ${PREFIX} on ${daemon.name}`)
    if (wrong !== undefined) return wrong
  }
  return undefined
}
