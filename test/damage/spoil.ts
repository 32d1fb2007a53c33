/** What disks, people and bad copies do to the files of a data directory, drawn from a seed. */
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import type { Seeded } from '../support/seeded.ts'

/** A kind of file in the data directory. LevelDB numbers its own, so those are found by pattern. */
const TARGETS = {
  table: /^store\/\d+\.ldb$/,
  log: /^store\/\d+\.log$/,
  manifest: /^store\/MANIFEST-\d+$/,
  current: /^store\/CURRENT$/,
  lock: /^store\/LOCK$/,
  format: /^format$/,
  identity: /^identity\.key$/,
  owner: /^owner\.json$/,
  peers: /^peers\.json$/,
  allow: /^allow\.json$/,
} as const

export type Target = keyof typeof TARGETS

/** `roll back`: put back as it was a while ago. */
export type Kind = 'flip' | 'truncate' | 'swap' | 'delete' | 'roll back' | 'zero'

export interface Damage {
  kind: Kind
  target: Target | 'all' | 'store'
}

const SPOILING = ['flip', 'truncate', 'swap', 'zero', 'delete'] as const

function each(targets: readonly Target[], kinds: readonly Kind[]): Damage[] {
  return targets.flatMap((target) => kinds.map((kind): Damage => ({ kind, target })))
}

/**
 * Every kind on every file that it can change: `LOCK` is empty, and the lists have numbers of their own at every start, so
 * that there is nothing older to put in their place. Tables and logs, which have the data, come more often.
 */
export const DAMAGES: readonly Damage[] = [
  ...each(['table', 'log', 'manifest', 'current'], SPOILING),
  ...each(['format', 'identity', 'owner', 'peers', 'allow'], SPOILING),
  ...each(['lock'], ['delete']),
  ...each(['log', 'peers', 'allow'], ['roll back']),
  ...each(
    ['table', 'log', 'table', 'log', 'table'],
    ['flip', 'truncate', 'swap', 'zero', 'delete'],
  ),
  { kind: 'delete', target: 'store' },
  ...(['all', 'store', 'all', 'store'] as const).map((target): Damage => ({
    kind: 'roll back',
    target,
  })),
]

const BLOCK_BYTES = 512
const FLIPS_MAX = 8

function filesOf(data: string): string[] {
  const store = path.join(data, 'store')
  const inStore = existsSync(store) ? readdirSync(store).map((name) => `store/${name}`) : []
  return [...readdirSync(data), ...inStore].sort()
}

/** Damages the data directory of a daemon that does not run. What was done, in words; undefined when there was nothing to do it to. */
export function spoil(
  data: string,
  older: string,
  { kind, target }: Damage,
  random: Seeded,
): string | undefined {
  if (target === 'all' || target === 'store') return spoilMany(data, older, kind, target)
  const names = filesOf(data).filter((name) => TARGETS[target].test(name))
  if (names.length === 0) return undefined
  // The larger of two: many tables have hardly anything in them.
  const [name] = [random.pick(names), random.pick(names)].sort(
    (a, b) => statSync(path.join(data, b)).size - statSync(path.join(data, a)).size,
  ) as [string, string]
  const file = path.join(data, name)
  if (kind === 'delete') {
    rmSync(file)
    return `delete ${name}`
  }
  if (kind === 'roll back') return rollBackOne(data, older, target, name)
  const before = readFileSync(file)
  const { bytes, what } = SPOILERS[kind](before, random)
  if (bytes.equals(before)) return undefined
  writeFileSync(file, bytes)
  return `${what} of ${name} (${before.length} bytes)`
}

function spoilMany(
  data: string,
  older: string,
  kind: Kind,
  target: 'all' | 'store',
): string | undefined {
  const within = target === 'store' ? 'store' : ''
  rmSync(path.join(data, within), { recursive: true })
  if (kind === 'delete') return `delete ${target}`
  cpSync(path.join(older, within), path.join(data, within), { recursive: true })
  return `roll back ${target}`
}

function rollBackOne(
  data: string,
  older: string,
  target: Target,
  name: string,
): string | undefined {
  // The file of its number may be new: then another of its kind is what the copy still has.
  const had = filesOf(older).filter((one) => TARGETS[target].test(one))
  const from = had.includes(name) ? name : had.at(-1)
  if (from === undefined) return undefined
  const bytes = readFileSync(path.join(older, from))
  const file = path.join(data, from)
  if (existsSync(file) && readFileSync(file).equals(bytes)) return undefined
  writeFileSync(file, bytes)
  return `roll back ${from} (${bytes.length} bytes)`
}

interface Spoilt {
  bytes: Buffer
  what: string
}

const SPOILERS: Record<
  Exclude<Kind, 'delete' | 'roll back'>,
  (bytes: Buffer, random: Seeded) => Spoilt
> = {
  flip(before, random) {
    const bytes = Buffer.from(before)
    const at = Array.from({ length: random.int(1, FLIPS_MAX) }, () =>
      random.int(0, Math.max(0, bytes.length - 1)),
    )
    for (const one of at) if (bytes.length > 0) bytes[one]! ^= 1 << random.int(0, 7)
    return { bytes, what: `flip at ${at.join(', ')}` }
  },
  truncate(before, random) {
    const length = random.int(0, Math.max(0, before.length - 1))
    return { bytes: before.subarray(0, length), what: `truncate to ${length}` }
  },
  swap(before, random) {
    const size = Math.min(BLOCK_BYTES, before.length >> 1)
    const last = Math.max(1, Math.floor(before.length / Math.max(1, size)) - 1)
    const [a, b] = [random.int(0, last) * size, random.int(0, last) * size]
    const bytes = Buffer.from(before)
    before.copy(bytes, a, b, b + size)
    before.copy(bytes, b, a, a + size)
    return { bytes, what: `swap ${a} and ${b}, ${size} bytes each` }
  },
  zero(before, random) {
    const at = random.int(0, Math.max(0, before.length - 1))
    const bytes = Buffer.from(before)
    bytes.fill(0, at, Math.min(at + BLOCK_BYTES, bytes.length))
    return { bytes, what: `zeroes at ${at}` }
  },
}
