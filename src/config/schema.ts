/**
 * The schema of the settings: for each knob what is accepted, written the way people write it, and what it becomes.
 *
 * A message says what was expected and what was found; the caller adds where. Numbers and truth values are accepted as text
 * too and lists as comma-separated text, because the environment has nothing else.
 */
import path from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import * as z from 'zod'

import { isPeerId } from '../net/addresses.ts'
import { LOG_LEVELS } from './config.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from './units.ts'

const NAME_CHARACTERS_MAX = 64

const MS = 1
const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const KiB = 1024
const MiB = 1024 * KiB
const GiB = 1024 * MiB

/** Where relative paths and `~/` in a source lead. */
export interface PathBase {
  dir: string
  home: string
}

/** A knob whose text or value `parse` turns into a setting, or into `undefined` when it is not what is `expected`. */
function knob<T>(expected: string, parse: (found: unknown) => T | undefined) {
  return z
    .unknown()
    .transform((found, context) => {
      const value = parse(found)
      if (value !== undefined) return value
      context.addIssue({ code: 'custom', message: `expected ${expected}, found ${show(found)}` })
      return z.NEVER
    })
    .optional()
}

const FOUND_CHARACTERS_MAX = 60

/** What was found, as it was typed, shortened. */
export function show(found: unknown): string {
  if (found === null || found === undefined) return 'nothing'
  const text = typeof found === 'string' && found !== '' ? found : JSON.stringify(found)
  return text.length > FOUND_CHARACTERS_MAX ? `${text.slice(0, FOUND_CHARACTERS_MAX)}…` : text
}

const within = (value: number | undefined, min: number, max: number) =>
  value !== undefined && value >= min && value <= max ? value : undefined

const duration = (example: string, min: number, max: number) =>
  knob(
    `a duration such as ${example}, from ${formatDuration(min)} to ${formatDuration(max)}`,
    (found) => (typeof found === 'string' ? within(parseDuration(found), min, max) : undefined),
  )

const size = (example: string, min: number, max: number) =>
  knob(`a size such as ${example}, from ${formatSize(min)} to ${formatSize(max)}`, (found) =>
    typeof found === 'string' ? within(parseSize(found), min, max) : undefined,
  )

function toNumber(found: unknown): number | undefined {
  if (typeof found === 'number') return found
  return typeof found === 'string' && /^\d+(\.\d+)?$/.test(found) ? Number(found) : undefined
}

const count = (min: number, max: number) =>
  knob(`a whole number from ${min} to ${max}`, (found) => {
    const value = within(toNumber(found), min, max)
    return Number.isInteger(value) ? value : undefined
  })

const fraction = (max: number) =>
  knob(`a number from 0 to ${max}`, (found) => within(toNumber(found), 0, max))

const TRUTH = new Map<unknown, boolean>([
  [true, true],
  ['true', true],
  ['1', true],
  [false, false],
  ['false', false],
  ['0', false],
])

const flag = () => knob('true or false', (found) => TRUTH.get(found))

const file = (base: PathBase) =>
  knob('a path', (found) => {
    if (typeof found !== 'string' || found === '' || found.includes('\0')) return undefined
    const home = found === '~' || found.startsWith('~/')
    return home ? path.join(base.home, found.slice(1)) : path.resolve(base.dir, found)
  })

function parseAddress(found: unknown): string | undefined {
  if (typeof found !== 'string') return undefined
  try {
    const address = multiaddr(found)
    const names = address.getComponents().map((component) => component.name)
    const host = /^(ip4|ip6|dns|dns4|dns6|dnsaddr)$/.test(names[0] ?? '')
    return host && (names.includes('tcp') || names[0] === 'dnsaddr') ? found : undefined
  } catch {
    return undefined
  }
}

function list(what: string, expected: string, parse: (found: unknown) => string | undefined) {
  return z
    .preprocess(
      (found) =>
        typeof found === 'string'
          ? found
              .split(',')
              .map((part) => part.trim())
              .filter((part) => part !== '')
          : found,
      z.array(knob(expected, parse).unwrap(), {
        error: (issue) => `expected a list of ${what}, found ${show(issue.input)}`,
      }),
    )
    .optional()
}

const addresses = (example: string) =>
  list('multiaddrs', `a multiaddr such as ${example}`, parseAddress)

const peerIds = () =>
  list('peer ids', 'a peer id such as "hearsay id" prints', (found) =>
    typeof found === 'string' && isPeerId(found) ? found : undefined,
  )

