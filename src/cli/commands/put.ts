import { Command } from 'commander'

import { parseDuration } from '../../config/units.ts'
import { VALUE_BYTES_MAX } from '../../control/limits.ts'
import { HearsayError } from '../../errors.ts'
import { confirmOptions } from '../waiting.ts'
import { formOf, parseBytes, withFormOptions } from '../bytes.ts'
import type { Form, FormOptions } from '../bytes.ts'
import { withClient, withExamples } from '../command.ts'
import type { GlobalOptions } from '../command.ts'
import { printJson } from '../output.ts'

interface Options extends GlobalOptions, FormOptions {
  ttl?: string
  versionToken?: string
  wait?: string
  timeout?: string
}

export function putCommand(): Command {
  const command = new Command('put')
    .description('write a value; done when it is on the disk of this daemon')
    .argument('<key>')
    .argument('<value>', 'the value; "-" reads it from standard input')
    .option('--ttl <duration>', 'let it expire after 500ms, 90s, 10m, 24h, 7d')
    .option(
      '--version-token <token>',
      'replace what this token saw ("get --all" shows it), not what is here now',
    )
    .option('--wait <peers>', 'done when so many other daemons have it on their disks, too')
    .option('--timeout <duration>', 'how long to wait for them (10s); exit code 5 after that')
    .action(async (key: string, value: string, _options: unknown, self: Command) =>
      put(key, value, self.optsWithGlobals<Options>()),
    )
  return withExamples(withFormOptions(command), [
    'hearsay put greeting hello',
    'hearsay put services/api 10.0.0.5:8080 --ttl 30s',
    'hearsay put config/app - < app.json',
    'hearsay put --hex 00ff cafe',
    'hearsay put -- -key-with-a-dash value',
    'hearsay put feature/x on --wait 2 --timeout 5s',
    'hearsay put greeting hi --version-token TOKEN    # settle concurrent values that you have seen',
  ])
}

async function put(key: string, value: string, options: Options): Promise<void> {
  const form = formOf(options)
  const keyBytes = parseBytes(key, form, 'KEY')
  const ttl = options.ttl === undefined ? undefined : parseTtl(options.ttl)
  const token = options.versionToken
  const valueBytes = await valueOf(value, form)
  const written = await withClient(options, (client) =>
    client.put(keyBytes, valueBytes, {
      ...(ttl === undefined ? {} : { ttlMs: ttl }),
      ...(token === undefined ? {} : { token }),
      ...confirmOptions(options),
    }),
  )
  if (options.json === true) await printJson(written)
}

function parseTtl(text: string): number {
  const ttl = parseDuration(text)
  if (ttl !== undefined && ttl > 0) return ttl
  throw new HearsayError(
    'BAD_ARGUMENT',
    `--ttl: expected a duration such as 90s or 24h, found ${text}`,
  )
}

async function valueOf(text: string, form: Form): Promise<Uint8Array> {
  if (text !== '-') return parseBytes(text, form, 'VALUE')
  const input = await readInput()
  if (form === 'text') return input
  // Digits in a file usually end with a line feed.
  return parseBytes(input.toString('latin1').trim(), form, 'standard input')
}

/** Twice: hexadecimal digits of a value of the largest size. The daemon refuses a value that is too large itself. */
const INPUT_BYTES_MAX = 2 * VALUE_BYTES_MAX + 2

async function readInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer)
    length += (chunk as Buffer).length
    if (length > INPUT_BYTES_MAX) {
      throw new HearsayError(
        'VALUE_TOO_LARGE',
        `standard input holds more than a value may have (${VALUE_BYTES_MAX} bytes)`,
      )
    }
  }
  return Buffer.concat(chunks)
}
