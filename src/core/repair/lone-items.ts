/**
 * Key states of which nothing but one item is to be told, which is the only one that is held of its key: nearly all that a
 * pull brings. A message has their envelopes one behind the other, and lists of lengths, dots and checks. One state for each, as
 * for other keys (`key-state.ts`), would say the same, and leave several times the garbage with whoever answers.
 */
import type { ActorId } from '../bytes.ts'
import type { Hash, Item } from '../item.ts'
import { decodeDots, DOTS_MAX } from '../wire/dots.ts'
import type { ActorTable } from '../wire/dots.ts'
import type { Chunk } from '../wire/messages.ts'
import { packNumbers, unpackNumbers } from '../wire/numbers.ts'
import { CHECK_BYTES, checksOf, decodeChecked, NONE, refusedWhole } from './key-state.ts'
import type { KeyState } from './key-state.ts'

type Envelopes = Pick<Chunk, 'items' | 'lengths'>
type LoneItems = Pick<Chunk, 'items' | 'lengths' | 'held' | 'checks'>

export function encodeLoneItems(items: readonly Item[], table: ActorTable): LoneItems {
  return {
    ...joinEnvelopes(items.map((item) => item.envelope)),
    held: table.dots(items),
    checks: checksOf(items, table.arena),
  }
}

/** How many keys a chunk tells of. */
export function keysOf({ keys, checks }: Chunk): number {
  return keys.length + checks.length / CHECK_BYTES
}

export function joinEnvelopes(envelopes: readonly Uint8Array[]): Envelopes {
  const lengths = envelopes.map(({ length }) => length)
  const items = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0))
  let at = 0
  for (const envelope of envelopes) {
    items.set(envelope, at)
    at += envelope.length
  }
  return { items, lengths: packNumbers(lengths) }
}

/** Views of the envelopes; `undefined` when the lengths are not theirs. */
export function splitEnvelopes({ items, lengths }: Envelopes): Uint8Array[] | undefined {
  const each = unpackNumbers(lengths, DOTS_MAX)
  if (each === undefined) return undefined
  let at = 0
  const envelopes = each.map((length) => items.subarray(at, (at += length)))
  return at === items.length ? envelopes : undefined
}

/** `undefined` when the lists do not fit together. A bad item is counted in its state instead (R16). */
export function decodeLoneItems(
  wire: LoneItems,
  actors: readonly ActorId[],
  hash: Hash,
): KeyState[] | undefined {
  const envelopes = splitEnvelopes(wire)
  const dots = decodeDots(wire.held, actors)
  const { checks } = wire
  if (envelopes === undefined || dots?.length !== envelopes.length) return undefined
  if (checks.length !== CHECK_BYTES * envelopes.length) return undefined
  return envelopes.map((bytes, index) => {
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
