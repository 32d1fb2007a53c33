/**
 * Runs a scenario: safety while its faults last; then everything heals, and agreement must come within a stated number of
 * repair intervals and bytes, and last.
 */
import { toBinary } from '../../src/core/bytes.ts'
import { Change } from '../../src/core/change.ts'
import type { Dot } from '../../src/core/item.ts'
import * as intervals from '../../src/core/intervals.ts'
import { LASTING_MS } from '../../src/core/peer.ts'
import { encodeBatch } from '../../src/core/records.ts'
import { Replica } from '../../src/core/replica.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { check } from '../support/check-failure.ts'
import { binary, Fleet, hash } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'
import { FleetChecks } from '../support/fleet-checks.ts'
import { RepairCostWatch } from '../support/fleet-repair-cost.ts'
import { differenceBeside } from '../support/fleet-poison.ts'
import { Seeded } from '../support/seeded.ts'
import type { DiskImage } from '../support/sim-disk.ts'
import { FORGETS, POISON, POISONED_KEY } from './scenario.ts'
import type { Action, Op, Scenario, Step, World } from './scenario.ts'

/**
 * From the end of all faults, and of the holds on peers that misbehaved, to agreement, beside the time that the budget of
 * repair bytes takes to bring everything to everyone. Most fleets need two; the rest wait out a backoff of up to 45 s.
 */
const AGREE_INTERVALS = 16
const AGREE_INTERVAL_MS_MIN = 5_000
/** So often a replica is asked again for what is held back. */
const HELD_BACK_LOOK_MS = 60_000
const LOOK_EVERY_MS = 250
/** The longest that a lease is drawn for. */
const TTL_MS_MAX = 60_000
/** In which an agreed fleet comes to have nothing waiting for a disk. */
const IDLE_MS = 1_000

export interface RunResult {
  simulatedMs: number
  /** Of all nodes together, while they were part of the fleet. */
  nodeMs: number
  events: number
  /** From the end of the faults to agreement. */
  agreedAfterMs: number
  repairBytes: number
  copies: number
  deliveries: number
  acknowledged: number
  steps: Record<string, number>
  hash: string
}

export class Run {
  readonly fleet: Fleet
  readonly checks: FleetChecks
  readonly #scenario: Scenario
  readonly #tokens = new Map<number, Dot[]>()
  readonly #copies = new Map<number, DiskImage>()
  readonly #partitions = new Map<string, number>()
  readonly #steps: Record<string, number> = {}
  /** What each disk held when the latest run on it began. */
  readonly #runImages = new Map<SimNode, DiskImage>()
  /** What brings nodes with broken memory back. */
  readonly #mends: (() => void)[] = []
  #healed = false

  constructor(scenario: Scenario, trace = false) {
    const { seed, world } = scenario
    this.#scenario = scenario
    const { nodes, settings, sizes, faults } = world
    const topology = topologyOf(world, seed)
    this.fleet = new Fleet({ seed, nodes, settings, sizes, faults, trace, topology })
    if (world.kinds.includes(POISON)) this.fleet.poisonedKey = keyOf(POISONED_KEY)
    this.checks = new FleetChecks(this.fleet)
    if (scenario.steps.some((step) => step.do === 'putBack')) {
      this.fleet.observers.push({
        started: (node) => {
          if (node.sameRunAs === undefined) this.#runImages.set(node, node.disk.image())
        },
      })
    }
  }

