/**
 * For bash 4.4 and newer; needs nothing else. Bash takes a word with a colon or an equals sign apart (COMP_WORDBREAKS), and
 * keys often have them: such words are put together again, and what bash keeps of them is left off the answers.
 */
import type { CommandWords, OptionWords, Place } from './model.ts'

export function bashCompletion(program: CommandWords): string {
  const { commands } = program
  const options = [program, ...commands].flatMap((one) => one.options)
  const withFile = options.filter(({ value }) => value === 'files')
  const withOther = options.filter(({ value }) => value !== undefined && value !== 'files')
  return `# bash completion for hearsay
#   source <(hearsay completion bash)
# or for good: hearsay completion bash > ~/.local/share/bash-completion/completions/hearsay

_hearsay_ask() {
  "$hearsay" \${socket+"\${socket[@]}"} "$@" 2>/dev/null
}

_hearsay_keys() {
  local line=\${COMP_LINE:0:COMP_POINT}
  local typed=\${line##* } key
  local kept=\${typed%"\${typed##*[:=]}"}
  while IFS= read -r key; do
    printf -v key %q "\${key#"$kept"}"
    COMPREPLY+=("$key")
  done < <(_hearsay_ask list --limit 200 -- "$typed")
}

_hearsay_peers() {
  _hearsay_words "$(_hearsay_ask peers --json | grep -o '12D3KooW[A-Za-z0-9]*' | sort -u)"
}

_hearsay_words() {
  local IFS=$' \\n'
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
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
      ${flags(withOther)} | [:=]) i=$((i + 1)) ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=$word; else place=$((place + 1)); fi ;;
    esac
  done
  if [[ $cur == [:=] || $previous == [:=] ]]; then place=$((place - 1)); fi
  case $previous in
    ${flags(withFile)}) return ;;
    ${flags(withOther)}) compopt +o default 2>/dev/null; return ;;
  esac
  if [[ -z $command ]]; then
    _hearsay_words "${[...commands.map(({ name }) => name), ...flagsOf(program)].join(' ')}"
    return
  fi
  if [[ $cur == -* ]]; then
    case $command in
${commands.map((one) => `      ${one.name}) _hearsay_words "${flagsOf(one, program).join(' ')}" ;;`).join('\n')}
    esac
    return
  fi
  case $command:$place in
${commands.flatMap(placeCases).join('\n')}
    *) compopt +o default 2>/dev/null ;;
  esac
}

complete -o default -o nosort -F _hearsay hearsay
`
}

function flags(options: readonly OptionWords[]): string {
  return [...new Set(options.map(({ flag }) => flag))].join(' | ')
}

function flagsOf(...of: CommandWords[]): string[] {
  return [...new Set(of.flatMap(({ options }) => options.map(({ flag }) => flag)))]
}

function placeCases({ name, places, commands }: CommandWords): string[] {
  const first = commands.length > 0 ? [commands.map((one) => one.name)] : places
  return first.flatMap((place, i) =>
    place === 'any' ? [] : [`    ${name}:${i}) ${fill(place)} ;;`],
  )
}

function fill(place: Exclude<Place, 'any'>): string {
  if (place === 'keys') return '_hearsay_keys'
  if (place === 'peers') return '_hearsay_peers'
  // Left to the shell's own completion of files.
  if (place === 'files') return ':'
  return `_hearsay_words "${place.join(' ')}"`
}
