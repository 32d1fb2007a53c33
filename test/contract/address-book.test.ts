import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import {
  AddressBook,
  BOOK_ADDRESSES_PER_PEER_MAX,
  BOOK_PEERS_MAX,
  FORGET_AFTER_MS,
} from '../../src/net/address-book.ts'
import { notingLog } from './libp2p-world.ts'

const log = notingLog([])
const at = (port: number): string => `/ip4/10.0.0.1/tcp/${port}`
const names = (book: AddressBook): string[] => Array.from(book.entries(), ({ peer }) => peer)

describe('address book', () => {
  let directory: string
  let file: string

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hearsay-book-'))
    file = path.join(directory, 'peers.json')
  })

  afterEach(() => rm(directory, { recursive: true }))

  it('has what worked last first, then what was heard, then what worked before', async () => {
    const book = await AddressBook.open(undefined, log)
    for (let port = 1; port <= BOOK_ADDRESSES_PER_PEER_MAX; port++) book.saw('p', [at(port)])
    assert.equal(book.heard('p', [at(3)]), false, 'no news')
    assert.equal(book.heard('p', [at(99)]), true)
    const { addresses } = book.get('p')!
    assert.deepEqual(addresses.slice(0, 3), [at(8), at(99), at(7)])
    assert.equal(addresses.length, BOOK_ADDRESSES_PER_PEER_MAX)
    book.saw('p', [at(99)])
    assert.equal(book.get('p')!.addresses[0], at(99))
  })

  it('is bounded: who is met pushes out who was met longest ago, who is heard of pushes out nobody', async () => {
    const book = await AddressBook.open(undefined, log)
    for (let i = 0; i < BOOK_PEERS_MAX; i++) book.saw(`p${i}`, [at(1)])
    assert.equal(book.heard('rumour', [at(1)]), false)
    book.saw('p0', [])
    book.saw('met', [at(1)])
    assert.equal(book.size, BOOK_PEERS_MAX)
    assert.equal(book.get('p1'), undefined)
    assert.ok(book.get('p0') !== undefined && book.get('met') !== undefined)
  })

  it('ages: who is neither met nor linked is forgotten, who was only heard of in half the time', async () => {
    const book = await AddressBook.open(undefined, log)
    const now = Date.now()
    for (const peer of ['linked', 'met']) book.saw(peer, [at(1)])
    book.heard('heard', [at(1)])
    const linked = (peer: string): boolean => peer === 'linked'
    book.age(now + FORGET_AFTER_MS / 2 + 60_000, linked)
    assert.deepEqual(names(book).sort(), ['linked', 'met'])
    book.age(now + FORGET_AFTER_MS + 60_000, linked)
    assert.deepEqual(names(book), ['linked'])
    // A link that goes on counts as a meeting, also after it has ended.
    book.age(now + FORGET_AFTER_MS * 1.5, () => false)
    assert.deepEqual(names(book), ['linked'])
  })

  it('survives a restart, with what was forgotten forgotten, and old entries too', async () => {
    const book = await AddressBook.open(file, log)
    for (const peer of ['a', 'b', 'c']) book.saw(peer, [at(1)])
    assert.equal(book.forget('b'), true)
    assert.equal(book.forget('b'), false)
    await book.close()
    const stored = JSON.parse(await readFile(file, 'utf8')) as { peers: { lastSeen: number }[] }
    stored.peers[0]!.lastSeen -= FORGET_AFTER_MS + 1
    await writeFile(file, JSON.stringify(stored))
    const again = await AddressBook.open(file, log)
    assert.deepEqual(names(again), ['c'])
    await again.close()
  })
})
