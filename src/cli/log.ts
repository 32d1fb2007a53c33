/** The daemon's log: for people on a terminal, one JSON object a line otherwise. */
import pino from 'pino'
import type { Logger } from 'pino'

import type { DaemonConfig } from '../config/config.ts'

/** Writes at once and in this thread, so that the last words before an exit are there. */
export async function createLogger(settings: DaemonConfig['log'], name: string): Promise<Logger> {
  const terminal = process.stdout.isTTY
  const readable = settings.pretty === 'auto' ? terminal : settings.pretty
  const options = { level: settings.level, timestamp: pino.stdTimeFunctions.isoTime }
  if (!readable) {
    return pino({ ...options, base: { pid: process.pid, name } }, pino.destination({ sync: true }))
  }
  // Loaded where it is needed: no service needs it.
  const { default: pretty } = await import('pino-pretty')
  const colorize = terminal && process.stdout.hasColors()
  return pino(
    { ...options, base: null },
    pretty({ sync: true, colorize, translateTime: 'SYS:HH:MM:ss.l', singleLine: true }),
  )
}
