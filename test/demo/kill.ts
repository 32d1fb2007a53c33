/** Act 5: the daemon that takes a load is killed in the middle of it. */
import { count, span } from '../../src/cli/words.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { contents } from '../support/daemons.ts'
import { claim, differs } from './claims.ts'
import { mediaTypes, put } from './data.ts'
import type { Record } from './data.ts'
import { claimRepaired } from './receipts.ts'
import * as screen from './screen.ts'
import type { Stage } from './stage.ts'
import { writeAll } from './write.ts'

/** So few unanswered writes that the kill finds most of the load still to come. */
const UNDER_WAY = 64

export async function killAndRepair(stage: Stage): Promise<void> {
  const [, b, c] = stage.daemons as [TestDaemon, TestDaemon, TestDaemon]
  const records = mediaTypes('copy/')
  screen.section(`5  Killing c in the middle of a load of ${count(records.length, 'key')}`)
  const done = await loadUntilKilled(c, records)
  const rest = records.slice(done)
  const taken = await screen.during('going on at b', writeAll(b, rest.map(put)))
  claim(
    `b took the other ${count(rest.length, 'write')} at once, while c was dead`,
    differs(taken, rest.length, 'acknowledged by b'),
  )
  const start = performance.now()
  await screen.during('restarting c', c.start())
  screen.note(
    `c runs again, process ${c.pid}, ${span(performance.now() - start)} after it was started`,
  )
  const took = await stage.agreed('waiting for agreement')
  for (const [key, value] of records) stage.expect(key, value)
  claim(`all three agree ${took} later`, await stage.wrongContents())
  claim(
    `every one of the ${count(done, 'write')} that c acknowledged before it was killed is on all three`,
    await missing(stage, records.slice(0, done)),
  )
  await claimRepaired(c, 'repairItemsReceived', rest.length)
}

/** Resolves with the number of writes that were acknowledged. */
async function loadUntilKilled(c: TestDaemon, records: readonly Record[]): Promise<number> {
  const enough = Math.floor(records.length / 3)
  let done = 0
  let killed: ReturnType<TestDaemon['kill']> | undefined
  const kill = (acknowledged: number): void => {
    done = acknowledged
    if (done === enough) killed = c.kill()
  }
  const loading = writeAll(c, records.map(put), kill, UNDER_WAY)
  await screen.during('loading', loading, () => `c ${done}`)
  const exit = await killed
  claim(
    `c was killed with SIGKILL when it had acknowledged ${done} of them`,
    differs(exit?.signal, 'SIGKILL', 'signal') ??
      (done < records.length ? undefined : 'the load was over by then'),
  )
  return done
}

async function missing(stage: Stage, records: readonly Record[]): Promise<string | undefined> {
  for (const { name, client } of stage.daemons) {
    const found = await contents(client)
    const lost = records.filter(
      ([key, value]) => ![...(found.get(key)?.values() ?? [])].includes(value),
    )
    if (lost.length > 0) return `${name} lacks ${lost.length}, such as ${lost[0]![0]}`
  }
  return undefined
}
