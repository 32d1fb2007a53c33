import { fchmodSync, fstatSync } from 'node:fs'
import { Command } from 'commander'

import { withExamples } from '../command.ts'
import { print, printLine, say } from '../output.ts'

interface Options {
  secret?: boolean
}

export function networkKeyCommand(): Command {
  const command = new Command('network-key')
    .description('print a new key file for a new fleet; needs no daemon')
    .option('--secret', 'print only a new secret, as a line to add to a key file that there is')
    .action(async (options: Options) => networkKey(options))
    .addHelpText(
      'after',
      `
All daemons of a fleet have the same key file: make it once, copy it over a safe channel. Redirected into a file, it makes that
file readable by you alone (mode 0600), as hearsayd demands.`,
    )
  return withExamples(command, [
    'hearsay network-key > fleet.key',
    'hearsayd --network-key fleet.key --listen /ip4/0.0.0.0/tcp/4001',
    'hearsay network-key --secret >> fleet.key     # first step of changing the secret; the file says the others',
  ])
}

async function networkKey(options: Options): Promise<void> {
  keepPrivate()
  // Loaded only here: what reads YAML would double the time that every other command takes to start.
  const { formatNetworkKey, hex, newNetworkKey, newSecret } =
    await import('../../config/key-file.ts')
  if (options.secret === true) await printLine(`  - ${hex(newSecret())}`)
  else await print(formatNetworkKey(newNetworkKey()))
}

/** The shell has made the file with the usual mode, which lets others read it; do it before there is a secret in it. */
function keepPrivate(): void {
  const stdout = fstatSync(process.stdout.fd)
  if (!stdout.isFile() || (stdout.mode & 0o077) === 0) return
  try {
    fchmodSync(process.stdout.fd, 0o600)
  } catch {
    say('the file that this goes to can be read by others; run chmod 600 on it')
  }
}
