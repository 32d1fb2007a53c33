/**
 * `npm run damage -- --count N --from SEED`: damages the data directory of a real daemon N times and says what became of it.
 * Seeds that find nothing to damage do not count.
 */
import { Fleet } from '../support/daemons.ts'
import { program, wholeNumber } from '../support/program.ts'
import { DamageWorld } from './world.ts'
import type { Outcome } from './world.ts'

const options = program(
  'npm run damage --',
  'Damages the files of a daemon again and again, and says what became of it.',
)
  .option('--count <n>', 'how many damages', wholeNumber(1), 300)
  .option('--from <seed>', 'the first seed', wholeNumber(0), 0)
  .parse()
  .opts<{ count: number; from: number }>()

function table(outcomes: readonly Outcome[]): string {
  const ends = [...new Set(outcomes.map(({ end }) => end))].sort()
  const rows = new Map<string, Map<string, number>>()
  for (const { damage, end, done } of outcomes) {
    const name = `${damage.kind} ${damage.target}`
    const row = rows.get(name) ?? new Map<string, number>()
    const column = done === undefined ? 'nothing to do' : end
    row.set(column, (row.get(column) ?? 0) + 1)
    rows.set(name, row)
  }
  const columns = [...ends, 'nothing to do']
  const lines = [...rows].map(
    ([name, row]) =>
      `${name.padEnd(20)} ${columns.map((end) => String(row.get(end) ?? '–').padStart(end.length)).join('  ')}`,
  )
  return [`${''.padEnd(20)} ${columns.join('  ')}`, ...lines].join('\n')
}

const fleet = new Fleet()
const outcomes: Outcome[] = []
let seed = options.from
try {
  const world = await DamageWorld.start(fleet)
  for (let left = options.count; left > 0; seed++) {
    const outcome = await world.run(seed)
    if (outcome.done !== undefined) left--
    outcomes.push(outcome)
    const loss = outcome.items === 0 ? '' : `, ${outcome.items} items were lost`
    const back = outcome.rolledBack ? ', told that it was rolled back' : ''
    console.log(
      `${seed}: ${outcome.done ?? `nothing to ${outcome.damage.kind} (${outcome.damage.target})`}: ${outcome.end}${loss}${back}`,
    )
  }
} catch (error) {
  console.error(`seed ${seed} failed`)
  console.error(error)
  console.error(await fleet.report())
  process.exitCode = 1
} finally {
  console.log(table(outcomes))
  await fleet.close()
}
