import { Command } from 'commander'

import type { Completeness, EntryView, SiblingView } from '../../daemon-api.ts'
import { entryJsonPieces } from '../../control/json.ts'
import { HearsayError } from '../../errors.ts'
import { formOf, formatBytes, isPlainText, parseBytes, withFormOptions } from '../bytes.ts'
import type { Form, FormOptions } from '../bytes.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { print, printLine, say, table, warnIfIncomplete } from '../output.ts'
import { readOptions } from '../waiting.ts'
import { span } from '../words.ts'

interface Options extends GlobalOptions, FormOptions {
  all?: boolean
  after?: string
  maxStaleness?: string
  timeout?: string
}

export function getCommand(): Command {
  const command = new Command('get')
    .description('read a value; exit code 3 when the key is not there')
    .argument('<key>')
    .option('--all', 'every concurrent value, with its dot, time and writer, and the version token')
    .option('--after <token>', 'wait for the write that gave this token, on whatever daemon')
    .option(
      '--max-staleness <ms>',
      'only when this daemon is known to have all that every known peer had so long ago; 0 is now',
    )
    .option(
      '--timeout <duration>',
      'how long to wait for other daemons (10s); exit code 5 after that',
    )
    .action(async (key: string, _options: unknown, self: Command) =>
      get(key, self.optsWithGlobals<Options>()),
    )
  return withExamples(withFormOptions(command), [
    'hearsay get greeting',
    'hearsay get config/app > app.json       # the exact bytes',
    'hearsay get greeting --all              # concurrent values, and the token that settles them',
    'hearsay get greeting --json | jq .siblings[0].value',
    'hearsay get --hex 00ff',
    'hearsay get greeting --after "$TOKEN"     # of "put --json" on another machine',
    'hearsay get greeting --max-staleness 2000',
  ])
}

async function get(text: string, options: Options): Promise<void> {
  const form = formOf(options)
  const key = parseBytes(text, form, 'KEY')
  if (options.all === true || options.json === true) await getAll(key, form, options)
  else await getWinner(key, form, options)
}

async function getWinner(key: Uint8Array, form: Form, options: Options): Promise<void> {
  const found = await withClient(options, (client) => client.get(key, readOptions(options)))
  if (!found.found) throw new HearsayError('NOT_FOUND', found.message)
  warnIfIncomplete(found.completeness)
  if (found.siblingCount > 1) {
    say(`${found.siblingCount} concurrent values; this is the latest, --all shows all`)
  }
  await printValue(found.value, form)
}

async function printValue(value: Uint8Array, form: Form): Promise<void> {
  if (form !== 'text') return printLine(formatBytes(value, form))
  if (!process.stdout.isTTY) return print(value)
  if (isPlainText(value)) {
    await print(value)
    // The prompt that follows begins a line of its own.
    if (value.at(-1) !== 10) await print('\n')
    return
  }
  say('the value is not plain text, so it is shown escaped; a file or pipe gets its bytes')
  await printLine(formatBytes(value, form))
}

async function getAll(key: Uint8Array, form: Form, options: Options): Promise<void> {
  const { entry, completeness, message } = await withClient(options, (client) =>
    client.getAll(key, readOptions(options)),
  )
  if (options.json === true) await printEntryJson(key, entry, completeness)
  if (entry === undefined) {
    throw new HearsayError('NOT_FOUND', message ?? 'the key is not there')
  }
  warnIfIncomplete(completeness)
  if (options.json !== true) await printEntry(entry, form)
}

/** The entry as export and watch write it, and how far to trust it; without siblings when the key is not there. */
async function printEntryJson(
  key: Uint8Array,
  entry: EntryView | undefined,
  completeness: Completeness,
): Promise<void> {
  let last = ''
  for (const piece of entryJsonPieces(entry ?? { key, siblings: [] }, entry?.token)) {
    await print(last)
    last = piece
  }
  await printLine(`${last.slice(0, -1)},"completeness":${JSON.stringify(completeness)}}`)
}

async function printEntry(entry: EntryView, form: Form): Promise<void> {
  const now = Date.now()
  for (const sibling of entry.siblings) {
    await printLine(table(siblingRows(sibling, form, now)).join('\n'))
    await printLine('')
  }
  await printLine(`token    ${entry.token}`)
}

function siblingRows(sibling: SiblingView, form: Form, now: number): string[][] {
  const { dot, time, expiresAt } = sibling
  const unknown = sibling.kind === 'unknown'
  const expiry = expiresAt === undefined ? [] : [['expires', whenWithSpan(expiresAt, now)]]
  return [
    [
      'value  ',
      unknown ? '(of a kind that this version does not know)' : formatBytes(sibling.value, form),
    ],
    ['written', `${whenWithSpan(time.ms, now)} by ${sibling.writer}`],
    ['dot', `${dot.actor}:${dot.counter}`],
    ...expiry,
  ]
}

function whenWithSpan(ms: number, now: number): string {
  const passed = now - ms
  const relative = passed >= 0 ? `${span(passed)} ago` : `in ${span(-passed)}`
  return `${instant(ms)} (${relative})`
}

/** A writer's clock may claim an instant that no calendar has. */
function instant(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? `${ms} ms` : date.toISOString()
}
