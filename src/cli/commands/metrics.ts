import { Command } from 'commander'

import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { print } from '../output.ts'

export function metricsCommand(): Command {
  const command = new Command('metrics')
    .description('numbers for Prometheus, in its text format')
    .action(async (_options: unknown, self: Command) => {
      const options = self.optsWithGlobals<GlobalOptions>()
      await print(await withClient(options, (client) => client.metrics()))
    })
    .addHelpText(
      'after',
      '\n"hearsay help metrics" explains each, "hearsay help monitoring" how to scrape them.',
    )
  return withExamples(command, [
    'hearsay metrics | grep ^hearsay_behind_seconds',
    'hearsay metrics > hearsay.prom.tmp && mv hearsay.prom.tmp hearsay.prom',
  ])
}
