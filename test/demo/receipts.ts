/** What repair did for a daemon since it was started, by its own account. */
import { bytesInWords, count, span } from '../../src/cli/words.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { until } from '../support/daemons.ts'
import { claim } from './claims.ts'
import * as screen from './screen.ts'

/** Shows the receipts, and claims that repair and nothing else brought what was missed. */
export async function claimRepaired(
  daemon: TestDaemon,
  what: 'repairItemsReceived' | 'repairItemsRemoved',
  atLeast: number,
): Promise<void> {
  const { name, client } = daemon
  // A session writes its receipt after its last commit, which may have made all equal already.
  const { peers, counters } = await until(`the receipt of ${name}`, async () => {
    const status = await client.status()
    const done = status.peers.some(({ lastReceipt }) => lastReceipt?.outcome === 'repaired')
    return done && status.peers.every(({ repairing }) => !repairing) ? status : undefined
  })
  for (const { name: from, lastReceipt } of peers) {
    if (lastReceipt?.outcome !== 'repaired') continue
    const { keysChanged, messageBytes, rounds, durationMs } = lastReceipt
    const parts = [
      count(keysChanged, 'key'),
      bytesInWords(messageBytes),
      count(rounds, 'round'),
      span(durationMs),
    ]
    screen.note(`the receipt of ${name}'s repair from ${from}: ${parts.join(', ')}`)
  }
  const done = counters[what] ?? 0
  claim(
    `it was repair that did it: ${count(done, 'item')} ${what === 'repairItemsRemoved' ? 'removed' : 'received'}`,
    done >= atLeast ? undefined : `${what} is ${done}, and at least ${atLeast} were missed`,
  )
}
