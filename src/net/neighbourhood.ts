/**
 * Which peers a peer keeps links with.
 *
 * Up to `wanted` + 1 peers everyone is linked with everyone. In a larger fleet each peer keeps
 *
 * - *ring links*: with the next two peers on either side, where all peers stand on a circle by the hash of their ids. As
 *   long as those stand, the mesh is connected whatever the other links are: from anywhere one can walk around. Two on
 *   each side, so that peers may vanish one at a time without a hole. They are dialled before all others and never given up.
 * - *random links* with others, up to `wanted` in all. They make the mesh shallow, and connected with high probability
 *   while the ring is still being found. Random, because whatever else one would prefer (the nearest, the longest known,
 *   the first) is the same for many, and they would gather in islands and around hubs.
 *
 * A peer that has `wanted` links dials no more, except now and then one at random (*exploring*): two halves of a fleet that
 * were cut long enough for each to be content with itself would not look for each other otherwise. One that has more than
 * `max` gives up random ones, a few at a time; between the two it does nothing, so that links do not come and go. It
 * spares those who have few themselves, or did not tell yet how many, and those who came just now: a newcomer first has
 * to hear from it where else to go.
 *
 * Everything here is a function of what it is given; the dial loop and the transport act on it.
 */
import { createHash } from 'node:crypto'
import type { PeerId } from './transport.ts'

/** Of the ring, on either side. */
const RING_LINKS_PER_SIDE = 2
/** Links given up at one look. What others told of theirs is a moment old, and several may give up the same peer. */
const GIVEN_UP_AT_ONCE_MAX = 2
/** Who has no more than this part of the links that are wanted is not given up. */
const FEW_PART = 2 / 3

const POSITION_BYTES = 6
const CIRCLE = 2 ** (8 * POSITION_BYTES)
/** Positions kept; beyond it they are computed anew. More than an address book holds. */
const POSITIONS_KEPT_MAX = 4096

const positions = new Map<PeerId, number>()

function positionOf(peer: PeerId): number {
  let position = positions.get(peer)
  if (position === undefined) {
    const hash = createHash('sha256').update('hearsay ring\0').update(peer).digest()
    position = hash.readUIntBE(0, POSITION_BYTES)
    if (positions.size >= POSITIONS_KEPT_MAX) positions.clear()
    positions.set(peer, position)
  }
  return position
}

/** Those of the peers that stand next to `self` on the circle, on both sides. */
export function ringNeighbours(self: PeerId, peers: Iterable<PeerId>): Set<PeerId> {
  const from = positionOf(self)
  const around = [...new Set(peers)]
    .filter((peer) => peer !== self)
    .map((peer) => ({ peer, distance: (positionOf(peer) - from + CIRCLE) % CIRCLE }))
    .sort((a, b) => a.distance - b.distance)
    .map(({ peer }) => peer)
  return new Set([
    ...around.slice(0, RING_LINKS_PER_SIDE),
    ...around.slice(Math.max(0, around.length - RING_LINKS_PER_SIDE)),
  ])
}

export interface Candidates {
  self: PeerId
  linked: ReadonlySet<PeerId>
  /** Known and not linked, and not found dead lately. */
  likely: readonly PeerId[]
  /** Known, but they did not answer lately. */
  unlikely: readonly PeerId[]
}

/** Whom to dial, the most urgent first: those of the ring in any case, the others while there is room. */
export function toDial(
  candidates: Candidates,
  random: () => number,
): { ring: PeerId[]; others: PeerId[] } {
  const { self, linked, likely, unlikely } = candidates
  const ring = ringNeighbours(self, [...linked, ...likely])
  const others = likely.filter((peer) => !ring.has(peer))
  return {
    ring: likely.filter((peer) => ring.has(peer)),
    others: [...shuffled(others, random), ...shuffled(unlikely, random)],
  }
}

export interface LinkView {
  peer: PeerId
  /** Wall clock. */
  upAt: number
  /** How many links the peer has, as it told last; absent when it did not. */
  links: number | undefined
}

export interface LinkBounds {
  wanted: number
  max: number
  /** A younger link is not given up: in this time a newcomer has heard of others and dialled them. */
  sparedMs: number
}

/** Which links to give up now: none until there are more than `max`. */
export function surplus(
  self: PeerId,
  links: readonly LinkView[],
  bounds: LinkBounds,
  now: number,
  random: () => number,
): PeerId[] {
  if (links.length <= bounds.max) return []
  const few = Math.ceil(bounds.wanted * FEW_PART)
  const ring = ringNeighbours(
    self,
    links.map(({ peer }) => peer),
  )
  const free = links
    .filter(({ peer, upAt }) => !ring.has(peer) && now - upAt >= bounds.sparedMs)
    .filter((link) => link.links !== undefined && link.links > few)
    .map(({ peer }) => peer)
  return shuffled(free, random).slice(0, GIVEN_UP_AT_ONCE_MAX)
}

export function shuffled<T>(all: readonly T[], random: () => number): T[] {
  const result = [...all]
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1))
    ;[result[last], result[other]] = [result[other]!, result[last]!]
  }
  return result
}
