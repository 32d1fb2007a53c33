/** Whether a process survives the opening of a store (`level-trial.ts`). */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('level-trial.js', import.meta.url))
/** Of what LevelDB says when it ends the process. */
const TEXT_CHARACTERS_MAX = 500

/** What killed the process, in words; undefined when it survived, or could not be started. */
export function deadly(directory: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = fork(PROGRAM, [directory], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    })
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(0, TEXT_CHARACTERS_MAX)
    })
    child.once('error', () => resolve(undefined))
    child.once('close', (_code, signal) => {
      resolve(signal === null ? undefined : `${signal}: ${said.trim()}`)
    })
  })
}
