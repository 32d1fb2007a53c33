/**
 * What `hearsay restore` does with a backup.
 *
 * - `rejoin` puts its store into the place of a data directory's. A daemon that starts on it is an old replica: it has a new
 *   actor (R7), and what its fleet knows and it does not, it pulls; what it holds and its fleet has removed, repair removes.
 * - `forecast` tells beforehand which values those are. The daemon is asked for a snapshot of its own, and the two stores,
 *   both in the order of dots, are read beside each other: a value whose dot that daemon has seen and does not hold is
 *   removed.
 * - `revive` writes values anew through the daemon, as if somebody had typed them.
 */
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import type { ControlClient } from '../control/client.ts'
import type { ImportedKey } from '../control/json.ts'
import { fromBinary, toBinary } from '../core/bytes.ts'
import * as intervals from '../core/intervals.ts'
import type { Intervals } from '../core/intervals.ts'
import { compareDots, KIND_REGISTER, winnerFirst } from '../core/item.ts'
import type { Item } from '../core/item.ts'
import { contentOf } from '../core/records.ts'
import type { BackupManifest } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { Backup } from '../store/backup-dir.ts'
import { openDataDirectory } from '../store/data-dir.ts'
import { makeDirectory, writeFileAtomic } from '../store/durable-files.ts'
import type { StoreBatch, StoreRecord } from '../store/store.ts'
import { formatBytes } from './bytes.ts'
import { Import } from './import-run.ts'
import { Progress } from './progress.ts'

const IDENTITY_FILE = 'identity.key'

async function withBackup<T>(directory: string, task: (backup: Backup) => Promise<T>): Promise<T> {
  const backup = await Backup.open(directory)
  try {
    return await task(backup)
  } finally {
    await backup.close()
  }
}

/** Throws DATA_DIR_LOCKED while a daemon runs on `data`. Until all of the backup was found whole nothing is changed. */
export function rejoin(
  directory: string,
  data: string,
  withIdentity: boolean,
): Promise<BackupManifest> {
  return withBackup(directory, async (backup) => {
    if (withIdentity) await placeIdentity(backup, data)
    const opened = await openDataDirectory(data)
    try {
      await opened.replaceStore(batches(backup), 'store.replaced')
    } finally {
      await opened.close()
    }
    return backup.manifest
  })
}

async function* batches(backup: Backup): AsyncGenerator<StoreBatch> {
  for await (const puts of backup.records()) yield { puts, deletes: [] }
}

async function placeIdentity(backup: Backup, data: string): Promise<void> {
  const identity = await backup.identity()
  if (identity === undefined) {
    throw new HearsayError(
      'BAD_ARGUMENT',
      `--with-identity: ${backup.directory} was made without the private key`,
    )
  }
  await makeDirectory(data, 0o700)
  const file = path.join(data, IDENTITY_FILE)
  const there = await readFile(file).catch(() => undefined)
  if (there === undefined) return writeFileAtomic(file, identity, 0o600)
  if (there.equals(identity)) return
  throw new HearsayError(
    'BAD_ARGUMENT',
    `--with-identity: ${data} has an identity of its own; leave the flag out to keep it, or move ${file} away`,
  )
}

/** What would become of a backup's values if it came back into the fleet. */
export interface Forecast {
  items: number
  held: number
  replaced: number
  /** Keys, as text. */
  deleted: string[]
  /** Never seen by the daemon that was asked. */
  unknown: number
  /** Values of the map that are not in the backup. */
  newer: number
}

export function forecast(client: ControlClient, directory: string): Promise<Forecast> {
  return withBackup(directory, async (backup) => {
    const { cluster } = await client.id()
    refuseOther(backup, cluster.id)
    const ours = new Contents(backup.records())
    const theirs = new Contents(snapshotRecords(client))
    const found: Forecast = {
      items: 0,
      held: 0,
      replaced: 0,
      deleted: [],
      unknown: 0,
      newer: 0,
    }
    const removed: string[] = []
    const keysNow = new Set<string>()
    let [mine, other] = [await ours.next(), await theirs.next()]
    while (mine !== undefined || other !== undefined) {
      const order = mine === undefined ? 1 : other === undefined ? -1 : compareDots(mine, other)
      if (order >= 0 && other !== undefined) keysNow.add(other.key)
      if (order <= 0 && mine !== undefined) {
        found.items++
        if (order === 0) found.held++
        else if (theirs.hasSeen(mine)) removed.push(mine.key)
        else found.unknown++
      } else found.newer++
      if (order <= 0) mine = await ours.next()
      if (order >= 0) other = await theirs.next()
    }
    for (const key of removed) {
      if (keysNow.has(key)) found.replaced++
      else found.deleted.push(formatBytes(fromBinary(key), 'text'))
    }
    return found
  })
}

