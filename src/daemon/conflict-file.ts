/**
 * `conflicts.jsonl` in the data directory: contents that lost their dot to another content (R14), one JSON object a line, so
 * that nothing acknowledged is gone without a trace. Bounded: a full file is kept as `conflicts.old.jsonl`, in the place of
 * the one before.
 */
import { appendFile, rename, stat } from 'node:fs/promises'
import path from 'node:path'
import { fromBinary, toHex } from '../core/bytes.ts'
import type { Item } from '../core/item.ts'
import type { Log } from '../net/log.ts'

const FILE = 'conflicts.jsonl'
const OLD_FILE = 'conflicts.old.jsonl'
/** A file as large as this takes no more lines. */
const FILE_BYTES_MAX = 16 * 1024 * 1024

export class ConflictFile {
  readonly #directory: string
  readonly #log: Log
  #tail: Promise<void> = Promise.resolve()

  constructor(directory: string, log: Log) {
    this.#directory = directory
    this.#log = log
  }

  add(peer: string, kept: Item, lost: Item): void {
    const line = {
      time: new Date().toISOString(),
      peer,
      dot: { actor: toHex(lost.actor), counter: lost.counter },
      lost: contentOf(lost),
      kept: contentOf(kept),
    }
    this.#tail = this.#tail
      .then(() => this.#append(`${JSON.stringify(line)}\n`))
      .catch((error: unknown) => {
        this.#log.error({ err: error, ...line.dot }, `${FILE} cannot be written`)
      })
  }

  /** Resolves when everything added so far is written. */
  flushed(): Promise<void> {
    return this.#tail
  }

  async #append(line: string): Promise<void> {
    const file = path.join(this.#directory, FILE)
    const size = await stat(file).then(
      (found) => found.size,
      () => 0,
    )
    if (size >= FILE_BYTES_MAX) await rename(file, path.join(this.#directory, OLD_FILE))
    await appendFile(file, line, { mode: 0o600, flush: true })
  }
}

/** Text where it is text, with the bytes beside it. */
function contentOf(item: Item): Record<string, unknown> {
  const key = Buffer.from(fromBinary(item.key))
  const value = Buffer.from(item.value())
  return {
    key: key.toString(),
    keyBase64: key.toString('base64'),
    valueBase64: value.toString('base64'),
    time: item.ms,
    ...(item.expiry === 0 ? {} : { expiresAt: item.expiry }),
  }
}
