/**
 * What comes from the network: valid messages come back as they were, and whatever else comes is refused or does no harm.
 * No bytes make the decoders or the engine throw, and none of them break what always holds of a replica (R16).
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  ENVELOPE_BYTES_MAX,
  decodeItem,
  FIELD_BYTES_MAX,
  KEY_BYTES_MAX,
  makeRegister,
  VALUE_BYTES_MAX,
} from '../../src/core/item.ts'
import { decodeGossip, encodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink, encodeLink } from '../../src/core/wire/link.ts'
import type { LinkType } from '../../src/core/wire/link.ts'
import { Envelope } from '../../src/core/wire/messages.ts'
import { everyMessageScene, PARTINGS } from '../fuzz/samples.ts'
import { Fleet, hash } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'

const TYPES: LinkType[] = [
  'hello',
  'refused',
  'digestAsk',
  'digestAnswer',
  'pullRequest',
  'pullBuckets',
  'pullOpen',
  'chunk',
  'credit',
  'pullEnd',
  'sessionEnd',
  'rangesAsk',
  'rangesAnswer',
  'resolve',
  'resolved',
  'neighbours',
  'convergeAsk',
  'convergeAnswer',
  'coverAsk',
  'coverAnswer',
  'tourAsk',
  'tourSpread',
  'tourReport',
]

const DAMAGES = Number(process.env['HEARSAY_DAMAGES'] ?? 60)
/** HEARSAY_EVERY_BIT=1: also every bit of a message of each type, flipped at that moment; takes half an hour. */
const EVERY_BIT = process.env['HEARSAY_EVERY_BIT'] === '1'
const EVERY_BIT_BYTES_MAX = 700
const DAMAGES_PER_FLEET = 3

interface Captured {
  bytes: Uint8Array
  /** A fleet just before this message arrives at a node. */
  replay: () => { fleet: Fleet; to: SimNode; from: string }
}

/** The largest message of each type, of those that are not too large, as engines really send it. */
function capture(bytesMax: number): Map<LinkType, Captured> {
  const captured = new Map<LinkType, Captured>()
  const fleet = everyMessageScene()
  let count = 0
  fleet.observers.push({
    before: (node, event) => {
      if (event.type !== 'message') return
      const number = count++
      const message = decodeLink(event.bytes)
      if (typeof message === 'string') assert.fail(message)
      const size = event.bytes.length
      if (size > bytesMax || size <= (captured.get(message.type)?.bytes.length ?? 0)) return
      captured.set(message.type, {
        bytes: event.bytes,
        replay: () => replayUntil(number, node.index, event.peer),
      })
    },
  })
  fleet.pass(15_000)
  return captured
}

class Reached extends Error {}

function replayUntil(
  number: number,
  index: number,
  from: string,
): { fleet: Fleet; to: SimNode; from: string } {
  const fleet = everyMessageScene()
  let count = 0
  fleet.observers.push({
    before: (_node, event) => {
      if (event.type === 'message' && count++ === number) throw new Reached()
    },
  })
  assert.throws(() => fleet.pass(15_000), Reached)
  fleet.observers.pop()
  return { fleet, to: fleet.nodes[index]!, from }
}

/** What ends a session or a link comes at any time: here to an asker who waits for the first answer. */
function withPartings(captured: ReadonlyMap<LinkType, Captured>): Map<LinkType, Captured> {
  const { replay } = captured.get('pullOpen')!
  return new Map([
    ...captured,
    ...PARTINGS.map(([type, bytes]) => [type, { bytes, replay }] as const),
  ])
}

/** What always holds, whatever came. */
function checkReplica(node: SimNode): void {
  const { replica } = node.live
  let lanes = [0, 0, 0, 0]
  let count = 0
  for (const item of replica.fromDot('', 0)) {
    assert.ok(replica.context.covers(item.actor, item.counter), 'held implies covered')
    lanes = [item.lane0, item.lane1, item.lane2, item.lane3].map(
      (lane, i) => (lanes[i]! + lane) | 0,
    )
    count++
  }
  assert.deepEqual([...replica.sum(undefined, undefined).lanes], lanes)
  assert.equal(replica.size, count)
}

/** The same bytes with some bits flipped, cut off, or with other bytes in them. */
const damage = fc.oneof(
  fc.record({ flips: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }) }),
  fc.record({ cutAt: fc.nat() }),
  fc.record({ at: fc.nat(), insert: fc.uint8Array({ minLength: 1, maxLength: 12 }) }),
)
type Damage = typeof damage extends fc.Arbitrary<infer T> ? T : never

function damaged(bytes: Uint8Array, how: Damage): Uint8Array {
  if ('cutAt' in how) return bytes.slice(0, how.cutAt % bytes.length)
  if ('insert' in how) {
    const at = how.at % bytes.length
    return Uint8Array.from([...bytes.slice(0, at), ...how.insert, ...bytes.slice(at)])
  }
  const copy = bytes.slice()
  for (const flip of how.flips) copy[(flip >> 3) % copy.length]! ^= 1 << (flip & 7)
  return copy
}

