/** What a daemon's keys are made of: the hash of items, the id of a map, the part of an actor that tells its peer. */
import { createHash, hash as hashAtOnce } from 'node:crypto'
import type { Hash } from '../core/item.ts'
import type { NetworkKey } from '../config/key-file.ts'

const HASH_BYTES = 16
/**
 * An object of `createHash` costs twice what it takes to hash an item of a few hundred bytes, and the collector as much
 * again: this runs for every item that comes or is loaded. So smaller inputs are copied behind the key and hashed at once.
 */
const AT_ONCE_BYTES_MAX = 16 * 1024

/** What a store begun without a network key uses: every such daemon is of the same, local cluster, on loopback only. */
const LOCAL_CLUSTER: Pick<NetworkKey, 'clusterId' | 'fingerprintKey'> = {
  clusterId: new Uint8Array(16),
  fingerprintKey: new Uint8Array(32),
}

export interface Cluster {
  id: Uint8Array
  local: boolean
  /** Of this cluster's `default` map. */
  map: Uint8Array
  hash: Hash
}

export function clusterOf(key: NetworkKey | undefined): Cluster {
  const { clusterId, fingerprintKey } = key ?? LOCAL_CLUSTER
  return {
    id: clusterId,
    local: key === undefined,
    map: mapId(clusterId, 'default'),
    hash: keyedHash(fingerprintKey),
  }
}

/** 16 bytes: the hash of cluster id and map name. */
export function mapId(clusterId: Uint8Array, name: string): Uint8Array {
  const hash = createHash('sha256').update('hearsay map\0').update(clusterId).update(name)
  return hash.digest().subarray(0, 16)
}

/** What daemons of a cluster call themselves on the local network. It tells clusters apart, and nothing of them. */
export function serviceName(clusterId: Uint8Array): string {
  const hash = createHash('sha256').update('hearsay service\0').update(clusterId).digest('hex')
  return `hearsay-${hash.slice(0, 16)}`
}

/**
 * SHA-256 of key and bytes, cut to 128 bits. The key has a fixed length and the output is cut, so that nothing can be
 * appended to a message of a known hash; who does not know the key can neither predict a sum of hashes nor aim at one.
 */
function keyedHash(key: Uint8Array): Hash {
  const input = new Uint8Array(key.length + AT_ONCE_BYTES_MAX)
  input.set(key)
  return (bytes) => {
    if (bytes.length > AT_ONCE_BYTES_MAX) {
      return createHash('sha256').update(key).update(bytes).digest().subarray(0, HASH_BYTES)
    }
    input.set(bytes, key.length)
    const text = hashAtOnce('sha256', input.subarray(0, key.length + bytes.length), 'binary')
    const hash = new Uint8Array(HASH_BYTES)
    for (let i = 0; i < HASH_BYTES; i++) hash[i] = text.charCodeAt(i)
    return hash
  }
}

/** 8 bytes: the second half of every actor id of this peer. */
export function peerHash(peerId: string): Uint8Array {
  return createHash('sha256').update('hearsay peer\0').update(peerId).digest().subarray(0, 8)
}
