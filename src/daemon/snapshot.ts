/**
 * A consistent copy of the store while the daemon goes on: what a backup is made of.
 *
 * It is the store as it was between two batches, read from disk and checked on the way: every record's checksum, every
 * item's hash, sums and count (R8). So a backup cannot inherit damage in silence; it has no end when the store is damaged.
 */
import { setImmediate } from 'node:timers/promises'
import { toHex } from '../core/bytes.ts'
import { Loader } from '../core/records.ts'
import type { Hash } from '../core/item.ts'
import type { BackupManifest, SnapshotPart } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { RecordsChecksum } from '../store/backup-dir.ts'
import type { Store } from '../store/store.ts'

/** What a backup says of the daemon that it is made of. */
export type Origin = Pick<
  BackupManifest,
  'version' | 'name' | 'peerId' | 'cluster' | 'map' | 'completeness'
>

/** Records in ascending order of their keys; the manifest last. Throws STORE_DAMAGED in its place. */
export async function* snapshot(
  store: Store,
  hash: Hash,
  origin: Origin,
): AsyncGenerator<SnapshotPart> {
  const at = Date.now()
  const loader = new Loader(hash, false)
  const checksum = new RecordsChecksum()
  let isDamaged = false
  const damaged = (what: string): void => {
    isDamaged = true
    loader.damaged(what)
  }
  for await (const records of store.load(damaged)) {
    loader.add(records)
    for (const record of records) checksum.add(record)
    if (isDamaged) break
    yield { records }
    await setImmediate()
  }
  const damage = loader.check()
  if (damage.length > 0) throw unfit(damage)
  const { items, fingerprint, context, dots, actors } = loader.summary()
  yield {
    manifest: {
      format: 1,
      at,
      ...origin,
      records: checksum.records,
      items,
      dots,
      actors,
      context: toHex(context),
      fingerprint: toHex(fingerprint),
      checksum: checksum.digest(),
    },
  }
}

function unfit(damage: readonly string[]): HearsayError {
  return new HearsayError(
    'STORE_DAMAGED',
    `the store is damaged (${damage.slice(0, 3).join('; ')}) and makes no backup: run "hearsay verify", which writes it anew from memory, and then back it up`,
  )
}
