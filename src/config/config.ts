/**
 * What a daemon can be told, in the units in which the code uses it: durations are milliseconds, sizes are bytes, paths
 * are absolute. The shape is that of the YAML file, key for key, so that a setting has one name everywhere.
 *
 * `config/default.yaml` explains every knob to its reader; a test holds it equal to `defaultConfig`.
 * `resolve.ts` builds a `DaemonConfig` from flags, environment and file; a program that embeds the daemon spreads its
 * own settings over `defaultConfig()`.
 */
import { homedir, hostname } from 'node:os'
import path from 'node:path'

import type { CoreSettings } from '../core/settings.ts'

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

export type LogLevel = (typeof LOG_LEVELS)[number]

export interface DaemonConfig extends CoreSettings {
  /** The data directory: identity, store, address book. Created with mode 0700. */
  data: string
  socket: {
    path: string
    /** Permission bits of the socket file. */
    mode: number
    /** Group that owns the socket file, by name or number; the process's own when absent. */
    group?: string
  }
  /** Multiaddrs to listen on. */
  listen: string[]
  /** Multiaddrs to tell others instead of those listened on; empty: tell those. */
  announce: string[]
  /** Multiaddrs that are dialled for as long as the daemon runs. */
  bootstrap: string[]
  discovery: {
    /** Whether daemons of the fleet are looked for on the local network. */
    mdns: boolean
  }
  /** Path of the key file. Absent: the map is local, and the daemon listens on loopback only. */
  networkKey?: string
  /** Takes a store that was begun without a network key into the cluster of the key. */
  adopt: boolean
  /** Peer ids of those who are admitted; absent: everyone who holds a secret of the key. */
  allow?: string[]
  name: string
  /** Whether this daemon may call itself complete although it has bootstrap peers: the first of a new fleet. */
  first: boolean
  log: {
    level: LogLevel
    /** `auto`: readable on a terminal, JSON lines otherwise. */
    pretty: boolean | 'auto'
  }
  gossip: CoreSettings['gossip'] & {
    /** False: nothing is broadcast and nothing heard; repair alone carries every change. */
    enabled: boolean
    /** gossipsub's periodic tick. */
    heartbeat: number
  }
  limits: CoreSettings['limits'] & {
    /** Keys that changed and that one watcher has not read yet. */
    watchKeys: number
    watchersMax: number
  }
  connections: {
    /** Links that this daemon makes by itself. */
    wanted: number
    max: number
    dialBackoffMax: number
  }
  store: {
    /** Time from one check of the whole store in the background to the next; 0 for none. */
    scrubInterval: number
  }
}

const KiB = 1024
const MiB = 1024 * KiB
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS

/** What decides where things lie when nobody said: the user and the environment. */
export interface Surroundings {
  env: Record<string, string | undefined>
  root: boolean
  home: string
  hostname: string
  platform: string
}

export function surroundings(): Surroundings {
  return {
    env: process.env,
    root: process.getuid?.() === 0,
    home: homedir(),
    hostname: hostname(),
    platform: process.platform,
  }
}

/** A system daemon lives under /var/lib, a user's own under the state directory of the XDG convention. */
export function defaultDataDir(at: Surroundings): string {
  if (at.root) return '/var/lib/hearsay'
  // The XDG convention: a relative path there is invalid and must be ignored.
  const state = absolute(at.env['XDG_STATE_HOME']) ?? path.join(at.home, '.local', 'state')
  return path.join(state, 'hearsay')
}

/** The socket of a daemon that runs for the whole machine. Not in the data directory, which others cannot enter. */
export function systemSocket(at: Surroundings): string {
  return path.join(at.platform === 'linux' ? '/run' : '/var/run', 'hearsay', 'hearsay.sock')
}

/**
 * The socket of the daemon on `data`. A data directory other than the default one has its socket inside, so that
 * several daemons of one user do not meet on one path.
 */
export function defaultSocket(at: Surroundings, data: string): string {
  if (data === defaultDataDir(at)) {
    if (at.root) return systemSocket(at)
    const runtime = absolute(at.env['XDG_RUNTIME_DIR'])
    if (runtime !== undefined) return path.join(runtime, 'hearsay.sock')
  }
  return path.join(data, 'hearsay.sock')
}

function absolute(text: string | undefined): string | undefined {
  return text !== undefined && path.isAbsolute(text) ? text : undefined
}

/** The settings of a daemon that was told nothing, or only where its data is. */
export function defaultConfig(data?: string, at: Surroundings = surroundings()): DaemonConfig {
  const dir = data === undefined ? defaultDataDir(at) : path.resolve(data)
  return {
    data: dir,
    socket: { path: defaultSocket(at, dir), mode: 0o600 },
    // Loopback: reachable by nobody else until its owner has chosen an address and a network key. Port 0: any free one,
    // so that several daemons start on one machine without a word.
    listen: ['/ip4/127.0.0.1/tcp/0'],
    announce: [],
    bootstrap: [],
    discovery: { mdns: false },
    adopt: false,
    name: at.hostname,
    first: false,
    log: { level: 'info', pretty: 'auto' },
    repair: {
      interval: 5 * SECOND_MS,
      jitter: 0.25,
      pullDelay: SECOND_MS,
      gapDelay: 300,
      sessionTimeout: 30 * SECOND_MS,
      windowBytes: MiB,
      sessionsMax: 4,
      bytesPerSecond: 64 * MiB,
      removalsMax: 1000,
      removalHold: 6 * 60 * MINUTE_MS,
    },
    gossip: { enabled: true, inlineBytes: 16 * KiB, heartbeat: SECOND_MS },
    limits: {
      valueBytes: 16 * MiB,
      siblings: 64,
      writeQueueBytes: 64 * MiB,
      inboxBytes: 64 * MiB,
      watchKeys: 10_000,
      watchersMax: 256,
    },
    expiry: { skew: MINUTE_MS, grace: 10 * MINUTE_MS, purgeInterval: 30 * SECOND_MS },
    connections: { wanted: 24, max: 100, dialBackoffMax: MINUTE_MS },
    store: { scrubInterval: 24 * HOUR_MS },
  }
}
