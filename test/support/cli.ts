/** Runs the two programs as a user does: the files in bin/, in processes of their own, in an environment without settings. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

export type Program = 'hearsay' | 'hearsayd'

export interface Ran {
  code: number | null
  bytes: Buffer
  out: string
  err: string
}

export interface RunOptions {
  input?: string | Uint8Array
  env?: Record<string, string>
  cwd?: string
}

const bin = path.resolve('bin')

/** A directory of a test, short enough for the path of a socket. */
export class Home {
  readonly dir = mkdtempSync(path.join(tmpdir(), 'hs-'))
  #running: ChildProcessWithoutNullStreams[] = []

  path(name: string): string {
    return path.join(this.dir, name)
  }

  /** Without a setting of the machine that runs the tests; where nothing is said, data and socket are in this directory. */
  spawn(
    program: Program,
    args: string[],
    options: RunOptions = {},
  ): ChildProcessWithoutNullStreams {
    const env = {
      PATH: process.env['PATH'],
      HOME: this.dir,
      HEARSAY_DATA: this.path('d'),
      ...options.env,
    }
    const child = spawn(process.execPath, [path.join(bin, program), ...args], {
      env,
      cwd: options.cwd ?? this.dir,
    })
    this.#running.push(child)
    child.once('close', () => (this.#running = this.#running.filter((other) => other !== child)))
    return child
  }

  async run(program: Program, args: string[], options: RunOptions = {}): Promise<Ran> {
    const child = this.spawn(program, args, options)
    // A program that has seen enough does not read on.
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input)
    return finished(child)
  }

  hearsay(...args: string[]): Promise<Ran> {
    return this.run('hearsay', args)
  }

  /** What a command printed that is expected to succeed. */
  async ok(...args: string[]): Promise<string> {
    const ran = await this.hearsay(...args)
    assert.equal(ran.code, 0, `hearsay ${args.join(' ')}: ${ran.err}`)
    return ran.out
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#running.map(async (child) => {
        const closed = once(child, 'close')
        child.kill('SIGKILL')
        await closed
      }),
    )
    rmSync(this.dir, { recursive: true, force: true })
  }
}

export async function finished(child: ChildProcessWithoutNullStreams): Promise<Ran> {
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  const bytes = Buffer.concat(out)
  return { code, bytes, out: bytes.toString(), err: Buffer.concat(err).toString() }
}

/** The fields of the log line with which a daemon says that it is ready. */
export interface Ready {
  peerId: string
  addresses: string[]
  data: string
  socket: string
}

export class RunningDaemon {
  readonly child: ChildProcessWithoutNullStreams
  readonly ready: Ready

  constructor(child: ChildProcessWithoutNullStreams, ready: Ready) {
    this.child = child
    this.ready = ready
  }

  static async start(home: Home, args: string[] = [], env: Record<string, string> = {}) {
    const child = home.spawn('hearsayd', args, { env })
    return new RunningDaemon(child, await untilReady(child))
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const closed = once(this.child, 'close') as Promise<[number | null]>
    this.child.kill(signal)
    return (await closed)[0]
  }
}

function untilReady(child: ChildProcessWithoutNullStreams): Promise<Ready> {
  let log = ''
  return new Promise((resolve, reject) => {
    const look = (chunk: Buffer): void => {
      log += chunk.toString()
      const line = log.split('\n').find((text) => text.includes('"hearsayd is ready"'))
      if (line?.endsWith('}')) resolve(JSON.parse(line) as Ready)
    }
    child.stdout.on('data', look)
    child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    child.once('close', () => reject(new Error(`hearsayd ended before it was ready:\n${log}`)))
  })
}

/** Waits until `attempt` gives something, asking again and again; fails with its last word. */
export async function until<T>(what: string, attempt: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000
  for (;;) {
    const found = await attempt()
    if (found !== undefined) return found
    if (Date.now() > deadline) assert.fail(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
