/**
 * What a faulty or later peer sends.
 *
 * The transport authenticates every byte, so what is corrupted on the way ends the connection. Corrupted messages come from
 * a peer whose memory or code is broken, and nothing tells a lie that is well formed from the truth. So what is sent here
 * instead of a message is always malformed, and must be refused and healed: whole, or, where only an item in it does not
 * decode, without that item.
 *
 * A *poisoned* item is one that no other build can read: it is garbage, as long as it was, in everything that anybody sends.
 */
import { decodeItem } from '../../src/core/item.ts'
import { VERSION_MAX } from '../../src/core/links.ts'
import { joinEnvelopes, splitEnvelopes } from '../../src/core/repair/lone-items.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink, encodeLink } from '../../src/core/wire/link.ts'
import type { LinkMessage } from '../../src/core/wire/link.ts'
import type { Chunk } from '../../src/core/wire/messages.ts'
import { quickHash } from './quick-hash.ts'
import type { Seeded } from './seeded.ts'

const TRIES = 8
/** First bytes of messages. */
const HELLO = 1
export const CHUNK = 8
const RESOLVED = 15
/** Those of the range step, and of the questions after it. */
export const RANGE_STEP: ReadonlySet<number> = new Set([12, 13, 14, RESOLVED])
/** Those that say what is held of a key, and bring items. */
export const HAVE_ITEMS: ReadonlySet<number> = new Set([CHUNK, RESOLVED])
/** A field of number 100 with two bytes in it: later versions may add such. */
const UNKNOWN_FIELD = [0xa2, 0x06, 0x02, 0x07, 0x07]
/** Field 2 of a greeting, the greatest version spoken; of two the last counts. */
const NEXT_VERSION = [0x10, VERSION_MAX + 1]
/** Of type 99. */
const UNKNOWN_MESSAGE = Uint8Array.of(99, 8, 1)

/** Whole messages, or only an item where a message has one. */
export type Corruption = 'messages' | 'items'

export function mangleLink(bytes: Uint8Array, random: Seeded, only: Corruption): Uint8Array {
  const spoils = only === 'items' || random.chance(0.5)
  const spoiled = spoils ? spoilItem(bytes, random) : undefined
  if (spoiled !== undefined) return spoiled
  if (only === 'items') return bytes
  for (let i = 0; i < TRIES; i++) {
    const mangled = mangle(bytes, random)
    if (isMalformed(mangled)) return mangled
  }
  // A digest that ends in the middle of a varint.
  return Uint8Array.of(3, 0x08, 0x80)
}

/** A decoder that throws is the core's fault, and shows when a node gets the message. */
function isMalformed(bytes: Uint8Array): boolean {
  try {
    return decodeLink(bytes) === 'malformed'
  } catch {
    return true
  }
}

/** The message with one item cut short; undefined where it has none. */
function spoilItem(bytes: Uint8Array, random: Seeded): Uint8Array | undefined {
  return changeItems(bytes, (keys) => {
    const { items } = random.pick(keys)
    const at = random.int(0, items.length - 1)
    items[at] = items[at]!.slice(0, random.int(0, 15))
  })
}

interface Items {
  items: Uint8Array[]
}

/** Wherever a message of repair has items. */
export function itemLists(message: LinkMessage): Items[] {
  if (message.type === 'chunk') return [loneItems(message.body), ...message.body.keys]
  return message.type === 'resolved' ? message.body.keys : []
}

function loneItems(chunk: Chunk): Items {
  return { items: splitEnvelopes(chunk) ?? [] }
}

/** A message with its items changed; undefined where it has none. `change` gets those of each key that has any. */
function changeItems(bytes: Uint8Array, change: (keys: Items[]) => void): Uint8Array | undefined {
  if (!HAVE_ITEMS.has(bytes[0]!)) return undefined
  const message = decodeLink(bytes)
  if (typeof message === 'string') return undefined
  if (message.type !== 'chunk' && message.type !== 'resolved') return undefined
  const lists = itemLists(message)
  const keys = lists.filter(({ items }) => items.length > 0)
  if (keys.length === 0) return undefined
  change(keys)
  return message.type === 'chunk'
    ? encodeLink('chunk', { ...message.body, ...joinEnvelopes(lists[0]!.items) })
    : encodeLink('resolved', message.body)
}

/** The message with every item of the key made unreadable. Its length stays: both sides count bytes. */
export function poisonLink(bytes: Uint8Array, key: string): Uint8Array {
  const poisoned = changeItems(bytes, (keys) => {
    for (const { items } of keys) {
      for (const [at, item] of items.entries()) {
        if (decodeItem(item, quickHash)?.key === key)
          items[at] = new Uint8Array(item.length).fill(0xff)
      }
    }
  })
  return poisoned ?? bytes
}

/** Whether a broadcast brings an item of the key. */
export function isPoisoned(bytes: Uint8Array, key: string | undefined): boolean {
  if (key === undefined) return false
  return decodeGossip(bytes, quickHash)?.some(({ item }) => item?.key === key) === true
}

export function mangleGossip(bytes: Uint8Array, random: Seeded): Uint8Array {
  for (let i = 0; i < TRIES; i++) {
    const mangled = mangle(bytes, random)
    if (decodeGossip(mangled, quickHash) === undefined) return mangled
  }
  return Uint8Array.of(0x0a, 0x7f)
}

function mangle(bytes: Uint8Array, random: Seeded): Uint8Array {
  const kind = random.int(0, 3)
  if (kind === 0) return bytes.slice(0, random.int(0, bytes.length - 1))
  if (kind === 1) return random.bytes(random.int(1, 64))
  const mangled = bytes.slice()
  const flips = kind === 2 ? 1 : random.int(2, 16)
  for (let i = 0; i < flips; i++) {
    mangled[random.int(0, mangled.length - 1)]! ^= 1 << random.int(0, 7)
  }
  return mangled
}

/** What a version ahead may send for a message: the same with a field that this one does not know, and one of unknown type. */
export function ofLaterVersion(bytes: Uint8Array): Uint8Array[] {
  const fields = bytes[0] === HELLO ? [...UNKNOWN_FIELD, ...NEXT_VERSION] : UNKNOWN_FIELD
  return [withFields(bytes, fields), UNKNOWN_MESSAGE]
}

export function gossipOfLaterVersion(payload: Uint8Array): Uint8Array {
  return withFields(payload, UNKNOWN_FIELD)
}

function withFields(bytes: Uint8Array, fields: readonly number[]): Uint8Array {
  const later = new Uint8Array(bytes.length + fields.length)
  later.set(bytes)
  later.set(fields, bytes.length)
  return later
}
