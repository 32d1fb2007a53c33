/**
 * Makes a failing scenario as small as it gets: takes out steps, and calms what is wrong all the time, as long as the same
 * property fails. Then whoever reads it sees what it takes, and nothing else.
 */
import { SIZES } from '../../src/core/repair/sizes.ts'
import { CheckFailure } from '../support/check-failure.ts'
import { CALM, SETTINGS } from '../support/fleet.ts'
import { Run } from './run.ts'
import type { Scenario, Step, World } from './scenario.ts'

/** What may be switched off as a whole, by name. */
const CALMING: Record<string, (world: World) => Partial<World>> = {
  loss: ({ faults }) => ({ faults: { ...faults, gossipLoss: 0 } }),
  duplication: ({ faults }) => ({ faults: { ...faults, gossipDuplicate: 0 } }),
  gossip: ({ faults }) => ({ faults: { ...faults, gossipDelay: CALM.gossipDelay } }),
  links: ({ faults }) => ({ faults: { ...faults, linkDelay: CALM.linkDelay } }),
  cuts: ({ faults }) => ({ faults: { ...faults, linkCut: 0 } }),
  bandwidth: ({ faults }) => ({ faults: { ...faults, bandwidth: Infinity } }),
  commits: ({ faults }) => ({ faults: { ...faults, commitFailure: 0 } }),
  disks: ({ faults }) => ({ faults: { ...faults, commitTime: CALM.commitTime } }),
  skew: () => ({ skewMs: 0 }),
  topology: () => ({ topology: 'full' }),
  actors: () => ({ closedActors: 0 }),
  sizes: () => ({ sizes: SIZES }),
  settings: ({ settings }) => ({
    settings: {
      ...SETTINGS,
      repair: { ...SETTINGS.repair, removalsMax: settings.repair.removalsMax },
      expiry: settings.expiry,
    },
  }),
}

/** What to take from a drawn scenario: the steps to keep (all when absent), and what to calm. */
export interface Reduction {
  keep?: readonly number[]
  calm: readonly string[]
}

export function reduce(scenario: Scenario, { keep, calm }: Reduction): Scenario {
  const kept = keep === undefined ? undefined : new Set(keep)
  const steps = scenario.steps.filter(({ id }) => kept?.has(id) !== false)
  let { world } = scenario
  for (const name of calm) {
    const change = CALMING[name]
    if (change === undefined) {
      throw new Error(`nothing is called ${name}; there are ${Object.keys(CALMING).join(', ')}`)
    }
    world = { ...world, ...change(world) }
  }
  return { ...scenario, world, steps }
}

/** Names the property that failed, without what differs from run to run. */
export function failureOf(error: unknown): string {
  if (error instanceof CheckFailure) return error.check
  const message = error instanceof Error ? error.message : String(error)
  return message.split('\n')[0]!.replaceAll(/\d+/g, '#')
}

/** `ms`: how long to try. */
export function shrink(scenario: Scenario, failure: string, ms: number): Reduction {
  const until = performance.now() + ms
  const fails = (reduction: Reduction): boolean => {
    if (performance.now() > until) return false
    try {
      new Run(reduce(scenario, reduction)).run()
      return false
    } catch (error) {
      return failureOf(error) === failure
    }
  }
  let best: Reduction = { keep: scenario.steps.map(({ id }) => id), calm: [] }
  best = withoutSteps(best, fails)
  for (const name of Object.keys(CALMING)) {
    const calmer = { ...best, calm: [...best.calm, name] }
    if (fails(calmer)) best = calmer
  }
  return withoutSteps(best, fails)
}

/** Ever smaller stretches of steps, until none can go. */
function withoutSteps(from: Reduction, fails: (reduction: Reduction) => boolean): Reduction {
  let best = from
  let size = Math.ceil(best.keep!.length / 2)
  while (size > 0) {
    const before = best.keep!.length
    for (let at = 0; at < best.keep!.length;) {
      const smaller = { ...best, keep: best.keep!.toSpliced(at, size) }
      if (fails(smaller)) best = smaller
      else at += size
    }
    if (size > 1) size = Math.ceil(size / 2)
    else if (best.keep!.length === before) size = 0
  }
  return best
}

/** The command that runs a reduced scenario again. */
export function commandFor(seed: number, { keep, calm }: Reduction): string {
  const parts = [`npm run simulate -- --replay ${seed}`]
  if (keep !== undefined) parts.push(`--keep ${keep.join(',') || 'none'}`)
  if (calm.length > 0) parts.push(`--calm ${calm.join(',')}`)
  return parts.join(' ')
}

export function stepsOf(scenario: Scenario, reduction: Reduction): Step[] {
  return reduce(scenario, reduction).steps
}
