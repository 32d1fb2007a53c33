import { Command } from 'commander'

import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine, say, styleFor } from '../output.ts'
import { peerLines } from '../peer-lines.ts'

export function peersCommand(): Command {
  const command = new Command('peers')
    .description('the daemons this one is connected to, and whether they agree with it')
    .action(async (_options: unknown, self: Command) =>
      peers(self.optsWithGlobals<GlobalOptions>()),
    )
  return withExamples(command, [
    'hearsay peers',
    "hearsay peers --json | jq -r '.[] | select(.dotsBehind > 0) | .peer'",
  ])
}

async function peers(options: GlobalOptions): Promise<void> {
  const connected = await withClient(options, (client) => client.peers())
  if (options.json === true) return printJson(connected)
  if (connected.length === 0) say('no peer is connected; "hearsay connect MULTIADDR" dials one')
  for (const line of peerLines(connected, Date.now(), styleFor(process.stdout))) {
    await printLine(line)
  }
}
