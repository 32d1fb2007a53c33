/**
 * Keys in paths.
 *
 * Routers decode paths as UTF-8 and split them at slashes, and a key is any bytes. So every path below `/v1/keys/` is
 * rewritten to the route's own pattern before it is routed, and the key is read from the path as it came.
 */
import type { IncomingMessage } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { HearsayError } from '../errors.ts'
import { KEY_BYTES_MAX } from './limits.ts'
import { percentDecode } from './percent.ts'

const KEYS = '/v1/keys/'

export const KEY_ROUTE = `${KEYS}:key`

export function rewriteKeyPath(request: IncomingMessage): string {
  const url = request.url ?? '/'
  if (!url.startsWith(KEYS)) return url
  const query = url.indexOf('?')
  return query === -1 ? KEY_ROUTE : KEY_ROUTE + url.slice(query)
}

/** Throws EMPTY_KEY, KEY_TOO_LARGE, BAD_REQUEST. */
export function keyOf(request: FastifyRequest): Uint8Array {
  const [path = ''] = request.originalUrl.split('?', 1)
  const key = percentDecode(path.slice(KEYS.length), 'key')
  if (key.length === 0)
    throw new HearsayError('EMPTY_KEY', `the key is empty; put it behind ${KEYS}`)
  if (key.length <= KEY_BYTES_MAX) return key
  throw new HearsayError(
    'KEY_TOO_LARGE',
    `the key is ${key.length} bytes long; the most is ${KEY_BYTES_MAX}`,
  )
}
