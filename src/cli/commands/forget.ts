import { Command } from 'commander'

import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine } from '../output.ts'

export function forgetCommand(): Command {
  const command = new Command('forget')
    .description('drop a peer from the address book, and end the link with it if there is one')
    .argument('<peer>', 'a peer id, as "hearsay peers --known" shows it')
    .action(async (peer: string, _options: unknown, self: Command) =>
      forget(peer, self.optsWithGlobals<GlobalOptions>()),
    )
    .addHelpText(
      'after',
      `
For a machine that is gone for good: its address is no longer dialled from here. Whoever is not met for 14 days is forgotten
anyway. One that is alive comes back, by dialling or because others tell of it; to keep it out, "hearsay allow".
An address that stands under bootstrap in the configuration is dialled until it is taken out there.`,
    )
  return withExamples(command, [
    'hearsay forget 12D3KooW…',
    "hearsay peers --known --json | jq -r '.[] | select(.linked | not) | .peer' | xargs -n1 hearsay forget",
  ])
}

async function forget(peer: string, options: GlobalOptions): Promise<void> {
  await withClient(options, (client) => client.forget(peer))
  if (options.json === true) await printJson({ peer })
  else await printLine(`forgot ${peer}`)
}
