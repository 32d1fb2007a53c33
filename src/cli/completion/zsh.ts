import type { CommandWords, OptionWords, Place } from './model.ts'

export function zshCompletion(program: CommandWords): string {
  return `#compdef hearsay
# zsh completion for hearsay
#   source <(hearsay completion zsh)
# or for good, into a directory of $fpath: hearsay completion zsh > "\${fpath[1]}/_hearsay"

_hearsay_ask() {
  local -a socket
  [[ -n $opt_args[--socket] ]] && socket=(--socket "\${(Q)opt_args[--socket]}")
  [[ -n $hearsay_socket ]] && socket=(--socket "$hearsay_socket")
  command "\${(Q)hearsay:-hearsay}" $socket "$@" 2>/dev/null
}

_hearsay_keys() {
  local -a keys
  keys=("\${(@f)$(_hearsay_ask list --limit 200 -- "\${(Q)PREFIX}")}")
  [[ -n $keys ]] && compadd -a keys
}

_hearsay_peers() {
  local -a peers
  peers=("\${(@f)$(_hearsay_ask peers --json | grep -o '12D3KooW[A-Za-z0-9]*' | sort -u)}")
  [[ -n $peers ]] && compadd -a peers
}

_hearsay() {
  local curcontext=$curcontext state line ret=1 hearsay=$words[1] hearsay_socket=
  typeset -A opt_args
  _arguments -C ${program.options.map(optionSpec).join(' ')} \\
    '1:command:->command' '*:: :->rest' && ret=0
  case $state in
    command)
      local -a commands
      commands=(
${program.commands.map(({ name, about }) => `        ${quote(`${name}:${about.replaceAll(':', '\\:')}`)}`).join('\n')}
      )
      _describe -t commands command commands && ret=0
      ;;
    rest)
      hearsay_socket=\${(Q)opt_args[--socket]}
      case $line[1] in
${program.commands.map((one) => commandCase(one, program)).join('\n')}
      esac
      ;;
  esac
  return ret
}

if [[ $funcstack[1] == _hearsay ]]; then _hearsay "$@"; else compdef _hearsay hearsay; fi
`
}

function commandCase(command: CommandWords, program: CommandWords): string {
  const options = [...command.options, ...program.options.filter(({ flag }) => !has(command, flag))]
  const places =
    command.commands.length > 0 ? [command.commands.map(({ name }) => name)] : command.places
  const specs = [
    ...options.map(optionSpec),
    ...places.map((place, i) => quote(`${i + 1}: :${fill(place)}`)),
  ]
  return `        ${command.name}) _arguments ${specs.join(' ')} && ret=0 ;;`
}

function has({ options }: CommandWords, flag: string): boolean {
  return options.some((option) => option.flag === flag)
}

function optionSpec({ flag, about, value }: OptionWords): string {
  const shown = about.replace(/[[\]:\\]/g, '\\$&')
  return quote(`${flag}[${shown}]${value === undefined ? '' : `: :${fill(value)}`}`)
}

function fill(place: Place): string {
  if (place === 'keys') return '_hearsay_keys'
  if (place === 'peers') return '_hearsay_peers'
  if (place === 'files') return '_files'
  if (place === 'any') return ' '
  return `(${place.join(' ')})`
}

/** For zsh, in which a quote inside quotes ends them. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}
