import { Argument, Command } from 'commander'

import type { HeldRemovals, RemovalDecision } from '../../daemon-api.ts'
import { formatBytes, formOf, withFormOptions } from '../bytes.ts'
import type { FormOptions } from '../bytes.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine, table } from '../output.ts'
import { count, span } from '../words.ts'

/** Keys shown to a person; --json has more. */
const KEYS_SHOWN = 20

interface Options extends GlobalOptions, FormOptions {}

export function removalsCommand(): Command {
  const command = new Command('removals')
    .description('removals of very many keys that are held back; approve them, or refuse them')
    .addArgument(new Argument('[decision]', 'what to do with them').choices(['approve', 'refuse']))
    .action(async (decision: RemovalDecision | undefined, _options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>()
      await (decision === undefined ? show(options) : decide(decision, options))
    })
    .addHelpText(
      'after',
      `
A daemon that lost values without knowing it would tell its peers that they were deleted. So when peers say of very many keys
(repair.removalsMax in an hour, and as many more as changes were missed here) that they are gone, and nothing but the missing
value says so, the keys stay here until two peers know it, each by itself and not from the other, or for repair.removalHold,
or until you decide:

  approve   they were deleted: let them go, and believe peers for the next hour
  refuse    they were not: write them anew from this daemon's copy, for the whole fleet. Then look at the peer that said it:
            "hearsay verify" there, its disk, its memory.

A key that was deleted or written meanwhile is left alone. Of all that is kept, 65,536 values are held back at a time and can be
decided on; the others come in their place at the next comparison. So look again after a refusal.`,
    )
  return withExamples(withFormOptions(command), [
    'hearsay removals',
    'hearsay removals --json',
    'hearsay removals refuse',
  ])
}

async function show(options: Options): Promise<void> {
  const removals = await withClient(options, (client) => client.removals())
  if (options.json === true) return printJson(removalsJson(removals))
  if (removals.held === 0) return printLine('no removals are held back')
  const form = formOf(options)
  const now = Date.now()
  const rows = removals.keys
    .slice(0, KEYS_SHOWN)
    .map(({ key, peer, since }) => [formatBytes(key, form), span(now - since), peer])
  await printLine(`The removal of ${count(removals.held, 'key')} is held back:`)
  for (const line of table([['KEY', 'FOR', 'SAID BY'], ...rows], '  ')) await printLine(line)
  if (removals.held > rows.length) await printLine(`  and ${removals.held - rows.length} more`)
  await printLine(
    'If they were deleted: "hearsay removals approve". If not: "hearsay removals refuse".',
  )
}

async function decide(decision: RemovalDecision, options: Options): Promise<void> {
  const keys = await withClient(options, (client) => client.decideRemovals(decision))
  if (options.json === true) return printJson({ keys })
  const done = decision === 'approve' ? 'let go' : 'being written anew'
  if (keys === 0) return printLine('no removals were held back')
  await printLine(`${count(keys, 'key')} ${done}`)
  if (decision === 'refuse')
    await printLine('look again in a minute: by then more may be held back')
}

function removalsJson({ held, keys }: HeldRemovals): unknown {
  return {
    held,
    keys: keys.map(({ key, ...rest }) => ({
      keyBase64: Buffer.from(key).toString('base64'),
      ...rest,
    })),
  }
}
