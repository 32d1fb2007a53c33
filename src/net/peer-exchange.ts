/**
 * Peers tell each other whom they are linked to, so that a fleet that begins at one bootstrap peer does not depend on it.
 *
 * After a link comes up, and now and then later, each side opens a stream of PEERS_PROTOCOL, writes one length-prefixed
 * JSON object (`Telling`) and closes it. There is no answer. What is heard is a hint: it goes into the address book as such,
 * and who answers under it must still be admitted and be the peer that was named. A telling that is not one is dropped;
 * fields that are not known here are a later version's and passed over.
 *
 * A telling also says how many links its sender has, so that nobody gives up a link to one who has few; which admission
 * secrets it accepts, by their public labels, so that an operator who rotates a secret can see who lacks it; and, before a
 * peer that has too many links gives this one up, that it is about to: the hearer then goes elsewhere for a while.
 */
import { decode, encode } from 'it-length-prefixed'
import type { Connection, Stream } from '@libp2p/interface'
import * as z from 'zod'
import { BOOK_ADDRESSES_PER_PEER_MAX } from './address-book.ts'
import type { AddressBook } from './address-book.ts'
import { endpointOf, isLoopback, isPeerId, isUsable } from './addresses.ts'
import { shuffled } from './neighbourhood.ts'
import { read, send } from './streams.ts'
import type { PeerId } from './transport.ts'

export const PEERS_PROTOCOL = '/hearsay/peers/1'

/** More than a peer wants links. */
const PEERS_MAX = 32
/** A telling of the most peers with the longest addresses. */
const TELLING_BYTES_MAX = 64 * 1024
const ADDRESS_LENGTH_MAX = 200
const PEER_ID_LENGTH_MAX = 128
const LABEL_LENGTH_MAX = 64
const LABELS_MAX = 16
/** For the whole exchange. */
const DEADLINE_MS = 10_000

const Telling = z.object({
  links: z.number().int().nonnegative(),
  accepts: z.array(z.string().max(LABEL_LENGTH_MAX)).max(LABELS_MAX),
  leaving: z.boolean().optional(),
  peers: z
    .array(
      z.object({
        peer: z.string().max(PEER_ID_LENGTH_MAX),
        addresses: z.array(z.string().max(ADDRESS_LENGTH_MAX)).max(BOOK_ADDRESSES_PER_PEER_MAX),
      }),
    )
    .max(PEERS_MAX),
})

type Telling = z.infer<typeof Telling>

export interface ExchangeDeps {
  self: PeerId
  neighbours: () => PeerId[]
  connectionTo: (peer: PeerId) => Connection | undefined
  book: AddressBook
  /** Labels of the secrets that are accepted here. */
  accepts: () => string[]
  allows: (peer: PeerId) => boolean
  /** The book has news of these peers. */
  learned: (peers: PeerId[]) => void
  /** A peer is about to end its link with this one, because it has enough. */
  leaving: (peer: PeerId) => void
}

export class PeerExchange {
  readonly #deps: ExchangeDeps
  /** The latest telling of each linked peer. */
  readonly #told = new Map<PeerId, Telling>()

  constructor(deps: ExchangeDeps) {
    this.#deps = deps
  }

  linksOf(peer: PeerId): number | undefined {
    return this.#told.get(peer)?.links
  }

  /** Absent until the peer has told. */
  acceptedBy(peer: PeerId): string[] | undefined {
    return this.#told.get(peer)?.accepts
  }

  gone(peer: PeerId): void {
    this.#told.delete(peer)
  }

  async tell(peer: PeerId, leaving = false): Promise<void> {
    const connection = this.#deps.connectionTo(peer)
    if (connection === undefined) return
    const neighbours = this.#deps.neighbours()
    const telling: Telling = {
      links: neighbours.length,
      accepts: this.#deps.accepts(),
      ...(leaving ? { leaving } : {}),
      peers: this.#peersFor(peer, neighbours, connection),
    }
    await write(connection, new TextEncoder().encode(JSON.stringify(telling)))
  }

  /** In a large fleet each telling is another part of it. */
  #peersFor(peer: PeerId, neighbours: PeerId[], connection: Connection): Telling['peers'] {
    const { allows, book } = this.#deps
    const local = isLoopback(String(connection.remoteAddr))
    const list = neighbours
      .filter((other) => other !== peer && allows(other))
      .map((other) => ({
        peer: other,
        addresses: (book.get(other)?.addresses ?? []).filter(
          (address) => local || !isLoopback(address),
        ),
      }))
      .filter(({ addresses }) => addresses.length > 0)
    return shuffled(list, Math.random).slice(0, PEERS_MAX)
  }

  /** Takes the one telling of a stream. Call it before the first `await` of the stream's handler. */
  async hear(stream: Stream, from: PeerId): Promise<void> {
    const telling = await hearTelling(stream)
    if (telling === undefined) return
    // The first may come before the link is up on this side; what it says of others is news all the same.
    if (this.#deps.connectionTo(from) !== undefined) this.#told.set(from, telling)
    const news: PeerId[] = []
    for (const { peer, addresses } of telling.peers) {
      const usable = addresses.filter(isUsable).map(endpointOf)
      if (peer === this.#deps.self || usable.length === 0 || !isPeerId(peer)) continue
      if (this.#deps.allows(peer) && this.#deps.book.heard(peer, usable)) news.push(peer)
    }
    if (news.length > 0) this.#deps.learned(news)
    if (telling.leaving === true) this.#deps.leaving(from)
  }
}

async function write(connection: Connection, bytes: Uint8Array): Promise<void> {
  const signal = AbortSignal.timeout(DEADLINE_MS)
  const stream = await connection.newStream(PEERS_PROTOCOL, { signal })
  try {
    await send(stream, encode.single(bytes, { maxDataLength: TELLING_BYTES_MAX }), DEADLINE_MS)
    await stream.close({ signal })
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)))
    throw error
  }
}

/** Throws SyntaxError or ZodError. */
export function decodeTelling(bytes: Uint8Array): Telling {
  return Telling.parse(JSON.parse(new TextDecoder().decode(bytes)))
}

async function hearTelling(stream: Stream): Promise<Telling | undefined> {
  const source = read(stream)
  const timer = setTimeout(() => stream.abort(new Error('no telling in time')), DEADLINE_MS)
  try {
    for await (const bytes of decode(source, { maxDataLength: TELLING_BYTES_MAX })) {
      return decodeTelling(bytes.subarray())
    }
    return undefined
  } finally {
    clearTimeout(timer)
    await stream.close().catch((error: Error) => stream.abort(error))
  }
}
