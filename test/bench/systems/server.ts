/** A server of another system as a child process: started in the foreground, ended with this process at the latest. */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const LOG_BYTES_MAX = 16 * 1024
const STOP_AGAIN_MS = 500

export class Server {
  readonly data: string
  readonly #program: string
  readonly #args: string[]
  #child: ChildProcess | undefined
  #log = ''

  /** `flagsOf` is given the data directory. */
  constructor(program: string, flagsOf: (data: string) => Record<string, string>) {
    this.data = path.join(mkdtempSync(path.join(tmpdir(), 'rival-')), 'data')
    mkdirSync(this.data, { mode: 0o700 })
    this.#program = program
    this.#args = Object.entries(flagsOf(this.data)).flat()
    this.launch()
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.#program} does not run:\n${this.#log}`)
    return pid
  }

  launch(): void {
    const stdio = ['ignore', 'pipe', 'pipe'] as const
    const child = spawn(this.#program, this.#args, { stdio: [...stdio], cwd: this.data })
    running.add(child)
    this.#child = child
    const take = (chunk: Buffer): void => {
      this.#log = (this.#log + chunk.toString()).slice(-LOG_BYTES_MAX)
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    child.on('error', (error) => (this.#log += String(error)))
    child.once('close', () => {
      running.delete(child)
      if (this.#child === child) this.#child = undefined
    })
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGTERM')
    // redis does not hear it while it writes its first log.
    const again = setInterval(() => child.kill('SIGTERM'), STOP_AGAIN_MS)
    await closed
    clearInterval(again)
  }
}

/** What a program says of its version; absent when it is not installed. */
export function versionOf(program: string, pattern: RegExp): string | undefined {
  const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' })
  return status === 0 ? (pattern.exec(stdout)?.[1] ?? 'unknown') : undefined
}
