/** Header names and values that server and client share. */
import type { Completeness } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'

/** On every response: this program's version. A response without it is not hearsay's. */
export const VERSION_HEADER = 'hearsay-version'
/** On every answer about the map. */
export const COMPLETENESS_HEADER = 'hearsay-completeness'
/** How many siblings the key has. */
export const SIBLINGS_HEADER = 'hearsay-siblings'
/** The winner's timestamp: milliseconds, a dot, and the tick within the millisecond. */
export const TIME_HEADER = 'hearsay-time'
/** The winner's dot: actor, a colon, counter. */
export const DOT_HEADER = 'hearsay-dot'
export const KIND_HEADER = 'hearsay-kind'
export const WRITER_HEADER = 'hearsay-writer'
export const EXPIRES_HEADER = 'hearsay-expires-at'

export const NDJSON = 'application/x-ndjson'
export const BYTES = 'application/octet-stream'

const AS_OF = 'complete-as-of='

export function completenessHeader(completeness: Completeness): string {
  return completeness.state === 'complete-as-of' ? AS_OF + completeness.asOf : completeness.state
}

/** Undefined for what no daemon of this version says. */
export function completenessOfHeader(text: string | undefined): Completeness | undefined {
  if (text === 'complete' || text === 'syncing') return { state: text }
  if (text?.startsWith(AS_OF) !== true) return undefined
  const asOf = Number(text.slice(AS_OF.length))
  return Number.isSafeInteger(asOf) ? { state: 'complete-as-of', asOf } : undefined
}

export function etag(token: string): string {
  return `"${token}"`
}

/**
 * The token of an If-Match header, with or without its quotes. If-Match has a narrower meaning here than in HTTP: it
 * names what the writer had observed, and never makes a write fail because the key has changed since.
 */
export function tokenOfIfMatch(text: string | undefined): { token?: string } {
  if (text === undefined) return {}
  const token =
    text.startsWith('"') && text.endsWith('"') && text.length > 1 ? text.slice(1, -1) : text
  if (token === '' || /["*,\s]/.test(token) || token.startsWith('W/')) {
    throw new HearsayError(
      'BAD_TOKEN',
      `If-Match must hold the one version token that an ETag gave, not ${JSON.stringify(text)}`,
    )
  }
  return { token }
}
