/**
 * Key states of which nothing but one item is to be told, which is the only one that is held of its key: nearly all that a
 * pull brings. A message has them as three lists, of items, dots and checks. One state for each, as for other keys
 * (`key-state.ts`), would say the same, and leave twice the garbage with whoever answers.
 */
import type { ActorId } from '../bytes.ts'
import type { Hash, Item } from '../item.ts'
import { decodeDots } from '../wire/dots.ts'
import type { ActorTable } from '../wire/dots.ts'
import type { Chunk } from '../wire/messages.ts'
import { CHECK_BYTES, checksOf, decodeChecked, NONE, refusedWhole } from './key-state.ts'
import type { KeyState } from './key-state.ts'

type LoneItems = Pick<Chunk, 'items' | 'held' | 'checks'>

export function encodeLoneItems(items: readonly Item[], table: ActorTable): LoneItems {
  return {
    items: items.map((item) => item.envelope as Uint8Array<ArrayBuffer>),
    held: table.dots(items),
    checks: checksOf(items, table.arena),
  }
}

/** `undefined` when the lists do not fit together. A bad item is counted in its state instead (R16). */
export function decodeLoneItems(
  { items, held, checks }: LoneItems,
  actors: readonly ActorId[],
  hash: Hash,
): KeyState[] | undefined {
  const dots = decodeDots(held, actors)
  if (dots?.length !== items.length || checks.length !== CHECK_BYTES * items.length)
    return undefined
  return items.map((bytes, index) => {
    const dot = [dots[index]!]
    const item = decodeChecked(bytes, checks, index, hash)
    if (item === undefined) return refusedWhole(dot, 1)
    return {
      key: item.key,
      held: dot,
      items: [item],
      removed: NONE,
      proofs: NONE,
      hearsay: NONE,
      itemsRefused: 0,
    }
  })
}
