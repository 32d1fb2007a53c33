import { Command } from 'commander'

import type { AllowChange, AllowView, HungUp } from '../../membership-api.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { HearsayError } from '../../errors.ts'
import { printJson, printLine, say } from '../output.ts'
import { count } from '../words.ts'

interface AddOptions extends GlobalOptions {
  linked?: true
  force?: true
}

export function allowCommand(): Command {
  const command = new Command('allow')
    .description('which peers, of all that have the network key, this daemon has to do with')
    .addCommand(listCommand())
    .addCommand(addCommand())
    .addCommand(removeCommand())
    .addCommand(offCommand())
    .addHelpText(
      'after',
      `
Without a list everyone who has the network key is admitted. With one, those alone that it names: links with others end at
once, nobody else is let in, and gossip that others wrote is neither taken nor passed on, whoever brings it. What they wrote before
stays. Each daemon has a list of its own, which holds over restarts: to throw a peer out of the fleet, remove it on
every daemon, and then replace the secret that it knows ("hearsay network-key rotate").`,
    )
  return withExamples(command, [
    'hearsay allow add --linked          # begin a list, with all that are linked now',
    'hearsay allow add 12D3KooW…         # before its daemon is started for the first time',
    'hearsay allow remove 12D3KooW…',
    'hearsay allow list',
  ])
}

function listCommand(): Command {
  return new Command('list')
    .description('print the list')
    .action(async (_options: unknown, self: Command) => list(self.optsWithGlobals<GlobalOptions>()))
}

function addCommand(): Command {
  return new Command('add')
    .description(
      'name peers; the first time this begins a list, and who is not on it is hung up on',
    )
    .argument('[peer...]', 'peer ids, as "hearsay id" prints them')
    .option('--linked', 'name all that are linked now')
    .option('--force', 'begin a list although it ends links')
    .action(async (peers: string[], _options: unknown, self: Command) => {
      const { linked, force, ...options } = self.optsWithGlobals<AddOptions>()
      if (peers.length === 0 && linked !== true) {
        throw new HearsayError(
          'BAD_ARGUMENT',
          'name a peer, or say --linked for all that are linked',
        )
      }
      return change(options, {
        add: peers,
        ...(linked === true ? { addLinked: true } : {}),
        ...(force === true ? { force: true } : {}),
      })
    })
}

function removeCommand(): Command {
  return new Command('remove')
    .description('take peers off the list and hang up on them')
    .argument('<peer...>', 'peer ids')
    .action(async (peers: string[], _options: unknown, self: Command) =>
      change(self.optsWithGlobals<GlobalOptions>(), { remove: peers }),
    )
}

function offCommand(): Command {
  return new Command('off')
    .description('do away with the list: everyone who has the network key is admitted')
    .action(async (_options: unknown, self: Command) =>
      change(self.optsWithGlobals<GlobalOptions>(), { off: true }),
    )
}

async function list(options: GlobalOptions): Promise<void> {
  const view = await withClient(options, (client) => client.allowList())
  if (options.json === true) return printJson(view)
  for (const { peer, from } of view.peers) {
    await printLine(from === 'configuration' ? `${peer}  (configuration)` : peer)
  }
  summary(view)
  if (view.removed.length > 0) {
    say(`removed by command, although the configuration names them: ${view.removed.join(', ')}`)
  }
}

async function change(options: GlobalOptions, what: AllowChange): Promise<void> {
  const changed: AllowView & HungUp = await withClient(options, (client) =>
    client.changeAllowList(what),
  )
  if (options.json === true) return printJson(changed)
  for (const peer of changed.hungUp) await printLine(`hung up on ${peer}`)
  summary(changed)
}

function summary({ inForce, peers }: AllowView): void {
  if (!inForce) say('there is no allow list: everyone who has the network key is admitted')
  else if (peers.length === 0) say('the allow list names nobody, so nobody is admitted')
  else
    say(
      `${count(peers.length, 'peer')} ${peers.length === 1 ? 'is' : 'are'} admitted, and nobody else`,
    )
}
