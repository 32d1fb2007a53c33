/**
 * `npm run kills`: kills real daemons under load, a thousand times with SIGKILL, and two hundred times more with what was
 * not synced lost. `world.ts` says what is checked. Then ends one fifty times while its store merges tables (`merges.ts`).
 *
 *     npm run kills -- --kills 1000 --lost 200 --seed 1
 *     npm run kills -- --kills 0 --lost 50 --without-sync     shows that losses are found: it must fail
 */
import { spawnSync } from 'node:child_process'
import { Fleet } from '../support/daemons.ts'
import { program, wholeNumber } from '../support/program.ts'
import { endDuringMerges } from './merges.ts'
import { KillWorld } from './world.ts'
import type { Killed, Moment } from './world.ts'

interface Options {
  kills: number
  lost: number
  merges: number
  seed: number
  withoutSync: boolean
}

const options = program(
  'npm run kills --',
  'Kills daemons under load, and looks for what they had acknowledged.',
)
  .option('--kills <n>', 'with SIGKILL', wholeNumber(0), 1_000)
  .option('--lost <n>', 'with what was not synced lost', wholeNumber(0), 200)
  .option('--merges <n>', 'while tables are merged, or stops', wholeNumber(0), 50)
  .option('--seed <s>', 'what is drawn', wholeNumber(0), 1)
  .option('--without-sync', 'show that losses are found: must fail', false)
  .parse()
  .opts<Options>()

/** A world is left for a new one before it is so full that looking at it takes long. */
const KILLS_PER_WORLD = 20
const DAEMONS = [1, 3] as const

class Tally {
  readonly #kills = new Map<string, Map<Moment, number>>()
  worlds = 0
  acknowledged = 0
  aloneChecks = 0
  starts = 0
  writesLost = 0
  namesLost = 0

  add(kind: string, { moment, writes, names }: Killed): void {
    const row = this.#kills.get(kind) ?? new Map<Moment, number>()
    this.#kills.set(kind, row.set(moment, (row.get(moment) ?? 0) + 1))
    this.writesLost += writes
    this.namesLost += names
  }

  end(world: KillWorld): void {
    this.worlds++
    this.acknowledged += world.acknowledged
    this.aloneChecks += world.aloneChecks
    this.starts += world.starts
  }

  text(): string {
    const moments: Moment[] = ['load', 'start', 'lagging']
    const line = (name: string, cells: readonly (number | string)[]): string =>
      name.padEnd(36) + cells.map((cell) => String(cell).padStart(14)).join('')
    const rows = [...this.#kills].map(([kind, row]) => {
      const counts = moments.map((moment) => row.get(moment) ?? 0)
      return line(kind, [...counts, counts.reduce((sum, count) => sum + count)])
    })
    return [
      line('kills', ['under load', 'while starting', 'lagging', 'all']),
      ...rows,
      `${this.worlds} worlds, ${this.starts} starts, ${this.acknowledged} writes acknowledged; ` +
        `looked at ${this.aloneChecks} times before a peer could help`,
      `lost for want of a sync: ${this.writesLost} pages of writes, ${this.namesLost} changes of names`,
    ].join('\n')
  }
}

const tally = new Tally()
let { seed } = options

async function runWorld(daemons: number, losesPower: boolean, most: number): Promise<number> {
  const fleet = new Fleet()
  const kind = `${daemons === 1 ? 'one daemon' : 'one of three'}${losesPower ? ', the unsynced lost' : ''}`
  let kills = 0
  try {
    const { withoutSync } = options
    const world = await KillWorld.start(fleet, { seed, daemons, losesPower, withoutSync })
    while (kills < most) {
      const killed = await world.run()
      kills += killed.length
      for (const one of killed) tally.add(kind, one)
    }
    await world.agree()
    tally.end(world)
  } catch (error) {
    console.error(`seed ${seed} (${kind}) failed after ${kills} kills\n${await fleet.report()}`)
    throw error
  } finally {
    await fleet.close()
  }
  console.log(`seed ${seed}: ${kills} kills of ${kind}: nothing is missing`)
  return kills
}

async function runWorlds(losesPower: boolean, count: number): Promise<void> {
  for (let left = count; left > 0; seed++) {
    const daemons = DAEMONS[seed % DAEMONS.length]!
    left -= await runWorld(daemons, losesPower, Math.min(left, KILLS_PER_WORLD))
  }
}

async function runMerges(ends: number): Promise<void> {
  const fleet = new Fleet()
  try {
    const acknowledged = await endDuringMerges(fleet, seed, ends)
    console.log(
      `seed ${seed}: ${ends} stops and kills while tables were merged, ${acknowledged} writes acknowledged: nothing is missing`,
    )
  } catch (error) {
    console.error(`seed ${seed} (merges) failed\n${await fleet.report()}`)
    throw error
  } finally {
    await fleet.close()
  }
}

process.once('SIGINT', () => {
  console.log(tally.text())
  process.exit(130)
})
try {
  if (options.lost > 0) {
    const probe = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' })
    if (probe.status !== 0) throw new Error('losing what is not synced needs a strace that works')
  }
  await runWorlds(false, options.kills)
  await runWorlds(true, options.lost)
  if (options.merges > 0) await runMerges(options.merges)
} catch (error) {
  console.error(error)
  process.exitCode = 1
}
console.log(tally.text())
