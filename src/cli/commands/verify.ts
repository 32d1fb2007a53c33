import { Command } from 'commander'

import type { StoreCheck } from '../../daemon-api.ts'
import { HearsayError } from '../../errors.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine } from '../output.ts'
import { bytesInWords, count, span } from '../words.ts'

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('read the whole store now and check it, while the daemon goes on')
    .action(async (_options: unknown, self: Command) => verify(self.optsWithGlobals()))
    .addHelpText(
      'after',
      `
Every record's checksum, every item's hash, and their sums and count. While the daemon runs it has everything in memory: a
damaged store is written anew from there and nothing is lost. Exit code 1 when there was damage: look at the disk.
The daemon does the same by itself, slowly, once in store.scrubInterval. The store's own lists and indices are checked at
start only.`,
    )
  return withExamples(command, ['hearsay verify', 'hearsay verify --json'])
}

async function verify(options: GlobalOptions): Promise<void> {
  const check = await withClient(options, (client) => client.verify())
  if (options.json === true) await printJson(check)
  else await printLine(inWords(check))
  if (check.damage.length > 0) throw damaged(check)
}

function inWords({ records, bytes, durationMs, damage }: StoreCheck): string {
  const read = `${count(records, 'record')}, ${bytesInWords(bytes)}, read in ${span(durationMs)}`
  return damage.length === 0
    ? `whole: ${read}`
    : ['DAMAGED: ' + read, ...damage.map((what) => `  ${what}`)].join('\n')
}

function damaged({ rewritten, failure }: StoreCheck): HearsayError {
  const message = rewritten
    ? 'the store was damaged. It is written anew from memory and nothing is lost; the damaged one is kept in store.damaged of the data directory. Look at the disk'
    : `the store is damaged and could not be written anew: ${failure ?? 'no reason given'}. Everything is still in memory: do not restart hearsayd before this is mended and "hearsay verify" finds the store whole, or take a copy with "hearsay export" first`
  return new HearsayError('STORE_DAMAGED', message)
}
