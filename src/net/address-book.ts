/**
 * The peers that were met, with the addresses under which they can be dialled; kept in a file over restarts.
 *
 * The file is a cache: it is written now and then, always whole and in one step, and without it a daemon only needs its
 * bootstrap peers. A damaged one is moved aside.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import * as z from 'zod'
import type { Log } from './log.ts'
import type { PeerId } from './transport.ts'

/** Beyond the size of most fleets; a larger one is found through any of these. About 200 KiB on disk. */
export const BOOK_PEERS_MAX = 1024
/** A machine has a few interfaces; older addresses fall out first. */
export const BOOK_ADDRESSES_PER_PEER_MAX = 8
/** Peers that were not seen for this long are forgotten. */
export const FORGET_AFTER_MS = 14 * 24 * 3600 * 1000
/** A link that goes on is noted this often, so that it is in the file when the process ends without a word. */
const SEEN_EVERY_MS = 3600 * 1000
/** How long changes gather before they are written. */
const SAVE_DELAY_MS = 2_000

const BookFile = z.object({
  version: z.literal(1),
  peers: z.array(
    z.object({
      peer: z.string(),
      addresses: z.array(z.string()).max(BOOK_ADDRESSES_PER_PEER_MAX),
      lastSeen: z.number(),
    }),
  ),
})

export interface BookEntry {
  peer: PeerId
  /** Multiaddrs without peer id, the one that worked last first. */
  addresses: string[]
  /** Wall clock, milliseconds. */
  lastSeen: number
}

export class AddressBook {
  readonly #file: string | undefined
  readonly #log: Log
  /** In order of last sight, oldest first. */
  readonly #entries = new Map<PeerId, BookEntry>()
  #saveTimer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  private constructor(file: string | undefined, log: Log) {
    this.#file = file
    this.#log = log
  }

  /** Reads the file if there is one. Never fails. */
  static async open(file: string | undefined, log: Log): Promise<AddressBook> {
    const book = new AddressBook(file, log)
    if (file !== undefined) await book.#load(file)
    return book
  }

  async #load(file: string): Promise<void> {
    let text: string
    try {
      text = await readFile(file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#log.warn({ file, err: error }, 'address book not readable; going on without it')
      }
      return
    }
    try {
      const { peers } = BookFile.parse(JSON.parse(text))
      const oldest = Date.now() - FORGET_AFTER_MS
      for (const entry of peers.sort((a, b) => a.lastSeen - b.lastSeen)) {
        if (entry.lastSeen >= oldest) this.#put(entry)
      }
    } catch (error) {
      const aside = `${file}.damaged`
      this.#log.warn(
        { file, aside, err: error },
        'address book damaged; moved aside, beginning anew',
      )
      await rename(file, aside).catch(() => {})
    }
  }

  get size(): number {
    return this.#entries.size
  }

  entries(): Iterable<BookEntry> {
    return this.#entries.values()
  }

  get(peer: PeerId): BookEntry | undefined {
    return this.#entries.get(peer)
  }

  /** Notes that a peer was met. The addresses go before those known already; they carry no peer id. */
  saw(peer: PeerId, addresses: readonly string[]): void {
    const known = this.#entries.get(peer)?.addresses ?? []
    const merged = [...new Set([...addresses, ...known])].slice(0, BOOK_ADDRESSES_PER_PEER_MAX)
    this.#put({ peer, addresses: merged, lastSeen: Date.now() })
    this.#saveSoon()
  }

  /**
   * Notes what others say of a peer; says whether there was news in it. It goes behind the address that worked last and
   * before those that did earlier, which a peer that moved has left for good; and it pushes nobody out.
   */
  heard(peer: PeerId, addresses: readonly string[]): boolean {
    const known = this.#entries.get(peer)
    if (known === undefined && this.#entries.size >= BOOK_PEERS_MAX) return false
    if (addresses.every((address) => known?.addresses.includes(address))) return false
    const [last, ...earlier] = known?.addresses ?? []
    const merged = [...new Set([...(last === undefined ? [] : [last]), ...addresses, ...earlier])]
    // One who is never met is forgotten in half the time.
    const lastSeen = known?.lastSeen ?? Date.now() - FORGET_AFTER_MS / 2
    this.#entries.set(peer, {
      peer,
      addresses: merged.slice(0, BOOK_ADDRESSES_PER_PEER_MAX),
      lastSeen,
    })
    this.#saveSoon()
    return true
  }

  /** Whether it was there. */
  forget(peer: PeerId): boolean {
    const known = this.#entries.delete(peer)
    if (known) this.#saveSoon()
    return known
  }

  /** Forgets those that were not seen for long, by the wall clock `now`, except those that are linked. */
  age(now: number, isLinked: (peer: PeerId) => boolean): void {
    // Copied, since what is seen anew moves to the end.
    const entries = Array.from(this.#entries.values())
    for (const { peer, addresses, lastSeen } of entries) {
      if (!isLinked(peer)) {
        if (lastSeen < now - FORGET_AFTER_MS) this.forget(peer)
      } else if (lastSeen < now - SEEN_EVERY_MS) {
        this.#put({ peer, addresses, lastSeen: now })
        this.#saveSoon()
      }
    }
  }

  #saveSoon(): void {
    if (this.#file === undefined) return
    this.#saveTimer ??= setTimeout(() => {
      this.#saveTimer = undefined
      this.#save()
    }, SAVE_DELAY_MS)
  }

  #put(entry: BookEntry): void {
    this.#entries.delete(entry.peer)
    this.#entries.set(entry.peer, entry)
    if (this.#entries.size <= BOOK_PEERS_MAX) return
    const oldest = this.#entries.keys().next()
    if (oldest.done !== true) this.#entries.delete(oldest.value)
  }

  #save(): void {
    this.#saving = this.#saving.then(() => this.#write())
  }

  async #write(): Promise<void> {
    const file = this.#file
    if (file === undefined) return
    const book: z.infer<typeof BookFile> = { version: 1, peers: [...this.#entries.values()] }
    const temporary = `${file}.${randomBytes(4).toString('hex')}.tmp`
    try {
      await writeFile(temporary, JSON.stringify(book), { mode: 0o600 })
      await rename(temporary, file)
    } catch (error) {
      this.#log.warn({ file, err: error }, 'address book not written')
      await rm(temporary, { force: true }).catch(() => {})
    }
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    if (this.#saveTimer !== undefined) {
      clearTimeout(this.#saveTimer)
      this.#saveTimer = undefined
      this.#save()
    }
    await this.#saving
  }
}
