/**
 * Daemons that are killed while they are written to, again and again; the checker stands outside and knows every
 * acknowledgement.
 *
 * After each kill the daemon must hold what it acknowledged itself. Peers could make up for a loss before anybody looks: so
 * there are worlds of one daemon, and in worlds of three the others often stand still until that one was looked at. Neither
 * a kill nor the loss of power may look like damage: a daemon that tells of lost records or of a store that went back
 * fails. In the end all agree and hold what the ledger says.
 *
 * In a world that loses power only the last daemon does (`power-loss.ts`).
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { converged, linked, until } from '../support/daemons.ts'
import type { Fleet, TestDaemon } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'
import { PowerLoss, traced } from '../support/power-loss.ts'
import type { Loss } from '../support/power-loss.ts'
import { Seeded } from '../support/seeded.ts'
import { isBeingWritten } from '../support/strace.ts'
import { Load } from './load.ts'

/** When a kill came. `lagging`: it had just answered, and lacked what its peers were writing. */
export type Moment = 'load' | 'start' | 'lagging'

export interface WorldOptions {
  seed: number
  daemons: number
  losesPower: boolean
  /** The daemon that loses power only believes that it syncs: what it loses then must be found missing. */
  withoutSync?: boolean
}

export interface Killed extends Loss {
  moment: Moment
}

/** Of acknowledgements, before a kill under load. */
const WRITES_MAX = 200
/** Of what the latest start took. Before, only modules are loaded. */
const START_SHARES = [0.3, 1.1] as const
const STARTS_KILLED_MAX = 3
const LAG_MS_MAX = 300

export class KillWorld {
  readonly #random: Seeded
  readonly #options: WorldOptions
  readonly #daemons: readonly TestDaemon[]
  readonly #ledger = new Ledger()
  #power: PowerLoss | undefined
  #startMs = 0
  /** Looks at a daemon that no peer could have helped. */
  aloneChecks = 0
  starts = 0

  private constructor(options: WorldOptions, daemons: readonly TestDaemon[]) {
    this.#options = options
    this.#random = new Seeded(options.seed, 'kills')
    this.#daemons = daemons
  }

  static async start(fleet: Fleet, options: WorldOptions): Promise<KillWorld> {
    const { daemons: count, losesPower, withoutSync } = options
    const daemons: TestDaemon[] = []
    for (let i = 0; i < count; i++) {
      const bootstrap = daemons.map(({ address }) => address)
      const wrap = losesPower && i === count - 1 ? traced('trace', withoutSync) : []
      daemons.push(await fleet.create({ settings: { bootstrap }, wrap }))
    }
    const world = new KillWorld(options, daemons)
    for (const daemon of daemons) await world.#start(daemon)
    return world
  }

  get acknowledged(): number {
    return this.#ledger.acknowledged
  }

  /** Kills one daemon under load, and perhaps again before it is well; then it is looked at. */
  async run(): Promise<Killed[]> {
    const random = this.#random
    const victim = this.#options.losesPower ? this.#daemons.at(-1)! : random.pick(this.#daemons)
    const others = this.#daemons.filter((one) => one !== victim)
    const killed = await this.#kills(victim)
    const isAlone = others.length === 0 || random.chance(0.5)
    if (isAlone) for (const other of others) other.pause()
    try {
      await this.#start(victim)
      await this.#ledger.checkOwn(victim.client, `${victim.name}, after a kill`)
    } finally {
      if (isAlone) for (const other of others) other.resume()
    }
    if (isAlone) this.aloneChecks++
    await undamaged(victim)
    return killed
  }

  async #kills(victim: TestDaemon): Promise<Killed[]> {
    const killed: Killed[] = []
    const [random, ledger] = [this.#random, this.#ledger]
    const load = new Load(ledger, random, this.#daemons)
    const kill = async (moment: Moment): Promise<void> => {
      await victim.kill()
      killed.push(await this.#ended(victim, moment))
      load.refill()
    }
    try {
      // Before the first commit, in the middle of one, with many behind it.
      const target = ledger.acknowledged + Math.floor(random.float() ** 3 * WRITES_MAX)
      await until('writes before the kill', () => ledger.acknowledged >= target)
      await wait(random.float() * 20)
      await kill('load')
      for (let again = random.int(0, STARTS_KILLED_MAX); again > 0; again--) {
        this.#watch(victim)
        victim.launch()
        const [low, high] = START_SHARES
        await wait((low + random.float() * (high - low)) * this.#startMs)
        await kill('start')
      }
      if (this.#daemons.length > 1 && random.chance(0.3)) {
        await this.#start(victim)
        await wait(random.float() * LAG_MS_MAX)
        await kill('lagging')
      }
    } finally {
      await load.stop()
    }
    return killed
  }

  /** All agree, and hold what the ledger says. */
  async agree(): Promise<void> {
    await linked(this.#daemons)
    await converged(this.#daemons)
    for (const daemon of this.#daemons) {
      await this.#ledger.check(daemon.client, daemon.name)
      await undamaged(daemon)
    }
  }

  async #start(daemon: TestDaemon): Promise<void> {
    this.#watch(daemon)
    const startedAt = performance.now()
    await daemon.start()
    this.#startMs = performance.now() - startedAt
    this.starts++
  }

  #watch(daemon: TestDaemon): void {
    if (this.#losesPower(daemon)) this.#power = new PowerLoss(daemon.data)
  }

  #losesPower(daemon: TestDaemon): boolean {
    return this.#options.losesPower && daemon === this.#daemons.at(-1)
  }

  /** What is left of it: everything, or what the loss of power leaves. */
  async #ended(victim: TestDaemon, moment: Moment): Promise<Killed> {
    if (!this.#losesPower(victim)) return { moment, writes: 0, names: 0 }
    const trace = path.join(victim.dir, 'trace')
    const power = this.#power!
    await until('strace to have written all', () => !isBeingWritten(trace))
    if (existsSync(trace)) power.take(readFileSync(trace, 'latin1'))
    assert.deepEqual(power.differences(), [], 'the model of the disk is not what is on the disk')
    return { moment, ...power.lose(this.#random) }
  }
}

export async function undamaged({ client, name }: TestDaemon): Promise<void> {
  const { store } = await client.status()
  assert.equal(store.loss, undefined, `${name} says that records are missing`)
  assert.equal(store.rolledBack, undefined, `${name} says that its store went back`)
}
