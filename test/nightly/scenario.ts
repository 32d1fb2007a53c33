/** What a scenario is, and the reason for leaving one out. */
import type { World } from './world.ts'

export interface Scenario {
  name: string
  claim: string
  /** What it measured, in words. Throws when the claim does not hold. */
  run(world: World): Promise<string[]>
}

/** The machine does not permit it. */
export class NotPermitted extends Error {}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

export function range(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)]
  return least === most ? `${least}` : `${least} to ${most}`
}