  /** Throws what does not hold. */
  run(): RunResult {
    this.#begin()
    for (const step of this.#scenario.steps) {
      this.fleet.pass(step.at - this.fleet.time)
      this.fleet.note(() => `step ${step.id}: ${step.do}`)
      this.#steps[step.do] = (this.#steps[step.do] ?? 0) + 1
      this.#act(step, step)
    }
    this.fleet.pass(Math.max(this.#scenario.world.endMs - this.fleet.time, 0))
    const healedAt = this.fleet.time
    const bytesBefore = this.fleet.network.bytes
    this.#heal()
    const agreedAfterMs = this.fleet.time - healedAt
    const repairBytes = this.fleet.network.bytes - bytesBefore
    this.#checkLasting()
    this.#checkTrusted()
    const { fleet, checks } = this
    return {
      simulatedMs: fleet.time,
      nodeMs: fleet.time * fleet.nodes.length,
      events: fleet.events,
      agreedAfterMs,
      repairBytes,
      copies: fleet.gossip.copies,
      deliveries: fleet.gossip.deliveries,
      acknowledged: checks.acknowledged,
      steps: this.#steps,
      hash: fleet.hash(),
    }
  }

  #begin(): void {
    const { world, seed } = this.#scenario
    const random = new Seeded(seed, 'begin')
    const present = this.fleet.nodes.slice(0, world.nodes - world.joiners)
    if (world.closedActors > 0) this.#closeActors(random, present)
    for (const node of this.fleet.nodes) node.wallAhead = random.int(-world.skewMs, world.skewMs)
    for (const node of present) this.fleet.start(node)
    for (const a of present) {
      for (const b of present) if (a.index < b.index) this.fleet.connect(a, b)
    }
  }

  /** An old fleet: all replicas have seen the same actors, whose items are gone. */
  #closeActors(random: Seeded, nodes: readonly SimNode[]): void {
    const change = new Change(new Replica(hash))
    for (let i = 0; i < this.#scenario.world.closedActors; i++) {
      const actor = toBinary(random.bytes(16))
      const head = random.int(1, 9)
      change.see(actor, 1, head)
      this.checks.facts.close(actor, head)
    }
    const batch = encodeBatch(change, { completeAsOf: 0, clock: 0, lossAt: 0 }, hash)
    for (const node of nodes) {
      node.disk.write(batch)
      node.disk.sync()
    }
  }

  // Steps.

