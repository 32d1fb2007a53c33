import { Command } from 'commander'

import { HearsayError } from '../../errors.ts'
import { print } from '../output.ts'
import { TOPICS, topicText } from '../topics/index.ts'

export function helpCommand(): Command {
  return new Command('help')
    .description('explain a command or a topic')
    .argument('[topic...]', 'a command, or one of the topics below')
    .action(async (words: string[], _options: unknown, self: Command) => help(words, self))
    .addHelpText('after', `\n${topicList()}`)
}

export function topicList(): string {
  const width = Math.max(...Object.keys(TOPICS).map((name) => name.length))
  const lines = Object.entries(TOPICS).map(
    ([name, { about }]) => `  ${name.padEnd(width)}  ${about}`,
  )
  return ['Topics ("hearsay help TOPIC"):', ...lines].join('\n')
}

async function help(words: string[], self: Command): Promise<void> {
  const root = self.parent
  if (root === null) throw new TypeError('help belongs to a program')
  const command = commandOf(root, words)
  const [word = ''] = words
  const text = words.length === 1 ? topicText(word) : undefined
  // Of what is both, such as repair: how to run it, then what it is.
  command?.outputHelp()
  if (command !== undefined && text !== undefined) await print('\n')
  if (text !== undefined) await print(text)
  if (command !== undefined || text !== undefined) return
  throw new HearsayError(
    'BAD_ARGUMENT',
    `there is no command and no topic ${words.join(' ')}; topics: ${Object.keys(TOPICS).join(', ')}`,
  )
}

/** The command that the words name from `from` on, subcommands included. */
function commandOf(from: Command, words: readonly string[]): Command | undefined {
  return words.reduce<Command | undefined>(
    (at, word) => at?.commands.find((command) => command.name() === word),
    from,
  )
}
