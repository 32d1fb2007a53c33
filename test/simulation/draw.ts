/**
 * Draws a scenario from its seed: first what kind of world it is and which faults are on, then how strong they are, then
 * every step. Most worlds are small, short and have a few kinds of faults at a time, because those find the most in a given
 * time; one of `HEAVY_EVERY` has thirty nodes and more, and thousands of keys.
 */
import { SIZES } from '../../src/core/repair/sizes.ts'
import type { CoreSettings } from '../../src/core/settings.ts'
import { CALM, SETTINGS } from '../support/fleet.ts'
import type { Faults } from '../support/fleet.ts'
import { Seeded } from '../support/seeded.ts'
import { drawSizes } from '../support/small-sizes.ts'
import { FORGETS, POISON, POISONED_KEY, TOPOLOGIES, WORKLOADS } from './scenario.ts'
import type { Action, FaultKind, Op, Scenario, Step, World } from './scenario.ts'

/** One heavy world in so many. */
export const HEAVY_EVERY = 500
/** How many worlds have small messages. */
const SMALL_SIZES = 0.25
const DAY_MS = 86_400_000
const TEN_YEARS_MS = 10 * 365 * DAY_MS
/** Short, so that what is held back is applied within a run, and longer than any memory stays broken. */
const REMOVAL_HOLD_MS = 60_000

/** Each with its weight. */
const KINDS: readonly (readonly [FaultKind, number])[] = [
  ['loss', 4],
  ['duplication', 2],
  ['late gossip', 2],
  ['slow links', 2],
  ['cut in message', 2],
  ['bandwidth', 1],
  ['partition', 3],
  ['one way', 2],
  ['flapping', 1],
  ['corruption', 1],
  ['corrupted items', 1],
  [POISON, 0.5],
  ['version ahead', 0.5],
  ['crash', 4],
  ['crash loop', 1],
  ['pause', 1.5],
  ['skew', 1],
  ['jump of a day', 0.5],
  ['jump of ten years', 0.5],
  ['frozen clock', 0.5],
  ['backward clock', 0.5],
  ['mass join', 0.5],
  ['mass restart', 1],
  ['never returns', 1],
  ['joins empty', 1],
  ['failing disk', 1.5],
  ['slow disk', 1],
  ['full disk', 1],
  ['disk gone', 1],
  ['disk rolled back', 1],
  ['disk cloned', 1],
  ['record lost', 1.5],
  ['record flipped', 1.5],
  ['process put back', 1],
  ['flipped bit in memory', 1],
  ['items lost in memory', 1],
]

/** One damaged replica at a time, with good clocks: what a second one says may be believed. */
const BESIDE_FORGETTING: ReadonlySet<FaultKind> = new Set<FaultKind>([
  FORGETS,
  'loss',
  'duplication',
  'late gossip',
  'slow links',
  'cut in message',
  'bandwidth',
  'partition',
  'one way',
  'flapping',
  'version ahead',
  'crash',
  'crash loop',
  'pause',
  'mass join',
  'mass restart',
  'joins empty',
  'slow disk',
])

/** What is lost, or written twice, is made up for only when all contexts are equal, and poison keeps them from it. */
const NOT_BESIDE_POISON: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'disk gone',
  'disk rolled back',
  'disk cloned',
  'record lost',
  'record flipped',
  'process put back',
  'flipped bit in memory',
])

/** Not with very many nodes and keys. A hundredth of so many keys may go on anybody's word. */
const NOT_IN_HEAVY: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'mass join',
  'joins empty',
  'never returns',
  FORGETS,
])

export function draw(seed: number): Scenario {
  const random = new Seeded(seed, 'scenario')
  const heavy = seed % HEAVY_EVERY === HEAVY_EVERY - 1
  const world = heavy ? drawHeavy(random) : drawWorld(random)
  const sizes = new Seeded(seed, 'sizes')
  if (!heavy && sizes.chance(SMALL_SIZES)) world.sizes = drawSizes(sizes)
  const steps = new StepList(random, world, heavy).draw()
  return { seed, world, steps }
}

