import { Command } from 'commander'

import type { WatchEvent } from '../../daemon-api.ts'
import { changeJsonPieces } from '../../control/json.ts'
import { formOf, formatBytes, parseBytes, withFormOptions } from '../bytes.ts'
import type { Form, FormOptions } from '../bytes.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { print, printLine, say, styleFor, warnIfIncomplete } from '../output.ts'

type Options = GlobalOptions & FormOptions

export function watchCommand(): Command {
  const command = new Command('watch')
    .description('print changes of keys as they happen, until interrupted')
    .argument('[prefix]', 'only keys that begin with this')
    .action(async (prefix: string | undefined, _options: unknown, self: Command) =>
      watch(prefix ?? '', self.optsWithGlobals<Options>()),
    )
    .addHelpText(
      'after',
      `
Each line is the state of one key after a change: "+ KEY<tab>VALUE", or "- KEY" when the key is gone. Several
changes of a key in quick succession may come as one.`,
    )
  return withExamples(withFormOptions(command), [
    'hearsay watch',
    'hearsay watch services/',
    'hearsay watch services/ --json | while read -r change; do ./reload "$change"; done',
  ])
}

async function watch(prefix: string, options: Options): Promise<void> {
  const form = formOf(options)
  const prefixBytes = parseBytes(prefix, form, 'PREFIX')
  await withClient(options, async (client) => {
    const changes = await client.watch(prefixBytes)
    warnIfIncomplete(changes.completeness)
    // Whoever writes after reading this sees the change: the watch stands.
    say(
      `watching ${prefix === '' ? 'all keys' : `keys that begin with ${formatBytes(prefixBytes, form)}`}`,
    )
    for await (const change of changes) {
      if (options.json === true) {
        for (const piece of changeJsonPieces(change)) await print(piece)
        await print('\n')
      } else await printLine(textOf(change, form))
    }
  })
}

function textOf(change: WatchEvent, form: Form): string {
  const style = styleFor(process.stdout)
  const key = formatBytes(change.key, form)
  const siblings = change.entry?.siblings ?? []
  const [winner] = siblings
  if (winner === undefined) return `${style('red', '-')} ${key}`
  const more =
    siblings.length > 1 ? style('yellow', `\t(${siblings.length} concurrent values)`) : ''
  return `${style('green', '+')} ${key}\t${formatBytes(winner.value, form)}${more}`
}
