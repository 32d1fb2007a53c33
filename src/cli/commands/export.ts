import { open, rename, rm } from 'node:fs/promises'
import { Command } from 'commander'

import type { ControlClient } from '../../control/client.ts'
import { HearsayError } from '../../errors.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { LineWriter, print, say, warnIfIncomplete } from '../output.ts'
import { Progress } from '../progress.ts'
import { count } from '../words.ts'

export function exportCommand(): Command {
  const command = new Command('export')
    .description('write every key with all its values, one JSON object a line')
    .argument('[file]', '"-", the default, is standard output', '-')
    .action(async (file: string, _options: unknown, self: Command) =>
      withClient(self.optsWithGlobals<GlobalOptions>(), (client) => runExport(client, file)),
    )
    .addHelpText(
      'after',
      `
Expiry and concurrent values are kept; "import" reads it. A file appears under its name when it is whole, readable by you
alone. Keys that change meanwhile are written as they are when their turn comes.`,
    )
  return withExamples(command, [
    'hearsay export backup.ndjson',
    'hearsay export | gzip > backup.ndjson.gz',
    "hearsay export | jq -r 'select(.siblings | length > 1) | .key'    # keys with concurrent values",
  ])
}

async function runExport(client: ControlClient, file: string): Promise<void> {
  if (file === '-') {
    await writeKeys(client, print)
    return
  }
  const part = `${file}.part`
  const handle = await open(part, 'w', 0o600).catch((error: unknown) => {
    throw new HearsayError('BAD_REQUEST', `${file}: ${String(error)}`, { cause: error })
  })
  try {
    const keys = await writeKeys(client, (text) => handle.appendFile(text))
    await handle.sync()
    await rename(part, file)
    say(`exported ${count(keys, 'key')} to ${file}`)
  } catch (error) {
    await rm(part, { force: true })
    if (error instanceof HearsayError) throw error
    throw new HearsayError('BAD_REQUEST', `${file}: ${String(error)}`, { cause: error })
  } finally {
    await handle.close()
  }
}

async function writeKeys(client: ControlClient, write: (text: string) => Promise<void>) {
  const entries = await client.export()
  warnIfIncomplete(entries.completeness)
  const bar = process.stderr.isTTY && !process.stdout.isTTY
  const progress = bar ? new Progress('exporting', (await client.status()).keys) : undefined
  const lines = new LineWriter(write)
  let keys = 0
  try {
    for await (const line of entries) {
      await lines.write(line)
      keys++
      progress?.at(keys, keys)
    }
    await lines.flush()
  } finally {
    progress?.stop()
  }
  return keys
}
