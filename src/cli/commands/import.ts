import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { Command } from 'commander'

import { LINE_BYTES_MAX } from '../../control/limits.ts'
import { HearsayError } from '../../errors.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { Import } from '../import-run.ts'
import type { Imported } from '../import-run.ts'
import { printJson, say } from '../output.ts'
import { Progress } from '../progress.ts'
import { count } from '../words.ts'

export function importCommand(): Command {
  const command = new Command('import')
    .description('write the keys of a file, one JSON object a line')
    .argument('<file>', 'what "export" wrote; "-" reads standard input')
    .action(async (file: string, _options: unknown, self: Command) =>
      runImport(file, self.optsWithGlobals<GlobalOptions>()),
    )
    .addHelpText(
      'after',
      `
A line is {"key": K, "value": V} with "expiresAt" (milliseconds since 1970) where it expires, or what "export" writes,
with all concurrent values. "keyBase64" and "valueBase64" stand for bytes that are no text. A key of the file replaces
what is held here; other keys stay. Importing a file again changes nothing but versions. The first bad line ends it, with
exit code 1: what stands before it is imported. Lines are at most ${LINE_BYTES_MAX} bytes.`,
    )
  return withExamples(command, [
    'hearsay import backup.ndjson',
    `echo '{"key": "greeting", "value": "hello"}' | hearsay import -`,
    'hearsay --socket A export | hearsay --socket B import -',
  ])
}

async function runImport(file: string, options: GlobalOptions): Promise<void> {
  const imported = await withClient(options, async (client) => {
    // Before anything is read: whether there is a daemon at all, and how large the file is.
    await client.ready()
    const progress = new Progress('importing', await sizeOf(file))
    try {
      const input = file === '-' ? process.stdin : createReadStream(file)
      return await new Import(client, file === '-' ? 'standard input' : file).run(input, progress)
    } finally {
      progress.stop()
    }
  })
  await report(imported, options)
}

async function report(imported: Imported, options: GlobalOptions): Promise<void> {
  if (options.json === true) await printJson(imported)
  else say(`imported ${count(imported.keys, 'key')}`)
}

/** `undefined` for what has no size: standard input, a pipe. */
async function sizeOf(file: string): Promise<number | undefined> {
  if (file === '-') return undefined
  try {
    const found = await stat(file)
    if (found.isDirectory()) {
      throw new HearsayError('BAD_REQUEST', `${file}: is a directory`)
    }
    return found.isFile() ? found.size : undefined
  } catch (error) {
    if (error instanceof HearsayError) throw error
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : String(error)
    throw new HearsayError('BAD_REQUEST', `${file}: ${reason}`, { cause: error })
  }
}
