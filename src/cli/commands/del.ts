import { Command } from 'commander'

import { HearsayError } from '../../errors.ts'
import { confirmOptions } from '../waiting.ts'
import { formOf, formatBytes, parseBytes, withFormOptions } from '../bytes.ts'
import type { FormOptions } from '../bytes.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson, warnIfIncomplete } from '../output.ts'

interface Options extends GlobalOptions, FormOptions {
  versionToken?: string
  wait?: string
  timeout?: string
}

export function delCommand(): Command {
  const command = new Command('del')
    .description('delete a key; exit code 3 when there was nothing to delete')
    .argument('<key>')
    .option(
      '--version-token <token>',
      'delete what this token saw, and keep what was written since',
    )
    .option('--wait <peers>', 'done when it is gone from so many other daemons, too')
    .option('--timeout <duration>', 'how long to wait for them (10s); exit code 5 after that')
    .action(async (key: string, _options: unknown, self: Command) =>
      del(key, self.optsWithGlobals<Options>()),
    )
  return withExamples(withFormOptions(command), [
    'hearsay del greeting',
    'hearsay del --base64 AP8=',
    'hearsay del greeting || test $? -eq 3     # also fine when it was gone already',
  ])
}

async function del(text: string, options: Options): Promise<void> {
  const form = formOf(options)
  const key = parseBytes(text, form, 'KEY')
  const token = options.versionToken
  await withClient(options, async (client) => {
    const written = await client.delete(key, {
      ...(token === undefined ? {} : { token }),
      ...confirmOptions(options),
    })
    if (options.json === true) await printJson(written)
    if (written.dot !== undefined) return
    // A value that arrives later was not seen by this delete, and stays.
    warnIfIncomplete((await client.ready()).completeness)
    throw new HearsayError('NOT_FOUND', `nothing to delete: ${formatBytes(key, form)}`)
  })
}
