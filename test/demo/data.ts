/** The data set: the records of `mime-db`, a key for each media type. */
import { createRequire } from 'node:module'

import type { Mutation } from '../../src/daemon-api.ts'
import { bytes } from '../support/daemons.ts'

export type Record = readonly [key: string, value: string]

/** Every record under `prefix` and its media type. */
export function mediaTypes(prefix = ''): Record[] {
  const records = createRequire(import.meta.url)('mime-db') as { [type: string]: unknown }
  return Object.entries(records).map(([type, value]) => [prefix + type, JSON.stringify(value)])
}

export function put([key, value]: Record): Mutation {
  return { op: 'put', key: bytes(key), value: bytes(value) }
}

export function del(key: string): Mutation {
  return { op: 'delete', key: bytes(key) }
}
