/**
 * The error policy.
 *
 * - A `HearsayError` is a refusal or failure that its reader can act on: a stable upper-case `code` for programs, a
 *   `message` for people that names what is wrong, where, and what to do, and a `cause` where another error is behind it.
 * - A `TypeError` is a programmer's mistake and carries no code.
 * - Absence is `undefined`, never an error, except at the edges (HTTP 404, exit code 3).
 * - Assertions state invariants; input of any kind is never asserted.
 */

/** Every code there is. A code keeps its meaning for ever; the message may be reworded. */
export const ERROR_CODES = [
  // What the caller sent.
  'BAD_REQUEST',
  'BAD_CONFIG',
  'BAD_ARGUMENT',
  'BAD_KEY_FILE',
  'BAD_ALLOW_LIST',
  'BAD_IMPORT_LINE',
  'BAD_TOKEN',
  'BAD_ADDRESS',
  'EMPTY_KEY',
  'KEY_TOO_LARGE',
  'VALUE_TOO_LARGE',
  'TOO_MANY_SIBLINGS',
  'NOT_FOUND',
  // What this daemon cannot do now.
  'OVERLOADED',
  'STOPPING',
  'STORE_FAILED',
  'WATCH_OVERFLOW',
  'BUSY',
  'PROGRAM_REPLACED',
  // The data directory and the store.
  'DATA_DIR_UNUSABLE',
  'DATA_DIR_LOCKED',
  'STORE_DAMAGED',
  'STORE_FROM_FUTURE',
  'STORE_OF_OTHER_CLUSTER',
  // The control socket.
  'SOCKET_PATH_TOO_LONG',
  'SOCKET_IN_USE',
  'SOCKET_UNUSABLE',
  'NO_DAEMON',
  'DAEMON_FAILED',
  // Peers.
  'LISTEN_FAILED',
  'CONNECT_FAILED',
  'UNKNOWN_PEER',
  'ALLOW_LIST_NOT_IN_FORCE',
  'WRONG_CLUSTER',
  'UNKNOWN_VERSION',
  'DUPLICATE_IDENTITY',
  'PROTOCOL_VIOLATION',
  'TIMEOUT',
  'NOT_CONVERGED',
  'TOO_FEW_PEERS',
  'NOT_HERE_YET',
  'TOO_STALE',
] as const

export type ErrorCode = (typeof ERROR_CODES)[number]

export class HearsayError extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'HearsayError'
    this.code = code
  }
}
