/** What `hearsay help TOPIC` explains beside the commands. Texts that are put together are made only when asked for. */
import { clocks } from './clocks.ts'
import { codes } from './codes.ts'
import { completeness } from './completeness.ts'
import { config } from './config.ts'
import { consistency } from './consistency.ts'
import { deletes } from './deletes.ts'
import { exitCodes } from './exit-codes.ts'
import { metrics } from './metrics.ts'
import { monitoring } from './monitoring.ts'
import { repair } from './repair.ts'
import { security } from './security.ts'
import { siblings } from './siblings.ts'

export const TOPICS: Record<string, { about: string; text: string | (() => string) }> = {
  consistency: { about: 'what reads and writes promise, and what not', text: consistency },
  siblings: { about: 'concurrent values of one key', text: siblings },
  completeness: { about: 'why absent is not deleted', text: completeness },
  deletes: { about: 'how deletes stay, damage, backups', text: deletes },
  clocks: { about: 'timestamps, expiry, clocks that are wrong', text: clocks },
  repair: { about: 'how daemons come to agree again', text: repair },
  security: { about: 'who may join, read and write', text: security },
  config: { about: 'settings, profiles, all defaults', text: config },
  monitoring: { about: 'status, top, doctor, Prometheus, systemd', text: monitoring },
  metrics: { about: 'every metric', text: metrics },
  codes: { about: 'every error code, and what to do', text: codes },
  'exit-codes': { about: 'exit codes of both programs', text: exitCodes },
}

export function topicText(name: string): string | undefined {
  const text = TOPICS[name]?.text
  return (typeof text === 'function' ? text() : text)?.trimStart()
}
