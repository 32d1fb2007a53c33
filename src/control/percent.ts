/**
 * Percent-encoding of bytes in URLs. Keys are any bytes, so the decoders of URLSearchParams and of routers, which insist
 * on UTF-8 or quietly repair it, do not do.
 */
import { HearsayError } from '../errors.ts'

const HEX = '0123456789ABCDEF'
const UNRESERVED = new Set(
  Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~', 'latin1'),
)

/** Escapes everything but RFC 3986's unreserved characters. */
export function percentEncode(bytes: Uint8Array): string {
  // A path segment of dots would be resolved away by URL parsers, escaped or not; hearsay's own client sends it as it is.
  let text = ''
  for (const byte of bytes) {
    text += UNRESERVED.has(byte)
      ? String.fromCharCode(byte)
      : `%${HEX.charAt(byte >> 4)}${HEX.charAt(byte & 15)}`
  }
  return text
}

/** `text` is as Node gives it: one character for each byte. `what` names the place in the message of BAD_REQUEST. */
export function percentDecode(text: string, what: string): Uint8Array {
  const raw = Buffer.from(text, 'latin1')
  const percent = 37
  if (!raw.includes(percent)) return raw
  const bytes = Buffer.alloc(raw.length)
  let length = 0
  for (let at = 0; at < raw.length; at++) {
    const byte = raw[at] ?? 0
    if (byte !== percent) {
      bytes[length++] = byte
      continue
    }
    const digits = raw.toString('latin1', at + 1, at + 3)
    if (!/^[0-9A-Fa-f]{2}$/.test(digits)) {
      throw new HearsayError(
        'BAD_REQUEST',
        `${what}: ${JSON.stringify(`%${digits}`)} is not a percent-encoded byte; write a percent sign as %25`,
      )
    }
    bytes[length++] = Number.parseInt(digits, 16)
    at += 2
  }
  return bytes.subarray(0, length)
}

/** The bytes of one parameter of a query string, in which `+` is a space, as forms write it. */
export function queryBytes(url: string, name: string): Uint8Array | undefined {
  const start = url.indexOf('?')
  if (start === -1) return undefined
  for (const part of url.slice(start + 1).split('&')) {
    const equals = part.indexOf('=')
    // A name may be escaped as well: passing it over would list everything instead of what was asked for.
    const decoded = formDecode(equals === -1 ? part : part.slice(0, equals), 'query parameter')
    if (Buffer.from(decoded).toString('latin1') !== name) continue
    return formDecode(equals === -1 ? '' : part.slice(equals + 1), `query parameter ${name}`)
  }
  return undefined
}

function formDecode(text: string, what: string): Uint8Array {
  return percentDecode(text.replaceAll('+', ' '), what)
}
