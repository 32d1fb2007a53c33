/**
 * Real daemons in processes of their own, for tests and for whoever wants to watch some: started from `bin/hearsayd` with
 * a config file, a data directory and a socket each, talked to through a ControlClient, stopped, killed, paused, restarted.
 *
 * Every wait is for a condition and has a deadline. Every process that was started here is ended by `Fleet.close`, and if
 * that is never reached, when this process ends.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { formatNetworkKey, newNetworkKey } from '../../src/config/key-file.ts'
import type { NetworkKey } from '../../src/config/key-file.ts'
import { ControlClient } from '../../src/control/client.ts'
import type { DigestView, PeerStatus, Status } from '../../src/daemon-api.ts'

/** Where package.json, bin and node_modules are: this file is compiled to dist/test/support. */
export const PROJECT_ROOT = path.resolve(import.meta.dirname, '../../..')

/** Long enough for a machine with a load of its own, in milliseconds; only a failure ever takes it. */
export const WAIT_MS = Number(process.env['HEARSAY_TEST_WAIT_MS'] ?? 30_000)
/** A process that starts wants a processor for a second; on a busy machine it gets that when it does. */
const START_MS = 4 * WAIT_MS
const POLL_MS = 25
const LOG_BYTES_MAX = 4 * 1024 * 1024
const LOG_LINES_SHOWN = 60
const KEYS_SHOWN = 20

/** Settings as they stand in a config file. */
export interface Settings {
  [name: string]: string | number | boolean | string[] | Settings
}

/** Short intervals, so that tests need not wait for what users hardly notice. */
export const FAST: Settings = {
  repair: { interval: '300ms', pullDelay: '200ms', gapDelay: '100ms', sessionTimeout: '5s' },
  gossip: { heartbeat: '300ms' },
  connections: { dialBackoffMax: '1s' },
  log: { level: 'info', pretty: false },
}

export interface DaemonOptions {
  name?: string
  settings?: Settings
  /** Data directory; one of its own when absent. */
  data?: string
  socket?: string
  /** Put before the program, such as `ip netns exec NAME`. What it runs must keep the process id that was started. */
  wrap?: string[]
  /** Another build's hearsayd. */
  program?: string
  /** Where the daemon listens. */
  host?: string
  port?: number
  /** Where others reach it, when that is not where it listens. */
  reachedAt?: string
  /** How long its client waits for answers, when not as long as users do. */
  clientTimeoutMs?: number
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const portsGiven = new Set<number>()

/** A port below those that the kernel gives to clients, so that it is still free after a restart. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (portsGiven.has(port)) continue
    portsGiven.add(port)
    const server = createServer()
    const free = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen({ port, host: '127.0.0.1', exclusive: true }, () => resolve(true))
    })
    if (!free) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

function merge(...all: Settings[]): Settings {
  const result: Settings = {}
  for (const settings of all) {
    for (const [name, value] of Object.entries(settings)) {
      const before = result[name]
      result[name] = isSection(value) && isSection(before) ? merge(before, value) : value
    }
  }
  return result
}

function isSection(value: Settings[string] | undefined): value is Settings {
  return typeof value === 'object' && !Array.isArray(value)
}

/** One daemon over all its runs. */
export class TestDaemon {
  readonly name: string
  readonly dir: string
  readonly data: string
  readonly socket: string
  /** Where others reach it, without a peer id. The same over restarts. */
  readonly address: string
  readonly client: ControlClient
  /** Of the latest run. */
  peerId = ''
  /** How runs ended that were not told to end. */
  readonly unexpectedExits: Exit[] = []
  readonly #options: DaemonOptions
  readonly #listen: string
  #settings: Settings
  #child: ChildProcess | undefined
  #exit: Promise<Exit> | undefined
  #told = false
  #log: string[] = []
  #logBytes = 0

  constructor(dir: string, port: number, options: DaemonOptions) {
    this.name = options.name ?? path.basename(dir)
    this.dir = dir
    this.data = options.data ?? path.join(dir, 'data')
    this.socket = options.socket ?? path.join(dir, 's')
    this.#listen = `/ip4/${options.host ?? '127.0.0.1'}/tcp/${port}`
    this.address = options.reachedAt ?? this.#listen
    const timeoutMs = options.clientTimeoutMs
    this.client = new ControlClient({
      socketPath: this.socket,
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    })
    this.#options = options
    this.#settings = merge(FAST, options.settings ?? {})
  }

