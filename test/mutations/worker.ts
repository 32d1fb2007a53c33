/** Runs seeds on one build, in a process of its own: a mutant may loop for ever or take all memory. */
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as Batch from '../simulation/batch.ts'

const [, , build, from, to] = process.argv
const batch = (await import(
  pathToFileURL(path.join(build!, 'test', 'simulation', 'batch.js')).href
)) as typeof Batch

for (let seed = Number(from); seed <= Number(to); seed++) {
  const result = batch.runSeed(seed)
  process.send?.('failure' in result ? result : { seed })
  if ('failure' in result) break
}
process.disconnect?.()
