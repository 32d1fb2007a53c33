/**
 * One fleet under test: daemons with the settings that users have and a network key each, who writes to them, who asks them
 * whether they have converged, and what must be true in the end.
 */
import assert from 'node:assert/strict'
import { copyFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { converged, Fleet } from '../support/daemons.ts'
import type { DaemonOptions, Settings, TestDaemon } from '../support/daemons.ts'
import { profileSettings } from '../support/default-settings.ts'
import { Ledger } from '../support/ledger.ts'
import { Seeded } from '../support/seeded.ts'
import { Judge } from './judge.ts'
import type { Question } from './judge.ts'
import { Load } from './load.ts'
import { patiently, PATIENCE_MS } from './patience.ts'

export interface Plan {
  /** Daemons of a fleet. */
  count: number
  /** For how long daemons are replaced. */
  minutes: number
  seed: number
}

/** Processes that start at a time: more only wait for each other. */
const STARTS_AT_ONCE = 4
const { wanted: LINKS_WANTED } = profileSettings('default')['connections'] as { wanted: number }
/** What the fewest links of a daemon must be in a fleet too large for everyone to be linked with everyone. */
const LINKS_LEAST = 6
/** What a write costs grows with the daemons that take it: so many writes a second, divided by their number. */
const WRITES_PER_SECOND = 100
const ASKERS = 2
const EXIT_INTERRUPTED = 130
const ASK_PAUSE_MS_PER_DAEMON = 100
/** Weighted by what they cost: a command is a process. */
const QUESTIONS: readonly Question[] = [
  ...repeat('linked', 7),
  ...repeat('fleet', 5),
  'command',
  'fleet command',
]

const open = new Set<World>()

/** Closes what is open, the last one first: its network may be one that an earlier one made. */
export async function closeWorlds(): Promise<void> {
  for (const world of [...open].reverse()) await world.close()
}

/** Whatever ends this program, its daemons, files and networks go with it. */
export function closeOnSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      const end = (): never => process.exit(EXIT_INTERRUPTED)
      closeWorlds().then(end, end)
    })
  }
}

export class World {
  readonly plan: Plan
  readonly fleet = new Fleet()
  readonly ledger = new Ledger()
  readonly random: Seeded
  readonly load: Load
  readonly judge: Judge
  /** What daemons are started with beside what all have. */
  settings: Settings = {}
  readonly #key = this.fleet.networkKey('operator.key').file

  constructor(plan: Plan, name: string) {
    this.plan = plan
    this.random = new Seeded(plan.seed, name)
    this.load = new Load(this.ledger, new Seeded(plan.seed, `${name} load`))
    this.judge = new Judge(this.ledger, () => this.fleet.daemons)
    open.add(this)
  }

  async close(): Promise<void> {
    open.delete(this)
    const stopped = this.load.stopAll()
    await this.fleet.close()
    await stopped
  }

  get running(): TestDaemon[] {
    return this.fleet.daemons.filter((one) => one.running)
  }

  /** The operator's key file. */
  get key(): string {
    return this.#key
  }

