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
import { encodeAll, Loader } from '../core/records.ts'
import type { Meta } from '../core/records.ts'
import { decodeItem } from '../core/item.ts'
import type { Hash, Item } from '../core/item.ts'
import { Replica } from '../core/replica.ts'
import { HearsayError } from '../errors.ts'
import type { Log } from '../net/log.ts'
import type { DataDirectory } from '../store/data-dir.ts'
import { clusterOf } from './identity.ts'
import type { Cluster } from './identity.ts'

/** Does nothing to a store that is not of the local cluster. Throws STORE_DAMAGED. */
export async function adoptStore(data: DataDirectory, cluster: Cluster, log: Log): Promise<void> {
  const local = clusterOf(undefined)
  const loader = new Loader(local.hash)
  for await (const records of data.store.load((what) => loader.damaged(what))) loader.add(records)
  const { replica, meta, map, damage } = loader.finish()
  if (map === undefined || Buffer.compare(map, local.map) !== 0) return
  if (damage.length > 0) {
    throw new HearsayError(
      'STORE_DAMAGED',
      `the store in ${data.path} is damaged (${damage.slice(0, 3).join('; ')}), and a damaged one is not adopted: start it once ` +
        'without a network key, which keeps what is intact, and then with --adopt again',
    )
  }
  const adopted = rehashed(replica, cluster.hash)
  const unconfirmed: Meta = { ...meta, completeAsOf: 0 }
  await data.replaceStore(encodeAll(adopted, unconfirmed, cluster.map, cluster.hash), 'store.local')
  log.info(
    { items: adopted.size, kept: 'store.local' },
    'the store was taken into the cluster of the network key; the old one is kept until you delete it',
  )
}

function rehashed(from: Replica, hash: Hash): Replica {
  const to = new Replica(hash)
  for (const [actor, seen] of from.context) to.context.add(actor, seen)
  const items: Item[] = []
  for (const { envelope } of from.fromDot('', 0)) {
    const item = decodeItem(envelope, hash)
    if (item === undefined) throw new Error('an item that was read from the store does not decode')
    items.push(item)
  }
  to.load(items)
  return to
}