  get pid(): number {
    const pid = this.#child?.pid
    if (pid === undefined) throw new Error(`${this.name} does not run`)
    return pid
  }

  get running(): boolean {
    return this.#child !== undefined
  }

  /** Standard output and error of all runs, the latest part. */
  get log(): string {
    return this.#log.join('')
  }

  /** The log's lines that contain `text`. */
  logged(text: string): string[] {
    return this.log.split('\n').filter((line) => line.includes(text))
  }

  /** Starts a run and waits until it answers on its socket. `settings` hold from this run on. */
  async start(settings: Settings = {}): Promise<this> {
    this.launch(settings)
    const exit = this.#exit
    let ended: Exit | undefined
    exit?.then((how) => (ended = how)).catch(() => undefined)
    const answering = async (): Promise<true> => {
      if (ended !== undefined) {
        throw new Error(`${this.name} ended before it was ready, ${exitText(ended)}:\n${this.log}`)
      }
      this.peerId = (await this.client.id()).peerId
      return true
    }
    await until(`${this.name} to answer on its socket`, answering, { waitMs: START_MS })
    return this
  }

  /** Starts a run that must end by itself, with code 1; what it said. */
  async refused(settings: Settings = {}): Promise<string> {
    const before = this.log.length
    this.launch(settings)
    this.#told = true
    const exit = await within(`${this.name} to end`, this.ended)
    assert.deepEqual(exit, { code: 1, signal: null }, this.log)
    return this.log.slice(before)
  }

