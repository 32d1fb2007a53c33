import { Command } from 'commander'

import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine } from '../output.ts'

export function connectCommand(): Command {
  const command = new Command('connect')
    .description('dial another daemon and wait for the link; the address is remembered')
    .argument('<multiaddr>', 'an address as "hearsay id --addresses" prints it')
    .action(async (address: string, _options: unknown, self: Command) =>
      connect(address, self.optsWithGlobals<GlobalOptions>()),
    )
  return withExamples(command, [
    'hearsay connect /ip4/10.0.0.5/tcp/4001/p2p/12D3KooW…',
    'hearsay connect "$(ssh other hearsay id --addresses | head -1)"',
  ])
}

async function connect(address: string, options: GlobalOptions): Promise<void> {
  const peer = await withClient(options, (client) => client.connect(address))
  if (options.json === true) await printJson({ peer })
  else await printLine(`connected to ${peer}`)
}
