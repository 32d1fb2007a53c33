/**
 * Takes a store that was begun without a network key into the cluster of one, once, when it is told to.
 *
 * Such a store is of the local cluster: its map's id says so, and its items are hashed with a key that everyone knows. Taken
 * into a cluster, it names that cluster's map, and every item is hashed anew; dots, contents and context stay, so
 * that nothing is taken for new or for removed. The new store is written beside the old one and put into its place whole,
 * so that a crash leaves the one or the other; the old one is kept under another name until its owner deletes it.
 *
 * What the local daemon held is then merged into the fleet like the writes of any member: other values under the same
 * keys stay as siblings, and nothing of the fleet is removed. And it starts as one that does not know yet what the fleet
 * has: it was complete only as to itself.
 */
import { Loader, Rehash } from '../core/records.ts'
import type { RawBatch } from '../core/records.ts'
import { HearsayError } from '../errors.ts'
import type { Log } from '../net/log.ts'
import type { DataDirectory } from '../store/data-dir.ts'
import { clusterOf } from './identity.ts'
import type { Cluster } from './identity.ts'

/** Does nothing to a store that is not of the local cluster. Throws STORE_DAMAGED. */
export async function adoptStore(data: DataDirectory, cluster: Cluster, log: Log): Promise<void> {
  const local = clusterOf(undefined)
  const loader = new Loader(local.hash, false)
  for await (const records of data.store.load((what) => loader.damaged(what))) loader.add(records)
  if (loader.map === undefined || Buffer.compare(loader.map, local.map) !== 0) return
  const damage = loader.check()
  if (damage.length > 0) throw damaged(data, damage)
  const { items } = loader.summary()
  log.info({ items }, 'the store is being taken into the cluster of the network key')
  await data.replaceStore(rehashed(data, local, cluster), 'store.local')
  log.info(
    { items, kept: 'store.local' },
    'the store was taken into the cluster of the network key; the old one is kept until you delete it',
  )
}

async function* rehashed(
  data: DataDirectory,
  from: Cluster,
  to: Cluster,
): AsyncGenerator<RawBatch> {
  const rehash = new Rehash(from.hash, to.hash)
  const records = data.store.load((what) => {
    throw damaged(data, [what])
  })
  for await (const some of records) yield rehash.add(some)
  yield rehash.end(to.map)
}

function damaged({ path }: DataDirectory, damage: readonly string[]): HearsayError {
  return new HearsayError(
    'STORE_DAMAGED',
    `the store in ${path} is damaged (${damage.slice(0, 3).join('; ')}), and a damaged one is not adopted: start it once ` +
      'without a network key, which keeps what is intact, and then with --adopt again',
  )
}
