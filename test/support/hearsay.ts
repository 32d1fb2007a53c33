/** Runs `hearsay` against a daemon of a fleet, as its user would. */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import type { TestDaemon } from './daemons.ts'

interface Ran {
  code: number
  out: string
  err: string
}

export async function hearsay(daemon: TestDaemon, ...args: string[]): Promise<Ran> {
  const program = path.resolve('bin/hearsay')
  try {
    const ran = await promisify(execFile)(program, ['--socket', daemon.socket, ...args])
    return { code: 0, out: ran.stdout, err: ran.stderr }
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string }
    return { code, out: stdout, err: stderr }
  }
}
