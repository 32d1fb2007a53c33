/**
 * A process that uses a store, for tests that kill, watch or exclude one.
 *
 *     store-child hold DIR            opens the data directory DIR, says "open", and ends with its standard input
 *     store-child write DIR SEED N    applies the batches of SEED behind the N that are there; "ask I" before a commit,
 *                                     "ack I" after it, until it is killed
 *     store-child trace DIR EVERY     a fixed row of commits around a change of log files, said likewise; synced is one in EVERY,
 *                                     of the others it says "done I"
 *
 * Its words go out with a blocking write: what it said it had done when it was killed.
 */
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { openDataDirectory } from '../../src/store/data-dir.ts'
import { openLevelStore } from '../../src/store/level-store.ts'
import { batchOf } from './store-batches.ts'

const [mode = '', directory = '', seed = '0', first = '0'] = process.argv.slice(2)

function say(line: string): void {
  writeSync(1, `${line}\n`)
}

async function hold(): Promise<void> {
  try {
    const data = await openDataDirectory(directory)
    say('open')
    process.stdin.resume()
    await once(process.stdin, 'end')
    await data.close()
  } catch (error) {
    say(String(error))
    process.exitCode = 1
  }
}

async function write(): Promise<void> {
  const store = await openLevelStore(directory)
  for (let i = Number(first) + 1; ; i++) {
    say(`ask ${i}`)
    await store.commit(batchOf(Number(seed), i), { sync: i % 3 !== 0 })
    say(`ack ${i}`)
  }
}

async function trace(): Promise<void> {
  const every = Number(seed)
  const store = await openLevelStore(directory)
  const value = Buffer.alloc(1024 * 1024, 'x')
  for (let i = 1; i <= 40; i++) {
    say(`ask ${i}`)
    const batch = { puts: [{ key: Buffer.from(`key ${i}`), value }], deletes: [] }
    // The unsynced ones among them: a synced one answers for those before it, in whichever file they are.
    await store.commit(batch, { sync: i % every === 0 })
    say(`${i % every === 0 ? 'ack' : 'done'} ${i}`)
  }
  await store.close()
}

const modes: Record<string, () => Promise<void>> = { hold, write, trace }
await modes[mode]!()
