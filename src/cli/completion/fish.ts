import type { CommandWords, OptionWords, Place } from './model.ts'

export function fishCompletion(program: CommandWords): string {
  const names = program.commands.map(({ name }) => name).join(' ')
  return [
    `# fish completion for hearsay
#   hearsay completion fish | source
# or for good: hearsay completion fish > ~/.config/fish/completions/hearsay.fish

function __hearsay_ask
    set -l words (commandline -opc)
    set -l socket
    set -l i (contains -i -- --socket $words); and set socket --socket $words[(math $i + 1)]
    command $words[1] $socket $argv 2>/dev/null
end

function __hearsay_keys
    __hearsay_ask list --limit 200 -- (commandline -ct)
end

function __hearsay_peers
    __hearsay_ask peers --json | string match -ar '12D3KooW[A-Za-z0-9]*' | sort -u
end

complete -c hearsay -f`,
    ...program.options.map((option) => optionLine(option, '')),
    ...program.commands.map(
      ({ name, about }) =>
        `complete -c hearsay -n 'not __fish_seen_subcommand_from ${names}' -a ${name} -d ${quote(about)}`,
    ),
    ...program.commands.flatMap(commandLines),
    '',
  ].join('\n')
}

function commandLines({ name, options, places, commands }: CommandWords): string[] {
  const inside = `-n '__fish_seen_subcommand_from ${name}'`
  const sub = commands.map(
    (one) => `complete -c hearsay ${inside} -a ${one.name} -d ${quote(one.about)}`,
  )
  return [
    ...options.map((option) => optionLine(option, inside)),
    ...sub,
    ...places.flatMap((place) => {
      const words = fill(place)
      return words === undefined ? [] : [`complete -c hearsay ${inside} ${words}`]
    }),
  ]
}

function optionLine({ flag, about, value }: OptionWords, inside: string): string {
  const words = value === undefined ? '' : `-r ${fill(value) ?? '-f'}`
  return [
    'complete -c hearsay',
    inside,
    `-l ${flag.replace(/^--/, '')}`,
    words,
    `-d ${quote(about)}`,
  ]
    .filter((part) => part !== '')
    .join(' ')
}

function fill(place: Place): string | undefined {
  if (place === 'keys') return `-a '(__hearsay_keys)'`
  if (place === 'peers') return `-a '(__hearsay_peers)'`
  if (place === 'files') return '-F'
  if (place === 'any') return undefined
  return `-a '${place.join(' ')}'`
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
