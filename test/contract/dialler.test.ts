/** Whom the dial loop dials and how often, with a network of which only the answers to dials are made up. */
import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { AddressBook } from '../../src/net/address-book.ts'
import { Dialler } from '../../src/net/dialler.ts'
import { ringNeighbours } from '../../src/net/neighbourhood.ts'
import { TUNING_DEFAULTS } from '../../src/net/tuning.ts'
import { notingLog, until } from './libp2p-world.ts'

const MIN_MS = 8
const MAX_MS = 64
const SELF = 'self'
const log = notingLog([])

describe('dial loop', () => {
  let book: AddressBook
  let diallers: Dialler[]
  let linked: Set<string>
  /** Times of the dials to each peer, monotonic. */
  let dials: Map<string, number[]>
  /** Those who answer. */
  let alive: (peer: string) => boolean
  let excluded: Set<string>

  beforeEach(async () => {
    book = await AddressBook.open(undefined, log)
    diallers = []
    linked = new Set()
    dials = new Map()
    excluded = new Set()
    alive = () => true
  })

  afterEach(() => {
    for (const dialler of diallers) dialler.stop()
  })

  function start(bootstrap: string[] = [], tuning: object = {}): Dialler {
    const dialler: Dialler = new Dialler(bootstrap, {
      self: SELF,
      dial: (addresses) => {
        const peer = addresses[0]!.split('/').at(-1)!
        dials.set(peer, [...(dials.get(peer) ?? []), performance.now()])
        if (!alive(peer)) return Promise.reject(new Error('nobody there'))
        linked.add(peer)
        return Promise.resolve(peer)
      },
      linked: () => linked,
      isOwn: () => false,
      allows: (peer) => !excluded.has(peer),
      book,
      tuning: {
        ...TUNING_DEFAULTS,
        dialBackoffMinMs: MIN_MS,
        dialBackoffMaxMs: MAX_MS,
        ...tuning,
      },
      log,
    })
    diallers.push(dialler)
    dialler.start()
    return dialler
  }

  const know = (peer: string): boolean => book.heard(peer, [`/ip4/10.0.0.1/tcp/${dials.size + 1}`])
  const peers = (count: number, from = 0): string[] =>
    Array.from({ length: count }, (_, i) => `peer${i + from}`)
  const times = (peer: string): number[] => dials.get(peer) ?? []

  it('dials who was discovered and does not answer with pauses that grow, however often it is announced', async () => {
    alive = () => false
    const dialler = start()
    const announcing = setInterval(() => dialler.discovered('stranger', ['/ip4/10.0.0.9/tcp/1']), 1)
    try {
      await until('seven dials', () => times('stranger').length >= 7)
    } finally {
      clearInterval(announcing)
    }
    const gaps = times('stranger')
      .slice(1)
      .map((at, i) => at - times('stranger')[i]!)
    for (const [i, gap] of gaps.entries()) {
      // Half of it is chance. Timers may fire up to a millisecond early.
      const least = Math.min(MAX_MS, MIN_MS * 2 ** i) / 2 - 1.5
      assert.ok(gap >= least, `pause ${i} was ${gap} ms, at least ${least}`)
    }
  })

  it('remembers only so many who are announced and never met, and members all the same', async () => {
    alive = (peer) => peer === 'member'
    const dialler = start()
    for (const peer of peers(1000)) dialler.discovered(peer, ['/ip4/10.0.0.9/tcp/1'])
    know('member')
    dialler.learned(['member'])
    await until('the member', () => linked.has('member'))
    await until('some strangers', () => dials.size > 10)
    assert.ok(dials.size <= 65, `${dials.size} peers were dialled`)
    assert.equal(book.size, 1)
  })

  it('keeps as many links as are wanted, those of the ring first and beyond it', async () => {
    const all = peers(100)
    for (const peer of all) know(peer)
    const dialler = start([], { linksWanted: 10 })
    await until('ten links', () => linked.size >= 10)
    const ring = ringNeighbours(SELF, all)
    await until('the ring', () => [...ring].every((peer) => linked.has(peer)))
    assert.ok(linked.size <= 10 + ring.size, `${linked.size} links`)
    // It has enough, and somebody joins who stands next to it on the circle.
    const before = linked.size
    const next = peers(5000, 100).find((peer) => ringNeighbours(SELF, [...all, peer]).has(peer))!
    know(next)
    dialler.learned([next])
    await until('the one next to it', () => linked.has(next))
    assert.equal(linked.size, before + 1)
    // One that is lost is replaced.
    for (const peer of [...linked].slice(0, 5)) {
      linked.delete(peer)
      alive = (other) => other !== peer
      dialler.linkDown(peer, true)
      await until('another in its place', () => linked.size >= 10)
    }
  })

  it('with links enough dials no bootstrap address, except when it explores', async () => {
    for (const peer of peers(TUNING_DEFAULTS.linksWanted)) linked.add(peer)
    const id = peerIdFromPrivateKey(await generateKeyPair('Ed25519')).toString()
    start([`/ip4/10.0.0.1/tcp/1/p2p/${id}`], { exploreIntervalMs: 40 })
    await until('an exploration', () => dials.size > 0)
    assert.deepEqual([...dials.keys()], [id])
    dials.clear()
    linked.delete(id)
    start([`/ip4/10.0.0.1/tcp/1/p2p/${id}`], { exploreIntervalMs: 1e9 })
    diallers[0]!.stop()
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual([...dials.keys()], [])
  })

  it('tries a new address at once, however long the old ones have failed', async () => {
    alive = () => false
    know('moved')
    const dialler = start([], { dialBackoffMaxMs: 1e9, dialBackoffMinMs: 1 })
    await until('ten failures', () => times('moved').length >= 10)
    const before = times('moved').length
    // The next would be in half a second at the earliest.
    alive = () => true
    assert.ok(book.heard('moved', ['/ip4/10.0.0.77/tcp/7']))
    dialler.learned(['moved'])
    await until('the link', () => linked.has('moved'))
    assert.equal(times('moved').length, before + 1)
  })

  it('does not dial who is not allowed, and does at once when that changes', async () => {
    for (const peer of ['in', 'out']) know(peer)
    excluded.add('out')
    const dialler = start([], { dialBackoffMinMs: 4, dialBackoffMaxMs: 1e9 })
    await until('the one that is allowed', () => linked.has('in'))
    assert.deepEqual(times('out'), [])
    excluded.clear()
    dialler.afresh()
    await until('the other', () => linked.has('out'))
  })

  it('does not dial whom it forgot', async () => {
    alive = () => false
    know('gone')
    const dialler = start()
    await until('a dial', () => times('gone').length > 0)
    dialler.forget('gone')
    book.forget('gone')
    const before = times('gone').length
    know('other')
    dialler.learned(['other'])
    await until('dials of another', () => times('other').length >= 5)
    assert.ok(times('gone').length <= before + 1)
  })
})