  #act(step: Step, action: Action): void {
    const { fleet } = this
    const { nodes } = fleet
    switch (action.do) {
      case 'write':
        return this.#write(step.id, nodes[action.node]!, action.ops)
      case 'read':
        return this.#read(step.id, nodes[action.node]!, action.key)
      case 'repair':
        if (nodes[action.node]!.engine === undefined) return undefined
        fleet.repair(nodes[action.node]!, nodes[action.peer]!)
        return undefined
      case 'partition':
        return this.#partition(action.side, action.ms)
      case 'deafen':
        return fleet.deafen(nodes[action.from]!, nodes[action.to]!)
      case 'drop':
        return fleet.drop(nodes[action.a]!, nodes[action.b]!)
      case 'flap':
        return this.#times(action.times, action.everyMs, () =>
          fleet.drop(nodes[action.a]!, nodes[action.b]!),
        )
      case 'corrupt':
        nodes[action.node]!.corrupts = { only: action.only, chance: action.chance }
        return this.#later(action.ms, () => (nodes[action.node]!.corrupts = undefined))
      case 'ahead':
        nodes[action.node]!.ahead = true
        return this.#later(action.ms, () => (nodes[action.node]!.ahead = false))
      case 'crash':
        return this.#crash(nodes[action.node]!, action.downMs)
      case 'crashLoop':
        return this.#times(action.times, action.upMs + action.downMs, () =>
          this.#crash(nodes[action.node]!, action.downMs),
        )
      case 'restartAll':
        for (const node of nodes) this.#crash(node, action.downMs)
        return undefined
      case 'leave':
        return this.#leave(nodes[action.node]!)
      case 'join':
        return nodes[action.node]!.run === 0 ? fleet.restart(nodes[action.node]!) : undefined
      case 'pause':
        fleet.stop(nodes[action.node]!)
        return this.#later(action.ms, () => fleet.resume(nodes[action.node]!))
      case 'clockJump':
        nodes[action.node]!.wallAhead += action.ms
        return undefined
      case 'clockRate':
        nodes[action.node]!.clockRate(action.rate, fleet.time)
        return this.#later(action.ms, () => nodes[action.node]!.clockRate(1, fleet.time))
      case 'diskFull':
        nodes[action.node]!.disk.full = true
        return this.#later(action.ms, () => (nodes[action.node]!.disk.full = false))
      case 'copyDisk':
        // A copy of a store that lies would be a second liar, and a rule that asks two peers protects from one.
        if (nodes[action.node]!.broken) return undefined
        this.#copies.set(step.id, nodes[action.node]!.disk.image())
        this.checks.copied(nodes[action.node]!)
        return undefined
      case 'restoreDisk': {
        const copy = this.#copies.get(action.copy)
        if (copy === undefined) return undefined
        return this.#replaceDisk(nodes[action.node]!, copy, action.downMs)
      }
      case 'wipeDisk':
        return this.#replaceDisk(nodes[action.node]!, undefined, action.downMs)
      case 'putBack':
        return this.#putBack(step.id, nodes[action.node]!, action.downMs)
      case 'loseItems':
        return this.#loseItems(nodes[action.node]!, action.ms)
      case 'flipContext':
        return this.#flipContext(step.id, nodes[action.node]!, action.bit, action.ms)
      case 'damage':
        return this.#damage(step.id, nodes[action.node]!, action)
    }
  }

  #later(ms: number, act: () => void): void {
    this.fleet.schedule(ms, () => {
      if (!this.#healed) act()
    })
  }

  #times(count: number, everyMs: number, act: () => void): void {
    act()
    if (count > 1) this.#later(everyMs, () => this.#times(count - 1, everyMs, act))
  }

  #write(id: number, node: SimNode, ops: readonly Op[]): void {
    if (node.engine === undefined) return
    const random = new Seeded(this.#scenario.seed, `step ${id}`)
    const { wall } = this.fleet.now(node)
    const mutations = ops.map(({ op, key, bytes, ttl, token, blind }): LocalMutation => {
      const seen = token === undefined ? undefined : this.#tokens.get(token)
      const observed = blind === true ? [] : seen
      const target = { key: keyOf(key), ...(observed === undefined ? {} : { observed }) }
      if (op === 'delete') return { op, ...target }
      const expiry = ttl === 0 ? 0 : Math.max(wall + ttl, 1)
      return { op, ...target, value: valueOf(random, bytes), expiry }
    })
    this.fleet.write(node, mutations)
  }

  #read(id: number, node: SimNode, key: number): void {
    if (!node.awake) return
    this.fleet.dispatch(node, { type: 'read' })
    const siblings = node.live.replica.siblings(keyOf(key))
    const dots = siblings.map(({ actor, counter }) => ({ actor, counter }))
    this.#tokens.set(id, dots)
  }

  #partition(side: readonly number[], ms: number): void {
    const { nodes } = this.fleet
    const across = nodes.flatMap((a) =>
      nodes
        .filter((b) => side.includes(a.index) && !side.includes(b.index))
        .map((b) => [a, b] as const),
    )
    for (const [a, b] of across) {
      const name = `${a.index} ${b.index}`
      this.#partitions.set(name, (this.#partitions.get(name) ?? 0) + 1)
      this.fleet.cut(a, b)
    }
    this.#later(ms, () => {
      for (const [a, b] of across) {
        const name = `${a.index} ${b.index}`
        const left = this.#partitions.get(name)! - 1
        this.#partitions.set(name, left)
        if (left === 0) this.fleet.connect(a, b)
      }
    })
  }

  #crash(node: SimNode, downMs: number): void {
    if (node.engine === undefined) return
    this.fleet.crash(node)
    this.#later(downMs, () => {
      if (!node.gone) this.fleet.restart(node)
    })
  }

  /** At least one node stays. */
  #leave(node: SimNode): void {
    const others = this.fleet.nodes.filter((other) => other !== node && !other.gone)
    if (node.gone || others.every((other) => other.run === 0)) return
    node.gone = true
    if (node.engine !== undefined) this.fleet.crash(node)
    this.checks.diskLost(node)
  }

  /** As a snapshot of a virtual machine is restored: memory, disk and randomness are those of an earlier moment. */
  #putBack(id: number, node: SimNode, downMs: number): void {
    const random = new Seeded(this.#scenario.seed, `step ${id}`)
    const image = this.#runImages.get(node)
    if (node.gone || node.engine === undefined || image === undefined) return
    const { run } = node
    this.checks.putBack(node)
    this.fleet.crash(node)
    this.fleet.replaceDisk(node, image)
    const { durable } = node.disk
    this.#later(downMs, () => {
      if (node.gone || node.engine !== undefined || node.disk.durable !== durable) return
      node.sameRunAs = run
      this.fleet.restart(node)
      node.sameRunAs = undefined
      // Its first write is made before it hears of what it wrote before.
      this.fleet.write(node, [{ op: 'put', key: keyOf(1), value: valueOf(random, 8) }])
    })
  }

  #loseItems(node: SimNode, ms: number): void {
    if (!node.awake || node.broken) return
    const { replica } = node.live
    node.broken = true
    const items = Array.from(replica.fromDot('', 0))
    this.checks.forgot(items)
    for (const item of items) replica.remove(item)
    const mend = (): void => {
      if (!node.broken || node.gone) return
      if (node.engine !== undefined) this.fleet.crash(node)
      node.broken = false
      this.checks.diskLost(node)
      this.fleet.restart(node)
    }
    this.#mends.push(mend)
    this.#later(ms, mend)
  }

  #flipContext(id: number, node: SimNode, bit: number, ms: number): void {
    if (!node.awake || node.broken) return
    const random = new Seeded(this.#scenario.seed, `step ${id}`)
    // Not its own: who tells of itself is believed, and gives its actor up when it sees what it never wrote.
    const own = this.fleet.peerHashOf(node)
    const actors = Array.from(node.live.replica.context, ([actor]) => actor)
      .filter((actor) => !actor.endsWith(own))
      .sort()
    if (actors.length === 0) return
    const actor = random.pick(actors)
    const from = intervals.head(node.live.replica.context.get(actor)) + 1
    node.broken = true
    node.live.replica.context.add(actor, [from, from + 2 ** bit])
    const mend = (): void => {
      if (!node.broken || node.gone) return
      if (node.engine !== undefined) this.fleet.crash(node)
      node.broken = false
      this.checks.diskLost(node)
      // What broken memory has written down is whole, and wrong: nothing but another store helps.
      if (headOnDisk(node, actor) > from) {
        this.checks.diskReplaced(node)
        this.fleet.replaceDisk(node, undefined)
      }
      this.fleet.restart(node)
    }
    this.#mends.push(mend)
    this.#later(ms, mend)
  }

  #replaceDisk(node: SimNode, image: DiskImage | undefined, downMs: number): void {
    if (node.gone || node.run === 0) return
    if (node.engine !== undefined) this.fleet.crash(node)
    this.checks.diskReplaced(node)
    this.fleet.replaceDisk(node, image)
    this.#later(downMs, () => {
      if (!node.gone) this.fleet.restart(node)
    })
  }

  #damage(id: number, node: SimNode, { how, records, downMs }: Action & { do: 'damage' }): void {
    if (node.gone || node.run === 0) return
    if (node.engine !== undefined) this.fleet.crash(node)
    this.checks.diskLost(node)
    const random = new Seeded(this.#scenario.seed, `step ${id}`)
    for (let i = 0; i < records; i++) node.disk.damage(random, how)
    if (node.disk.image().size === 0) this.checks.diskReplaced(node)
    this.#later(downMs, () => {
      if (!node.gone) this.fleet.restart(node)
    })
  }

  // The second phase.

  #heal(): void {
    this.#healed = true
    const { fleet, checks } = this
    for (const mend of this.#mends) mend()
    const heldFor = this.#linksHeldMs
    fleet.heal()
    const poison = fleet.poisonedKey
    if (poison !== undefined) {
      // Contexts stay different, so what is stamped ahead of time is only looked through when that has lasted.
      const lastsFor = heldFor + LASTING_MS
      this.#await('poison', lastsFor, () => differenceBeside(poison, checks))
      fleet.poisonedKey = undefined
    }
    const cost = new RepairCostWatch(fleet, checks)
    this.#await('agreement', heldFor, () => checks.difference())
    cost.check()
    checks.settle()
  }

  /** How long some link may still be down, since one side was told when it may come back. */
  get #linksHeldMs(): number {
    return Math.max(this.fleet.network.heldUntil - this.fleet.time, 0)
  }

  /** What is held back (R13) goes from replica to replica, where only one of them knows of it by itself. */
  get #holdMs(): number {
    const { fleet } = this
    const holds = this.#scenario.world.kinds.includes(FORGETS) ? fleet.nodes.length : 1
    return holds * (fleet.settings.repair.removalHold + (holds > 1 ? HELD_BACK_LOOK_MS : 0))
  }

  /** That there is no difference any more, in the time that all faults together may cost. */
  #await(property: string, heldFor: number, differenceNow: () => string | undefined): void {
    const { fleet, checks } = this
    const { interval, bytesPerSecond } = fleet.settings.repair
    const begin = fleet.time
    const waitMs = AGREE_INTERVALS * Math.max(interval, AGREE_INTERVAL_MS_MIN)
    // What is on its way to a disk when all heals has to be transferred too.
    const transferMs = (): number =>
      (checks.itemBytes * fleet.nodes.length * 1_000) / bytesPerSecond
    const bound = (): number => begin + heldFor + this.#holdMs + waitMs + transferMs()
    const isWaiting = (): boolean => checks.members.some(({ live }) => live.links.keepsHearsay())
    let claimsMs = 0
    let difference = differenceNow()
    while (difference !== undefined && fleet.time < bound() + claimsMs) {
      // What was lost with a disk, and what a flipped bit claims, does not come: who still waits for it gives its word on
      // removals later.
      if (fleet.time + LOOK_EVERY_MS >= bound() && isWaiting()) claimsMs = LASTING_MS
      fleet.pass(LOOK_EVERY_MS)
      difference = differenceNow()
    }
    check(difference === undefined, property, () => {
      return `none after ${AGREE_INTERVALS} intervals\n${difference}`
    })
  }

  /** Now and then: that it lasts, and that all queues are empty, costs as much time as the whole run. */
  #checkLasting(): void {
    if (new Seeded(this.#scenario.seed, 'lasting').chance(0.75)) return
    const { fleet, checks } = this
    // Gossip that was under way when all healed may bring what its writer lost since, and everybody must get it then.
    const late = this.#scenario.world.faults.gossipDelay[1]
    fleet.pass(late + 2 * fleet.settings.repair.interval)
    // What was broadcast late may have come this very moment, and be on its way to the disk, or be held back; and a store that
    // was opened again may have brought what had no link to go on.
    const withinMs = this.#linksHeldMs + IDLE_MS + this.#holdMs
    const lasts = fleet.until(() => checks.difference() === undefined, withinMs)
    check(lasts, 'agreement', () => `it does not last\n${checks.difference()}`)
    checks.settle()
    if (this.#scenario.world.workload === 'leases') this.#checkPurged()
  }

  /** Where nobody lost anything, not even what is remembered until the next start, nobody doubts a removal (R13). */
  #checkTrusted(): void {
    const { fleet } = this
    if (this.#mends.length > 0 || fleet.nodes.some((node) => node.run > 1)) return
    for (const node of fleet.nodes) {
      const held = node.engine?.counters()['removalsHeldBack'] ?? 0
      check(held === 0, 'trust', () => `${node.id} held back ${held} removals`)
    }
  }

  /** What has expired goes, once all clocks are right and agree (R12). With nobody to agree with it waits. */
  #checkPurged(): void {
    const { fleet, checks } = this
    if (fleet.nodes.length > 1 && checks.members.length === 1) return
    const { skew, grace, purgeInterval } = fleet.settings.expiry
    const keptMs = skew + grace + 2 * purgeInterval
    fleet.pass(TTL_MS_MAX + keptMs)
    checks.purged(keptMs)
  }
}

