/** hearsay itself: daemons with the settings that they have when nobody says otherwise. */
import type { Mutation, Status } from '../../../src/daemon-api.ts'
import { Fleet } from '../../support/daemons.ts'
import type { Settings, TestDaemon } from '../../support/daemons.ts'
import { profileSettings } from '../../support/default-settings.ts'
import { VERSION } from '../../../src/version.ts'
import type { Cluster, Node, Put, System, Writer } from './system.ts'

/** The test harness shortens intervals; here they are what users have. */
function defaults(): Settings {
  return { ...profileSettings('default'), log: { level: 'warn', pretty: false } }
}

/** The streaming write request, fed one mutation after the other. */
class StreamWriter implements Writer {
  readonly #queue: Mutation[] = []
  readonly #waiting: { resolve: () => void; reject: (error: unknown) => void }[] = []
  readonly #answers: Promise<void>
  #wake: () => void = () => undefined
  #ended = false

  constructor(daemon: TestDaemon) {
    this.#answers = this.#read(daemon)
  }

  put({ key, value }: Put): Promise<void> {
    this.#queue.push({ op: 'put', key: Buffer.from(key), value })
    return this.#asked()
  }

  delete(key: string): Promise<void> {
    this.#queue.push({ op: 'delete', key: Buffer.from(key) })
    return this.#asked()
  }

  #asked(): Promise<void> {
    this.#wake()
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }))
  }

  async close(): Promise<void> {
    this.#ended = true
    this.#wake()
    await this.#answers
  }

  async *#mutations(): AsyncGenerator<Mutation> {
    for (;;) {
      for (let next = this.#queue.shift(); next; next = this.#queue.shift()) yield next
      if (this.#ended) return
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async #read(daemon: TestDaemon): Promise<void> {
    try {
      for await (const answer of daemon.client.write(this.#mutations())) {
        const waiting = this.#waiting.shift()
        if ('error' in answer) waiting?.reject(answer.error)
        else waiting?.resolve()
      }
    } catch (error) {
      for (const { reject } of this.#waiting.splice(0)) reject(error)
    }
  }
}

export class HearsayNode implements Node {
  readonly writable = true
  readonly daemon: TestDaemon

  constructor(daemon: TestDaemon) {
    this.daemon = daemon
  }

  get name(): string {
    return this.daemon.name
  }

  get pid(): number {
    return this.daemon.pid
  }

  get data(): string {
    return this.daemon.data
  }

  async writer(): Promise<StreamWriter> {
    return new StreamWriter(this.daemon)
  }

  async watch(changed: (key: string) => void): Promise<() => void> {
    const abort = new AbortController()
    const events = await this.daemon.client.watch(new Uint8Array(0), { signal: abort.signal })
    const read = async (): Promise<void> => {
      for await (const { key } of events) changed(Buffer.from(key).toString())
    }
    // A watch that broke shows as the keys of which it did not tell.
    read().catch((error: unknown) =>
      process.stderr.write(`watch of ${this.name}: ${String(error)}\n`),
    )
    return () => abort.abort()
  }

  async keys(): Promise<number | undefined> {
    return (await this.answering())?.keys
  }

  /** Its status; absent while it does not answer. */
  async answering(): Promise<Status | undefined> {
    try {
      return await this.daemon.client.status()
    } catch (error) {
      if ((error as Error).name === 'HearsayError') return undefined
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.daemon.stop()
  }

  launch(): void {
    this.daemon.launch()
  }
}

export interface HearsayCluster extends Cluster<HearsayNode> {
  readonly fleet: Fleet
  /** For one more daemon that is told of these. */
  settings(told: readonly HearsayNode[]): Settings
}

/** Where the last daemon of each fleet writes a CPU profile, when one is wanted. */
let profiles: string | undefined

export function profileInto(directory: string): void {
  profiles = directory
}

/** Puts flags before the program; `exec` keeps the process id that was started. */
function profiling(directory: string): string[] {
  const script = 'program=$1; shift; exec "$program" --cpu-prof --cpu-prof-dir="$0" "$@"'
  return ['sh', '-c', script, directory]
}

export const hearsay = {
  name: 'hearsay',
  version: VERSION,
  durability: 'on the disk (fsync) of the daemon that took it',

  /** @param wrap as of `DaemonOptions`, for all of them */
  async open(
    count: number,
    settings: Settings = {},
    wrap: readonly string[] = [],
  ): Promise<HearsayCluster> {
    const fleet = new Fleet()
    const common = { ...defaults(), ...settings }
    const last = count - 1
    const daemons = await fleet
      .startMany(count, common, (index) =>
        profiles !== undefined && index === last
          ? { wrap: [...wrap, ...profiling(profiles)] }
          : { wrap: [...wrap] },
      )
      .catch(async (error: unknown) => {
        await fleet.close()
        throw error
      })
    return {
      fleet,
      nodes: daemons.map((daemon) => new HearsayNode(daemon)),
      settings: (told) => ({ ...common, bootstrap: told.map(({ daemon }) => daemon.address) }),
      async close() {
        // A profile is written at a clean end.
        if (profiles !== undefined) await daemons[last]!.stop()
        await fleet.close()
      },
    }
  },
} satisfies System
