import { Command } from 'commander'

import type { RepairReceipt } from '../../daemon-api.ts'
import { HearsayError } from '../../errors.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, printLine } from '../output.ts'
import { bytesInWords, count, span } from '../words.ts'

export function repairCommand(): Command {
  const command = new Command('repair')
    .description(
      'compare with a peer now, or with all, pull what is missing, and say what was done',
    )
    .argument('[peer]', 'a peer id, as "hearsay peers" shows it')
    .action(async (peer: string | undefined, _options: unknown, self: Command) =>
      repair(peer, self.optsWithGlobals<GlobalOptions>()),
    )
    .addHelpText(
      'after',
      `
This happens by itself every few seconds (repair.interval). A repair pulls: what this daemon has and a peer lacks goes over
when that peer repairs. Exit code 1 when a peer was busy or a session failed.`,
    )
  return withExamples(command, ['hearsay repair', 'hearsay repair 12D3KooW… --json'])
}

async function repair(peer: string | undefined, options: GlobalOptions): Promise<void> {
  const receipts = await withClient(options, (client) => client.repair(peer))
  if (options.json === true) await printJson(receipts)
  else for (const receipt of receipts) await printLine(`${receipt.peer}: ${outcome(receipt)}`)
  if (receipts.length === 0) {
    throw new HearsayError('CONNECT_FAILED', 'no peer is connected, so there is nobody to ask')
  }
  const undone = receipts.filter(({ outcome }) => outcome === 'busy' || outcome === 'failed')
  if (undone.length > 0) {
    throw new HearsayError(
      undone.every(({ outcome }) => outcome === 'busy') ? 'BUSY' : 'CONNECT_FAILED',
      `${undone.length} of ${receipts.length} repairs were not done; they are tried again by themselves`,
    )
  }
}

function outcome(receipt: RepairReceipt): string {
  if (receipt.outcome === 'busy') return 'busy with others'
  if (receipt.outcome === 'failed') {
    return `failed: ${receipt.reason ?? 'no reason given'} (${done(receipt)})`
  }
  if (receipt.outcome === 'repaired') return `repaired ${done(receipt)}`
  return `equal, nothing to do (${bytesInWords(receipt.messageBytes)}, ${span(receipt.durationMs)})`
}

function done(receipt: RepairReceipt): string {
  const parts = [
    `${count(receipt.keysChanged, 'key')} changed`,
    `${count(receipt.itemsReceived, 'item')} received`,
    `${count(receipt.itemsRemoved, 'item')} removed`,
    bytesInWords(receipt.messageBytes),
    count(receipt.rounds, 'round'),
    span(receipt.durationMs),
  ]
  if (receipt.keysByRangeStep > 0) {
    parts.push(`${count(receipt.keysByRangeStep, 'key')} found by comparing fingerprints`)
  }
  return parts.join(', ')
}
