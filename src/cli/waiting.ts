/** The options of commands that wait for other daemons. */
import { parseDuration } from '../config/units.ts'
import type { ConfirmOptions, GetOptions } from '../control/client.ts'
import { PEERS_WAITED_FOR_MAX, WAIT_MS_MAX } from '../control/limits.ts'
import { HearsayError } from '../errors.ts'
import { parseCount } from './command.ts'

export function confirmOptions(options: { wait?: string; timeout?: string }): ConfirmOptions {
  const { wait, timeout } = options
  if (wait === undefined) {
    if (timeout === undefined) return {}
    throw new HearsayError('BAD_ARGUMENT', '--timeout: there is nothing to wait for without --wait')
  }
  const peers = parseCount(wait, '--wait')
  if (peers > PEERS_WAITED_FOR_MAX) {
    const message = `--wait: at most ${PEERS_WAITED_FOR_MAX} peers, found ${wait}`
    throw new HearsayError('BAD_ARGUMENT', message)
  }
  return { wait: peers, ...timeoutOption(timeout) }
}

export function readOptions(options: {
  after?: string
  maxStaleness?: string
  timeout?: string
}): GetOptions {
  const { after, maxStaleness, timeout } = options
  const staleMs = maxStaleness === undefined ? undefined : parseStaleness(maxStaleness)
  if (after === undefined && staleMs === undefined && timeout !== undefined) {
    const message = '--timeout: there is nothing to wait for without --after or --max-staleness'
    throw new HearsayError('BAD_ARGUMENT', message)
  }
  return {
    ...(after === undefined ? {} : { after }),
    ...(staleMs === undefined ? {} : { staleMs }),
    ...timeoutOption(timeout),
  }
}

function timeoutOption(text: string | undefined): { timeoutMs?: number } {
  if (text === undefined) return {}
  const timeoutMs = parseDuration(text)
  if (timeoutMs !== undefined && timeoutMs <= WAIT_MS_MAX) return { timeoutMs }
  throw new HearsayError(
    'BAD_ARGUMENT',
    `--timeout: expected a duration of at most ${WAIT_MS_MAX / 1000}s, such as 500ms or 30s, found ${text}`,
  )
}

function parseStaleness(text: string): number {
  const ms = /^\d+$/.test(text) ? Number(text) : parseDuration(text)
  if (ms !== undefined && Number.isSafeInteger(ms)) return ms
  throw new HearsayError(
    'BAD_ARGUMENT',
    `--max-staleness: expected milliseconds, or a duration such as 2s, found ${text}`,
  )
}
