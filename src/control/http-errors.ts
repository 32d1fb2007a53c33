/** Errors over HTTP: one table from codes to statuses, and one form of body, `{code, message}`. */
import type { FastifyError } from 'fastify'
import { HearsayError, type ErrorCode } from '../errors.ts'

const STATUS_BY_CODE: Record<ErrorCode, number> = {
  BAD_REQUEST: 400,
  BAD_ARGUMENT: 400,
  BAD_IMPORT_LINE: 400,
  BAD_TOKEN: 400,
  BAD_ADDRESS: 400,
  EMPTY_KEY: 400,
  NOT_FOUND: 404,
  UNKNOWN_PEER: 404,
  TOO_MANY_SIBLINGS: 409,
  ALLOW_LIST_NOT_IN_FORCE: 409,
  BAD_KEY_FILE: 409,
  KEY_TOO_LARGE: 413,
  VALUE_TOO_LARGE: 413,
  CONNECT_FAILED: 502,
  WRONG_CLUSTER: 502,
  UNKNOWN_VERSION: 502,
  PROTOCOL_VIOLATION: 502,
  OVERLOADED: 503,
  STOPPING: 503,
  BUSY: 503,
  PROGRAM_REPLACED: 503,
  WATCH_OVERFLOW: 503,
  TIMEOUT: 504,
  NOT_CONVERGED: 409,
  TOO_FEW_PEERS: 504,
  NOT_HERE_YET: 504,
  TOO_STALE: 504,
  STORE_FAILED: 507,
  // What can only happen while a daemon starts, or on the caller's side.
  BAD_CONFIG: 500,
  BAD_ALLOW_LIST: 500,
  DATA_DIR_UNUSABLE: 500,
  DATA_DIR_LOCKED: 500,
  STORE_DAMAGED: 500,
  STORE_FROM_FUTURE: 500,
  STORE_OF_OTHER_CLUSTER: 500,
  SOCKET_PATH_TOO_LONG: 500,
  SOCKET_IN_USE: 500,
  SOCKET_UNUSABLE: 500,
  NO_DAEMON: 500,
  DAEMON_FAILED: 500,
  LISTEN_FAILED: 500,
  DUPLICATE_IDENTITY: 500,
}

export interface ErrorBody {
  code: ErrorCode
  message: string
}

export function errorBody(error: unknown): ErrorBody {
  if (error instanceof HearsayError) return { code: error.code, message: error.message }
  return { code: 'DAEMON_FAILED', message: `the daemon failed: ${String(error)}` }
}

/** The last line of a stream that cannot go on. */
export function failureLine(error: unknown): string {
  return `${JSON.stringify({ error: errorBody(error) })}\n`
}

/** What a route threw, or what the framework found wrong with a request before a route saw it. */
export function httpError(error: unknown): { status: number; body: ErrorBody } {
  if (error instanceof HearsayError) {
    return { status: STATUS_BY_CODE[error.code], body: errorBody(error) }
  }
  const { statusCode, message } = error as Partial<FastifyError>
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return { status: statusCode, body: { code: 'BAD_REQUEST', message: String(message) } }
  }
  return { status: 500, body: errorBody(error) }
}
