/**
 * A replica's data directory.
 *
 * | name           | what                                                                                    |
 * |----------------|-----------------------------------------------------------------------------------------|
 * | `format`       | `hearsay-data N`: the version of this layout                                            |
 * | `store/`       | the durable store; its `LOCK` is what keeps a second daemon out                         |
 * | `store.new/`   | one that is being written to take the place of a damaged one                            |
 * | `store.damaged/` | the latest one that was replaced, for whoever wants to look into it; may be removed   |
 * | `store.replaced/` | the one in whose place a backup was put                                              |
 * | `identity.key` | the peer's private key                                                                  |
 * | `owner.json`   | names the process that holds the lock, for the message that refuses another             |
 *
 * The order of opening is the order of safety: the version is read before anything is touched, the lock is taken before
 * anything is written, so what follows (sweeping, a new identity, the owner's name) is done by one process at a time.
 *
 * Permissions: the directory holds every value and the identity, so it is 0700. One that others may enter is tightened
 * without asking when it is empty or a replica's already, which is how package managers, systemd and container volumes
 * hand directories over. One with other people's files in it is refused instead: to tighten `/tmp` because it was named
 * by mistake would take it from the whole machine.
 */
import { chmod, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import type { PrivateKey } from '@libp2p/interface'
import { HearsayError } from '../errors.ts'
import {
  codeOf,
  makeDirectory,
  sweepTemporaryFiles,
  syncDirectory,
  writeFileAtomic,
} from './durable-files.ts'
import { loadIdentity } from './identity.ts'
import { locked } from './level-errors.ts'
import { openLevelStore } from './level-store.ts'
import { describeOwner, removeOwner, writeOwner } from './owner.ts'
import type { Store, StoreBatch } from './store.ts'

const FORMAT_VERSION = 1

const FORMAT_FILE = 'format'
const STORE_DIRECTORY = 'store'
const NEW_STORE_DIRECTORY = 'store.new'
/** What a store that was replaced is called from then on, by the reason. */
export type KeptAs = 'store.damaged' | 'store.local' | 'store.replaced'
const IDENTITY_FILE = 'identity.key'
const OWNER_FILE = 'owner.json'
const DIRECTORY_MODE = 0o700
const OTHERS = 0o077

export interface DataDirectory {
  readonly path: string
  /** Whether nobody had opened it before. */
  readonly isNew: boolean
  readonly identity: PrivateKey
  /** The store that is open now. */
  readonly store: Store
  /**
   * Closes the store and opens it anew: the way on after a commit failed. When it rejects, the store stays closed and the
   * call may be repeated; meanwhile the directory is not locked.
   */
  reopenStore(): Promise<Store>
  /**
   * Puts a new store with these batches in the place of the one that is open, which is kept aside. A crash leaves the one
   * or the other whole. When it rejects, the old one is still in its place, open or closed.
   */
  replaceStore(
    batches: Iterable<StoreBatch> | AsyncIterable<StoreBatch>,
    keptAs: KeptAs,
  ): Promise<Store>
  close(): Promise<void>
}

export async function openDataDirectory(directory: string): Promise<DataDirectory> {
  const at = path.resolve(directory)
  try {
    await prepare(at)
    const isNew = await readFormat(at)
    const store = await openStore(at)
    try {
      await sweepTemporaryFiles(at)
      if (isNew) await writeFileAtomic(path.join(at, FORMAT_FILE), formatLine(), 0o600)
      const identity = await loadIdentity(path.join(at, IDENTITY_FILE))
      await writeOwner(path.join(at, OWNER_FILE))
      return new OpenDirectory({ path: at, isNew, identity, store })
    } catch (error) {
      await store.close()
      throw error
    }
  } catch (error) {
    throw error instanceof HearsayError ? error : unusable(at, error)
  }
}

/** Creates the directory, or makes sure that an existing one is ours alone. */
async function prepare(at: string): Promise<void> {
  if (await makeDirectory(at, DIRECTORY_MODE)) return
  if (((await stat(at)).mode & OTHERS) === 0) return
  const names = await readdir(at)
  const foreign = names.find((name) => name !== 'lost+found')
  if (foreign !== undefined && !names.includes(FORMAT_FILE) && !names.includes(STORE_DIRECTORY)) {
    throw unusable(
      at,
      `it is open to other users and holds ${foreign}, which is no replica's; name an empty directory, or \`chmod 700\` ` +
        `this one if it is meant`,
    )
  }
  await chmod(at, DIRECTORY_MODE)
}

/** Refuses what a later version wrote. True when the directory names no version yet. */
async function readFormat(at: string): Promise<boolean> {
  const file = path.join(at, FORMAT_FILE)
  let line: string
  try {
    line = await readFile(file, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return true
    throw error
  }
  const version = /^hearsay-data ([1-9]\d{0,8})\n$/.exec(line)?.[1]
  if (version === undefined) {
    throw new HearsayError(
      'STORE_DAMAGED',
      `${file} does not read as the version of a data directory; if ${at} is a replica, restore that file: it holds ` +
        `the line "${formatLine().trimEnd()}"`,
    )
  }
  if (Number(version) > FORMAT_VERSION) {
    throw new HearsayError(
      'STORE_FROM_FUTURE',
      `${at} has data format ${version}, and this version of hearsay reads formats up to ${FORMAT_VERSION}; run the ` +
        `version that wrote it or a later one`,
    )
  }
  return false
}

function formatLine(): string {
  return `hearsay-data ${FORMAT_VERSION}\n`
}

async function openStore(at: string): Promise<Store> {
  await finishReplacing(at)
  try {
    return await openLevelStore(path.join(at, STORE_DIRECTORY))
  } catch (error) {
    if (error instanceof HearsayError && error.code === 'DATA_DIR_LOCKED') {
      throw locked(at, await describeOwner(path.join(at, OWNER_FILE)), error)
    }
    throw error
  }
}

/** A new store is moved into its place when it is whole: without one in that place it is, beside one it may not be. */
async function finishReplacing(at: string): Promise<void> {
  const names = await readdir(at)
  if (!names.includes(NEW_STORE_DIRECTORY)) return
  const fresh = path.join(at, NEW_STORE_DIRECTORY)
  if (names.includes(STORE_DIRECTORY)) await rm(fresh, { recursive: true })
  else await rename(fresh, path.join(at, STORE_DIRECTORY))
}

async function writeStore(
  at: string,
  batches: Iterable<StoreBatch> | AsyncIterable<StoreBatch>,
): Promise<void> {
  const store = await openLevelStore(at)
  try {
    for await (const batch of batches) await store.commit(batch, { sync: true })
  } finally {
    await store.close()
  }
}

type Opened = Pick<DataDirectory, 'path' | 'isNew' | 'identity' | 'store'>

class OpenDirectory implements DataDirectory {
  readonly path: string
  readonly isNew: boolean
  readonly identity: PrivateKey
  #store: Store
  #closed = false

  constructor({ path: at, isNew, identity, store }: Opened) {
    this.path = at
    this.isNew = isNew
    this.identity = identity
    this.#store = store
  }

  get store(): Store {
    return this.#store
  }

  async reopenStore(): Promise<Store> {
    if (this.#closed) throw new TypeError('the data directory is closed')
    await this.#store.close()
    this.#store = await openStore(this.path)
    return this.#store
  }

  async replaceStore(
    batches: Iterable<StoreBatch> | AsyncIterable<StoreBatch>,
    keptAs: KeptAs,
  ): Promise<Store> {
    if (this.#closed) throw new TypeError('the data directory is closed')
    const [place, fresh, aside] = [STORE_DIRECTORY, NEW_STORE_DIRECTORY, keptAs].map((name) =>
      path.join(this.path, name),
    ) as [string, string, string]
    await rm(fresh, { recursive: true, force: true })
    try {
      await writeStore(fresh, batches)
    } catch (error) {
      // Half a store on a full disk would be in the way of the one that goes on.
      await rm(fresh, { recursive: true, force: true }).catch(() => undefined)
      throw error
    }
    await this.#store.close()
    await rm(aside, { recursive: true, force: true })
    await rename(place, aside)
    await rename(fresh, place)
    await syncDirectory(this.path)
    this.#store = await openStore(this.path)
    return this.#store
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // While the lock is held: later the file may be another's.
    await removeOwner(path.join(this.path, OWNER_FILE)).catch(() => undefined)
    await this.#store.close()
  }
}

function unusable(at: string, reason: unknown): HearsayError {
  const text = reason instanceof Error ? reason.message : String(reason)
  const advice = typeof reason === 'string' ? '' : '; check its path, owner and permissions'
  return new HearsayError(
    'DATA_DIR_UNUSABLE',
    `${at} cannot be the data directory: ${text}${advice}`,
    { cause: reason },
  )
}
