/** A commit as the checks read it: from the records of its batch, not from what the core says of it. */
import { toBinary } from '../../src/core/bytes.ts'
import { decodeIntervals } from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { decodeItem } from '../../src/core/item.ts'
import type { Dot, Item } from '../../src/core/item.ts'
import type { RawBatch } from '../../src/core/records.ts'
import { check, CheckFailure } from './check-failure.ts'
import type { Fact } from './facts.ts'
import { quickHash } from './quick-hash.ts'

const CONTEXT = 'c'.charCodeAt(0)
const ITEM = 'i'.charCodeAt(0)
const ACTOR_END = 17
const HASH_BYTES = 16

export interface StoredItem extends Dot {
  envelope: Uint8Array
}

export function decoded({ envelope }: StoredItem): Item {
  const item = decodeItem(envelope, quickHash)
  check(item !== undefined, 'one content', () => 'a stored item does not decode')
  return item
}

export interface BatchAccount {
  /** Of the disk. */
  number: number
  items: StoredItem[]
  deletes: Dot[]
  context: [string, Intervals][]
  /** Puts that the node sees for the first time, held or not. */
  seen: Fact[]
  /** Removals that it applies because they were held back for as long as they may be, each with an alarm (R13). */
  overdue: number
  /** Keys that lost items because a peer said so, within the limit. */
  unproven: number
  /** Mutations of this node that it makes. */
  own: Fact[]
  /** What those supersede. */
  kills: Fact[]
  /** The same, and what was dead before: others had superseded it. */
  replaced: Fact[]
  /** What peers say to hold, one list for each key of which they do. */
  told: Dot[][]
}

export function readBatch(batch: RawBatch, number: number): BatchAccount {
  const account: BatchAccount = {
    number,
    items: [],
    deletes: batch.deletes.map(dotOfKey),
    context: [],
    seen: [],
    overdue: 0,
    unproven: 0,
    own: [],
    kills: [],
    replaced: [],
    told: [],
  }
  for (const { key, value } of batch.puts) {
    if (key[0] === ITEM) {
      account.items.push({ ...dotOfKey(key), envelope: value.subarray(HASH_BYTES) })
    } else if (key[0] === CONTEXT) {
      const set = decodeIntervals(value)
      if (set === undefined) {
        throw new CheckFailure('stored context', 'a stored context does not decode')
      }
      account.context.push([toBinary(key.subarray(1)), set])
    }
  }
  return account
}

function dotOfKey(key: Uint8Array): Dot {
  const view = new DataView(key.buffer, key.byteOffset + ACTOR_END)
  return {
    actor: toBinary(key.subarray(1, ACTOR_END)),
    counter: view.getUint32(0) * 2 ** 32 + view.getUint32(4),
  }
}
