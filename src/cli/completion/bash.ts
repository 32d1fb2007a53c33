/** For bash 4 and newer; needs nothing else. */
import type { CommandWords, OptionWords, Place } from './model.ts'

export function bashCompletion(program: CommandWords): string {
  const { commands } = program
  const valued = [program, ...commands].flatMap(({ options }) =>
    options.filter(({ value }) => value !== undefined),
  )
  return `# bash completion for hearsay
#   source <(hearsay completion bash)
# or for good: hearsay completion bash > ~/.local/share/bash-completion/completions/hearsay

_hearsay_keys() {
  local key
  COMPREPLY=()
  while IFS= read -r key; do
    printf -v key %q "$key"
    COMPREPLY+=("$key")
  done < <("$hearsay" \${socket+"\${socket[@]}"} list --limit 200 -- "$1" 2>/dev/null)
}

_hearsay_words() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "\${1// /$'\\n'}" -- "$2"))
}

_hearsay() {
  local hearsay=\${COMP_WORDS[0]} cur=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]}
  local command= place=0 i word
  local -a socket
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case $word in
      --socket) socket=(--socket "\${COMP_WORDS[++i]}") ;;
      ${alternatives(valued.filter(({ flag }) => flag !== '--socket'))}) i=$((i + 1)) ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=$word; else place=$((place + 1)); fi ;;
    esac
  done
  case $command$previous in
${valued.map((option) => `    *${option.flag}) ${fill(option.value ?? 'any')}; return ;;`).join('\n')}
  esac
  if [[ -z $command ]]; then
    _hearsay_words "${[...commands.map(({ name }) => name), ...flagsOf(program)].join(' ')}" "$cur"
    return
  fi
  if [[ $cur == -* ]]; then
    case $command in
${commands.map((one) => `      ${one.name}) _hearsay_words "${flagsOf(one, program).join(' ')}" "$cur" ;;`).join('\n')}
    esac
    return
  fi
  case $command:$place in
${commands.flatMap(placeCases).join('\n')}
  esac
}

complete -o default -o nosort -F _hearsay hearsay
`
}

function alternatives(options: readonly OptionWords[]): string {
  return [...new Set(options.map(({ flag }) => flag))].join(' | ')
}

function flagsOf(...of: CommandWords[]): string[] {
  return [...new Set(of.flatMap(({ options }) => options.map(({ flag }) => flag)))]
}

function placeCases({ name, places, commands }: CommandWords): string[] {
  const first = commands.length > 0 ? [commands.map((one) => one.name)] : places
  return first.map((place, i) => `    ${name}:${i}) ${fill(place)} ;;`)
}

function fill(place: Place): string {
  if (place === 'keys') return '_hearsay_keys "$cur"'
  if (place === 'peers') {
    return '_hearsay_words "$("$hearsay" ${socket+"${socket[@]}"} peers --json 2>/dev/null | grep -o "12D3KooW[A-Za-z0-9]*" | sort -u)" "$cur"'
  }
  // Left to the shell's own completion of files.
  if (place === 'files') return ':'
  if (place === 'any') return 'compopt +o default 2>/dev/null'
  return `_hearsay_words "${place.join(' ')}" "$cur"`
}
