/**
 * `npm run demo`: three real daemons in three processes, shown at what they do. Every claim that is printed was checked;
 * exit code 0 says that all held. Whatever happens, no process and no file of it is left behind.
 */
import { differences, digestText } from '../support/daemons.ts'
import { claimCount, ClaimFailed } from './claims.ts'
import { cutAndHeal } from './cut.ts'
import { deleteWhileAway } from './deletes.ts'
import { end } from './end.ts'
import { killAndRepair } from './kill.ts'
import { load } from './load.ts'
import * as screen from './screen.ts'
import { Stage } from './stage.ts'
import { startThree } from './start.ts'

/** What a shell shows for a process that a signal ended is 128 and the signal's number. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
/** Nobody reads on: what was claimed may not have been seen. */
const EXIT_UNREAD = 1

class Interrupted extends Error {
  readonly code: number

  constructor(code: number) {
    super()
    this.code = code
  }
}

async function play(stage: Stage): Promise<void> {
  screen.title('hearsay: one map on three daemons')
  for (const act of [startThree, load, cutAndHeal, killAndRepair, deleteWhileAway, end]) {
    await act(stage)
  }
}

/** Rejects at the first signal, or when nobody reads. At the second the demo ends at once; its daemons with it. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    process.stdout.on('error', () => reject(new Interrupted(EXIT_UNREAD)))
    let asked = false
    for (const signal of Object.keys(SIGNALS) as (keyof typeof SIGNALS)[]) {
      process.on(signal, () => {
        if (asked) process.exit(SIGNALS[signal])
        asked = true
        reject(new Interrupted(SIGNALS[signal]))
      })
    }
  })
}

async function explain(stage: Stage, error: unknown): Promise<void> {
  const running = stage.daemons.filter((one) => one.running)
  for (const { name, client } of running) {
    const status = await client.status().catch(String)
    screen.note(`${name}: ${typeof status === 'string' ? status : digestText(status)}`)
  }
  for (const line of await differences(running).catch(() => [])) screen.note(line)
  process.stderr.write(`${stage.daemons.map((one) => one.report()).join('\n')}\n`)
  screen.last(false, reasonOf(stage, error))
}

function reasonOf({ daemons }: Stage, error: unknown): string {
  if (error instanceof ClaimFailed) return error.message
  const dead = daemons.filter((one) => one.unexpectedExits.length > 0).map(({ name }) => name)
  if (dead.length > 0) return `The demo failed: ${dead.join(' and ')} ended by itself.`
  return `The demo failed: ${String(error)}`
}

async function main(): Promise<number> {
  const start = performance.now()
  const stage = new Stage()
  const interrupted = interruption()
  const playing = play(stage)
  // After an interruption it fails of its own, since its daemons are gone.
  playing.catch(() => undefined)
  try {
    await Promise.race([playing, interrupted])
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    screen.last(true, `All ${claimCount()} claims held, in ${seconds} s.`)
    return 0
  } catch (error) {
    screen.endLiveLine()
    if (error instanceof Interrupted) return error.code
    await explain(stage, error)
    return 1
  } finally {
    await stage.fleet.close().catch(() => undefined)
  }
}

process.exit(await main())
