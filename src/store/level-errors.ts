/**
 * What LevelDB says, in the words of `HearsayError`.
 *
 * LevelDB reports a code for corruption and for its lock; everything else is an "IO error" whose reason is only in its
 * text, the operating system's own wording. A wording that is not known here ends as STORE_FAILED with the text in it.
 */
import { HearsayError } from '../errors.ts'

const FULL = /no space left|quota exceeded|file too large/i
const UNUSABLE =
  /permission denied|operation not permitted|read-only file system|not a directory|too many open files/i
const NO_LOCKS = /no locks available|function not implemented|not supported/i
/** A file that the store's own lists name and that is missing or shorter than they say. */
const DAMAGED = /no such file|invalid argument|does not exist/i

interface Reason {
  code: string
  text: string
}

/** The innermost error that LevelDB itself made. */
function reasonOf(error: unknown): Reason {
  let code = ''
  let text = String(error)
  for (let at = error; at instanceof Error; at = at.cause) {
    code = 'code' in at && typeof at.code === 'string' ? at.code : code
    text = at.message
  }
  return { code, text }
}

export function damaged(directory: string, what: string, cause?: unknown): HearsayError {
  return new HearsayError(
    'STORE_DAMAGED',
    `the store in ${directory} is damaged: ${what}. Move ${directory} away (keep it) or restore it from a backup, and ` +
      `start again: a daemon without a store takes the map from its peers`,
    { cause },
  )
}

export function openFailed(directory: string, error: unknown): HearsayError {
  const { code, text } = reasonOf(error)
  if (code === 'LEVEL_CORRUPTION') return damaged(directory, text, error)
  if (code === 'LEVEL_LOCKED' && NO_LOCKS.test(text)) {
    return new HearsayError(
      'DATA_DIR_UNUSABLE',
      `${directory} is on a file system without file locks (${text}); choose a data directory on a local disk`,
      { cause: error },
    )
  }
  if (code === 'LEVEL_LOCKED') return locked(directory, 'another process', error)
  if (FULL.test(text)) {
    return new HearsayError(
      'STORE_FAILED',
      `the store in ${directory} cannot be opened, because the disk is full (${text}); free some space and start again`,
      { cause: error },
    )
  }
  if (UNUSABLE.test(text)) {
    return new HearsayError(
      'DATA_DIR_UNUSABLE',
      `the store in ${directory} cannot be opened: ${text}; check the owner and the permissions of the directory`,
      { cause: error },
    )
  }
  if (DAMAGED.test(text)) return damaged(directory, text, error)
  return new HearsayError(
    'STORE_FAILED',
    `the store in ${directory} cannot be opened: ${text}; check the disk`,
    { cause: error },
  )
}

export function locked(directory: string, holder: string, cause?: unknown): HearsayError {
  return new HearsayError(
    'DATA_DIR_LOCKED',
    `${directory} is in use by ${holder}; stop that one first, or choose another data directory`,
    { cause },
  )
}

/** What LevelDB itself said. */
export function reasonText(error: unknown): string {
  return reasonOf(error).text
}

export function commitFailed(directory: string, error: unknown): HearsayError {
  const { text } = reasonOf(error)
  const advice = FULL.test(text)
    ? 'the disk is full: free some space'
    : 'check the disk and the kernel log'
  return new HearsayError(
    'STORE_FAILED',
    `a write to the store in ${directory} failed: ${text}; ${advice}`,
    { cause: error },
  )
}

export function failedBefore(directory: string, failure: HearsayError): HearsayError {
  return new HearsayError(
    'STORE_FAILED',
    `the store in ${directory} takes no write since an earlier one failed; it must be opened anew`,
    { cause: failure },
  )
}

export function closed(directory: string): HearsayError {
  return new HearsayError(
    'STORE_FAILED',
    `the store in ${directory} is closed; open it anew to use it`,
  )
}
