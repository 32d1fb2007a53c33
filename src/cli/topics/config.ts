/** `hearsay help config`: how settings are given, and all of them, from the file that explains them. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { PACKAGE_ROOT } from '../../version.ts'

const CONFIG_DIR = path.join(PACKAGE_ROOT, 'config')

export function config(): string {
  const settings = readFileSync(path.join(CONFIG_DIR, 'default.yaml'), 'utf8')
  return `
SETTINGS OF HEARSAYD

A daemon runs without any. Settings come from flags ("hearsayd --help"), then the
environment, then a YAML file (--config FILE or HEARSAY_CONFIG), then defaults.
A wrong one keeps the daemon from starting, and is named with file and line.

READY PROFILES

  ${path.join(CONFIG_DIR, 'one-machine.yaml')}
  ${path.join(CONFIG_DIR, 'lan.yaml')}
  ${path.join(CONFIG_DIR, 'wan.yaml')}

each with only the settings that differ from the defaults, and why. Copy one to
/etc/hearsay/hearsay.yaml and change what is yours.

ALL SETTINGS, WITH THEIR DEFAULTS

${settings.replace(/^(?=.)/gm, '  ')}
SEE ALSO
  hearsay help security, clocks, repair
`
}
