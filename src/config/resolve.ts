/**
 * From what was said to what holds: flags before environment before file before defaults, each checked by the same
 * schema, each refused with the place where it was said.
 *
 * Every knob has its variable: HEARSAY_ and its path in capitals, `repair.pullDelay` as HEARSAY_REPAIR_PULL_DELAY; the
 * socket's path is HEARSAY_SOCKET. Other variables of that beginning are left alone: container platforms invent some.
 */
import path from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import leven from 'leven'
import type * as z from 'zod'

import { HearsayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { defaultConfig, defaultDataDir, surroundings } from './config.ts'
import type { DaemonConfig, Surroundings } from './config.ts'
import { knobPaths, settingsSchema } from './schema.ts'
import type { Settings } from './schema.ts'
import { formatSize } from './units.ts'
import { readYamlFile } from './yaml-file.ts'

/** A setting as a flag or variable states it: its path among the settings, what was said, and by what. */
export interface Statement {
  path: readonly string[]
  value: unknown
  by: string
}

export interface Sources {
  flags?: readonly Statement[]
  file?: string
  /** Directory that relative paths of flags and environment start from. */
  cwd?: string
  at?: Surroundings
}

/** Throws BAD_CONFIG, and BAD_ARGUMENT for what a flag says. */
export function resolveConfig(sources: Sources = {}): DaemonConfig {
  const at = sources.at ?? surroundings()
  const cwd = sources.cwd ?? process.cwd()
  const file = sources.file ?? at.env['HEARSAY_CONFIG']
  const layers = [
    file === undefined || file === '' ? {} : fromFile(path.resolve(cwd, file), file, at.home),
    fromStatements(fromEnvironment(at.env), 'BAD_CONFIG', cwd, at.home),
    fromStatements(sources.flags ?? [], 'BAD_ARGUMENT', cwd, at.home),
  ]
  const said = layers.reduce<Settings>((below, above) => overlay(below, above), {})
  const config = overlay<DaemonConfig>(defaultConfig(said.data ?? defaultDataDir(at), at), said)
  checkTogether(config)
  return config
}

/** The variable that states the knob at `knob`. */
export function variableOf(knob: readonly string[]): string {
  if (knob.join('.') === 'socket.path') return 'HEARSAY_SOCKET'
  return `HEARSAY_${knob.map((key) => key.replace(/[A-Z]/g, '_$&')).join('_')}`.toUpperCase()
}

function fromEnvironment(env: Surroundings['env']): Statement[] {
  return knobPaths().flatMap((knob) => {
    const by = variableOf(knob)
    const value = env[by]
    // Empty means unset, as everywhere in shells and unit files.
    return value === undefined || value === '' ? [] : [{ path: knob, value, by }]
  })
}

function fromStatements(
  statements: readonly Statement[],
  code: ErrorCode,
  dir: string,
  home: string,
): Settings {
  const raw: Record<string, unknown> = {}
  for (const { path: knob, value } of statements) {
    let section = raw
    for (const key of knob.slice(0, -1)) {
      section = (section[key] ??= {}) as Record<string, unknown>
    }
    section[knob.at(-1) ?? ''] = value
  }
  const result = settingsSchema({ dir, home }).safeParse(raw)
  if (result.success) return result.data ?? {}
  throw refuse(code, result.error.issues, (issue) => {
    const by = statements.find(({ path: knob }) => knob.every((key, i) => key === issue.path[i]))
    return `${by?.by ?? 'settings'}: ${issue.message}`
  })
}

function fromFile(file: string, shown: string, home: string): Settings {
  const yaml = readYamlFile(file, 'BAD_CONFIG', { shown })
  const schema = settingsSchema({ dir: path.dirname(file), home })
  const result = schema.safeParse(withoutNulls(yaml.content))
  if (result.success) return result.data ?? {}
  throw refuse('BAD_CONFIG', result.error.issues, (issue) => {
    const at = issue.path.map(String)
    if (issue.code !== 'unrecognized_keys') {
      return `${[yaml.where(issue.path), ...(at.length > 0 ? [at.join('.')] : [])].join(': ')}: ${issue.message}`
    }
    const key = issue.keys[0] ?? ''
    return `${yaml.whereKey(issue.path, key)}: ${[...at, key].join('.')}: unknown key${suggest(at, key)}`
  })
}

/** A section or knob with nothing behind its colon is one whose lines are commented out. */
function withoutNulls(value: unknown): unknown {
  if (value === null) return undefined
  if (Array.isArray(value) || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, inner]) => [key, withoutNulls(inner)] as const)
      .filter(([, inner]) => inner !== undefined),
  )
}

function refuse(
  code: ErrorCode,
  issues: readonly z.core.$ZodIssue[],
  describe: (issue: z.core.$ZodIssue) => string,
): HearsayError {
  const [first, ...others] = issues
  const more =
    others.length === 0
      ? ''
      : ` (and ${others.length} more ${others.length === 1 ? 'problem' : 'problems'})`
  return new HearsayError(code, (first === undefined ? '' : describe(first)) + more)
}

const plain = (text: string) => text.toLowerCase().replace(/[_-]/g, '')

/** The knob that `key` in the section `at` may have meant: one spelt much like it there, or one of its name elsewhere. */
function suggest(at: readonly string[], key: string): string {
  const knobs = knobPaths()
  const siblings = new Set(
    knobs
      .filter((knob) => at.every((part, i) => knob[i] === part))
      .map((knob) => knob[at.length] ?? ''),
  )
  const near = [...siblings]
    .map((name) => ({ name, distance: leven(plain(name), plain(key)) }))
    .filter(({ name, distance }) => distance <= Math.max(1, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance)[0]?.name
  const elsewhere = knobs.find((knob) => plain(knob.at(-1) ?? '') === plain(key))
  const meant = near === undefined ? elsewhere?.join('.') : [...at, near].join('.')
  return meant === undefined
    ? `; known here: ${[...siblings].join(', ')}`
    : `; did you mean ${meant}?`
}

/** Lays what `above` says over `below`; lists are replaced whole. */
function overlay<T extends object>(below: T, above: object): T {
  const merged = { ...below } as Record<string, unknown>
  for (const [key, value] of Object.entries(above)) {
    if (value === undefined) continue
    const under = merged[key]
    merged[key] = isSection(value) && isSection(under) ? overlay(under, value) : value
  }
  return merged as T
}

function isSection(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What no knob shows alone. */
function checkTogether(config: DaemonConfig): void {
  const open = config.listen.find((address) => !isLoopback(address))
  if (config.networkKey === undefined && open !== undefined) {
    throw new HearsayError(
      'BAD_CONFIG',
      `listen: ${open} can be reached from outside, and without a network key that would admit anyone; ` +
        'make a key with "hearsay network-key > FILE" and give it to every daemon as --network-key FILE, ' +
        'or listen on /ip4/127.0.0.1/tcp/0',
    )
  }
  const { limits } = config
  if (limits.writeQueueBytes < limits.valueBytes) {
    throw new HearsayError(
      'BAD_CONFIG',
      `limits.writeQueueBytes (${formatSize(limits.writeQueueBytes)}) is less than limits.valueBytes ` +
        `(${formatSize(limits.valueBytes)}): the largest allowed value could never be written; raise the one or lower the other`,
    )
  }
}

function isLoopback(address: string): boolean {
  const host = multiaddr(address).getComponents()[0]
  if (host?.name === 'ip4') return host.value?.startsWith('127.') === true
  return host?.name === 'ip6' && host.value === '::1'
}
