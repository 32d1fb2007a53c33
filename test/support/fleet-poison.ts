/**
 * Whether all agree but for one key, whose items nobody but their origins can read: a poisoned item keeps nothing from
 * arriving that is behind it (R16).
 */
import * as intervals from '../../src/core/intervals.ts'
import type { FleetChecks } from './fleet-checks.ts'
import type { SimNode } from './fleet.ts'
import { short } from './fleet.ts'

/** What of one replica another lacks, beside the key; undefined when there is nothing. */
export function differenceBeside(key: string, checks: FleetChecks): string | undefined {
  const { members } = checks
  const busy = members.find((node) => !node.awake || !node.live.idle)
  if (busy !== undefined) return `${busy.id} does not run, or has work left`
  for (const one of members) {
    for (const other of members) {
      const lacks = one === other ? undefined : lackOf(one, other, key, checks)
      if (lacks !== undefined) return `${one.id} lacks ${lacks}, which ${other.id} has`
    }
  }
  return undefined
}

function lackOf(
  one: SimNode,
  other: SimNode,
  key: string,
  { facts }: FleetChecks,
): string | undefined {
  const [mine, theirs] = [one.live.replica, other.live.replica]
  for (const [actor, set] of theirs.context) {
    const lacking = intervals.subtract(set, mine.context.get(actor))
    for (let i = 0; i < lacking.length; i += 2) {
      for (let counter = lacking[i]!; counter <= lacking[i + 1]!; counter++) {
        const fact = facts.get({ actor, counter })
        if (fact?.item?.key !== key) return `the dot ${short({ actor, counter })}`
      }
    }
  }
  for (const item of theirs.fromDot('', 0)) {
    const held = item.key === key || mine.held(item.actor, item.counter) !== undefined
    if (!held && item.expiry === 0) return `the item ${short(item)} of another key`
  }
  return undefined
}
