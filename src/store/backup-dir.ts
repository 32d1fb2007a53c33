/**
 * A backup: a directory with a store of the usual layout and a manifest.
 *
 * | name            | what                                                                                           |
 * |-----------------|------------------------------------------------------------------------------------------------|
 * | `store/`        | the records, in a store like that of a data directory                                          |
 * | `identity.key`  | the peer's private key, only where it was asked for                                            |
 * | `manifest.json` | of which map, of when, how much, and a checksum over all records; written last, so that a      |
 * |                 | directory without it is no backup                                                              |
 *
 * The checksum is SHA-256 over every record, its key and its value each after its length (4 bytes, big-endian), in the order
 * of keys. It needs no network key: whoever has the backup can tell whether it is whole.
 *
 * Reading opens the store, which writes to it: a backup on a read-only medium is copied first. Its records do not change.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile, rm } from 'node:fs/promises'
import path from 'node:path'
import * as z from 'zod'
import type { BackupManifest, SnapshotPart } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { codeOf, makeDirectory, syncDirectory, writeFileAtomic } from './durable-files.ts'
import { openLevelStore } from './level-store.ts'
import type { Store, StoreRecord } from './store.ts'

const MANIFEST_FILE = 'manifest.json'
const STORE_DIRECTORY = 'store'
const IDENTITY_FILE = 'identity.key'
const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600
const FORMAT = 1
/** Records in one batch, and bytes of them: it ends with the record that crosses either. */
const BATCH_RECORDS_MAX = 1024
const BATCH_BYTES_MAX = 1024 * 1024

export class RecordsChecksum {
  readonly #hash = createHash('sha256')
  #records = 0

  get records(): number {
    return this.#records
  }

  add({ key, value }: StoreRecord): void {
    this.#records++
    for (const bytes of [key, value]) this.#hash.update(lengthOf(bytes)).update(bytes)
  }

  /** Hexadecimal; once. */
  digest(): string {
    return this.#hash.digest('hex')
  }
}

function lengthOf(bytes: Uint8Array): Uint8Array {
  const length = Buffer.allocUnsafe(4)
  length.writeUInt32BE(bytes.length)
  return length
}

const count = z.int().min(0)
const Manifest = z.object({
  format: z.literal(FORMAT),
  at: count,
  version: z.string(),
  name: z.string(),
  peerId: z.string(),
  cluster: z.string(),
  map: z.string(),
  completeness: z.union([
    z.object({ state: z.literal('complete') }),
    z.object({ state: z.literal('complete-as-of'), asOf: count }),
    z.object({ state: z.literal('syncing') }),
  ]),
  records: count,
  items: count,
  dots: count,
  actors: count,
  context: z.string(),
  fingerprint: z.string(),
  checksum: z.string(),
})

/**
 * Writes a backup into `directory`, which must be new or empty. What was written is removed again when it cannot be
 * brought to its end. `identity`: the contents of the identity file.
 */