const permissions = () =>
  knob('permission bits such as 0600 or 0660', (found) => {
    const text = typeof found === 'number' ? String(found) : found
    const digits = typeof text === 'string' ? /^0?o?([0-7]{3})$/.exec(text)?.[1] : undefined
    return digits === undefined ? undefined : Number.parseInt(digits, 8)
  })

const word = (expected: string, pattern: RegExp) =>
  knob(expected, (found) => (typeof found === 'string' && pattern.test(found) ? found : undefined))

const section = <S extends z.core.$ZodLooseShape>(shape: S) =>
  z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === 'invalid_type'
          ? `expected a section with the keys ${Object.keys(shape).join(', ')}; found ${show(issue.input)}`
          : undefined,
    })
    .optional()

const ADDRESS_EXAMPLE = '/ip4/10.0.0.5/tcp/4001'

export function settingsSchema(base: PathBase) {
  return section({
    data: file(base),
    socket: section({
      path: file(base),
      mode: permissions(),
      group: word('the name or number of a group', /^[\w.-]{1,64}$/),
    }),
    listen: addresses('/ip4/0.0.0.0/tcp/4001'),
    announce: addresses(ADDRESS_EXAMPLE),
    bootstrap: addresses(`${ADDRESS_EXAMPLE}/p2p/12D3KooW…`),
    discovery: section({ mdns: flag() }),
    networkKey: file(base),
    adopt: flag(),
    allow: peerIds(),
    name: word(
      `a name of 1 to ${NAME_CHARACTERS_MAX} letters, digits, dots, dashes and underscores (in quotes if it is a number)`,
      new RegExp(`^[\\p{L}\\p{N}._-]{1,${NAME_CHARACTERS_MAX}}$`, 'u'),
    ),
    first: flag(),
    log: section({
      level: knob(`one of ${LOG_LEVELS.join(', ')}`, (found) =>
        LOG_LEVELS.find((level) => level === found),
      ),
      pretty: knob('true, false or auto', (found) =>
        found === 'auto' ? 'auto' : TRUTH.get(found),
      ),
    }),
    repair: section({
      interval: duration('5s', 100 * MS, HOUR),
      jitter: fraction(0.5),
      pullDelay: duration('1s', 0, MINUTE),
      gapDelay: duration('300ms', 10 * MS, MINUTE),
      sessionTimeout: duration('30s', SECOND, HOUR),
      windowBytes: size('1MiB', 64 * KiB, 16 * MiB),
      sessionsMax: count(1, 64),
      bytesPerSecond: size('64MiB', 64 * KiB, 1024 * MiB),
      removalsMax: count(0, 1_000_000_000),
      removalHold: duration('6h', MINUTE, 30 * DAY),
    }),
    gossip: section({
      enabled: flag(),
      inlineBytes: size('16KiB', 0, 48 * KiB),
      heartbeat: duration('1s', 100 * MS, MINUTE),
    }),
    limits: section({
      valueBytes: size('1MiB', 1, 16 * MiB),
      siblings: count(1, 64),
      writeQueueBytes: size('64MiB', KiB, GiB),
      inboxBytes: size('64MiB', 17 * MiB, GiB),
      watchKeys: count(1, 1_000_000),
      watchersMax: count(1, 10_000),
    }),
    expiry: section({
      skew: duration('1m', SECOND, DAY),
      grace: duration('10m', MINUTE, 30 * DAY),
      purgeInterval: duration('30s', 100 * MS, DAY),
    }),
    connections: section({
      wanted: count(6, 1_000),
      max: count(2, 10_000),
      dialBackoffMax: duration('1m', SECOND, HOUR),
    }),
    store: section({
      scrubInterval: duration('24h', 0, 30 * DAY),
    }),
  })
}

export type Settings = NonNullable<z.output<ReturnType<typeof settingsSchema>>>

interface Shaped {
  unwrap(): { shape?: Record<string, Shaped> }
}

/** Every knob, as the path of its keys. */
export function knobPaths(): string[][] {
  const walk = (node: Shaped, at: string[]): string[][] => {
    const shape = node.unwrap().shape
    if (shape === undefined) return [at]
    return Object.entries(shape).flatMap(([key, child]) => walk(child, [...at, key]))
  }
  return walk(settingsSchema({ dir: '/', home: '/' }) as unknown as Shaped, [])
}
