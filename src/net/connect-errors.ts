/** What a failed dial or listen most likely means, in words that its reader can act on. */
import { HearsayError } from '../errors.ts'

/** Text of an error as libp2p words it, with the likely cause. The first that matches is told. */
const CAUSES: [RegExp, string][] = [
  [/ECONNREFUSED/, 'nothing listens there. Is the daemon running, and is the port right?'],
  [/ENOTFOUND|EAI_AGAIN/, 'its name does not resolve to an address.'],
  [/EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL/, 'there is no route to it from this machine.'],
  [
    /could not negotiate [^\n]*\/noise/,
    'the peer uses another network key, or is not a hearsay daemon. All daemons of a fleet need the same key file.',
  ],
  [
    /does not match expected remote identity/,
    'another peer answers there than the one named in the address.',
  ],
  [
    /Handshake|decrypt|cipher|crypto|authenticate/i,
    'the handshake failed: the peer claims a network key that it does not hold.',
  ],
  [/does not speak/, 'it is not a hearsay daemon of this version.'],
  [/dial self/, 'it is the address of this daemon itself.'],
  [
    /blocked by gater/,
    'the allow list of this daemon does not name that peer; "hearsay allow add" does.',
  ],
  [
    /ECONNRESET|EPIPE|Unexpected EOF|connection closed/i,
    'the peer closed the connection. If it has an allow list, that may not name this daemon.',
  ],
  [
    /ETIMEDOUT|timed? ?out|aborted/i,
    'no answer. Is the machine up, and does a firewall block the port?',
  ],
]

/** CONNECT_FAILED for a dial to `address` that ended with `error`. */
export function connectFailed(address: string, error: unknown): HearsayError {
  const text = messagesOf(error).join('; ')
  const cause = CAUSES.find(([pattern]) => pattern.test(text))?.[1] ?? text
  return new HearsayError('CONNECT_FAILED', `cannot connect to ${address}: ${cause}`, {
    cause: error,
  })
}

function messagesOf(error: unknown): string[] {
  if (error instanceof AggregateError) return error.errors.flatMap(messagesOf)
  if (!(error instanceof Error)) return [String(error)]
  return [
    `${error.name}: ${error.message}`,
    ...(error.cause === undefined ? [] : messagesOf(error.cause)),
  ]
}

/** LISTEN_FAILED, naming those of the addresses that could not be had. */
export function listenFailed(listen: readonly string[], error: unknown): HearsayError {
  const text = error instanceof Error ? error.message : String(error)
  const failed = listen.filter((address) => text.includes(`${address}: `))
  const cause = /EADDRINUSE/.test(text)
    ? 'the port is in use. Is another daemon running? Choose another port, or 0 for any free one.'
    : /EADDRNOTAVAIL/.test(text)
      ? 'this machine does not have that address.'
      : /EACCES/.test(text)
        ? 'not allowed. Ports below 1024 need a privilege; choose a higher one.'
        : text
  return new HearsayError(
    'LISTEN_FAILED',
    `cannot listen on ${(failed.length > 0 ? failed : listen).join(', ')}: ${cause}`,
    { cause: error },
  )
}