async function* snapshotRecords(client: ControlClient): AsyncGenerator<StoreRecord[]> {
  for await (const part of await client.snapshot()) if ('records' in part) yield part.records
}

/** The items of a store in the order of their dots, and its context, all of which comes before them. */
class Contents {
  readonly #records: AsyncIterator<StoreRecord[]>
  readonly #context = new Map<string, Intervals>()
  #slice: StoreRecord[] = []
  #at = 0

  constructor(records: AsyncGenerator<StoreRecord[]>) {
    this.#records = records
  }

  async next(): Promise<Item | undefined> {
    for (;;) {
      if (this.#at === this.#slice.length) {
        const next = await this.#records.next()
        if (next.done === true) return undefined
        this.#slice = next.value
        this.#at = 0
        continue
      }
      const content = contentOf(this.#slice[this.#at++]!)
      if (typeof content === 'string') continue
      if ('item' in content) return content.item
      this.#context.set(content.actor, content.seen)
    }
  }

  hasSeen({ actor, counter }: Item): boolean {
    return intervals.covers(this.#context.get(actor) ?? intervals.EMPTY, counter)
  }
}

export interface Revived {
  keys: number
  /** Keys that were left alone because there is a value now. */
  present: number
  /** Values left out. */
  expired: number
}

export function revive(
  client: ControlClient,
  directory: string,
  { prefix, overwrite }: { prefix: Uint8Array; overwrite: boolean },
): Promise<Revived> {
  return withBackup(directory, async (backup) => {
    await client.ready()
    const { keys, expired } = await readKeys(backup, toBinary(prefix))
    const before = keys.size
    if (!overwrite) {
      for await (const { key } of await client.list({ prefix })) keys.delete(toBinary(key))
    }
    const progress = new Progress('reviving', undefined)
    try {
      const values = imported(keys)
      const done = await new Import(client, directory).runKeys(values, progress)
      return { keys: done.keys, present: before - keys.size, expired }
    } finally {
      progress.stop()
    }
  })
}

/** All of the backup is read, and found whole, before anything is written. */
async function readKeys(
  backup: Backup,
  prefix: string,
): Promise<{ keys: Map<string, Item[]>; expired: number }> {
  const keys = new Map<string, Item[]>()
  let expired = 0
  for await (const records of backup.records()) {
    for (const record of records) {
      const content = contentOf(record)
      if (typeof content === 'string' || !('item' in content)) continue
      const { item } = content
      if (!item.key.startsWith(prefix)) continue
      if (item.kind !== KIND_REGISTER) throw unknownKind(item)
      if (item.expiry !== 0 && item.expiry <= Date.now()) {
        expired++
        continue
      }
      const siblings = keys.get(item.key)
      if (siblings === undefined) keys.set(item.key, [item])
      else siblings.push(item)
    }
  }
  return { keys, expired }
}

function* imported(keys: ReadonlyMap<string, Item[]>): Generator<ImportedKey> {
  for (const [key, items] of keys) {
    const siblings = items.sort(winnerFirst).map((item) => ({
      value: item.value(),
      ...(item.expiry === 0 ? {} : { expiresAt: item.expiry }),
    }))
    yield { key: fromBinary(key), siblings }
  }
}

function refuseOther({ directory, manifest }: Backup, cluster: string): void {
  if (manifest.cluster === cluster) return
  throw new HearsayError(
    'STORE_OF_OTHER_CLUSTER',
    `${directory} is a backup of another cluster than that of the daemon`,
  )
}

function unknownKind({ kind, key }: Item): HearsayError {
  return new HearsayError(
    'STORE_FROM_FUTURE',
    `the backup holds ${formatBytes(fromBinary(key), 'text')}, of a kind (${kind}) that this version cannot write anew; use the version that made it`,
  )
}
