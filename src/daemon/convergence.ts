/** What the core knows of convergence, as operators see it: with those who are known and not linked. */
import type { Convergence } from '../core/converge.ts'
import type { FleetConvergence } from '../core/fleet-tour.ts'
import type { Converged, ConvergedFleet } from '../daemon-api.ts'
import type { KnownPeer } from '../membership-api.ts'

/** Peers that one answer names beside those that it speaks of. */
const UNLINKED_NAMED_MAX = 100

/**
 * @param known the address book
 * @param expected whether the configuration names peers
 */
export function convergedView(
  result: Convergence,
  known: readonly KnownPeer[],
  expected: boolean,
): Converged {
  const unlinked = known.filter(({ linked }) => !linked).map(({ peer }) => peer)
  const alone = result.peers.length === 0
  const isMissed = alone && (expected || known.length > 0)
  const reason = isMissed ? 'alone' : result.reason
  const { asOf, durationMs, peers } = result
  return {
    converged: result.converged && !isMissed,
    asOf: Math.floor(asOf),
    durationMs,
    peers,
    unlinked: unlinked.slice(0, UNLINKED_NAMED_MAX),
    ...(reason === undefined ? {} : { reason }),
  }
}

/** @param known the address book */
export function convergedFleetView(
  result: FleetConvergence,
  known: readonly KnownPeer[],
  expected: boolean,
): ConvergedFleet {
  const { converged, asOf, durationMs, count, members, laggards } = result
  const named = new Set([...members, ...laggards.map(({ peer }) => peer)])
  const unreached = known.map(({ peer }) => peer).filter((peer) => !named.has(peer))
  const isMissed = count === 1 && (expected || known.length > 0)
  return {
    converged: converged && !isMissed,
    asOf: Math.floor(asOf),
    durationMs,
    count,
    members,
    laggards,
    // Beyond what one answer names, who was reached is not known by name.
    unreached: members.length < count ? [] : unreached.slice(0, UNLINKED_NAMED_MAX),
    ...(isMissed ? { reason: 'alone' as const } : {}),
  }
}
