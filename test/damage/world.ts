/**
 * A fleet of three, one of which is stopped, damaged and started again, over and over; the other two run on.
 *
 * Whatever was done to its files, the daemon must heal itself, or refuse to start with one line and a code, after which
 * its operator does what that line says. In the end all three agree, and hold what the ledger says: no acknowledged write
 * is lost anywhere, nothing deleted comes back, for before the damage all three had everything.
 */
import assert from 'node:assert/strict'
import { cpSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { converged, linked, until } from '../support/daemons.ts'
import type { Fleet, TestDaemon } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'
import { Seeded } from '../support/seeded.ts'
import { DAMAGES, spoil } from './spoil.ts'
import type { Damage } from './spoil.ts'

const KEYS_FIRST = 300
const WRITES_MAX = 12
/** Several blocks of LevelDB's log, which are 32 KiB. */
const LARGE_BYTES = 40_000

/** What became of one damaged daemon. */
export interface Outcome {
  seed: number
  damage: Damage
  /** Absent when there was nothing to damage, such as a log without commits. */
  done: string | undefined
  /** `unnoticed`: nothing was missing, or nothing that the daemon needs; `healed`: it told of a loss, and peers made up for it. */
  end: 'unnoticed' | 'healed' | `refused ${string}`
  /** Items that it found missing. */
  items: number
  rolledBack: boolean
}

export class DamageWorld {
  readonly #victim: TestDaemon
  readonly #peers: readonly TestDaemon[]
  readonly #ledger = new Ledger()
  readonly #older: string
  #isNew = true

  private constructor(victim: TestDaemon, peers: readonly TestDaemon[]) {
    this.#victim = victim
    this.#peers = peers
    this.#older = path.join(victim.dir, 'older')
  }

  static async start(fleet: Fleet): Promise<DamageWorld> {
    const peers = await fleet.startMany(3)
    // The last one: it has the others as bootstrap peers, whatever becomes of its address book.
    const victim = peers.pop()!
    const world = new DamageWorld(victim, peers)
    let more = KEYS_FIRST
    await world.#ledger.stream(victim.client, 'first-', () => more-- > 0, 200)
    // A list of those who may link with it, so that there is the file of one.
    const link = peers.map(({ peerId }) => peerId)
    await victim.client.changeAllowList({ add: link })
    await converged(world.#all)
    return world
  }

  get #all(): TestDaemon[] {
    return [this.#victim, ...this.#peers]
  }

  async run(seed: number): Promise<Outcome> {
    const random = new Seeded(seed, 'damage')
    const damage = DAMAGES[seed % DAMAGES.length]!
    const victim = this.#victim
    // A store that was just written anew is all in its log; opened once more it is in tables.
    if (this.#isNew) await victim.restart()
    await this.#write(seed, random)
    this.#keepOlder()
    await this.#write(seed, random)
    await converged(this.#all)
    if (random.chance(0.5)) await victim.stop()
    else await victim.kill()
    const done = spoil(victim.data, this.#older, damage, random)
    const end = await this.#startAgain()
    const { loss } = await until('the loss to be made up for', async () => {
      const { store } = await victim.client.status()
      return store.loss?.madeUp === false ? undefined : store
    })
    await linked(this.#all)
    await converged(this.#all)
    for (const daemon of this.#all) await this.#ledger.check(daemon.client, daemon.name)
    this.#isNew = end !== undefined || loss !== undefined
    const { counters } = await victim.client.status()
    return {
      seed,
      damage,
      done,
      end: end ?? (loss === undefined ? 'unnoticed' : 'healed'),
      items: loss?.items ?? 0,
      rolledBack: (counters['storeRolledBack'] ?? 0) > 0,
    }
  }

  async #write(seed: number, random: Seeded): Promise<void> {
    const ledger = this.#ledger
    for (let i = random.int(1, WRITES_MAX); i > 0; i--) {
      const { client } = random.pick(this.#all)
      const op = random.pick(['own', 'put', 'delete'] as const)
      if (op === 'own') await ledger.putOwn(client, `own-${seed}-${random.int(0, 1e9)}`)
      else await ledger.replace(client, `shared-${random.int(0, 20)}`, op)
    }
    if (!random.chance(0.3)) return
    let more = random.int(1, 3)
    const prefix = `large-${seed}-${random.int(0, 1e9)}-`
    await ledger.stream(this.#victim.client, prefix, () => more-- > 0, LARGE_BYTES)
  }

  /** As a copy taken while the daemon runs, between two of its writes. */
  #keepOlder(): void {
    for (;;) {
      rmSync(this.#older, { recursive: true, force: true })
      try {
        cpSync(this.#victim.data, this.#older, { recursive: true })
        return
      } catch (error) {
        // A file was replaced, or merged into another one, while it was copied.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      }
    }
  }

  /** Undefined when it started, else how it refused before its operator did as told. */
  async #startAgain(): Promise<`refused ${string}` | undefined> {
    const victim = this.#victim
    const before = victim.log.length
    try {
      await victim.start()
      return undefined
    } catch (error) {
      const exit = victim.unexpectedExits.pop()
      assert.ok(exit !== undefined, String(error))
      const said = victim.log.slice(before)
      assert.deepEqual(exit, { code: 1, signal: null }, said)
      const refusal = said.split('\n').filter((line) => line.startsWith('hearsayd: '))
      assert.equal(refusal.length, 1, `one line says why:\n${said}`)
      assert.doesNotMatch(said, /\n\s+at /, 'no stack')
      const code = /\(([A-Z_]+)\)$/.exec(refusal[0]!)?.[1]
      assert.ok(code !== undefined, said)
      this.#doAsTold(refusal[0]!)
      await victim.start()
      return `refused ${code}`
    }
  }

  /** What the line that refused the start tells its reader to do. */
  #doAsTold(line: string): void {
    const { data } = this.#victim
    const restored = ['identity.key', 'allow.json'].find((name) => line.includes(name))
    if (restored !== undefined) {
      cpSync(path.join(this.#older, restored), path.join(data, restored))
    } else if (line.includes('data directory; if')) {
      writeFileSync(path.join(data, 'format'), /holds the line "(.*?)"/.exec(line)![1]! + '\n')
    } else {
      assert.match(line, /[Mm]ove \S+store/)
      const aside = path.join(this.#victim.dir, `aside-${Date.now()}`)
      if (existsSync(path.join(data, 'store'))) renameSync(path.join(data, 'store'), aside)
    }
  }
}