function drawWorld(random: Seeded): World {
  const kinds = drawKinds(random)
  const nodes = random.pick([2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, random.int(6, 9)])
  const drawn = random.pick([...WORKLOADS, 'uniform', 'hot key', 'put put delete'] as const)
  // A hundredth of very many keys may go on anybody's word.
  const forgets = kinds.includes(FORGETS)
  const workload = forgets && drawn === 'imports' ? 'uniform' : drawn
  const joins = kinds.includes('mass join') || kinds.includes('joins empty')
  // Whoever leaves must not take a part of the fleet with it.
  const leaves = kinds.includes('never returns')
  const long = kinds.some((kind) => kind === 'pause' || kind === 'frozen clock')
  return {
    nodes: joins ? nodes + 1 : nodes,
    joiners: joins ? (kinds.includes('mass join') ? random.int(1, nodes - 1) : 1) : 0,
    topology: leaves || random.chance(0.8) ? 'full' : random.pick(TOPOLOGIES),
    workload,
    settings: drawSettings(random, workload, forgets),
    sizes: SIZES,
    faults: drawFaults(random, kinds),
    skewMs: kinds.includes('skew') ? random.pick([2_000, 60_000, 600_000]) : 0,
    closedActors: random.chance(0.01) ? random.int(250, 700) : 0,
    endMs: random.pick(long ? [30_000, 120_000, 240_000] : [300, 2_000, 2_000, 10_000, 40_000]),
    kinds,
  }
}

function drawHeavy(random: Seeded): World {
  const kinds = drawKinds(random).filter((kind) => !NOT_IN_HEAVY.has(kind))
  return {
    nodes: random.int(30, 36),
    joiners: 0,
    topology: 'sparse',
    workload: 'imports',
    settings: SETTINGS,
    sizes: SIZES,
    faults: drawFaults(random, kinds),
    skewMs: 0,
    closedActors: random.chance(0.2) ? random.int(4_100, 5_000) : 0,
    endMs: 10_000,
    kinds,
  }
}

function drawKinds(random: Seeded): FaultKind[] {
  const count = random.pick([0, 1, 1, 2, 2, 3, 3, 4, 5, 8])
  const kinds = new Set<FaultKind>()
  const total = KINDS.reduce((sum, [, weight]) => sum + weight, 0)
  while (kinds.size < count) {
    let at = random.float() * total
    const drawn = KINDS.find(([, weight]) => (at -= weight) < 0)
    kinds.add(drawn?.[0] ?? 'crash')
  }
  if (kinds.has(FORGETS)) return [...kinds].filter((kind) => BESIDE_FORGETTING.has(kind))
  return kinds.has(POISON) ? [...kinds].filter((kind) => !NOT_BESIDE_POISON.has(kind)) : [...kinds]
}

function drawFaults(random: Seeded, kinds: readonly FaultKind[]): Faults {
  const faults: Faults = { ...CALM }
  const gossipLate = random.pick([5, 20, 100])
  const linkLate = random.pick([1, 5, 20, 60])
  faults.gossipDelay = [1, gossipLate]
  faults.linkDelay = [1, linkLate]
  faults.commitTime = [0, random.pick([0, 2, 10])]
  for (const kind of kinds) {
    if (kind === 'loss') faults.gossipLoss = random.pick([0.05, 0.2, 0.5, 1])
    else if (kind === 'duplication') faults.gossipDuplicate = random.pick([0.1, 0.5])
    else if (kind === 'late gossip') faults.gossipDelay = [1, random.pick([1_000, 3_000, 10_000])]
    else if (kind === 'slow links') faults.linkDelay = [1, random.pick([200, 1_000, 10_000])]
    else if (kind === 'cut in message') faults.linkCut = random.pick([0.01, 0.05, 0.2])
    else if (kind === 'bandwidth') faults.bandwidth = random.pick([500, 5_000, 50_000])
    else if (kind === 'failing disk') faults.commitFailure = random.pick([0.01, 0.05, 0.2])
    else if (kind === 'slow disk') faults.commitTime = [0, random.pick([100, 500, 3_000])]
  }
  return faults
}

