/**
 * Peers tell each other whom they are linked to, so that a fleet that begins at one bootstrap peer does not depend on it.
 *
 * After a link comes up, and now and then later, each side opens a stream of PEERS_PROTOCOL, writes one length-prefixed
 * JSON list of at most PEERS_MAX peers with their addresses, and closes it. There is no answer. What is heard is a hint: it
 * goes into the address book as such, and who answers under it must still be admitted and be the peer that was named.
 * A list that is not one is dropped.
 */
import { decode, encode } from 'it-length-prefixed'
import type { Connection, Stream } from '@libp2p/interface'
import { z } from 'zod'
import { BOOK_ADDRESSES_PER_PEER_MAX } from './address-book.ts'
import type { AddressBook } from './address-book.ts'
import { isLoopback } from './addresses.ts'
import { read, send } from './streams.ts'
import type { PeerId } from './transport.ts'

export const PEERS_PROTOCOL = '/hearsay/peers/1'

/** More than a peer wants links. */
const PEERS_MAX = 32
/** A list of the most peers with the longest addresses. */
const LIST_BYTES_MAX = 64 * 1024
const ADDRESS_LENGTH_MAX = 200
const PEER_ID_LENGTH_MAX = 128
/** For the whole exchange. */
const DEADLINE_MS = 10_000

const PeerList = z
  .array(
    z.object({
      peer: z.string().max(PEER_ID_LENGTH_MAX),
      addresses: z.array(z.string().max(ADDRESS_LENGTH_MAX)).max(BOOK_ADDRESSES_PER_PEER_MAX),
    }),
  )
  .max(PEERS_MAX)

export type PeerList = { peer: PeerId; addresses: string[] }[]

/** What to tell a peer over a connection of which neighbours. */
export function peersToTell(
  peer: PeerId,
  neighbours: readonly PeerId[],
  book: AddressBook,
  connection: Connection,
): PeerList {
  const local = isLoopback(String(connection.remoteAddr))
  const list = neighbours
    .filter((other) => other !== peer)
    .map((other) => ({
      peer: other,
      addresses: (book.get(other)?.addresses ?? []).filter(
        (address) => local || !isLoopback(address),
      ),
    }))
    .filter(({ addresses }) => addresses.length > 0)
  // In a large fleet each telling is another part of it.
  const start = Math.floor(Math.random() * list.length)
  return [...list.slice(start), ...list.slice(0, start)].slice(0, PEERS_MAX)
}

export async function tellPeers(connection: Connection, list: PeerList): Promise<void> {
  const bytes = new TextEncoder().encode(JSON.stringify(list))
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const stream = await connection.newStream(PEERS_PROTOCOL, { signal })
  try {
    await send(stream, encode.single(bytes, { maxDataLength: LIST_BYTES_MAX }), DEADLINE_MS)
    await stream.close({ signal })
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/** Reads the one list of a stream. Call it before the first `await` of the stream's handler. */
export async function hearPeers(stream: Stream): Promise<PeerList> {
  const source = read(stream)
  const timer = setTimeout(() => stream.abort(new Error('no list in time')), DEADLINE_MS)
  try {
    for await (const bytes of decode(source, { maxDataLength: LIST_BYTES_MAX })) {
      return PeerList.parse(JSON.parse(new TextDecoder().decode(bytes.subarray())))
    }
    return []
  } finally {
    clearTimeout(timer)
    await stream.close().catch((error: Error) => stream.abort(error))
  }
}
