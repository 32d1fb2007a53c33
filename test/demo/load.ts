/** Act 2: a data set is loaded on one daemon and arrives on the others. */
import { count, span } from '../../src/cli/words.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { watchArrivals } from './arrivals.ts'
import { claim, differs } from './claims.ts'
import { mediaTypes, put } from './data.ts'
import * as screen from './screen.ts'
import type { Stage } from './stage.ts'
import { writeAll } from './write.ts'

export async function load(stage: Stage): Promise<void> {
  const [a, b, c] = stage.daemons as [TestDaemon, TestDaemon, TestDaemon]
  const records = mediaTypes()
  const total = count(records.length, 'key')
  screen.section(`2  Loading ${total} on a: the media types of mime-db`)
  const arrivals = await Promise.all([b, c].map((one) => watchArrivals(one, records.length)))
  let done = 0
  const counts = (): string =>
    [`a ${done}`, ...arrivals.map(({ daemon, keys }) => `${daemon.name} ${keys.size}`)].join('  ')

  const start = performance.now()
  const loading = writeAll(a, records.map(put), (acknowledged) => (done = acknowledged))
  await screen.during('loading', loading, counts)
  const loaded = performance.now() - start
  for (const [key, value] of records) stage.expect(key, value)
  claim(
    `a acknowledged ${total} in ${span(loaded)}, each after it was on its disk`,
    differs(done, records.length, 'acknowledged'),
  )
  for (const { daemon, keys, last } of arrivals) {
    const arrived = (await screen.during('arriving', last, counts)) - start
    claim(
      `${daemon.name} had them all ${lag(arrived - loaded)}`,
      differs(keys.size, records.length, 'arrived'),
    )
  }
  await stage.agreed('comparing')
  claim('all three hold mime-db, key for key', await stage.wrongContents())
}

/** A watcher may hear of the last key before the writer hears that it is done. */
function lag(ms: number): string {
  return ms < 1 ? 'by the time the last was acknowledged' : `${span(ms)} later`
}
