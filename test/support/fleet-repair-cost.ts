/**
 * How many bytes repair may send until all agree, from what the replicas lack when the faults end.
 *
 * Every item is sent to whoever lacks it, and little more than once: a session that breaks off sends what it had not yet
 * committed again. Beside that, each link costs some in each repair interval: digests, and where they differ the contexts.
 * So a repair that sends what the asker has told that it has, or searches on where nothing differs, is beyond the bound.
 *
 * An answer to what the range step found brings items of the key also where the asker has seen them removed, or has another
 * content of their dots: once each way for each link, as much as an answer may have. Where removals are held back (R13), the
 * peers differ for as long, and each range step asks the same again.
 *
 * A replica that begins anew meanwhile (its store failed, and what was not synced is gone) lacks things once more.
 */
import type { Context } from '../../src/core/context.ts'
import type { CoreEffect, CoreEvent } from '../../src/core/events.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import * as intervals from '../../src/core/intervals.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { check } from './check-failure.ts'
import { RANGE_STEP } from './faulty-peer.ts'
import type { FleetChecks } from './fleet-checks.ts'
import type { Fleet, Observer, SimNode } from './fleet.ts'

/** How often what is lacking may be sent: sessions break off, and two peers may begin to bring the same. */
const TIMES_MAX = 3
/** For each link, in each repair interval: greetings, digests and the openings of sessions, both ways, a few times over. */
const LINK_BYTES = 4_000
/** The range step between two peers comes at most this often; the search in it has about so many bytes. */
const RANGES_EVERY_MS = 3_000
const SEARCH_BYTES = 4_000
/** Where messages are so small that most of them is not what is brought. */
const SMALL_TIMES = 10
/** And for each interval of a context that may be told. */
const INTERVAL_BYTES = 240

export class RepairCostWatch implements Observer {
  readonly #fleet: Fleet
  readonly #checks: FleetChecks
  readonly #since: number
  readonly #bytesBefore: number
  /** Pulls that had begun: what they bring may have come another way meanwhile. */
  readonly #pullsBefore: number
  /** Of what was sent since, what belongs to range steps. */
  #rangeStepBytes = 0
  /** Of what was sent since, what went to those that had left: a link is up until it is noticed that its peer is gone. */
  #bytesToGone = 0
  /** What each replica had seen when it began to catch up. */
  readonly #seen: ReadonlyMap<string, Intervals>[] = []

  /** From now on. */
  constructor(fleet: Fleet, checks: FleetChecks) {
    this.#fleet = fleet
    this.#checks = checks
    this.#since = fleet.time
    this.#bytesBefore = fleet.network.bytes
    this.#pullsBefore = checks.members.reduce((sum, node) => sum + pullsOf(node), 0)
    for (const node of checks.members) this.#keep(node)
    fleet.observers.push(this)
  }

  started(node: SimNode): void {
    this.#keep(node)
  }

  after(_node: SimNode, _event: CoreEvent, effects: readonly CoreEffect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'send') continue
      const { length } = effect.bytes
      if (!this.#checks.members.some(({ id }) => id === effect.peer)) this.#bytesToGone += length
      else if (RANGE_STEP.has(effect.bytes[0]!)) this.#rangeStepBytes += length
    }
  }

  #keep(node: SimNode): void {
    this.#seen.push(new Map(node.live.replica.context))
  }

  /** What was sent since then is within the bound. */
  check(): void {
    if (this.#checks.hasTwins) return
    const all = this.#fleet.network.bytes - this.#bytesBefore - this.#bytesToGone
    // What may be asked and answered in vain is allowed by itself: a repair that sends anything else in vain is to be seen.
    const links = this.#links()
    const superfluous = Math.min(this.#rangeStepBytes, links * this.#rangeStepBytesMax())
    const sent = all - superfluous
    const { interval } = this.#fleet.settings.repair
    const rounds = Math.ceil((this.#fleet.time - this.#since) / interval) + 1
    const lacking = this.#lackingBytes()
    const perLink = LINK_BYTES + INTERVAL_BYTES * this.#longestContext()
    const begun = this.#pullsBefore * this.#checks.itemBytes
    const framing = this.#fleet.sizes === SIZES ? 1 : SMALL_TIMES
    const bound = framing * (TIMES_MAX * lacking + begun + links * rounds * perLink)
    check(sent <= bound, 'repair bytes', () => {
      return `${sent} bytes to agree, where replicas lacked ${lacking}; at most ${bound} are needed`
    })
  }

  /** Of all items up to now, also those that were written since, once for each replica that lacked them. */
  #lackingBytes(): number {
    let bytes = 0
    for (const { actor, counter, item } of this.#checks.facts.all()) {
      if (item === undefined) continue
      for (const seen of this.#seen) {
        const covered = intervals.covers(seen.get(actor) ?? intervals.EMPTY, counter)
        if (!covered) bytes += item.envelopeBytes
      }
    }
    return bytes
  }

  /** For each link. */
  #rangeStepBytesMax(): number {
    const { members, itemBytes } = this.#checks
    const holds = members.some(({ live }) => (live.counters()['removalsHeldBack'] ?? 0) > 0)
    const steps = holds ? 1 + (this.#fleet.time - this.#since) / RANGES_EVERY_MS : 1
    return steps * (SEARCH_BYTES + 2 * Math.min(itemBytes, SIZES.resolvedBytes))
  }

  #links(): number {
    const { members } = this.#checks
    const linksTo = (a: SimNode): SimNode[] =>
      members.filter((b) => a.index < b.index && this.#fleet.mayLink(a, b))
    return members.reduce((count, a) => count + linksTo(a).length, 0)
  }

  #longestContext(): number {
    return Math.max(
      0,
      ...this.#checks.members.map(({ live }) => countIntervals(live.replica.context)),
    )
  }
}

function countIntervals(context: Context): number {
  let count = 0
  for (const [, set] of context) count += set.length / 2
  return count
}

function pullsOf({ live }: SimNode): number {
  return [...live.links.peers.values()].filter(({ session }) => session?.pulling === true).length
}