describe('wire', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  let captured: Map<LinkType, Captured>

  before(() => {
    captured = capture(Infinity)
  })

  it('a session of every kind sends every message but those that break a link off', () => {
    const missing = TYPES.filter((type) => !captured.has(type))
    assert.deepEqual(missing, ['refused', 'sessionEnd'])
  })

  it('what is encoded comes back as it was', () => {
    for (const { bytes } of captured.values()) {
      const message = decodeLink(bytes)
      if (typeof message === 'string') assert.fail(message)
      assert.deepEqual(encodeLink(message.type, message.body), bytes)
    }
  })

  it('an unknown type is for later versions, and no bytes make the decoder throw', () => {
    assert.equal(decodeLink(Uint8Array.of(100, 1, 2, 3)), 'unknown')
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeLink(bytes)
        decodeGossip(bytes, hash)
        decodeItem(bytes, hash)
      }),
      { numRuns: 3000 },
    )
  })

  for (const type of TYPES) {
    it(`a damaged ${type} is refused or does no harm, at the very moment at which it is waited for`, () => {
      const { bytes, replay } = withPartings(captured).get(type)!
      // A few damages to one fleet: most break its link off, and the next must not throw either.
      let { fleet, to, from } = replay()
      let left = DAMAGES_PER_FLEET
      fc.assert(
        fc.property(damage, (how) => {
          if (left-- === 0) {
            ;({ fleet, to, from } = replay())
            left = DAMAGES_PER_FLEET - 1
          }
          fleet.dispatch(to, { type: 'message', peer: from, bytes: damaged(bytes, how) })
          fleet.pass(20)
          for (const node of fleet.nodes) checkReplica(node)
        }),
        { numRuns: DAMAGES },
      )
    })
  }

  for (const type of EVERY_BIT ? TYPES : []) {
    it(`a ${type} with any one bit flipped is refused or does no harm, at that moment`, function () {
      this.timeout(0)
      const { bytes, replay } = withPartings(capture(EVERY_BIT_BYTES_MAX)).get(type)!
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const { fleet, to, from } = replay()
        fleet.dispatch(to, { type: 'message', peer: from, bytes: damaged(bytes, { flips: [bit] }) })
        fleet.pass(20)
        for (const node of fleet.nodes) checkReplica(node)
      }
    })
  }

  it('a damaged broadcast is refused whole, or does no harm', () => {
    const fleet = new Fleet({ seed: 1, nodes: 1 })
    const [node] = fleet.nodes
    fleet.startAll()
    const item = makeRegister(
      {
        actor: 'x'.repeat(16),
        counter: 7,
        key: 'k',
        value: new Uint8Array(9),
        ms: 5,
        tick: 1,
        expiry: 9,
      },
      hash,
    )
    const supersedes = [1, 2, 3].map((counter) => ({ actor: 'y'.repeat(16), counter }))
    const deltas = [
      { dot: item, item, supersedes, announcedBytes: 0 },
      { dot: { actor: 'z'.repeat(16), counter: 4 }, supersedes, announcedBytes: 0 },
      { dot: { actor: 'z'.repeat(16), counter: 5 }, supersedes, announcedBytes: 70_000 },
    ]
    const [bytes] = encodeGossip(deltas, 1000, 60_000)
    fc.assert(
      fc.property(damage, (how) => {
        const got = decodeGossip(damaged(bytes!, how), hash)
        if (got === undefined) return
        fleet.dispatch(node!, { type: 'gossip', author: 'node9', deltas: got, bytes: 100 })
        fleet.pass(20)
        checkReplica(node!)
      }),
      { numRuns: 1500 },
    )
  })

  it('takes items up to the bounds of the protocol, and none beyond', () => {
    const fields: Envelope = {
      actor: new Uint8Array(16),
      counter: 1,
      kind: 9,
      key: new Uint8Array(KEY_BYTES_MAX),
      field: new Uint8Array(FIELD_BYTES_MAX),
      ms: 2 ** 48 - 1,
      tick: 65_535,
      expiry: Number.MAX_SAFE_INTEGER,
      value: new Uint8Array(VALUE_BYTES_MAX),
    }
    const taken = (change: Partial<Envelope>): boolean =>
      decodeItem(Envelope.encode({ ...fields, ...change }), hash) !== undefined
    assert.ok(taken({}))
    assert.ok(taken({ field: new Uint8Array(0), value: new Uint8Array(0) }))
    const beyond: Partial<Envelope>[] = [
      { actor: new Uint8Array(15) },
      { actor: new Uint8Array(17) },
      { counter: 0 },
      { key: new Uint8Array(0) },
      { key: new Uint8Array(KEY_BYTES_MAX + 1) },
      { field: new Uint8Array(FIELD_BYTES_MAX + 1) },
      { value: new Uint8Array(VALUE_BYTES_MAX + 1) },
      { ms: 2 ** 48 },
      { tick: 65_536 },
    ]
    for (const change of beyond) assert.ok(!taken(change), JSON.stringify(Object.keys(change)))
    assert.equal(decodeItem(new Uint8Array(ENVELOPE_BYTES_MAX + 1), hash), undefined)
  })

  it('forwards fields that it does not know in the very bytes that came', () => {
    const known = Envelope.encode({
      actor: new Uint8Array(16),
      counter: 1,
      kind: 1,
      key: Uint8Array.of(1),
      field: new Uint8Array(0),
      ms: 1,
      tick: 0,
      expiry: 0,
      value: new Uint8Array(2),
    })
    // Field 15, of a later version: three bytes.
    const bytes = Uint8Array.from([...known, 0x7a, 3, 1, 2, 3])
    const item = decodeItem(bytes, hash)
    assert.deepEqual(item?.envelope, bytes)
    assert.deepEqual(item?.value(), new Uint8Array(2))
  })
})
