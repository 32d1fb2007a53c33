/**
 * Bytes in JSON, and the lines made of them, in both directions.
 *
 * A field of bytes is written as text, `"key": "abc"`, when it is valid UTF-8 without control characters (other than
 * tab, line feed and carriage return), and as base64 under another name, `"keyBase64": "/wA="`, otherwise. The name says
 * which, so nothing is ever guessed. Both forms are read whatever the bytes are. Control characters go the second way
 * because JSON would make six bytes of each.
 *
 * Lines (newline-delimited JSON):
 *
 *     entry     {"key":K,"token":T,"siblings":[S, …]}   the winner first; export leaves the token out
 *     S         {"value":V,"kind":"register","time":{"ms":1,"tick":0},"dot":{"actor":A,"counter":1},"writer":W,
 *                "expiresAt":E}
 *     change    an entry; "siblings":[] and no token when nothing of the key is visible any more
 *     listed    {"key":K,"siblingCount":1,"token":T,"time":…,"dot":…,"writer":W,"expiresAt":E,"value":V}
 *     mutation  {"op":"put","key":K,"value":V,"expiresAt":E,"token":T} or {"op":"delete","key":K,"token":T}
 *     import    an entry, of which key, values and expiry are taken, or {"key":K,"value":V,"expiresAt":E}
 *     snapshot  {"keyBase64":K,"valueBase64":V}, a record of the store, or {"manifest":{…}}, the last line
 *     failure   {"error":{"code":C,"message":M}}, the last line of a stream that could not go on
 */
import { isUtf8 } from 'node:buffer'
import type {
  DotView,
  EntryView,
  Mutation,
  SiblingView,
  SnapshotPart,
  WatchEvent,
} from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'

/** One key of a listing: its winner, without the value unless that was asked for. */
export interface ListedKey {
  key: Uint8Array
  siblingCount: number
  token: string
  dot: DotView
  time: { ms: number; tick: number }
  writer: string
  expiresAt?: number
  value?: Uint8Array
}

/** What an import line asks for. Several values are to be written as siblings of each other. */
export interface ImportedKey {
  key: Uint8Array
  siblings: { value: Uint8Array; expiresAt?: number }[]
}

// Tab, line feed and carriage return are left out: they are text.
// oxlint-disable-next-line no-control-regex -- control characters are what it looks for
const CONTROL_CHARACTER = /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/
const LONE_SURROGATE = /\p{Surrogate}/u

/** A field of bytes with its name, as it stands inside an object. */
export function bytesField(name: 'key' | 'value', bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (isUtf8(buffer)) {
    const text = buffer.toString('utf8')
    if (!CONTROL_CHARACTER.test(text)) return `"${name}":${JSON.stringify(text)}`
  }
  return `"${name}Base64":"${buffer.toString('base64')}"`
}

function expiryField(expiresAt: number | undefined): string {
  return expiresAt === undefined ? '' : `,"expiresAt":${expiresAt}`
}

function stampFields(sibling: Pick<SiblingView, 'time' | 'dot' | 'writer' | 'expiresAt'>): string {
  const { time, dot, writer } = sibling
  return (
    `"time":{"ms":${time.ms},"tick":${time.tick}},` +
    `"dot":{"actor":${JSON.stringify(dot.actor)},"counter":${dot.counter}},` +
    `"writer":${JSON.stringify(writer)}${expiryField(sibling.expiresAt)}`
  )
}

function siblingJson(sibling: SiblingView): string {
  return `{${bytesField('value', sibling.value)},"kind":"${sibling.kind}",${stampFields(sibling)}}`
}

/**
 * An entry in pieces, one for each sibling: siblings from peers are always taken, so a whole entry can be longer than
 * the longest string.
 */