/** Mostly what ships; now and then bounds so low that everything runs into them. */
function drawSettings(random: Seeded, workload: World['workload'], forgets: boolean): CoreSettings {
  const seldom = (values: readonly number[], usual: number): number =>
    random.chance(0.12) ? random.pick(values) : usual
  const { repair, limits } = SETTINGS
  return {
    repair: {
      ...repair,
      interval: seldom([1_000, 2_000, 15_000], repair.interval),
      pullDelay: seldom([0, 100, 5_000], repair.pullDelay),
      gapDelay: seldom([10, 2_000], repair.gapDelay),
      windowBytes: seldom([1, 2_000, 100_000], repair.windowBytes),
      sessionsMax: seldom([1, 2], repair.sessionsMax),
      bytesPerSecond: seldom([2_000, 20_000], repair.bytesPerSecond),
      removalsMax: forgets ? 0 : seldom([1, 3], repair.removalsMax),
      removalHold: forgets ? REMOVAL_HOLD_MS : random.pick([5_000, 30_000, 60_000]),
    },
    gossip: {
      inlineBytes: BYTES[workload] !== undefined ? random.pick([30, 300, 16_384]) : 16_384,
    },
    limits: {
      ...limits,
      siblings: seldom([1, 2, 4], limits.siblings),
      writeQueueBytes: seldom([2_000], limits.writeQueueBytes),
      inboxBytes: seldom([1_000, 5_000], limits.inboxBytes),
    },
    expiry: { skew: 5_000, grace: 61_000, purgeInterval: 5_000 },
  }
}

const KEYS: Record<World['workload'], readonly number[]> = {
  uniform: [3, 8, 20],
  'hot key': [1, 1, 2],
  deletes: [4, 10],
  leases: [3, 10],
  'large values': [2, 6],
  'large siblings': [1, 2, 3],
  imports: [40, 300],
  'put put delete': [1, 2, 4],
}

/** The share of deletes; a quarter where nothing else is said. */
const DELETES: Partial<Record<World['workload'], number>> = {
  deletes: 0.7,
  'large values': 0.1,
  'large siblings': 0.05,
}

const SMALL_BYTES: readonly number[] = [0, 4, 30]
/** Of values. Some do not fit into a chunk of a pull together, and some fit into none. */
const BYTES: Partial<Record<World['workload'], readonly number[]>> = {
  'large values': [40, 400, 400, 17_000, 70_000],
  'large siblings': [40, 15_000, 33_000, 70_000],
}

