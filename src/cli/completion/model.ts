/**
 * What a shell needs to know of the command line, read off the commands themselves, so that a new command or option is
 * completed without another word.
 */
import type { Argument, Command, Option } from 'commander'

import { TOPICS } from '../topics/index.ts'

/** What stands in a place: words that are known, keys of the map, connected peers, files, or anything. */
export type Place = 'keys' | 'peers' | 'files' | 'any' | readonly string[]

export interface OptionWords {
  /** `--ttl` */
  flag: string
  about: string
  /** What follows it; absent when nothing does. */
  value?: Place
}

export interface CommandWords {
  name: string
  about: string
  options: OptionWords[]
  /** In order; a variadic argument fills the places after it, too. */
  places: Place[]
  commands: CommandWords[]
}

const PLACES: Record<string, Place> = { key: 'keys', prefix: 'keys', peer: 'peers', file: 'files' }

export function wordsOf(command: Command): CommandWords {
  const root = rootOf(command)
  // The help that commander adds to commands with subcommands stands in --help as well.
  const added = (one: Command): boolean => command.parent !== null && one.name() === 'help'
  const visible = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => !added(one))
  return {
    name: command.name(),
    about: firstLine(command.description()),
    options: command.createHelp().visibleOptions(command).map(optionWords),
    places: command.registeredArguments.map((argument) => placeOf(argument, root)),
    commands: visible.map(wordsOf),
  }
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent)
}

function optionWords(option: Option): OptionWords {
  const flag = option.long ?? option.short ?? ''
  const about = firstLine(option.description)
  if (!option.required && !option.optional) return { flag, about }
  const isPath = /<(path|file|dir)>/.test(option.flags)
  return { flag, about, value: option.argChoices ?? (isPath ? 'files' : 'any') }
}

function placeOf(argument: Argument, root: Command): Place {
  if (argument.argChoices !== undefined) return argument.argChoices
  if (argument.name() === 'topic') {
    return [...new Set([...root.commands.map((command) => command.name()), ...Object.keys(TOPICS)])]
  }
  return PLACES[argument.name()] ?? 'any'
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? ''
}