export function* entryJsonPieces(
  entry: { key: Uint8Array; siblings: SiblingView[] },
  token?: string,
): Generator<string> {
  const opening = token === undefined ? '' : `"token":${JSON.stringify(token)},`
  let piece = `{${bytesField('key', entry.key)},${opening}"siblings":[`
  for (const sibling of entry.siblings) {
    yield piece + siblingJson(sibling)
    piece = ','
  }
  yield entry.siblings.length === 0 ? `${piece}]}` : ']}'
}

export function changeJsonPieces(event: WatchEvent): Generator<string> {
  return entryJsonPieces(event.entry ?? { key: event.key, siblings: [] }, event.entry?.token)
}

export function listedJson(entry: EntryView, options: { values: boolean }): string {
  const winner = entry.siblings[0]
  if (winner === undefined) throw new TypeError('an entry without siblings is no entry')
  const value = options.values ? `,${bytesField('value', winner.value)}` : ''
  return (
    `{${bytesField('key', entry.key)},"siblingCount":${entry.siblings.length},` +
    `"token":${JSON.stringify(entry.token)},${stampFields(winner)}${value}}`
  )
}

export function mutationJson(mutation: Mutation): string {
  const token = mutation.token === undefined ? '' : `,"token":${JSON.stringify(mutation.token)}`
  const key = bytesField('key', mutation.key)
  if (mutation.op === 'delete') return `{"op":"delete",${key}${token}}`
  const expiry = expiryField(mutation.expiresAt)
  return `{"op":"put",${key},${bytesField('value', mutation.value)}${expiry}${token}}`
}

function bad(message: string): HearsayError {
  return new HearsayError('BAD_REQUEST', message)
}

export type JsonObject = Record<string, unknown>

export function parseObject(text: string): JsonObject {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new HearsayError('BAD_REQUEST', `not JSON: ${(cause as Error).message}`, { cause })
  }
  return objectOf(value, 'the line')
}

function objectOf(value: unknown, what: string): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw bad(`${what} is not a JSON object`)
  }
  return value as JsonObject
}

/** The bytes under `name` or `nameBase64`; undefined when neither is there. */
export function bytesOf(object: JsonObject, name: 'key' | 'value'): Uint8Array | undefined {
  const text = object[name]
  const base64 = object[`${name}Base64`]
  if (base64 === undefined) return text === undefined ? undefined : bytesOfText(text, name)
  if (text !== undefined) throw bad(`both "${name}" and "${name}Base64" are given; give one`)
  return bytesOfBase64(base64, `${name}Base64`)
}

function bytesOfText(text: unknown, name: string): Uint8Array {
  if (typeof text !== 'string') throw bad(`"${name}" must be a string`)
  // UTF-8 has no form for half a surrogate pair: encoding it would write other bytes than were meant.
  if (LONE_SURROGATE.test(text))
    throw bad(`"${name}" holds half a surrogate pair; use "${name}Base64"`)
  return Buffer.from(text, 'utf8')
}

function bytesOfBase64(text: unknown, name: string): Uint8Array {
  if (typeof text !== 'string') throw bad(`"${name}" must be a string`)
  const unpadded = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0)
  const bytes = Buffer.from(text, 'base64')
  // Buffer.from passes over what is not base64, so the length tells whether anything was passed over.
  if (unpadded % 4 === 1 || bytes.length !== Math.floor((unpadded * 3) / 4)) {
    throw bad(`"${name}" is not base64`)
  }
  return bytes
}

function required(object: JsonObject, name: 'key' | 'value'): Uint8Array {
  const bytes = bytesOf(object, name)
  if (bytes === undefined) throw bad(`"${name}" or "${name}Base64" is missing`)
  return bytes
}

function expiryOf(object: JsonObject): { expiresAt?: number } {
  const { expiresAt } = object
  if (expiresAt === undefined) return {}
  if (!Number.isSafeInteger(expiresAt) || (expiresAt as number) < 0) {
    throw bad('"expiresAt" must be a whole number of milliseconds since 1970')
  }
  return { expiresAt: expiresAt as number }
}