  /** Starts a run without waiting for anything. */
  launch(settings: Settings = {}): void {
    if (this.#child !== undefined) throw new Error(`${this.name} runs already`)
    this.#settings = merge(this.#settings, settings)
    const config = path.join(this.dir, 'config.yaml')
    const own = {
      data: this.data,
      socket: { path: this.socket },
      listen: [this.#listen],
      name: this.name,
    }
    writeFileSync(config, JSON.stringify(merge(own, this.#settings)))
    const command = [
      ...(this.#options.wrap ?? []),
      process.execPath,
      this.#options.program ?? path.join(PROJECT_ROOT, 'bin/hearsayd'),
      '--config',
      config,
    ]
    const child = spawn(command[0]!, command.slice(1), {
      cwd: this.dir,
      env: { PATH: process.env['PATH'], HOME: this.dir },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    running.add(child)
    this.#child = child
    this.#told = false
    child.stdout.on('data', (chunk: Buffer) => this.#take(chunk))
    child.stderr.on('data', (chunk: Buffer) => this.#take(chunk))
    child.on('error', (error) => this.#take(Buffer.from(String(error))))
    this.#exit = new Promise((resolve) => {
      child.once('close', (code, signal) => {
        running.delete(child)
        this.#child = undefined
        if (!this.#told) this.unexpectedExits.push({ code, signal })
        resolve({ code, signal })
      })
    })
  }

  /** How the run ends, whoever ends it. */
  get ended(): Promise<Exit> {
    if (this.#exit === undefined) throw new Error(`${this.name} was never started`)
    return this.#exit
  }

  /** Clean stop. */
  stop(): Promise<Exit> {
    return this.#end('SIGTERM')
  }

  kill(): Promise<Exit> {
    return this.#end('SIGKILL')
  }

  async restart(settings: Settings = {}): Promise<this> {
    await this.stop()
    return this.start(settings)
  }

  signal(signal: NodeJS.Signals): void {
    process.kill(this.pid, signal)
  }

  pause(): void {
    this.signal('SIGSTOP')
  }

  resume(): void {
    this.signal('SIGCONT')
  }

  /** What its peers are told to dial. */
  get bootstrap(): string {
    return `${this.address}/p2p/${this.peerId}`
  }

  async digest(): Promise<DigestView> {
    return (await this.client.status()).digest
  }

  /** How it sees another daemon; absent while they are not linked. */
  async peer(other: TestDaemon): Promise<PeerStatus | undefined> {
    return (await this.client.peers()).find(({ peer }) => peer === other.peerId)
  }

  async #end(signal: NodeJS.Signals): Promise<Exit> {
    const exit = this.ended
    if (this.#child === undefined) return exit
    this.#told = true
    this.#child.kill(signal)
    return exit
  }

  #take(chunk: Buffer): void {
    this.#log.push(chunk.toString())
    this.#logBytes += chunk.length
    while (this.#logBytes > LOG_BYTES_MAX) this.#logBytes -= this.#log.shift()?.length ?? 0
  }

  /** What a failed test wants to know of it. */
  report(): string {
    const lines = this.log.trimEnd().split('\n')
    const ends = this.unexpectedExits.map((exit) => ` UNEXPECTED END: ${exitText(exit)}`)
    const state = this.#child === undefined ? 'not running' : `running as ${this.#child.pid}`
    return [
      `--- ${this.name} ${this.peerId}: ${state}${ends.join('')}; its log ends:`,
      ...lines.slice(-LOG_LINES_SHOWN),
    ].join('\n')
  }
}

function exitText({ code, signal }: Exit): string {
  return code === null ? `by ${signal}` : `with code ${code}`
}

export class Fleet {
  /** Short: a socket's path has about 100 bytes. */
  readonly dir = mkdtempSync(path.join(tmpdir(), 'hs-'))
  readonly daemons: TestDaemon[] = []
  readonly #cleanups: (() => Promise<void> | void)[] = []

  /** A daemon that is not started yet. */
  async create(options: DaemonOptions = {}): Promise<TestDaemon> {
    const name = options.name ?? String.fromCharCode(97 + this.daemons.length)
    const dir = path.join(this.dir, `${this.daemons.length}${name}`)
    mkdirSync(dir)
    const daemon = new TestDaemon(dir, options.port ?? (await freePort()), { ...options, name })
    this.daemons.push(daemon)
    return daemon
  }

  async start(options: DaemonOptions = {}): Promise<TestDaemon> {
    return (await this.create(options)).start()
  }

  /** `count` daemons, each with all those before it as bootstrap peers, linked in full. */
  async startMany(
    count: number,
    settings: Settings = {},
    optionsOf: (index: number) => DaemonOptions = () => ({}),
  ): Promise<TestDaemon[]> {
    const daemons: TestDaemon[] = []
    for (let i = 0; i < count; i++) {
      const bootstrap = daemons.map(({ address }) => address)
      const options = optionsOf(i)
      const own = merge(settings, { bootstrap }, options.settings ?? {})
      daemons.push(await this.create({ ...options, settings: own }))
    }
    await Promise.all(daemons.map((one) => one.start()))
    await linked(daemons)
    return daemons
  }

  /** A key file, and what is in it. */
  networkKey(name = 'fleet.key', key = newNetworkKey()): { file: string; key: NetworkKey } {
    const file = path.join(this.dir, name)
    writeFileSync(file, formatNetworkKey(key), { mode: 0o600 })
    return { file, key }
  }

  /** Runs at the end, whatever happens, after the daemons have ended; the last one first. */
  onClose(cleanup: () => Promise<void> | void): void {
    this.#cleanups.push(cleanup)
  }

  /** Digests and logs of all, for a failed test. */
  async report(): Promise<string> {
    const statuses = await Promise.all(
      this.daemons.map(async (one) =>
        one.running ? one.client.status().catch(String) : 'not running',
      ),
    )
    const digests = statuses.map((status, i) => {
      return `${this.daemons[i]!.name}: ${typeof status === 'string' ? status : digestText(status)}`
    })
    return ['digests:', ...digests, ...this.daemons.map((one) => one.report())].join('\n')
  }

  /** Ends every daemon and removes everything. Throws if one ended that nobody told to. */
  async close(): Promise<void> {
    await Promise.all(this.daemons.filter((one) => one.running).map((one) => one.kill()))
    for (const cleanup of this.#cleanups.splice(0).reverse()) await cleanup()
    rmSync(this.dir, { recursive: true, force: true })
    const crashed = this.daemons.filter((one) => one.unexpectedExits.length > 0)
    if (crashed.length === 0) return
    throw new Error(`a daemon ended by itself\n${crashed.map((one) => one.report()).join('\n')}`)
  }
}

/** A fleet for each test of the current suite; a failed test shows what its daemons said. */
export function useFleet(): () => Fleet {
  let fleet: Fleet
  beforeEach(() => {
    fleet = new Fleet()
  })
  afterEach(async function () {
    // Without a deadline of its own the report of a slow failure would be cut off.
    this.timeout(2 * WAIT_MS)
    if (this.currentTest?.state === 'failed') process.stderr.write(`${await fleet.report()}\n`)
    await fleet.close()
  })
  return () => fleet
}

/** Leaves a test out where the machine does not allow it, and says why in its title. */
export function skipBecause(context: Mocha.Context, reason: string): never {
  context.runnable().title += ` (skipped: ${reason})`
  return context.skip()
}

/**
 * Waits until `attempt` gives something else than undefined or false, asking again and again. Errors of the control
 * socket count as "not yet"; others end the wait.
 */
export async function until<T>(
  what: string,
  attempt: () => Promise<T | undefined | false> | T | undefined | false,
  options: { waitMs?: number; onFailure?: () => Promise<string> | string } = {},
): Promise<T> {
  const deadline = Date.now() + (options.waitMs ?? WAIT_MS)
  let last = ''
  for (;;) {
    try {
      const found = await attempt()
      if (found !== undefined && found !== false) return found
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'HearsayError') throw error
      last = `: ${error.message}`
    }
    if (Date.now() > deadline) {
      const more = options.onFailure === undefined ? '' : `\n${await options.onFailure()}`
      throw new Error(`waited in vain for ${what}${last}${more}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** Waits until every pair is linked, with gossip streams open both ways. */
export async function linked(daemons: readonly TestDaemon[]): Promise<void> {
  for (const one of daemons) {
    for (const other of daemons) {
      if (one === other) continue
      await until(`${one.name} to be linked with ${other.name}`, async () => {
        const peer = await one.peer(other)
        return peer?.gossip === true
      })
    }
  }
}

/** Waits until all hold the same; a failure shows the digests and what differs. */
export async function converged(
  daemons: readonly TestDaemon[],
  options: { waitMs?: number } = {},
): Promise<Status[]> {
  let statuses: Status[] = []
  return until(
    `${daemons.map(({ name }) => name).join(', ')} to agree`,
    async () => {
      statuses = await Promise.all(daemons.map((one) => one.client.status()))
      const [first, ...others] = statuses.map(digestText)
      return others.every((text) => text === first) ? statuses : undefined
    },
    {
      ...options,
      onFailure: async () => {
        const digests = statuses.map((status) => `${status.name}: ${digestText(status)}`)
        return [...digests, ...(await differences(daemons))].join('\n')
      },
    },
  )
}

export function digestText({ digest, context }: Status): string {
  const { context: hash, dots, fingerprint, items } = digest
  return `context ${hash} (${dots} dots, ${context.gaps} gaps), fingerprint ${fingerprint} (${items} items)`
}

/** Keys whose siblings are not the same everywhere, with the siblings that each has. */
export async function differences(daemons: readonly TestDaemon[]): Promise<string[]> {
  const maps = await Promise.all(daemons.map((one) => contents(one.client)))
  const keys = new Set(maps.flatMap((map) => [...map.keys()]))
  const lines: string[] = []
  for (const key of keys) {
    const states = maps.map((map) => [...(map.get(key) ?? new Map<string, string>()).keys()])
    const texts = states.map((dots) => dots.sort().join(' ') || 'nothing')
    if (new Set(texts).size === 1) continue
    lines.push(`${key}: ${daemons.map(({ name }, i) => `${name} ${texts[i]}`).join(' | ')}`)
  }
  const more = lines.length > KEYS_SHOWN ? [`and ${lines.length - KEYS_SHOWN} more keys`] : []
  return [`${lines.length} keys differ:`, ...lines.slice(0, KEYS_SHOWN), ...more]
}

/** Every key of a daemon: its siblings' values by their dots. Keys and values that are no text are shown as base64. */
export async function contents(client: ControlClient): Promise<Map<string, Map<string, string>>> {
  const map = new Map<string, Map<string, string>>()
  for await (const line of await client.export()) {
    const entry = JSON.parse(line) as {
      key?: string
      keyBase64?: string
      siblings: {
        value?: string
        valueBase64?: string
        dot: { actor: string; counter: number }
      }[]
    }
    const siblings = entry.siblings.map(
      ({ dot, value, valueBase64 }) =>
        [`${dot.actor}:${dot.counter}`, value ?? valueBase64 ?? ''] as const,
    )
    map.set(entry.key ?? entry.keyBase64 ?? '', new Map(siblings))
  }
  return map
}

export const bytes = (text: string): Uint8Array => Buffer.from(text)

/** Waits for an event that must come. */
export async function within<T>(what: string, promise: Promise<T>, waitMs = WAIT_MS): Promise<T> {
  const abort = new AbortController()
  const timeout = setTimeout(() => abort.abort(), waitMs)
  try {
    return await Promise.race([
      promise,
      once(abort.signal, 'abort').then(() => {
        throw new Error(`waited in vain for ${what}`)
      }),
    ])
  } finally {
    clearTimeout(timeout)
  }
}
