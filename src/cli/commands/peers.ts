import { Command } from 'commander'

import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine, say, styleFor, table } from '../output.ts'
import { peerLines } from '../peer-lines.ts'
import { span } from '../words.ts'

interface Options extends GlobalOptions {
  known?: true
}

export function peersCommand(): Command {
  const command = new Command('peers')
    .description('the daemons this one is connected to, and whether they agree with it')
    .option('--known', 'the address book instead: all that it could be connected to')
    .action(async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<Options>()
      return options.known === true ? known(options) : peers(options)
    })
  return withExamples(command, [
    'hearsay peers',
    'hearsay peers --known',
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

async function known(options: GlobalOptions): Promise<void> {
  const book = await withClient(options, (client) => client.knownPeers())
  if (options.json === true) return printJson(book)
  if (book.length === 0) return say('nobody is known; "hearsay connect MULTIADDR" dials a peer')
  const rows = book
    .sort((a, b) => b.lastSeen - a.lastSeen)
    .map(({ peer, addresses, lastSeen, linked }) => [
      peer,
      linked ? 'linked' : `seen ${span(Date.now() - lastSeen)} ago`,
      addresses.join(' '),
    ])
  for (const line of table([['PEER', 'STATE', 'ADDRESSES'], ...rows])) await printLine(line)
}
