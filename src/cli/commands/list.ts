import { Command } from 'commander'

import { bytesField } from '../../control/json.ts'
import type { ListedKey } from '../../control/client.ts'
import { formOf, formatBytes, parseBytes, withFormOptions } from '../bytes.ts'
import type { Form, FormOptions } from '../bytes.ts'
import { parseCount, withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { LineWriter, styleFor, warnIfIncomplete } from '../output.ts'
import { bytesInWords } from '../words.ts'

interface Options extends GlobalOptions, FormOptions {
  values?: boolean
  limit?: string
  after?: string
}

/** A value longer than this is cut on a terminal: some lines of it. Elsewhere it is written whole. */
const SHOWN_BYTES_MAX = 200

export function listCommand(): Command {
  const command = new Command('list')
    .description('list keys in byte order, one a line')
    .argument('[prefix]', 'only keys that begin with this')
    .option('--values', 'with the value, after a tab')
    .option('--limit <n>', 'at most this many')
    .option('--after <key>', 'only keys after this one')
    .action(async (prefix: string | undefined, _options: unknown, self: Command) =>
      list(prefix ?? '', self.optsWithGlobals<Options>()),
    )
  return withExamples(withFormOptions(command), [
    'hearsay list',
    'hearsay list services/ --values',
    'hearsay list --limit 100 --after services/api',
    'hearsay list services/ --values --json | jq -r .value',
  ])
}

async function list(prefix: string, options: Options): Promise<void> {
  const form = formOf(options)
  const { after, limit } = options
  const listOptions = {
    prefix: parseBytes(prefix, form, 'PREFIX'),
    values: options.values === true,
    ...(limit === undefined ? {} : { limit: parseCount(limit, '--limit') }),
    ...(after === undefined ? {} : { after: parseBytes(after, form, '--after') }),
  }
  await withClient(options, async (client) => {
    const keys = await client.list(listOptions)
    warnIfIncomplete(keys.completeness)
    const lines = new LineWriter()
    for await (const key of keys) {
      await lines.write(options.json === true ? jsonOf(key) : textOf(key, form))
    }
    await lines.flush()
  })
}

/** As the daemon says it. */
function jsonOf(listed: ListedKey): string {
  const { key, value, ...rest } = listed
  const fields = [bytesField('key', key), JSON.stringify(rest).slice(1, -1)]
  if (value !== undefined) fields.push(bytesField('value', value))
  return `{${fields.join(',')}}`
}

function textOf(listed: ListedKey, form: Form): string {
  const key = formatBytes(listed.key, form)
  const value = listed.value === undefined ? '' : `\t${shorten(listed.value, form)}`
  if (!process.stdout.isTTY || listed.siblingCount === 1) return key + value
  const mark = `(${listed.siblingCount} concurrent values)`
  return `${key}${value}  ${styleFor(process.stdout)('yellow', mark)}`
}

function shorten(value: Uint8Array, form: Form): string {
  if (!process.stdout.isTTY || value.length <= SHOWN_BYTES_MAX) return formatBytes(value, form)
  let end = SHOWN_BYTES_MAX
  // Not inside a character of UTF-8: half of one would make the rest look like binary.
  while (end > SHOWN_BYTES_MAX - 4 && ((value[end] ?? 0) & 0xc0) === 0x80) end--
  return `${formatBytes(value.subarray(0, end), form)}… (${bytesInWords(value.length)})`
}
