/** One valid input of every kind, as the program itself makes it: where fuzzing begins. */
import { encodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink, encodeLink } from '../../src/core/wire/link.ts'
import type { LinkType } from '../../src/core/wire/link.ts'
import { toBinary } from '../../src/core/bytes.ts'
import { makeRegister } from '../../src/core/item.ts'
import type { RawRecord } from '../../src/core/records.ts'
import { binary, Fleet, hash } from '../support/fleet.ts'
import type { Observer } from '../support/fleet.ts'

/** What breaks a session or a link off, which nothing in the scene does. */
export const PARTINGS: readonly (readonly [LinkType, Uint8Array])[] = [
  [
    'sessionEnd',
    encodeLink('sessionEnd', { session: 3, code: 'BUSY', retryMs: 1_500, fromAsker: true }),
  ],
  [
    'refused',
    encodeLink('refused', { code: 'WRONG_MAP', message: 'another map', retryMs: 60_000 }),
  ],
]

/** More actors than a pull request names at once, so that pulls begin by comparing buckets. */
const MANY_ACTORS = 300

/** Two nodes whose sessions use every message: pulls with and without buckets, the range step, a question of convergence. */
export function everyMessageScene(observer: Observer = {}): Fleet {
  const fleet = new Fleet({ seed: 3, nodes: 2 })
  fleet.observers.push(observer)
  const [a, b] = fleet.nodes
  for (const node of fleet.nodes) fleet.start(node)
  for (let i = 0; i < 30; i++) {
    fleet.write(a!, [{ op: 'put', key: binary(`key${i}`), value: new Uint8Array(5) }])
  }
  fleet.pass(50)
  fleet.connect(a!, b!)
  fleet.pass(3_000)
  fleet.cut(a!, b!)
  fleet.pass(4_000)
  for (let i = 0; i < 5; i++) fleet.write(a!, [{ op: 'delete', key: binary(`key${i}`) }])
  fleet.write(b!, [{ op: 'put', key: binary('key9') }])
  fleet.pass(50)
  // Its log of removals is empty then, and the range step has work.
  fleet.crash(a!, a!.disk.batches)
  fleet.restart(a!)
  const deltas = Array.from({ length: MANY_ACTORS }, (_, n) => {
    const actor = toBinary(hash(Uint8Array.of(n, n >> 8)))
    const item = makeRegister(
      { actor, counter: 1, key: binary('k'), value: new Uint8Array(1), ms: 1, tick: 0, expiry: 0 },
      hash,
    )
    return { dot: item, item, supersedes: [], announcedBytes: 0 }
  })
  fleet.dispatch(b!, { type: 'gossip', author: 'nobody', deltas, bytes: 1 })
  fleet.pass(50)
  fleet.connect(a!, b!)
  fleet.schedule(10_000, () => {
    fleet.converged(a!)
    fleet.ask(a!, (id) => ({ type: 'fleetConverged', id, withinMs: 3_000 }))
    const [item] = a!.live.replica.fromDot('', 0)
    const target = { dots: [item!], gone: [] }
    fleet.ask(a!, (id) => ({ type: 'confirm', id, target, peers: 1, withinMs: 1_000 }))
  })
  return fleet
}

/** Larger samples only make fuzzing slow. */
const SAMPLE_BYTES_MAX = 2048

/** Of each type that the scene sends: the smallest message, one in between, and the largest that is not too large. */
export function linkSamples(): Map<LinkType, Uint8Array[]> {
  const sent = new Map<LinkType, Map<number, Uint8Array>>()
  const fleet = everyMessageScene({
    before: (_node, event) => {
      if (event.type !== 'message' || event.bytes.length > SAMPLE_BYTES_MAX) return
      const message = decodeLink(event.bytes)
      if (typeof message === 'string') throw new Error(message)
      const bySize = sent.get(message.type) ?? new Map<number, Uint8Array>()
      sent.set(message.type, bySize.set(event.bytes.length, event.bytes))
    },
  })
  fleet.pass(15_000)
  const samples = new Map<LinkType, Uint8Array[]>()
  for (const [type, bySize] of sent) {
    const sizes = [...bySize.keys()].sort((x, y) => x - y)
    const picked = new Set([0, sizes.length >> 1, sizes.length - 1].map((at) => sizes[at]!))
    samples.set(
      type,
      [...picked].map((size) => bySize.get(size)!),
    )
  }
  for (const [type, bytes] of PARTINGS) samples.set(type, [bytes])
  return samples
}

/** A delta with an item, a delete, an announcement. */
export function gossipSample(): Uint8Array {
  const at = { actor: 'x'.repeat(16), counter: 7, ms: 5, tick: 1, expiry: 9 }
  const item = makeRegister({ ...at, key: 'k', value: new Uint8Array(9) }, hash)
  const supersedes = [1, 2, 3].map((counter) => ({ actor: 'y'.repeat(16), counter }))
  const deltas = [
    { dot: item, item, supersedes, announcedBytes: 0 },
    { dot: { actor: 'z'.repeat(16), counter: 4 }, supersedes, announcedBytes: 0 },
    { dot: { actor: 'z'.repeat(16), counter: 5 }, supersedes, announcedBytes: 70_000 },
  ]
  return encodeGossip(deltas, 1000, 60_000)[0]!
}

/** The records of a small store. */
export function recordSamples(): RawRecord[] {
  const fleet = new Fleet({ seed: 4, nodes: 1 })
  const [node] = fleet.nodes
  fleet.startAll()
  for (let i = 0; i < 4; i++) {
    fleet.write(node!, [{ op: 'put', key: binary(`key${i}`), value: new Uint8Array(i) }])
  }
  fleet.write(node!, [{ op: 'delete', key: binary('key2') }])
  fleet.pass(1000)
  return node!.disk.records()
}
