/**
 * What the data structures of the core cost at a million entries: time per operation, bytes per entry.
 *
 *     npm run build && node --expose-gc dist/test/bench/structures.js [entries]
 */
import { createHash } from 'node:crypto'
import { fromBinary, toBinary } from '../../src/core/bytes.ts'
import { Context } from '../../src/core/context.ts'
import { fromRanges } from '../../src/core/intervals.ts'
import { RangeIndex } from '../../src/core/range-index.ts'

const SEED = 1

interface Entry {
  readonly key: string
  readonly lane0: number
  readonly lane1: number
  readonly lane2: number
  readonly lane3: number
}

const entries = Number(process.argv[2] ?? 1_000_000)
const collect = globalThis.gc
if (collect === undefined) throw new TypeError('run with node --expose-gc')

function memoryBytes(): number {
  collect!()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Keeps results of measured calls from being optimised away. */
let sink = 0

function timed(name: string, operations: number, run: () => void): void {
  const start = performance.now()
  run()
  const ms = performance.now() - start
  const ns = (ms * 1e6) / operations
  console.log(
    `${name.padEnd(44)} ${ns.toFixed(0).padStart(9)} ns ${ms.toFixed(0).padStart(9)} ms in all`,
  )
}

function bytes(name: string, total: number, count: number): void {
  console.log(`${name.padEnd(44)} ${(total / count).toFixed(1).padStart(9)} bytes`)
}

/** 128 bits per call, the same for the same number. */
function randomBits(n: number): Buffer {
  return createHash('md5').update(`${SEED} ${n}`).digest()
}

function makeEntries(count: number): Entry[] {
  return Array.from({ length: count }, (_, i) => {
    const bits = randomBits(i)
    return {
      // Flat, as keys from the wire and the store are; a template would make a rope.
      key: Buffer.from(`key:${bits.toString('hex', 0, 8)}`).toString('latin1'),
      lane0: bits.readInt32BE(0),
      lane1: bits.readInt32BE(4),
      lane2: bits.readInt32BE(8),
      lane3: bits.readInt32BE(12),
    }
  })
}

function compareKeys(a: Entry, b: Entry): number {
  return a.key < b.key ? -1 : a.key === b.key ? 0 : 1
}

const at = (key: string) => (entry: Entry) => (entry.key === key ? 0 : entry.key < key ? -1 : 1)

function benchRangeIndex(): void {
  console.log(`\nRangeIndex, ${entries} items with random string keys`)
  const options = { compare: compareKeys, lanes: true }
  const items = makeEntries(entries)
  const shuffled = items.toSorted((a, b) => a.lane3 - b.lane3)
  const before = memoryBytes()
  const index = new RangeIndex<Entry>(options)
  timed('insert, random order', entries, () => {
    for (const item of items) index.insert(item)
  })
  bytes('memory after random inserts', memoryBytes() - before, entries)
  timed('get', entries, () => {
    for (const item of shuffled) sink += index.get(item)!.lane0
  })
  timed('has, absent', entries, () => {
    for (const item of shuffled) if (index.has({ ...item, key: `${item.key}!` })) sink++
  })
  timed('iteration, per item', entries, () => {
    for (const item of index) sink += item.lane0
  })
  const probes = shuffled.slice(0, 20_000)
  timed('from(bound), first item', probes.length, () => {
    for (const { key } of probes) sink += index.from(at(key)).next().value!.lane0
  })
  timed('rank', probes.length, () => {
    for (const { key } of probes) sink += index.rank(at(key))
  })
  timed('at', probes.length, () => {
    for (let i = 0; i < probes.length; i++) sink += index.at((i * 7919) % entries)!.lane0
  })
  timed('sum of a random range', probes.length, () => {
    for (let i = 1; i < probes.length; i++) {
      sink += index.sum(at(probes[i - 1]!.key), at(probes[i]!.key)).count
    }
  })
  timed('delete and insert again', entries, () => {
    for (const item of shuffled) {
      index.delete(item)
      index.insert(item)
    }
  })
  bytes('memory after that', memoryBytes() - before, entries)
  timed('delete all but 1 %', entries, () => {
    for (const item of shuffled) if (index.size > entries / 100) index.delete(item)
  })
  bytes('memory after that, per item left', memoryBytes() - before, index.size)

  const sorted = items.toSorted(compareKeys)
  const bulkBefore = memoryBytes()
  let bulk = new RangeIndex<Entry>(options)
  timed('fromSorted', entries, () => {
    bulk = RangeIndex.fromSorted(sorted, options)
  })
  bytes('memory after fromSorted', memoryBytes() - bulkBefore, bulk.size)
  bulk = new RangeIndex<Entry>(options)
  const ascendingBefore = memoryBytes()
  timed('insert, ascending order', entries, () => {
    for (const item of sorted) bulk.insert(item)
  })
  bytes('memory after ascending inserts', memoryBytes() - ascendingBefore, bulk.size)
  sink += bulk.size + items.length + shuffled.length + sorted.length
}

function benchContext(): void {
  console.log(`\nContext, ${entries} closed actors`)
  const hash = (input: Uint8Array): Uint8Array => createHash('md5').update(input).digest()
  const before = memoryBytes()
  const context = new Context(hash)
  timed('add of a new actor', entries, () => {
    for (let i = 0; i < entries; i++) context.add(toBinary(randomBits(i)), [1, 1000 + i])
  })
  bytes('memory per actor', memoryBytes() - before, entries)
  timed('hash', entries, () => (sink += context.hash()[0]!))
  const known = Array.from({ length: 20_000 }, (_, i) => toBinary(randomBits((i * 7919) % entries)))
  timed('covers', known.length, () => {
    for (const actor of known) if (context.covers(actor, 5)) sink++
  })
  const writer = known[0]!
  timed('add of one dot and hash', 20_000, () => {
    for (let i = 0; i < 20_000; i++) {
      context.add(writer, [entries + 2000 + i, entries + 2000 + i])
      sink += context.hash()[0]!
    }
  })
  // Of whoever was overloaded, every other mutation is missing.
  const gappy = toBinary(randomBits(entries))
  const GAPS = 100_000
  const ranges = Array.from({ length: GAPS }, (_, i) => ({ from: 2 * i + 1, to: 2 * i + 1 }))
  timed('set of an actor with 100,000 gaps, per gap', GAPS, () => {
    context.add(gappy, fromRanges(ranges))
  })
  timed('add of 100 dots to it, and hash', 100, () => {
    for (let i = 1; i <= 100; i++) {
      const dots = Array.from({ length: 100 }, (_, j) => (i * 1000 + j * 10) * 2)
      context.add(gappy, fromRanges(dots.map((n) => ({ from: n, to: n }))))
      sink += context.hash()[0]!
    }
  })
  timed('snapshot', 100, () => {
    for (let i = 0; i < 100; i++) sink += context.snapshot().dots
  })
  timed('iteration, per actor', entries, () => {
    for (const [, set] of context) sink += set.length
  })
}

function benchBytes(): void {
  console.log('\nBinary strings')
  for (const length of [16, 64, 1024]) {
    const inputs = Array.from({ length: 1000 }, (_, i) =>
      Uint8Array.from({ length }, (_, j) => (i * 31 + j * 17) & 255),
    )
    const texts = inputs.map(toBinary)
    timed(`toBinary of ${length} bytes`, 200_000, () => {
      for (let i = 0; i < 200_000; i++) sink += toBinary(inputs[i % 1000]!).length
    })
    timed(`fromBinary of ${length} bytes`, 200_000, () => {
      for (let i = 0; i < 200_000; i++) sink += fromBinary(texts[i % 1000]!).length
    })
  }
}

benchRangeIndex()
benchContext()
benchBytes()
if (Number.isNaN(sink)) throw new TypeError('results were not numbers')
