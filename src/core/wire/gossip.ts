/**
 * Gossip payloads: deltas of one or more mutations.
 *
 * A delta's context is exactly its own dot and the dots it supersedes, never a version vector (R1): a receiver that took
 * more for seen would drop values that it only has not received yet.
 *
 * An item above the inline limit is announced, not sent; receivers pull it.
 */
import type { ActorId } from '../bytes.ts'
import { decodeItem, ENVELOPE_BYTES_MAX } from '../item.ts'
import type { Dot, Hash, Item } from '../item.ts'
import { ActorTable, decodeActors, decodeDots } from './dots.ts'
import { Gossip } from './messages.ts'
import type { Delta as WireDelta } from './messages.ts'

/** Dots that one mutation may supersede; a larger delete is several mutations. */
export const SUPERSEDES_MAX = 256
/** Deltas in one payload. */
const DELTAS_MAX = 4096

/** One mutation as it travels. `item` is absent for a delete and for an announcement. */
export interface Delta {
  dot: Dot
  item?: Item
  supersedes: readonly Dot[]
  /** Size of the envelope of an announced item, bytes; 0 when nothing is announced. */
  announcedBytes: number
}

/** Packs deltas into as few payloads of at most `bytesMax` as their order allows. */
export function encodeGossip(
  deltas: readonly Delta[],
  inlineBytesMax: number,
  bytesMax: number,
): Uint8Array[] {
  const payloads: Uint8Array[] = []
  let table = new ActorTable()
  let batch: WireDelta[] = []
  let bytes = 0
  const flush = (): void => {
    if (batch.length > 0) payloads.push(Gossip.encode({ actors: table.actors, deltas: batch }))
    table = new ActorTable()
    batch = []
    bytes = 0
  }
  for (const delta of deltas) {
    const size = gossipSizeOf(delta, inlineBytesMax)
    if (bytes + size > bytesMax || batch.length === DELTAS_MAX) flush()
    batch.push(toWire(delta, inlineBytesMax, table))
    bytes += size
  }
  flush()
  return payloads
}

function inlineItem(delta: Delta, inlineBytesMax: number): Item | undefined {
  const { item } = delta
  return item !== undefined && item.envelopeBytes <= inlineBytesMax ? item : undefined
}

/** Upper bound of what a delta adds to a payload, new actors included. */
export function gossipSizeOf(delta: Delta, inlineBytesMax: number): number {
  const dots = delta.supersedes.length + 1
  return 32 + dots * 32 + (inlineItem(delta, inlineBytesMax)?.envelopeBytes ?? 0)
}

function toWire(delta: Delta, inlineBytesMax: number, table: ActorTable): WireDelta {
  const inline = inlineItem(delta, inlineBytesMax)
  const wire: WireDelta =
    inline === undefined
      ? {
          dot: table.dots([delta.dot]),
          announcedBytes: delta.item?.envelopeBytes ?? delta.announcedBytes,
        }
      : { item: inline.envelope as Uint8Array<ArrayBuffer>, announcedBytes: 0 }
  if (delta.supersedes.length > 0) wire.supersedes = table.dots(delta.supersedes)
  return wire
}

/** `undefined` when any part of the payload is malformed: it is refused whole and does not travel on (R16). */
export function decodeGossip(bytes: Uint8Array, hash: Hash): Delta[] | undefined {
  let gossip: Gossip
  try {
    gossip = Gossip.decode(bytes, { limits: { actors: DELTAS_MAX, deltas: DELTAS_MAX } })
  } catch {
    return undefined
  }
  const actors = decodeActors(gossip.actors)
  if (actors === undefined) return undefined
  const deltas: Delta[] = []
  for (const wire of gossip.deltas) {
    const delta = fromWire(wire, actors, hash)
    if (delta === undefined) return undefined
    deltas.push(delta)
  }
  return deltas
}

function fromWire(wire: WireDelta, actors: readonly ActorId[], hash: Hash): Delta | undefined {
  const supersedes = decodeDots(wire.supersedes, actors)
  if (supersedes === undefined || supersedes.length > SUPERSEDES_MAX) return undefined
  if (wire.item !== undefined && wire.item.length > 0) {
    const item = decodeItem(wire.item, hash)
    if (item === undefined) return undefined
    return { dot: item, item, supersedes, announcedBytes: 0 }
  }
  const dots = decodeDots(wire.dot, actors)
  const dot = dots?.[0]
  if (dots?.length !== 1 || dot === undefined || wire.announcedBytes > ENVELOPE_BYTES_MAX) {
    return undefined
  }
  return { dot, supersedes, announcedBytes: wire.announcedBytes }
}