function tokenOf(object: JsonObject): { token?: string } {
  const { token } = object
  if (token === undefined) return {}
  if (typeof token !== 'string') throw bad('"token" must be a string')
  return { token }
}

const PUT_FIELDS = new Set(['op', 'key', 'keyBase64', 'value', 'valueBase64', 'expiresAt', 'token'])
const DELETE_FIELDS = new Set(['op', 'key', 'keyBase64', 'token'])

/** A misspelt field would otherwise be passed over, and a value kept for ever that was meant to expire. */
function refuseUnknownFields(object: JsonObject, known: Set<string>): void {
  for (const name in object) {
    if (!known.has(name)) throw bad(`unknown field ${JSON.stringify(name)}`)
  }
}

export function mutationOfJson(text: string): Mutation {
  const object = parseObject(text)
  if (object.op === 'put') {
    refuseUnknownFields(object, PUT_FIELDS)
    const key = required(object, 'key')
    const value = required(object, 'value')
    return { op: 'put', key, value, ...expiryOf(object), ...tokenOf(object) }
  }
  if (object.op === 'delete') {
    refuseUnknownFields(object, DELETE_FIELDS)
    return { op: 'delete', key: required(object, 'key'), ...tokenOf(object) }
  }
  throw bad('"op" must be "put" or "delete"')
}

/** Reads a line of an export, of `list --values`, or a plain {key, value}. Throws BAD_IMPORT_LINE without the line's number. */
export function importedOfJson(text: string): ImportedKey {
  try {
    const object = parseObject(text)
    const key = required(object, 'key')
    const { siblings } = object
    if (siblings === undefined) return { key, siblings: [importedValue(object)] }
    if (!Array.isArray(siblings) || siblings.length === 0) {
      throw bad('"siblings" must be a list of at least one value')
    }
    return {
      key,
      siblings: siblings.map((sibling) => importedValue(objectOf(sibling, 'a sibling'))),
    }
  } catch (cause) {
    if (!(cause instanceof HearsayError)) throw cause
    throw new HearsayError('BAD_IMPORT_LINE', cause.message, { cause })
  }
}

function importedValue(object: JsonObject): { value: Uint8Array; expiresAt?: number } {
  return { value: required(object, 'value'), ...expiryOf(object) }
}

/** Trusts the daemon's word for the other fields: the description it serves is tested against what it sends. */
function siblingOf(object: JsonObject): SiblingView {
  const { kind, dot, time, writer } = object as unknown as SiblingView
  return { dot, kind, value: required(object, 'value'), time, writer, ...expiryOf(object) }
}

export function entryOfJson(object: JsonObject): WatchEvent {
  const key = required(object, 'key')
  const siblings = (object.siblings as JsonObject[]).map(siblingOf)
  if (siblings.length === 0) return { key }
  return { key, entry: { key, siblings, token: tokenOf(object).token ?? '' } }
}

export function listedOfJson(text: string): ListedKey {
  const object = parseObject(text)
  const { siblingCount, token, dot, time, writer } = object as unknown as ListedKey
  const value = bytesOf(object, 'value')
  return {
    key: required(object, 'key'),
    siblingCount,
    token,
    dot,
    time,
    writer,
    ...expiryOf(object),
    ...(value === undefined ? {} : { value }),
  }
}

const base64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

export function* snapshotLines(part: SnapshotPart): Generator<string> {
  if ('manifest' in part) {
    yield `${JSON.stringify(part)}\n`
    return
  }
  for (const { key, value } of part.records) {
    yield `{"keyBase64":"${base64(key)}","valueBase64":"${base64(value)}"}\n`
  }
}

export function snapshotOfJson(text: string): SnapshotPart {
  const object = parseObject(text)
  if ('manifest' in object) return object as unknown as SnapshotPart
  return { records: [{ key: required(object, 'key'), value: required(object, 'value') }] }
}
