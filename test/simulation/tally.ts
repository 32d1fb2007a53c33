/** What a number of runs added up to. */
import type { RunResult } from './run.ts'
import type { Scenario } from './scenario.ts'

export interface Tally {
  runs: number
  /** Runs that were done a second time to compare the hashes of all their events. */
  repeated: number
  heavy: number
  simulatedMs: number
  nodeMs: number
  events: number
  acknowledged: number
  copies: number
  deliveries: number
  agreedAfterMs: number
  agreedAfterMsMax: number
  repairBytes: number
  /** Runs in which a kind of fault was on. */
  kinds: Record<string, number>
  workloads: Record<string, number>
  /** Steps that were taken. */
  steps: Record<string, number>
}

export function emptyTally(): Tally {
  return {
    runs: 0,
    repeated: 0,
    heavy: 0,
    simulatedMs: 0,
    nodeMs: 0,
    events: 0,
    acknowledged: 0,
    copies: 0,
    deliveries: 0,
    agreedAfterMs: 0,
    agreedAfterMsMax: 0,
    repairBytes: 0,
    kinds: {},
    workloads: {},
    steps: {},
  }
}

const HEAVY_NODES_MIN = 30

export function tallyOf({ world }: Scenario, result: RunResult): Tally {
  return {
    ...emptyTally(),
    ...result,
    runs: 1,
    heavy: world.nodes >= HEAVY_NODES_MIN ? 1 : 0,
    agreedAfterMsMax: result.agreedAfterMs,
    kinds: Object.fromEntries(world.kinds.map((kind) => [kind, 1])),
    workloads: { [world.workload]: 1 },
  }
}

export function add(a: Tally, b: Tally): Tally {
  const sum = emptyTally()
  for (const key of Object.keys(sum) as (keyof Tally)[]) {
    const [one, other] = [a[key], b[key]]
    if (typeof one === 'object' && typeof other === 'object') {
      Object.assign(sum, { [key]: addCounts(one, other) })
    } else {
      const both = key === 'agreedAfterMsMax' ? Math.max : (x: number, y: number) => x + y
      Object.assign(sum, { [key]: both(Number(one), Number(other)) })
    }
  }
  return sum
}

function addCounts(a: Record<string, number>, b: Record<string, number>): Record<string, number> {
  const sum = { ...a }
  for (const [name, count] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + count
  return sum
}
