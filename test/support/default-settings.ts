/** The settings that users have, where the test harness would shorten intervals. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parse } from 'yaml'
import { PROJECT_ROOT } from './daemons.ts'
import type { Settings } from './daemons.ts'

/** What a file of `config/` says of the sections that say how daemons work together. */
export function profileSettings(name: 'default' | 'wan'): Settings {
  const text = readFileSync(path.join(PROJECT_ROOT, `config/${name}.yaml`), 'utf8')
  const { repair, gossip, connections } = parse(text) as Record<string, Settings>
  return { repair: repair ?? {}, gossip: gossip ?? {}, connections: connections ?? {} }
}
