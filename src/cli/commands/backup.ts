import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { Command } from 'commander'

import type { ControlClient } from '../../control/client.ts'
import type { BackupManifest } from '../../daemon-api.ts'
import { HearsayError } from '../../errors.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, say, warnIfIncomplete } from '../output.ts'
import { count } from '../words.ts'

type Options = GlobalOptions & { withIdentity?: boolean }

export function backupCommand(): Command {
  const command = new Command('backup')
    .description("write a consistent copy of the daemon's store, while it goes on")
    .argument('<dir>', 'a new or empty directory')
    .option('--with-identity', "also copy the peer's private key: whoever has it is this peer")
    .action(async (dir: string, _options: unknown, self: Command) =>
      backup(dir, self.optsWithGlobals<Options>()),
    )
    .addHelpText(
      'after',
      `
The copy is of one moment, and checked on the way: a damaged store makes no backup. "restore" says what can be done with it.
It holds every value: keep it as safe as the data directory. With --with-identity run this as the daemon's user.`,
    )
  return withExamples(command, [
    'hearsay backup /backup/$(date +%F)',
    'hearsay --json backup /backup/today | jq .items',
  ])
}

async function backup(dir: string, options: Options): Promise<void> {
  const manifest = await withClient(options, (client) => copy(client, dir, options))
  if (options.json === true) return printJson(manifest)
  say(
    `${count(manifest.items, 'value')} and ${count(manifest.dots, 'change')} seen, as of ${new Date(manifest.at).toISOString()}, are in ${dir}`,
  )
}

async function copy(client: ControlClient, dir: string, options: Options): Promise<BackupManifest> {
  const { dataDir, completeness } = await client.status()
  warnIfIncomplete(completeness)
  const identity = options.withIdentity === true ? await readIdentity(dataDir) : undefined
  // Loaded only here: no other command needs a store of its own.
  const { writeBackup } = await import('../../store/backup-dir.ts')
  return writeBackup(dir, await client.snapshot(), identity)
}

async function readIdentity(dataDir: string): Promise<Uint8Array> {
  const file = path.join(dataDir, 'identity.key')
  try {
    return await readFile(file)
  } catch (error) {
    throw new HearsayError(
      'BAD_ARGUMENT',
      `--with-identity: ${file} cannot be read (${(error as Error).message}); run this as the daemon's user`,
      { cause: error },
    )
  }
}
