import { Command } from 'commander'

import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { print, printJson, styleFor } from '../output.ts'
import { statusText } from '../status-text.ts'

export function statusCommand(): Command {
  const command = new Command('status')
    .description('how this daemon is, whether it agrees with its peers, and what to do if not')
    .action(async (_options: unknown, self: Command) =>
      status(self.optsWithGlobals<GlobalOptions>()),
    )
  return withExamples(command, [
    'hearsay status',
    'watch -n 1 hearsay status',
    'hearsay status --json | jq .completeness.state',
  ])
}

async function status(options: GlobalOptions): Promise<void> {
  const current = await withClient(options, (client) => client.status())
  if (options.json === true) await printJson(current)
  else await print(statusText(current, Date.now(), styleFor(process.stdout)))
}
