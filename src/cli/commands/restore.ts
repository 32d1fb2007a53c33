import path from 'node:path'
import { Command, Option } from 'commander'

import { HearsayError } from '../../errors.ts'
import { formOf, parseBytes, withFormOptions } from '../bytes.ts'
import type { FormOptions } from '../bytes.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine, say, warnIfIncomplete } from '../output.ts'
import { count } from '../words.ts'
import type { Forecast } from '../restore-run.ts'

interface Options extends GlobalOptions, FormOptions {
  data?: string
  withIdentity?: boolean
  dryRun?: boolean
  revive?: string | true
  overwrite?: boolean
}

export function restoreCommand(): Command {
  const command = new Command('restore')
    .description('bring a backup back: into a data directory, or its values into the fleet')
    .argument('<dir>', 'what "backup" wrote')
    .option('--data <dir>', 'data directory to restore into; no daemon may run on it')
    .option('--with-identity', 'also take the private key, where the data directory has none')
    .addOption(
      new Option(
        '--dry-run',
        'change nothing; ask the running daemon what the fleet would remove of it',
      ),
    )
    .addOption(
      new Option(
        '--revive [prefix]',
        'write the values, or those under a prefix, anew through the running daemon',
      ).conflicts(['data', 'withIdentity', 'dryRun']),
    )
    .option('--overwrite', 'with --revive: also keys that there are now')
    .action(async (dir: string, _options: unknown, self: Command) =>
      restore(dir, self.optsWithGlobals<Options>()),
    )
    .addHelpText(
      'after',
      `
REJOIN, the default. For a daemon whose disk was lost, or for the first daemons of a fleet that was lost as a whole. The
backup becomes the store of the data directory (--data or HEARSAY_DATA), made where it is missing; a store that is there
is kept as store.replaced. Stop the daemon first, start it afterwards: it takes from its peers what was
written since, and what the fleet has deleted since is removed again (very much at once only when a second peer agrees:
"hearsay removals"). --dry-run tells what that would be. Where all disks were lost, restore every backup there is, each into a data directory of its own: the daemons bring them together.

REVIVE. For values that were deleted and should not have been. They are written as new values, concurrent values and
expiry kept, so that the whole fleet has them again. Keys that there are now are left alone, unless --overwrite is given;
what has expired by now is left out. --revive needs a running daemon and no data directory.

A backup that is damaged is refused. Reading one writes to its directory: copy it from a read-only medium first.`,
    )
  return withExamples(withFormOptions(command), [
    'hearsay restore /backup/2026-01-02 --dry-run',
    'hearsay restore /backup/2026-01-02 --data /var/lib/hearsay',
    'hearsay restore /backup/2026-01-02 --revive users/',
  ])
}

async function restore(dir: string, options: Options): Promise<void> {
  if (options.overwrite === true && options.revive === undefined) {
    throw new HearsayError('BAD_ARGUMENT', '--overwrite goes with --revive')
  }
  // Loaded only here: no other command needs a store of its own.
  const { forecast, rejoin, revive } = await import('../restore-run.ts')
  if (options.revive !== undefined) {
    const text = options.revive === true ? '' : options.revive
    const prefix = parseBytes(text, formOf(options), '--revive')
    const overwrite = options.overwrite === true
    const done = await withClient(options, (client) => revive(client, dir, { prefix, overwrite }))
    if (options.json === true) return printJson(done)
    return say(
      `${count(done.keys, 'key')} written anew; ${count(done.present, 'key')} left alone, being there; ` +
        `${count(done.expired, 'value')} left out, having expired`,
    )
  }
  if (options.dryRun === true) {
    const found = await withClient(options, async (client) => {
      warnIfIncomplete((await client.ready()).completeness)
      return forecast(client, dir)
    })
    return options.json === true ? printJson(found) : printLine(inWords(found))
  }
  const data = dataDirectory(options)
  const manifest = await rejoin(dir, data, options.withIdentity === true)
  if (options.json === true) return printJson({ data, manifest })
  return say(
    `${data} holds the backup of ${new Date(manifest.at).toISOString()}, ${count(manifest.items, 'value')}. Start hearsayd: what was ` +
      'written since comes from its peers, and what they have deleted since is removed again',
  )
}

/** Not the usual one unless it is named: what this does to it must not happen by a forgotten flag. */
function dataDirectory({ data }: Options): string {
  const named = data ?? process.env['HEARSAY_DATA']
  if (named !== undefined && named !== '') return path.resolve(named)
  throw new HearsayError(
    'BAD_ARGUMENT',
    'name the data directory to restore into with --data DIR (status shows it as "data"), or give --dry-run or --revive',
  )
}

/** Names so many keys. */
const KEYS_SHOWN = 20

function inWords(found: Forecast): string {
  const { items, held, replaced, deleted, unknown, newer } = found
  const more = deleted.length - KEYS_SHOWN
  return [
    `of ${count(items, 'value')} in the backup`,
    `  ${count(held, 'value')} ${held === 1 ? 'is' : 'are'} in the map now`,
    `  ${count(replaced, 'value')} ${replaced === 1 ? 'was' : 'were'} replaced since: the newer value stays`,
    `  ${count(deleted.length, 'value')} ${deleted.length === 1 ? 'was' : 'were'} deleted since: the fleet would remove ${deleted.length === 1 ? 'it' : 'them'} again`,
    `  ${count(unknown, 'value')} this daemon has never seen: they would come to the fleet`,
    `and ${count(newer, 'value')} of the map ${newer === 1 ? 'is' : 'are'} not in the backup: they stay`,
    ...(deleted.length === 0 ? [] : ['', 'deleted since (--revive writes them anew):']),
    ...deleted.slice(0, KEYS_SHOWN).map((key) => `  ${key}`),
    ...(more > 0 ? [`  and ${count(more, 'more', 'more')}; --json tells them all`] : []),
  ].join('\n')
}
