/** The replica in its store: what is replayed is what was in memory, and damage of any one record shows (R8). */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { fromBinary, toBinary } from '../../src/core/bytes.ts'
import { Change } from '../../src/core/change.ts'
import { fromRanges } from '../../src/core/intervals.ts'
import { makeRegister } from '../../src/core/item.ts'
import type { Hash } from '../../src/core/item.ts'
import {
  encodeAll,
  encodeBatch,
  encodeBirth,
  Loader,
  NO_META,
  Rehash,
} from '../../src/core/records.ts'
import type { Loaded, RawRecord } from '../../src/core/records.ts'
import { Replica } from '../../src/core/replica.ts'
import { hash } from '../support/fleet.ts'
import { SimDisk } from '../support/sim-disk.ts'

const MAP = new Uint8Array(16).fill(9)
const ACTORS = ['a', 'b', 'c'].map((letter) => letter.repeat(16))

/** One commit: dots to see, items to add or to remove again. */
const step = fc.record({
  actor: fc.constantFrom(...ACTORS),
  counter: fc.integer({ min: 1, max: 12 }),
  key: fc.constantFrom('k', 'l'),
  op: fc.constantFrom('see', 'add', 'remove'),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
const commits = fc.array(fc.array(step, { maxLength: 4 }), { minLength: 1, maxLength: 12 })

function take(change: Change, { actor, counter, key, op }: Step): void {
  const held = change.held(actor, counter)
  if (op === 'remove' && held !== undefined) change.remove(held)
  else if (op === 'see' && held === undefined) change.see(actor, counter)
  else if (op === 'add' && !change.covers(actor, counter)) {
    const value = Uint8Array.of(counter)
    change.add(makeRegister({ actor, counter, key, value, ms: 5, tick: 0, expiry: 0 }, hash))
  }
}

interface Written {
  replica: Replica
  disk: SimDisk
}

function write(steps: readonly (readonly Step[])[], onBatch?: (written: Written) => void): Written {
  const written = { replica: new Replica(hash), disk: new SimDisk() }
  written.disk.write(encodeBirth(MAP, hash))
  written.disk.sync()
  for (const [index, batch] of steps.entries()) {
    const change = new Change(written.replica)
    change.touch()
    for (const one of batch) take(change, one)
    written.disk.write(
      encodeBatch(change, { completeAsOf: index, clock: 1000 + index, lossAt: 0 }, hash),
    )
    written.disk.sync()
    change.apply()
    onBatch?.(written)
  }
  return written
}

function load(records: readonly RawRecord[]): Loaded {
  const loader = new Loader(hash)
  loader.add(records)
  return loader.finish()
}

function textOf(replica: Replica): string {
  const items = Array.from(replica.fromDot('', 0), (item) => toBinary(item.envelope))
  const context = Array.from(replica.context, ([actor, set]) => `${actor} ${set.join()}`)
  const { count, lanes } = replica.sum(undefined, undefined)
  const order = Array.from(replica.fromKey(''), (item) => `${item.key} ${item.counter}`)
  return [...context.sort(), ...items, ...order, count, lanes.join(), replica.keys].join('\n')
}

/** Loads whole, but other than it was written. */
function isWrong(loaded: Loaded, replica: Replica, meta: object): boolean {
  if (loaded.damage.length > 0) return false
  const same =
    textOf(loaded.replica) === textOf(replica) &&
    JSON.stringify(loaded.meta) === JSON.stringify(meta) &&
    toBinary(loaded.map ?? new Uint8Array(0)) === toBinary(MAP)
  return !same
}

describe('records', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  it('bring back, batch by batch, what was in memory', () => {
    fc.assert(
      fc.property(commits, (steps) => {
        let batches = 0
        write(steps, ({ replica, disk }) => {
          const loaded = load(disk.records())
          assert.deepEqual(loaded.damage, [])
          assert.equal(textOf(loaded.replica), textOf(replica))
          assert.deepEqual(loaded.meta, {
            completeAsOf: batches,
            clock: 1000 + batches,
            lossAt: 0,
          })
          assert.deepEqual(loaded.map, MAP)
          batches++
        })
      }),
    )
  })

  it('are the same replica in another cluster, which has yet to compare itself there', () => {
    const theirs: Hash = (content) => hash(Buffer.concat([Uint8Array.of(7), content]))
    const theirMap = new Uint8Array(16).fill(8)
    fc.assert(
      fc.property(commits, fc.integer({ min: 1, max: 9 }), (steps, slice) => {
        const { disk, replica } = write(steps)
        const change = new Change(replica)
        change.hear('d'.repeat(16), fromRanges([{ from: 3, to: 5 }]))
        const before = { completeAsOf: 77, clock: 5000, lossAt: 66 }
        disk.write(encodeBatch(change, before, hash))
        disk.sync()
        change.apply()
        const rehash = new Rehash(hash, theirs)
        const other = new SimDisk()
        const all = disk.records()
        while (all.length > 0) other.write(rehash.add(all.splice(0, slice)))
        other.write(rehash.end(theirMap))
        other.sync()
        const loader = new Loader(theirs)
        loader.add(other.records())
        const { replica: adopted, meta, map, damage } = loader.finish()
        assert.deepEqual(damage, [])
        assert.deepEqual([meta, map], [{ ...before, completeAsOf: 0 }, theirMap])
        assert.deepEqual([...adopted.hearsay], [...replica.hearsay])
        assert.deepEqual([...adopted.context], [...replica.context])
        const envelopes = (of: Replica): Uint8Array[] =>
          Array.from(of.fromDot('', 0), ({ envelope }) => envelope)
        assert.deepEqual(envelopes(adopted), envelopes(replica))
        assert.ok(load(other.records()).damage.length > 0)
      }),
    )
  })

  it('are an unused store when there are none', () => {
    const loaded = load([])
    assert.deepEqual(loaded.damage, [])
    assert.equal(loaded.map, undefined)
    assert.equal(loaded.replica.size, 0)
  })

  it('show when one of them was lost', () => {
    fc.assert(
      fc.property(commits, fc.nat(), (steps, at) => {
        const { disk } = write(steps)
        const records = disk.records()
        records.splice(at % records.length, 1)
        assert.ok(load(records).damage.length > 0 || records.length === 0)
      }),
    )
  })

  it('show when any bit of one was flipped, in its key or in its value', () => {
    fc.assert(
      fc.property(commits, fc.nat(), fc.nat(), (steps, at, bit) => {
        const { disk, replica } = write(steps)
        const records = disk.records()
        const { key, value } = records[at % records.length]!
        const bytes = bit % 3 === 0 ? key : value
        const place = bit % (bytes.length * 8)
        bytes[place >> 3]! ^= 1 << (place & 7)
        const meta = { completeAsOf: steps.length - 1, clock: 999 + steps.length, lossAt: 0 }
        const map = load(records)
        // Another map id is whole in itself; whoever opens the store compares it with the one that he expects.
        if (map.damage.length === 0 && toBinary(map.map ?? bytes) !== toBinary(MAP)) return
        assert.ok(!isWrong(map, replica, meta))
      }),
      { numRuns: 1000 },
    )
  })

  it('show when one of them was kept after its deletion, or is as it was before', () => {
    fc.assert(
      fc.property(commits, fc.nat(), (steps, at) => {
        const before: RawRecord[] = []
        const { disk, replica } = write(steps, (written) => before.push(...written.disk.records()))
        const records = new Map(disk.records().map(({ key, value }) => [toBinary(key), value]))
        const stale = before[at % before.length]!
        records.set(toBinary(stale.key), stale.value)
        const mixed = [...records]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, value]) => ({ key: fromBinary(key), value }))
        const meta = { completeAsOf: steps.length - 1, clock: 999 + steps.length, lossAt: 0 }
        const loaded = load(mixed)
        // An older record of sums over the same content is whole in itself; it only says "complete" of an earlier time.
        if (loaded.damage.length === 0 && textOf(loaded.replica) === textOf(replica)) return
        assert.ok(!isWrong(loaded, replica, meta))
      }),
      { numRuns: 500 },
    )
  })

  it('show when one of them comes twice, or out of order', () => {
    fc.assert(
      fc.property(commits, fc.nat(), fc.nat(), (steps, from, to) => {
        const { disk, replica } = write(steps)
        const records = disk.records()
        records.splice(to % records.length, 0, records[from % records.length]!)
        const meta = { completeAsOf: steps.length - 1, clock: 999 + steps.length, lossAt: 0 }
        assert.ok(!isWrong(load(records), replica, meta))
      }),
    )
  })

  it('with damage are the intact items, and a context of exactly their dots', () => {
    fc.assert(
      fc.property(commits, fc.nat(), fc.nat(), (steps, at, bit) => {
        const { disk, replica } = write(steps)
        const records = disk.records()
        const { value } = records[at % records.length]!
        value[(bit >> 3) % value.length]! ^= 1 << (bit & 7)
        const loaded = load(records)
        if (loaded.damage.length === 0) return
        const intact = [...loaded.replica.fromDot('', 0)]
        for (const item of intact) {
          assert.deepEqual(replica.held(item.actor, item.counter)?.envelope, item.envelope)
        }
        assert.ok(intact.length >= replica.size - 1)
        assert.equal(loaded.replica.context.dots, intact.length)
        for (const { actor, counter } of intact) {
          assert.ok(loaded.replica.context.covers(actor, counter))
        }
        assert.equal(loaded.meta.completeAsOf, 0)
        if ((loaded.itemsLost ?? 0) > 0)
          assert.equal(loaded.itemsLost, replica.size - intact.length)
      }),
      { numRuns: 500 },
    )
  })

  it('of an actor with half a million gaps load: one by one they would take more than the time that there is', () => {
    const replica = new Replica(hash)
    const dots = Array.from({ length: 500_000 }, (_, i) => ({ from: 2 * i + 2, to: 2 * i + 2 }))
    replica.context.add(ACTORS[0]!, fromRanges(dots))
    const disk = new SimDisk()
    for (const batch of encodeAll(replica, { ...NO_META }, MAP, hash)) disk.write(batch)
    disk.sync()
    const { replica: loaded } = load(disk.records())
    assert.equal(loaded.context.dots, 500_000)
    assert.equal(loaded.context.gapCount, 500_000)
    assert.deepEqual(loaded.context.hash(), replica.context.hash())
  })

  it('written anew as a whole are the same replica', () => {
    fc.assert(
      fc.property(commits, (steps) => {
        const { replica } = write(steps)
        const disk = new SimDisk()
        const meta = { completeAsOf: 7, clock: 8, lossAt: 9 }
        for (const batch of encodeAll(replica, meta, MAP, hash)) disk.write(batch)
        disk.sync()
        const loaded = load(disk.records())
        assert.deepEqual(loaded.damage, [])
        assert.equal(textOf(loaded.replica), textOf(replica))
        assert.deepEqual(loaded.meta, meta)
        assert.deepEqual(loaded.map, MAP)
      }),
    )
  })
})
