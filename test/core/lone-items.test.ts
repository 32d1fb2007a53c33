/** Items of a chunk that are the only ones of their keys. */
import assert from 'node:assert/strict'
import { dotText, makeRegister } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import {
  decodeLoneItems,
  encodeLoneItems,
  joinEnvelopes,
  splitEnvelopes,
} from '../../src/core/repair/lone-items.ts'
import { ActorTable, decodeActors } from '../../src/core/wire/dots.ts'
import { hash } from '../support/fleet.ts'

const ITEMS = ['a', 'b', 'a'].map((name, i): Item => {
  const value = new Uint8Array(20).fill(i)
  const dot = { actor: name.repeat(16), counter: i + 1 }
  return makeRegister({ ...dot, key: `key ${i}`, value, ms: 1, tick: 0, expiry: 0 }, hash)
})

function sent() {
  const table = new ActorTable()
  const wire = encodeLoneItems(ITEMS, table)
  return { wire, actors: decodeActors(table.actors)! }
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy[copy.length - 1]! ^= 1
  return copy
}

describe('core: lone items of a chunk', () => {
  it('arrive with their keys and dots', () => {
    const { wire, actors } = sent()
    const states = decodeLoneItems(wire, actors, hash)!
    assert.deepEqual(
      states.map(({ key, held, items }) => [key, held.map(dotText), items.map(dotText)]),
      ITEMS.map((item) => [item.key, [dotText(item)], [dotText(item)]]),
    )
    for (const [i, { items }] of states.entries()) {
      assert.deepEqual(items[0]!.envelope, ITEMS[i]!.envelope)
    }
  })

  const spoilings: [string, (item: Uint8Array) => Uint8Array][] = [
    ['that does not decode', (item) => item.slice(0, 10)],
    ['in which a bit has flipped since its sender made it', flipped],
  ]
  for (const [what, spoil] of spoilings) {
    it(`are taken but for one ${what}, of which the dot stays to be had (R14, R16)`, () => {
      const { wire, actors } = sent()
      const envelopes = splitEnvelopes(wire)!
      envelopes[1] = spoil(envelopes[1]!)
      const states = decodeLoneItems({ ...wire, ...joinEnvelopes(envelopes) }, actors, hash)!
      assert.deepEqual(
        states.map(({ items, itemsRefused }) => [items.length, itemsRefused]),
        [
          [1, 0],
          [0, 1],
          [1, 0],
        ],
      )
      assert.equal(states[1]!.key, '')
      assert.deepEqual(states[1]!.held.map(dotText), [dotText(ITEMS[1]!)])
    })
  }

  it('are malformed when their lists do not fit together', () => {
    const { wire, actors } = sent()
    const { items, lengths, held, checks } = wire
    const decode = (change: Partial<typeof wire>) =>
      decodeLoneItems({ ...wire, ...change }, actors, hash)
    assert.equal(decode({ items: items.slice(1) }), undefined)
    assert.equal(decode({ lengths: lengths.slice(1) }), undefined)
    assert.equal(decode(joinEnvelopes(splitEnvelopes(wire)!.slice(1))), undefined)
    assert.equal(decode({ held: held.slice(0, -2) }), undefined)
    assert.equal(decode({ checks: checks.slice(4) }), undefined)
    assert.equal(decode({ checks: checks.slice(1) }), undefined)
    assert.equal(decodeLoneItems(wire, actors.slice(1), hash), undefined)
  })
})