export async function writeBackup(
  directory: string,
  parts: AsyncIterable<SnapshotPart>,
  identity: Uint8Array | undefined,
): Promise<BackupManifest> {
  const isNew = await prepare(directory)
  const file = (name: string): string => path.join(directory, name)
  try {
    const manifest = await writeRecords(file(STORE_DIRECTORY), parts)
    if (identity !== undefined) await writeFileAtomic(file(IDENTITY_FILE), identity, FILE_MODE)
    await writeFileAtomic(file(MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`, FILE_MODE)
    return manifest
  } catch (error) {
    const written = isNew ? [directory] : [file(STORE_DIRECTORY), file(IDENTITY_FILE)]
    for (const one of written) await rm(one, { recursive: true, force: true })
    throw error
  }
}

async function prepare(directory: string): Promise<boolean> {
  try {
    if (await makeDirectory(path.resolve(directory), DIRECTORY_MODE)) return true
    if ((await readdir(directory)).length === 0) return false
  } catch (error) {
    throw new HearsayError('BAD_ARGUMENT', `${directory} cannot be made: ${String(error)}`, {
      cause: error,
    })
  }
  throw new HearsayError(
    'BAD_ARGUMENT',
    `${directory} is not empty: a backup gets a directory of its own`,
  )
}

async function writeRecords(
  at: string,
  parts: AsyncIterable<SnapshotPart>,
): Promise<BackupManifest> {
  const store = await openLevelStore(at)
  let manifest: BackupManifest | undefined
  try {
    const checksum = new RecordsChecksum()
    for await (const puts of batches(parts, (end) => (manifest = end))) {
      for (const record of puts) checksum.add(record)
      await store.commit({ puts, deletes: [] }, { sync: true })
    }
    if (manifest?.checksum !== checksum.digest()) {
      throw new HearsayError(
        'DAEMON_FAILED',
        'what the daemon sent is not what it says it sent, or broke off: back up again',
      )
    }
  } finally {
    await store.close()
  }
  await syncDirectory(at)
  return manifest
}

async function* batches(
  parts: AsyncIterable<SnapshotPart>,
  onManifest: (manifest: BackupManifest) => void,
): AsyncGenerator<StoreRecord[]> {
  let batch: StoreRecord[] = []
  let bytes = 0
  for await (const part of parts) {
    if ('manifest' in part) {
      onManifest(part.manifest)
      continue
    }
    for (const record of part.records) {
      batch.push(record)
      bytes += record.key.length + record.value.length
      if (batch.length < BATCH_RECORDS_MAX && bytes < BATCH_BYTES_MAX) continue
      yield batch
      batch = []
      bytes = 0
    }
  }
  if (batch.length > 0) yield batch
}

export class Backup {
  readonly directory: string
  readonly manifest: BackupManifest
  readonly #store: Store

  private constructor(directory: string, manifest: BackupManifest, store: Store) {
    this.directory = directory
    this.manifest = manifest
    this.#store = store
  }

  static async open(directory: string): Promise<Backup> {
    const manifest = await readManifest(directory)
    return new Backup(
      directory,
      manifest,
      await openLevelStore(path.join(directory, STORE_DIRECTORY)),
    )
  }

  /** Every record in ascending order of keys. Throws STORE_DAMAGED, at the latest in place of the end, when it is not whole. */
  async *records(): AsyncGenerator<StoreRecord[]> {
    const checksum = new RecordsChecksum()
    const refuse = (what: string): never => {
      throw new HearsayError(
        'STORE_DAMAGED',
        `the backup in ${this.directory} is damaged: ${what}. Use another one`,
      )
    }
    for await (const records of this.#store.load(refuse)) {
      for (const record of records) checksum.add(record)
      yield records
    }
    const { records, checksum: expected } = this.manifest
    if (checksum.records !== records) {
      refuse(`it has ${checksum.records} records, and ${records} were written`)
    }
    if (checksum.digest() !== expected) refuse('its checksum is not that of what was written')
  }

  /** Contents of the identity file; undefined when the backup was made without it. */
  async identity(): Promise<Uint8Array | undefined> {
    try {
      return await readFile(path.join(this.directory, IDENTITY_FILE))
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    }
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}

async function readManifest(directory: string): Promise<BackupManifest> {
  const file = path.join(directory, MANIFEST_FILE)
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    const what = codeOf(error) === 'ENOENT' ? 'there is none' : String(error)
    throw new HearsayError(
      'BAD_ARGUMENT',
      `${directory} is no backup: ${MANIFEST_FILE} is what makes one, and ${what}`,
      { cause: error },
    )
  }
  try {
    return Manifest.parse(JSON.parse(text))
  } catch (error) {
    throw new HearsayError(
      'STORE_DAMAGED',
      `${file} does not read: the backup is damaged, or a later version made it`,
      { cause: error },
    )
  }
}
