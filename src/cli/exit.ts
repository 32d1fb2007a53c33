/** How both programs end when something is refused: an exit code, on which a script may rely, and one line for people. */
import { CommanderError } from 'commander'

import { HearsayError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { printable } from './bytes.ts'

export const EXIT = {
  done: 0,
  /** Refused or failed. */
  failed: 1,
  usage: 2,
  /** The key is not there. */
  notFound: 3,
  noDaemon: 4,
  /** Something was waited for on other daemons and did not come in time; a write is done here all the same. */
  waited: 5,
  /** `hearsayd` met a defect of its own; a supervisor should start it again. EX_SOFTWARE of sysexits.h. */
  defect: 70,
} as const

const EXIT_OF_CODE: Partial<Record<ErrorCode, number>> = {
  BAD_ARGUMENT: EXIT.usage,
  NOT_FOUND: EXIT.notFound,
  NO_DAEMON: EXIT.noDaemon,
  TOO_FEW_PEERS: EXIT.waited,
  NOT_HERE_YET: EXIT.waited,
  TOO_STALE: EXIT.waited,
}

export function exitCodeOf(error: unknown): number {
  // Commander ends --help and --version this way, too, with 0; everything else that it throws is wrong usage.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  if (!(error instanceof HearsayError)) return EXIT.failed
  return EXIT_OF_CODE[error.code] ?? EXIT.failed
}

/** On one line and harmless to a terminal, whatever the message quotes: a damaged file, a peer. */
export function refusalText({ message, code }: HearsayError): string {
  return `${printable(message)} (${code})`
}