  /** As an operator hands it out. */
  giveKey(daemon: TestDaemon): void {
    copyFileSync(this.#key, path.join(daemon.dir, 'fleet.key'))
  }

  /** A daemon that is told of some others, with a data directory of its own; it is not started. */
  async create(told: readonly TestDaemon[], options: DaemonOptions = {}): Promise<TestDaemon> {
    const daemon = await this.fleet.create({
      name: `d${this.fleet.daemons.length}`,
      clientTimeoutMs: PATIENCE_MS,
      ...options,
      settings: {
        ...profileSettings('default'),
        log: { level: 'info', pretty: false },
        networkKey: 'fleet.key',
        bootstrap: told.map(({ address }) => address),
        ...this.settings,
        ...options.settings,
      },
    })
    this.giveKey(daemon)
    return daemon
  }

  /** `count` daemons of which each is told the address of the first, and nothing else. */
  async form(count: number, optionsOf: (index: number) => DaemonOptions = () => ({})) {
    const first = await (await this.create([], optionsOf(0))).start()
    const others: TestDaemon[] = []
    for (let i = 1; i < count; i++) others.push(await this.create([first], optionsOf(i)))
    await startAll(others)
    const { wanted } = (this.settings['connections'] ?? {}) as { wanted?: number }
    await meshed([first, ...others], wanted)
    return [first, ...others]
  }

  /** Writes to each of them. */
  write(daemons: readonly TestDaemon[], factor = 1): void {
    const { count } = this.plan
    for (const one of daemons)
      this.load.start(one, (factor * 1000 * count ** 2) / WRITES_PER_SECOND)
  }

  /** Asks, all the time while `work` is done, whoever runs. */
  async asked<T>(work: () => Promise<T>): Promise<T> {
    const over = new AbortController()
    const asking = Promise.all(
      Array.from({ length: ASKERS }, (_, i) => this.#ask(`asker ${i}`, over.signal)),
    )
    try {
      const failed = asking.then(() => new Promise<never>(() => undefined))
      return await Promise.race([work(), failed])
    } finally {
      over.abort()
      await asking
    }
  }

  async #ask(name: string, over: AbortSignal): Promise<void> {
    const random = new Seeded(this.random.int(0, 1e9), name)
    while (!over.aborted) {
      const { running } = this
      const from = performance.now()
      if (running.length > 0) await this.judge.ask(random.pick(running), random.pick(QUESTIONS))
      // To read whole maps is work for every daemon: on a busy machine it must leave time for theirs.
      const took = performance.now() - from
      await pause(Math.max(ASK_PAUSE_MS_PER_DAEMON * this.plan.count, took))
    }
  }

  /** No more writes: a yes of the whole fleet, equal digests, and what the ledger says. Seconds until the yes. */
  async settled(): Promise<number> {
    await this.load.stopAll()
    const { running } = this
    const from = performance.now()
    await patiently('a yes of the whole fleet', () =>
      this.judge.ask(this.random.pick(running), 'fleet'),
    )
    const seconds = (performance.now() - from) / 1000
    await converged(running, { waitMs: PATIENCE_MS })
    const clients = new Set(running.map(({ client }) => client))
    for (const { client, name } of running) {
      await this.ledger.checkOf(
        client,
        name,
        ({ by, at }) => clients.has(by) || at < this.judge.provenBefore(by),
      )
    }
    assert.deepEqual(this.judge.lies, [])
    assert.ok(this.judge.yes > 0, 'no question was ever answered with yes')
    return seconds
  }
}

function repeat(question: Question, times: number): Question[] {
  return Array.from({ length: times }, () => question)
}

/** Starts them, a few at a time. */
export async function startAll(daemons: readonly TestDaemon[]): Promise<void> {
  const rest = [...daemons]
  await Promise.all(
    Array.from({ length: STARTS_AT_ONCE }, async () => {
      for (let next = rest.shift(); next !== undefined; next = rest.shift()) await next.start()
    }),
  )
}

/**
 * Waits until everyone has enough links, and everyone is reached from everyone over them. Links of each.
 *
 * @param wanted `connections.wanted`: up to one daemon more all are linked with all
 */
export async function meshed(
  daemons: readonly TestDaemon[],
  wanted = LINKS_WANTED,
): Promise<number[]> {
  const count = daemons.length
  const least = count <= wanted + 1 ? count - 1 : LINKS_LEAST
  let links: string[][] = []
  return patiently(
    `${count} daemons to have ${least} links each`,
    async () => {
      links = await Promise.all(daemons.map(linksOf))
      if (links.some((peers) => peers.length < least)) return undefined
      return reached(daemons, links) === count ? links.map((peers) => peers.length) : undefined
    },
    () => `links: ${links.map((one) => one.length).join(' ')}`,
  )
}

export async function linksOf(daemon: TestDaemon): Promise<string[]> {
  const peers = await daemon.client.peers()
  return peers.filter(({ gossip }) => gossip).map(({ peer }) => peer)
}

/** Daemons that are reached from the first over links. */
function reached(daemons: readonly TestDaemon[], links: readonly string[][]): number {
  const linksByPeer = new Map(daemons.map(({ peerId }, i) => [peerId, links[i]!]))
  const seen = new Set([daemons[0]!.peerId])
  for (const peer of seen) for (const next of linksByPeer.get(peer) ?? []) seen.add(next)
  return seen.size
}
