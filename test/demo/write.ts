/** Writing many mutations to one daemon, with what it acknowledged. */
import { HearsayError } from '../../src/errors.ts'
import type { Mutation } from '../../src/daemon-api.ts'
import type { TestDaemon } from '../support/daemons.ts'

/**
 * Streams mutations to a daemon and calls `acknowledged` with the number of those that are done, all of them from the first
 * on. At most `underWay` are unanswered at a time. Ends early when the daemon goes away. A refused mutation throws.
 */
export async function writeAll(
  daemon: TestDaemon,
  mutations: readonly Mutation[],
  acknowledged: (count: number) => void = () => undefined,
  underWay = mutations.length,
): Promise<number> {
  let count = 0
  try {
    while (count < mutations.length) {
      const request = mutations.slice(count, count + underWay)
      for await (const answer of daemon.client.write(request)) {
        if ('error' in answer) throw new Error(`refused: ${answer.error.message}`)
        acknowledged(++count)
      }
    }
  } catch (error) {
    if (!(error instanceof HearsayError)) throw error
  }
  return count
}
