/** What the programs beside the tests share: options with `--help`, and one line and exit code 2 for what is wrong with them. */
import { Command, InvalidArgumentError } from 'commander'

const WRONG_USAGE = 2

/** @param command what is typed before the options */
export function program(command: string, description: string): Command {
  return new Command(command)
    .description(description)
    .helpOption('--help', 'explain')
    .showHelpAfterError(`${command} --help explains`)
    .allowExcessArguments(false)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : WRONG_USAGE))
}

/** For `Command.option`. */
export function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text)
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new InvalidArgumentError(`It wants a whole number from ${least}.`)
  }
}

/** For `Command.option`; of a list with commas. */
export function wholeNumbers(least: number): (text: string) => number[] {
  const parse = wholeNumber(least)
  return (text) => text.split(',').map(parse)
}

/** For `Command.option`; of a list with commas, each one of `known`, in capitals or not. */
export function namesAmong(known: readonly string[]): (text: string) => string[] {
  return (text) =>
    text.split(',').map((part) => {
      const wanted = part.trim().toLowerCase()
      const name = known.find((one) => one.toLowerCase() === wanted)
      if (name !== undefined) return name
      throw new InvalidArgumentError(`There is no ${part.trim()}; there are ${known.join(', ')}.`)
    })
}
