/**
 * A program: opens the store that its argument names, reads all of it, and closes it, which waits for the merging of tables
 * that opening may have begun. LevelDB ends a process that finds keys out of order, and nothing can catch that. So where a
 * table is known to be damaged, a daemon has this program go first.
 *
 * Ends with 0, with 1 where LevelDB reports an error, or by a signal.
 */
import { openLevel } from './level-open.ts'

const [directory] = process.argv.slice(2)
if (directory === undefined) throw new TypeError('the directory of a store is missing')
// Whoever waited for this is gone, and what is still open here would be in the way of its next start.
process.on('disconnect', () => process.exit(1))
try {
  const level = await openLevel(directory)
  const iterator = level.iterator({ fillCache: false })
  while ((await iterator.nextv(1000)).length > 0) continue
  await level.close()
} catch {
  process.exit(1)
}
process.exit(0)
