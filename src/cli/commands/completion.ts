import { Argument, Command } from 'commander'

import { withExamples } from '../command.ts'
import { bashCompletion } from '../completion/bash.ts'
import { fishCompletion } from '../completion/fish.ts'
import { wordsOf } from '../completion/model.ts'
import type { CommandWords } from '../completion/model.ts'
import { zshCompletion } from '../completion/zsh.ts'
import { print } from '../output.ts'

const SHELLS: Record<string, (program: CommandWords) => string> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
}

export function completionCommand(): Command {
  const command = new Command('completion')
    .description('print a script that completes commands, options, keys and peers in a shell')
    .addArgument(new Argument('<shell>').choices(Object.keys(SHELLS)))
    .action(async (shell: string, _options: unknown, self: Command) => {
      if (self.parent === null) throw new TypeError('completion belongs to a program')
      await print(SHELLS[shell]?.(wordsOf(self.parent)) ?? '')
    })
  return withExamples(command, [
    'source <(hearsay completion bash)',
    'hearsay completion bash > ~/.local/share/bash-completion/completions/hearsay',
    'source <(hearsay completion zsh)',
    'hearsay completion fish > ~/.config/fish/completions/hearsay.fish',
  ])
}
