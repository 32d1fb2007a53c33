import { Command } from 'commander'

import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine } from '../output.ts'

interface Options extends GlobalOptions {
  addresses?: boolean
}

export function idCommand(): Command {
  const command = new Command('id')
    .description('print the peer id of the daemon')
    .option('--addresses', 'print its addresses instead, one a line, as --bootstrap takes them')
    .action(async (_options: unknown, self: Command) => id(self.optsWithGlobals<Options>()))
  return withExamples(command, [
    'hearsay id',
    'hearsayd --bootstrap "$(hearsay id --addresses | head -1)" --data /tmp/second',
    'hearsay id --json',
  ])
}

async function id(options: Options): Promise<void> {
  const identity = await withClient(options, (client) => client.id())
  if (options.json === true) return printJson(identity)
  for (const line of options.addresses === true ? identity.addresses : [identity.peerId]) {
    await printLine(line)
  }
}
