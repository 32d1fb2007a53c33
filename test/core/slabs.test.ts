import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeItem, makeRegister } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import { Replica } from '../../src/core/replica.ts'
import { Slabs } from '../../src/core/slabs.ts'
import type { Place, Slab } from '../../src/core/slabs.ts'
import { hash } from '../support/fleet.ts'

const SLAB_BYTES_MAX = 64 * 1024

/** What lives in slabs, and what each of it should read like. */
class Tenants {
  readonly slabs = new Slabs((place) => this.#move(place))
  readonly all = new Set<{ envelope: Uint8Array; place: Place }>()

  add(envelope: Uint8Array): void {
    this.all.add({ envelope, place: this.slabs.add(envelope)! })
  }

  /** Lets the one go that is `pick` places from the first, round and round. */
  release(pick: number): void {
    const one = [...this.all][pick % this.all.size]
    if (one === undefined) return
    this.all.delete(one)
    this.slabs.release(one.place)
  }

  check(): void {
    const used = new Set<Slab>()
    let bytes = 0
    for (const { envelope, place } of this.all) {
      assert.deepEqual(place.slab.envelopeAt(place.at), envelope)
      used.add(place.slab)
      bytes += envelope.length + 2
    }
    const room = [...used].reduce((sum, slab) => sum + slab.bytes.length, 0)
    assert.ok(room <= 2 * bytes + SLAB_BYTES_MAX, `${room} bytes for ${bytes}`)
  }

  #move({ slab, at }: Place): void {
    for (const one of this.all) {
      if (one.place.slab !== slab || one.place.at !== at) continue
      one.place = this.slabs.add(one.envelope)!
    }
  }
}

const step = fc.record({
  adds: fc.array(fc.nat(2048), { maxLength: 30 }),
  releases: fc.array(fc.nat(), { maxLength: 30 }),
})

function filled(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => seed + 31 * i)
}

function register(counter: number, bytes: number): Item {
  const at = { actor: 'a'.repeat(16), counter, ms: counter, tick: 0, expiry: 0 }
  return makeRegister({ ...at, key: `key ${counter}`, value: filled(bytes, counter) }, hash)
}

describe('core: slabs of envelopes', () => {
  it('keeps each as it was, in at most twice the bytes, whatever is let go', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: 'max' }), (steps) => {
        const tenants = new Tenants()
        let seed = 0
        for (const { adds, releases } of steps) {
          for (const length of adds) tenants.add(filled(length, seed++))
          for (const pick of releases) tenants.release(pick)
          tenants.check()
        }
      }),
      { numRuns: 50 },
    )
  })

  it('leaves to others what is too long', () => {
    const { slabs } = new Tenants()
    assert.notEqual(slabs.add(new Uint8Array(2048)), undefined)
    assert.equal(slabs.add(new Uint8Array(2049)), undefined)
  })
})

describe('core: envelopes in a replica', () => {
  it('are what they were, those of removed items too, and views that were taken before', () => {
    const replica = new Replica(hash)
    const items = Array.from({ length: 2_000 }, (_, i) => register(i + 1, 2 * i))
    const were = items.map((item) => item.envelope.slice())
    for (const item of items) replica.insert(item)
    const views = items.map((item) => item.envelope)
    const removed = items.filter(({ counter }) => counter % 7 !== 0)
    for (const item of removed) replica.remove(item)
    for (const [i, item] of items.entries()) {
      assert.equal(item.envelopeBytes, were[i]!.length)
      assert.deepEqual(item.envelope, were[i])
      assert.deepEqual(item.value(), filled(2 * i, item.counter))
      assert.deepEqual(views[i], were[i])
    }
    const held = [...replica.fromDot('', 0)].map(({ envelope }) => envelope)
    const room = new Set(held.map(({ buffer }) => buffer))
    const bytes = held.reduce((sum, { length }) => sum + length + 2, 0)
    const taken = [...room].reduce((sum, { byteLength }) => sum + byteLength, 0)
    assert.ok(taken <= 2 * bytes + SLAB_BYTES_MAX, `${taken} bytes for ${bytes}`)
  })

  it('keep no slab once they are dropped', () => {
    const replica = new Replica(hash)
    const item = register(1, 100)
    replica.insert(item)
    replica.remove(item)
    replica.dropped.add(item)
    assert.equal(item.envelope.buffer.byteLength, item.envelopeBytes)
    assert.deepEqual(item.envelope, register(1, 100).envelope)
  })

  it('keep no message that they came in, once they are held, loaded or dropped', () => {
    const message = new Uint8Array(10_000)
    const received = (counter: number): Item => {
      const { envelope } = register(counter, counter)
      message.set(envelope)
      return decodeItem(message.subarray(0, envelope.length), hash)!
    }
    const replica = new Replica(hash)
    const loaded = new Replica(hash)
    const ways: ((item: Item) => void)[] = [
      (item) => replica.insert(item),
      (item) => loaded.load([item]),
      (item) => replica.dropped.add(item),
    ]
    for (const keep of ways) {
      for (const counter of [10, 3_000]) {
        const item = received(counter)
        keep(item)
        message.fill(0)
        assert.deepEqual(item.envelope, register(counter, counter).envelope)
      }
    }
  })
})