function headOnDisk(node: SimNode, actor: string): number {
  const record = node.disk.image().get(`c${actor}`)
  return record === undefined ? 0 : intervals.head(intervals.decodeIntervals(record) ?? [])
}

function keyOf(key: number): string {
  return binary(`key${key}`)
}

/** The first bytes are random, and tell one value from another. */
function valueOf(random: Seeded, bytes: number): Uint8Array {
  const value = new Uint8Array(bytes)
  value.set(random.bytes(Math.min(bytes, 16)))
  return value
}

const SPARSE_LINKS = 4

function topologyOf(world: World, seed: number): (a: SimNode, b: SimNode) => boolean {
  const { topology, nodes } = world
  if (topology === 'full' || nodes < 4) return () => true
  if (topology === 'star') return (a, b) => a.index === 0 || b.index === 0
  const isNext = (a: SimNode, b: SimNode): boolean => {
    const apart = Math.abs(a.index - b.index)
    return apart === 1 || apart === nodes - 1
  }
  if (topology === 'ring') return isNext
  // A ring, so that it hangs together, and some links across.
  const random = new Seeded(seed, 'topology')
  const across = new Set<number>()
  for (let i = 0; i < (nodes * (SPARSE_LINKS - 2)) / 2; i++) {
    across.add(random.int(0, nodes - 1) * nodes + random.int(0, nodes - 1))
  }
  return (a, b) =>
    isNext(a, b) || across.has(a.index * nodes + b.index) || across.has(b.index * nodes + a.index)
}