class StepList {
  readonly #random: Seeded
  readonly #world: World
  readonly #heavy: boolean
  readonly #actions: { at: number; action: Action; ref?: symbol }[] = []
  readonly #reads: { at: number; key: number; name: symbol }[] = []
  readonly #keys: number
  /** Steps that others refer to, by name, until they are numbered. */
  readonly #refs: {
    action: { token?: number; copy?: number }
    field: 'token' | 'copy'
    name: symbol
  }[] = []

  constructor(random: Seeded, world: World, heavy: boolean) {
    this.#random = random
    this.#world = world
    this.#heavy = heavy
    this.#keys = heavy ? 3_000 : random.pick(KEYS[world.workload])
  }

  draw(): Step[] {
    this.#drawWrites()
    for (const kind of this.#world.kinds) this.#drawFault(kind)
    const sorted = this.#actions.sort((a, b) => a.at - b.at)
    const ids = new Map<symbol, number>()
    for (const [id, { ref }] of sorted.entries()) if (ref !== undefined) ids.set(ref, id)
    for (const { action, field, name } of this.#refs) action[field] = ids.get(name)!
    return sorted.map(({ at, action }, id) => ({ id, at, ...action }))
  }

  #at(part = 1): number {
    return Math.floor(this.#random.float() * this.#world.endMs * part)
  }

  #node(): number {
    return this.#random.int(0, this.#world.nodes - 1)
  }

  /** Two different ones. */
  #pair(): [number, number] {
    const a = this.#node()
    const b = this.#random.int(0, this.#world.nodes - 2)
    return [a, b < a ? b : b + 1]
  }

  #add(at: number, action: Action, ref?: symbol): void {
    this.#actions.push(ref === undefined ? { at, action } : { at, action, ref })
  }

  // Workloads.

  #drawWrites(): void {
    const random = this.#random
    const { workload, endMs } = this.#world
    const writes = this.#heavy ? random.int(12, 24) : random.pick([3, 6, 12, 25, 25, 60])
    let at = 0
    const pace = random.pick([1, 5, 50, Math.ceil(endMs / writes)])
    for (let i = 0; i < writes; i++) {
      at = Math.min(at + random.int(0, 2 * pace), endMs)
      if (random.chance(0.05)) at = this.#at()
      if (random.chance(0.25)) this.#drawRead(at)
      if (workload === 'put put delete') this.#drawPutPutDelete(at)
      else this.#add(at, { do: 'write', node: this.#node(), ops: this.#drawOps(at) })
    }
    if (random.chance(0.1)) {
      const [node, peer] = this.#pair()
      this.#add(this.#at(), { do: 'repair', node, peer })
    }
  }

  #drawRead(at: number): void {
    const key = this.#random.int(1, this.#keys)
    const name = Symbol('read')
    this.#reads.push({ at, key, name })
    this.#add(at, { do: 'read', node: this.#node(), key }, name)
  }

  #drawOps(at: number): Op[] {
    const random = this.#random
    const { workload } = this.#world
    if (workload === 'imports' && random.chance(this.#heavy ? 0.5 : 0.3)) {
      const from = random.int(1, this.#keys)
      const bytes = random.pick([4, 40, 400])
      return Array.from({ length: random.int(20, this.#heavy ? 300 : 120) }, (_, i) =>
        op('put', ((from + i) % this.#keys) + 1, bytes),
      )
    }
    const count = random.chance(0.15) ? random.int(2, 6) : 1
    return Array.from({ length: count }, () => this.#drawOp(at))
  }

  #drawOp(at: number): Op {
    const random = this.#random
    const { workload } = this.#world
    const drawn = op(
      random.chance(DELETES[workload] ?? 0.25) ? 'delete' : 'put',
      this.#world.kinds.includes(POISON) && random.chance(0.1)
        ? POISONED_KEY
        : random.int(1, this.#keys),
      random.pick(random.chance(0.7) ? (BYTES[workload] ?? SMALL_BYTES) : SMALL_BYTES),
    )
    if (random.chance(workload === 'large siblings' ? 0.4 : 0.03)) drawn.blind = true
    if (drawn.op === 'put' && workload === 'leases' && random.chance(0.7)) {
      drawn.ttl = random.pick([random.int(1, 2_000), random.int(1, 60_000)])
    }
    const read = this.#reads.at(-random.int(1, 8))
    if (random.chance(0.3) && read !== undefined && read.at <= at && drawn.blind !== true) {
      drawn.key = read.key
      this.#refs.push({ action: drawn, field: 'token', name: read.name })
    }
    return drawn
  }

  /** The divergence that others shipped: a put, a put, and a delete that is concurrent with another put. */
  #drawPutPutDelete(at: number): void {
    const random = this.#random
    const key = random.int(1, this.#keys)
    const [a, b] = this.#pair()
    const write = (after: number, node: number, one: Op): void =>
      this.#add(Math.min(at + after, this.#world.endMs), { do: 'write', node, ops: [one] })
    const apart = random.pick([0, 3, 30, 300])
    write(0, a, op('put', key, 4))
    write(random.int(0, apart), random.chance(0.5) ? a : b, op('put', key, 4))
    const later = random.int(0, 2 * apart)
    write(later, a, op('delete', key, 0))
    write(later + random.int(0, 3), b, op('put', key, 4))
  }

  // Faults.

  #drawFault(kind: FaultKind): void {
    const random = this.#random
    const { endMs, nodes, joiners } = this.#world
    const times = random.pick([1, 1, 2, 4])
    const span = (): number => random.int(1, Math.max(endMs, 1_000))
    const some = (action: () => Action): void => {
      for (let i = 0; i < times; i++) this.#add(this.#at(), action())
    }
    switch (kind) {
      case 'partition':
        return some(() => {
          const side = random.some(
            Array.from({ length: nodes }, (_, index) => index),
            random.int(1, nodes - 1),
          )
          return { do: 'partition', side, ms: span() }
        })
      case 'one way':
        return some(() => {
          const [from, to] = this.#pair()
          return { do: 'deafen', from, to }
        })
      case 'flapping':
        return some(() => {
          const [a, b] = this.#pair()
          return { do: 'flap', a, b, everyMs: random.int(50, 3_000), times: random.int(2, 10) }
        })
      case 'corruption':
      case 'corrupted items':
        return some(() => {
          const only = kind === 'corruption' ? 'messages' : 'items'
          const chance = random.pick([0.02, 0.2, 1])
          return { do: 'corrupt', node: this.#node(), chance, only, ms: span() }
        })
      case 'version ahead':
        return this.#add(this.#at(0.2), { do: 'ahead', node: this.#node(), ms: span() })
      case 'crash':
        return some(() => ({ do: 'crash', node: this.#node(), downMs: this.#downMs() }))
      case 'crash loop':
        return this.#add(this.#at(), {
          do: 'crashLoop',
          node: this.#node(),
          upMs: random.pick([1, 100, 2_000]),
          downMs: random.pick([1, 200]),
          times: random.int(3, 12),
        })
      case 'mass restart':
        return this.#add(this.#at(), { do: 'restartAll', downMs: this.#downMs() })
      case 'never returns':
        return this.#add(this.#at(), { do: 'leave', node: this.#node() })
      case 'mass join':
      case 'joins empty':
        return this.#drawJoins(nodes - joiners, joiners)
      case 'pause':
        return some(() => ({ do: 'pause', node: this.#node(), ms: span() }))
      case 'jump of a day':
        return some(() => this.#jump(DAY_MS))
      case 'jump of ten years':
        return some(() => this.#jump(TEN_YEARS_MS))
      case 'frozen clock':
        return some(() => ({ do: 'clockRate', node: this.#node(), rate: 0, ms: span() }))
      case 'backward clock':
        return some(() => {
          const rate = random.pick([-1, -100, 0.5, 30])
          return { do: 'clockRate', node: this.#node(), rate, ms: span() }
        })
      case 'full disk':
        return some(() => ({ do: 'diskFull', node: this.#node(), ms: span() }))
      case 'disk gone':
        return this.#add(this.#at(), { do: 'wipeDisk', node: this.#node(), downMs: this.#downMs() })
      case 'disk rolled back':
        return this.#drawRestore(true)
      case 'disk cloned':
        return this.#drawRestore(false)
      case 'record lost':
      case 'record flipped':
        return some(() => ({
          do: 'damage',
          node: this.#node(),
          how: kind === 'record lost' ? 'lose' : 'flip',
          records: random.pick([1, 1, 3]),
          downMs: this.#downMs(),
        }))
      case 'process put back':
        return some(() => ({ do: 'putBack', node: this.#node(), downMs: this.#downMs() }))
      case 'items lost in memory':
        // One only, and for a shorter time than its word is held back for.
        return this.#add(this.#at(), {
          do: 'loseItems',
          node: this.#node(),
          ms: random.int(1, REMOVAL_HOLD_MS / 2),
        })
      case 'flipped bit in memory':
        // One only: what two peers claim is believed.
        return this.#add(this.#at(), {
          do: 'flipContext',
          node: this.#node(),
          bit: random.int(21, 50),
          ms: random.int(1, 300_000),
        })
      case 'loss':
      case 'duplication':
      case 'late gossip':
      case 'slow links':
      case 'cut in message':
      case 'bandwidth':
      case 'poisoned item':
      case 'skew':
      case 'failing disk':
      case 'slow disk':
        return undefined
    }
  }

  #drawJoins(first: number, count: number): void {
    const at = this.#at()
    for (let i = 0; i < count; i++) {
      const joined = this.#actions.some(
        ({ action }) => action.do === 'join' && action.node === first + i,
      )
      if (!joined) this.#add(at + this.#random.int(0, 50), { do: 'join', node: first + i })
    }
  }

  #drawRestore(sameNode: boolean): void {
    const name = Symbol('copy')
    const [from, other] = this.#pair()
    const at = this.#at()
    this.#add(at, { do: 'copyDisk', node: from }, name)
    const restore = {
      do: 'restoreDisk' as const,
      node: sameNode ? from : other,
      copy: 0,
      downMs: this.#downMs(),
    }
    this.#refs.push({ action: restore, field: 'copy', name })
    this.#add(at + Math.floor(this.#random.float() * (this.#world.endMs - at)), restore)
  }

  #jump(most: number): Action {
    const ms = this.#random.pick([-1, 1]) * this.#random.pick([most, Math.floor(most / 100)])
    return { do: 'clockJump', node: this.#node(), ms }
  }

  #downMs(): number {
    return this.#random.pick([1, 500, 3_000, Math.max(this.#world.endMs, 1)])
  }
}

function op(kind: Op['op'], key: number, bytes: number): Op {
  return { op: kind, key, bytes, ttl: 0 }
}
