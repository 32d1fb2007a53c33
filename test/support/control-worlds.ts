/** A control socket with one peer to connect to: over a map in memory, and over a whole daemon. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { defaultConfig } from '../../src/config/config.ts'
import type { Daemon } from '../../src/daemon-api.ts'
import { createDaemon } from '../../src/daemon.ts'
import { openControl } from './control.ts'
import { MapDaemon } from './map-daemon.ts'

export interface ControlWorld {
  daemon: Daemon
  far: Daemon
  socketPath: string
  farAddress: string
  /** Well formed, and nobody answers there. */
  nobodyAddress: string
  close: () => Promise<void>
}

/** Of a watch, so that a test can go beyond it. */
export const WATCH_KEYS_MAX = 100

export async function mapWorld(): Promise<ControlWorld> {
  const neighbourhood = new Map<string, MapDaemon>()
  const control = await openControl({ map: { neighbourhood, watchKeysMax: WATCH_KEYS_MAX } })
  const { daemon, socketPath, close } = control
  const far = new MapDaemon({ name: 'far', neighbourhood })
  return {
    daemon,
    far,
    socketPath,
    close,
    farAddress: '/memory/far',
    nobodyAddress: '/memory/nobody',
  }
}

export async function daemonWorld(): Promise<ControlWorld> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hearsay-world-'))
  const start = (name: string): Promise<Daemon> => {
    const config = defaultConfig(path.join(directory, name))
    const limits = { ...config.limits, watchKeys: WATCH_KEYS_MAX }
    const socket = { ...config.socket, path: path.join(directory, `${name}.socket`) }
    return createDaemon({ ...config, name, socket, limits }, { log: pino({ level: 'silent' }) })
  }
  const daemon = await start('near')
  const far = await start('far')
  const { addresses } = await far.status()
  return {
    daemon,
    far,
    socketPath: path.join(directory, 'near.socket'),
    farAddress: addresses[0] ?? '',
    nobodyAddress: '/ip4/127.0.0.1/tcp/1',
    async close() {
      await daemon.stop()
      await far.stop()
      await rm(directory, { recursive: true })
    },
  }
}
