/**
 * `npm run nightly`: the life of whole fleets of real daemons, scenario by scenario, and through all of it `hearsay converged`
 * asked of one daemon after the other, over the socket and as a command, also with `--fleet`. A checker outside (judge.ts)
 * holds every yes against what clients know.
 *
 * Each scenario prints a line: what it claims, and what it measured. Exit code 0 says that all claims held and no yes was a lie.
 * Ten daemons take about 25 minutes with 10 minutes of replacement (`--minutes`). Where it is permitted everything runs in a
 * network namespace of its own, and bytes are those of all packets; without root some scenarios are left out, and say so.
 */
import { enterNamespace, loopbackBytes } from '../bench/machine.ts'
import { quantile } from '../bench/meter.ts'
import { bytesInWords } from '../../src/cli/words.ts'
import { namesAmong, program, wholeNumber, wholeNumbers } from '../support/program.ts'
import { NotPermitted, seconds } from './scenario.ts'
import type { Scenario } from './scenario.ts'
import { cut } from './scenarios/cut.ts'
import { forming } from './scenarios/forming.ts'
import { removed } from './scenarios/removed.ts'
import { replaced } from './scenarios/replaced.ts'
import { rolling } from './scenarios/rolling.ts'
import { rotation } from './scenarios/rotation.ts'
import { sideBySide } from './scenarios/side-by-side.ts'
import { closeOnSignals, World } from './world.ts'
import type { Plan } from './world.ts'

const SCENARIOS: readonly Scenario[] = [
  forming,
  rotation,
  removed,
  rolling,
  sideBySide,
  cut,
  replaced,
]

interface Options {
  daemons: number[]
  minutes: number
  seed: number
  only: string[]
}

function optionsOf(): Options {
  const names = SCENARIOS.map(({ name }) => name)
  return program(
    'npm run nightly --',
    'The life of fleets of real daemons, and a checker of every yes of converged.',
  )
    .option('--daemons <list>', 'sizes of fleets', wholeNumbers(4), [10])
    .option('--minutes <m>', 'of replacement', wholeNumber(1), 10)
    .option('--seed <s>', 'what is drawn', wholeNumber(0), Date.now() % 1_000_000)
    .option('--only <names>', 'of the scenarios', namesAmong(names), names)
    .parse()
    .opts()
}

interface Totals {
  yes: number
  no: number
  lies: number
  reads: number
  failed: number
}

async function play(scenario: Scenario, plan: Plan, totals: Totals): Promise<void> {
  const world = new World(plan, scenario.name)
  const start = performance.now()
  const bytesBefore = loopbackBytes()
  const title = `${scenario.name}, ${plan.count} daemons: ${scenario.claim}`
  try {
    const measured = await scenario.run(world)
    const { judge, ledger } = world
    const wire = loopbackBytes() - bytesBefore
    const facts = [
      ...measured,
      `${ledger.acknowledged} writes`,
      `converged: yes ${judge.yes} (median ${quantile(judge.yesMs, 0.5).toFixed(0)} ms), no ${judge.no}, not answered ${judge.unanswered}, lies ${judge.lies.length} in ${judge.reads} reads${judge.unread === 0 ? '' : ` (${judge.unread} more were not answered)`}`,
      ...(wire > 0 ? [`${bytesInWords(wire)} on the wire`] : []),
      seconds(performance.now() - start),
    ]
    console.log(`held: ${title}: ${facts.join('; ')}`)
  } catch (error) {
    if (error instanceof NotPermitted) {
      console.log(`left out: ${title}: ${error.message}`)
    } else {
      totals.failed++
      console.log(`FAILED: ${title}: ${error instanceof Error ? error.stack : String(error)}`)
      for (const lie of world.judge.lies) console.log(`  LIE: ${lie}`)
      console.error(await world.fleet.report())
    }
  } finally {
    if (!(await closed(world))) totals.failed++
    totals.yes += world.judge.yes
    totals.no += world.judge.no
    totals.lies += world.judge.lies.length
    totals.reads += world.judge.reads
  }
}

/** False when a daemon had ended that nobody told to. */
async function closed(world: World): Promise<boolean> {
  try {
    await world.close()
    return true
  } catch (error) {
    console.error(error)
    return false
  }
}

async function main(): Promise<number> {
  const { daemons, minutes, seed, only } = optionsOf()
  const scenarios = SCENARIOS.filter(({ name }) => only.includes(name))
  enterNamespace()
  closeOnSignals()
  console.log(`seed ${seed}, ${daemons.join(' and ')} daemons, ${minutes} minutes of replacement`)
  const totals: Totals = { yes: 0, no: 0, lies: 0, reads: 0, failed: 0 }
  const start = performance.now()
  for (const count of daemons) {
    for (const scenario of scenarios) await play(scenario, { count, minutes, seed }, totals)
  }
  const { yes, no, lies, reads, failed } = totals
  console.log(
    `${failed === 0 ? 'all held' : `${failed} FAILED`}: converged said yes ${yes} times and no ${no} times, and lied ${lies} times, by ${reads} reads of whole maps; ${seconds(performance.now() - start)}`,
  )
  return failed === 0 && lies === 0 ? 0 : 1
}

process.exit(await main())
