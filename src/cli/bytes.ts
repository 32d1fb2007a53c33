/**
 * Keys and values on the command line: bytes, typed and shown as text unless --hex or --base64 says otherwise.
 *
 * What is shown as text stands on one line and cannot drive a terminal: a line feed, another control character, a byte
 * that is no UTF-8 come out as \n, \t, \xNN. That is for eyes. For exact bytes there are --hex, --base64 and --json.
 */
import { isUtf8 } from 'node:buffer'
import { Option } from 'commander'
import type { Command } from 'commander'

import { HearsayError } from '../errors.ts'

export type Form = 'text' | 'hex' | 'base64'

export interface FormOptions {
  hex?: boolean
  base64?: boolean
}

export function withFormOptions(command: Command): Command {
  return command
    .addOption(new Option('--hex', 'keys and values are hexadecimal').conflicts('base64'))
    .addOption(new Option('--base64', 'keys and values are base64'))
}

export function formOf(options: FormOptions): Form {
  if (options.hex === true) return 'hex'
  return options.base64 === true ? 'base64' : 'text'
}

/** Throws BAD_ARGUMENT; `what` is the name of the argument. */
export function parseBytes(text: string, form: Form, what: string): Uint8Array {
  const bytes = Buffer.from(text, form === 'text' ? 'utf8' : form)
  const problem = problemOf(text, form, bytes)
  if (problem === undefined) return bytes
  throw new HearsayError('BAD_ARGUMENT', `${what} ${problem}`)
}

function problemOf(text: string, form: Form, bytes: Buffer): string | undefined {
  if (form === 'text') {
    // Node replaces what is no UTF-8 in an argument before anyone sees it: the bytes meant are lost already.
    const lost = text.includes('\uFFFD')
    return lost ? 'is not valid UTF-8 text; give it with --hex or --base64' : undefined
  }
  if (form === 'hex') {
    const good = text.length % 2 === 0 && /^[0-9a-f]*$/i.test(text)
    return good ? undefined : `is not hexadecimal, two digits a byte: ${shorten(text)}`
  }
  const good = /^[A-Za-z0-9+/]*={0,2}$/.test(text) && sameBase64(text, bytes)
  return good ? undefined : `is not base64: ${shorten(text)}`
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text
}

function sameBase64(text: string, bytes: Buffer): boolean {
  return bytes.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '')
}

/** On one line. */
export function formatBytes(bytes: Uint8Array, form: Form): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return form === 'text' ? escapeText(buffer) : buffer.toString(form)
}

// Controls of ASCII and Latin-1, line and paragraph separators, and the marks that turn the direction of writing round.
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

function escapeText(buffer: Buffer): string {
  if (!isUtf8(buffer)) {
    return Array.from(buffer, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCodePoint(byte) : escapeByte(byte),
    ).join('')
  }
  return buffer
    .toString('utf8')
    .replace(
      UNPRINTABLE,
      (character) =>
        SHORT[character] ?? Array.from(Buffer.from(character, 'utf8'), escapeByte).join(''),
    )
}

function escapeByte(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}

/** Text from elsewhere, on one line and harmless to a terminal. */
export function printable(text: string): string {
  return escapeText(Buffer.from(text, 'utf8'))
}

/** Whether `bytes` can go to a terminal as they are: text of any number of lines. */
export function isPlainText(bytes: Uint8Array): boolean {
  if (!isUtf8(bytes)) return false
  return !Buffer.from(bytes)
    .toString('utf8')
    .replace(/[\n\t]/g, '')
    .match(UNPRINTABLE)
}
