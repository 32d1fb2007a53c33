/**
 * A scenario as data: the world, and a list of explicit steps in it. All of it is drawn from the seed before the run begins,
 * and every step can be taken out without changing what the others are: what a step needs beyond its own fields comes from
 * a random stream named after its number.
 */
import type { RepairSizes } from '../../src/core/repair/sizes.ts'
import type { CoreSettings } from '../../src/core/settings.ts'
import type { Faults } from '../support/fleet.ts'
import type { Corruption } from '../support/faulty-peer.ts'

export const TOPOLOGIES = ['full', 'ring', 'star', 'sparse'] as const
export const WORKLOADS = [
  'uniform',
  'hot key',
  'deletes',
  'leases',
  'large values',
  'large siblings',
  'imports',
  'put put delete',
] as const

export interface World {
  nodes: number
  /** The last so many nodes are not there at the beginning. */
  joiners: number
  topology: (typeof TOPOLOGIES)[number]
  workload: (typeof WORKLOADS)[number]
  settings: CoreSettings
  /** How full a message of a repair may be; those of a daemon, or small ones. */
  sizes: RepairSizes
  faults: Faults
  /** How far apart the wall clocks are at the start, milliseconds, each way. */
  skewMs: number
  /** Actors that wrote before the run began, all of whose items are gone. */
  closedActors: number
  /** When everything heals. */
  endMs: number
  /** Kinds of faults that were drawn. */
  kinds: FaultKind[]
}

export type FaultKind =
  | 'loss'
  | 'duplication'
  | 'late gossip'
  | 'slow links'
  | 'cut in message'
  | 'bandwidth'
  | 'partition'
  | 'one way'
  | 'flapping'
  | 'corruption'
  | 'corrupted items'
  | 'poisoned item'
  | 'version ahead'
  | 'crash'
  | 'crash loop'
  | 'pause'
  | 'skew'
  | 'jump of a day'
  | 'jump of ten years'
  | 'frozen clock'
  | 'backward clock'
  | 'mass join'
  | 'mass restart'
  | 'never returns'
  | 'joins empty'
  | 'failing disk'
  | 'slow disk'
  | 'full disk'
  | 'disk gone'
  | 'disk rolled back'
  | 'disk cloned'
  | 'record lost'
  | 'record flipped'
  | 'process put back'
  | 'flipped bit in memory'
  | 'items lost in memory'

/** No node can read another's item of this key, whatever way it comes, for a while after everything else has healed. */
export const POISON = 'poisoned item' satisfies FaultKind
/** Its number. */
export const POISONED_KEY = 0

/** One replica loses every item in memory and goes on telling its context. */
export const FORGETS = 'items lost in memory' satisfies FaultKind

export interface Op {
  op: 'put' | 'delete'
  key: number
  /** Of the value. */
  bytes: number
  /** Milliseconds; 0 for none. */
  ttl: number
  /** Number of the read step whose token the client shows; absent when it shows none. */
  token?: number
  /** The client has seen nothing of the key: it supersedes nothing. */
  blind?: true
}

export type Action =
  | { do: 'write'; node: number; ops: Op[] }
  /** A client reads and keeps the token under the step's number. */
  | { do: 'read'; node: number; key: number }
  | { do: 'repair'; node: number; peer: number }
  | { do: 'partition'; side: number[]; ms: number }
  | { do: 'deafen'; from: number; to: number }
  | { do: 'drop'; a: number; b: number }
  | { do: 'flap'; a: number; b: number; everyMs: number; times: number }
  | { do: 'corrupt'; node: number; chance: number; only: Corruption; ms: number }
  | { do: 'ahead'; node: number; ms: number }
  | { do: 'crash'; node: number; downMs: number }
  | { do: 'crashLoop'; node: number; upMs: number; downMs: number; times: number }
  | { do: 'restartAll'; downMs: number }
  | { do: 'leave'; node: number }
  | { do: 'join'; node: number }
  | { do: 'pause'; node: number; ms: number }
  | { do: 'clockJump'; node: number; ms: number }
  | { do: 'clockRate'; node: number; rate: number; ms: number }
  | { do: 'diskFull'; node: number; ms: number }
  /** Keeps a copy of the disk under the step's number. */
  | { do: 'copyDisk'; node: number }
  /** Crashes the node, puts the copy of another step on its disk, and starts it again. */
  | { do: 'restoreDisk'; node: number; copy: number; downMs: number }
  | { do: 'wipeDisk'; node: number; downMs: number }
  /** Puts the process back to where its latest run began, disk and randomness too. */
  | { do: 'putBack'; node: number; downMs: number }
  /** The context in the node's memory claims dots that nobody made; after `ms` the process is started again. */
  /** Its memory loses every item, and its context does not; so long, then it starts anew from its disk. */
  | { do: 'loseItems'; node: number; ms: number }
  | { do: 'flipContext'; node: number; bit: number; ms: number }
  | { do: 'damage'; node: number; how: 'lose' | 'flip'; records: number; downMs: number }

/** `id` stays when other steps are taken out. `at` is milliseconds after the start. */
export type Step = { id: number; at: number } & Action

export interface Scenario {
  seed: number
  world: World
  steps: Step[]
}

/** One line for people. */
export function describeStep(step: Step): string {
  const { id, at, do: what, ...fields } = step
  const said = Object.entries(fields).map(([name, value]) => `${name} ${textOf(value)}`)
  return `${String(id).padStart(3)}  ${(at / 1000).toFixed(3).padStart(8)} s  ${what} ${said.join(', ')}`
}

function textOf(value: unknown): string {
  if (Array.isArray(value) && typeof value[0] === 'object') {
    return `[${(value as Op[]).map(describeOp).join(', ')}]`
  }
  return JSON.stringify(value)
}

function describeOp({ op, key, bytes, ttl, token, blind }: Op): string {
  const parts = [`${op} key${key}`]
  if (op === 'put') parts.push(`${bytes} B`)
  if (ttl > 0) parts.push(`for ${ttl} ms`)
  if (token !== undefined) parts.push(`with the token of ${token}`)
  if (blind === true) parts.push('of a client that has seen nothing')
  return parts.join(' ')
}

/** The world in lines for people: what differs from one to the next. */
export function describeWorld(world: World): string {
  const { settings, faults, ...rest } = world
  return [rest, settings, faults]
    .map((part) =>
      JSON.stringify(part, (_, value: unknown) => (value === Infinity ? 'none' : value)),
    )
    .join('\n')
}
