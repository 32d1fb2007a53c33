/**
 * Which socket to talk to when nobody names one: that of this user's own daemon, and if there is none, that of the
 * machine's. The daemon chooses its socket by the same rules (`config/config.ts`).
 */
import { existsSync } from 'node:fs'
import path from 'node:path'

import { defaultDataDir, defaultSocket, systemSocket } from '../config/config.ts'
import type { Surroundings } from '../config/config.ts'

export interface FoundSocket {
  path: string
  /** Looked at before, and not there. */
  others: string[]
}

export function findSocket(at: Surroundings, named: string | undefined): FoundSocket {
  const told = named ?? (at.env['HEARSAY_SOCKET'] || undefined)
  if (told !== undefined) return { path: path.resolve(told), others: [] }
  const data = at.env['HEARSAY_DATA'] || undefined
  if (data !== undefined) return { path: defaultSocket(at, path.resolve(data)), others: [] }
  const own = defaultSocket(at, defaultDataDir(at))
  const system = systemSocket(at)
  if (own === system) return { path: own, others: [] }
  return existsSync(system) && !existsSync(own)
    ? { path: system, others: [own] }
    : { path: own, others: [system] }
}
