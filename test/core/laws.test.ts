/** The laws of the map, on random histories, against a model without any index. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { Change } from '../../src/core/change.ts'
import type { Dot } from '../../src/core/item.ts'
import { applyKeyState } from '../../src/core/repair/key-state.ts'
import type { KeyState } from '../../src/core/repair/key-state.ts'
import { Replica } from '../../src/core/replica.ts'
import type { Delta } from '../../src/core/wire/gossip.ts'
import { decodeGossip, encodeGossip } from '../../src/core/wire/gossip.ts'
import { applyDelta, applyWrite } from '../../src/core/writes.ts'
import type { LocalMutation, Writer } from '../../src/core/writes.ts'
import { hash } from '../support/fleet.ts'
import { Naive, textOf, textOfReplica } from '../support/naive.ts'

const KEYS = ['k', 'l']
const LIMITS = { valueBytes: 100, siblings: 4 }
const REPLICAS = 3

/** Numbers are taken modulo what there is to choose from at that moment. */
const step = fc.record({
  at: fc.nat(REPLICAS - 1),
  kind: fc.constantFrom('write', 'delta', 'delta', 'key', 'key', 'commit'),
  op: fc.constantFrom<('put' | 'delete')[]>('put', 'put', 'delete'),
  key: fc.constantFrom(...KEYS),
  token: fc.option(fc.array(fc.nat(), { maxLength: 5 }), { nil: undefined }),
  pick: fc.nat(),
  from: fc.nat(REPLICAS - 1),
  carried: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
})
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never
// Long enough for replicas to come apart and together again.
const history = fc.array(step, { maxLength: 80, size: 'max' })

class Site {
  readonly replica = new Replica(hash)
  readonly naive = new Naive()
  readonly writer: Writer
  change = new Change(this.replica)

  constructor(name: string) {
    this.writer = { actor: name.repeat(16), head: 0 }
  }

  commit(): void {
    const before = new Map(KEYS.map((key) => [key, dotsOf(this.replica.siblings(key))]))
    this.change.apply()
    const changed = this.change.keysChanged()
    for (const key of KEYS) {
      if (dotsOf(this.replica.siblings(key)) !== before.get(key)) assert.ok(changed.has(key))
    }
    this.change = new Change(this.replica)
    assert.equal(textOfReplica(this.replica), this.naive.text())
  }
}

function dotsOf(dots: readonly Dot[]): string {
  return dots.map(textOf).join()
}

class World {
  readonly sites = ['a', 'b', 'c'].map((name) => new Site(name))
  readonly deltas: Delta[] = []

  run(steps: readonly Step[]): void {
    for (const one of steps) this.#step(one)
    for (const site of this.sites) site.commit()
  }

  #step(one: Step): void {
    const site = this.sites[one.at]!
    if (one.kind === 'commit') site.commit()
    else if (one.kind === 'write') this.#write(site, one)
    else if (one.kind === 'key') this.#takeKey(site, one)
    else if (this.deltas.length > 0) {
      const delta = this.deltas[one.pick % this.deltas.length]!
      applyDelta(site.change, delta)
      site.naive.delta(delta)
    }
    assert.equal(
      dotsOf(site.change.siblings(one.key)),
      dotsOf(site.naive.siblings(one.key)),
      'a change shows what it will make',
    )
  }

  #write(site: Site, { op, key, token }: Step): void {
    // Of dots that anybody made for this key, some of them twice; those of this writer that it did not make are not there.
    const known = this.deltas.filter(({ item }) => item?.key === key).map(({ dot }) => dot)
    const observed = token?.flatMap((pick) => known[pick % Math.max(known.length, 1)] ?? [])
    const base: LocalMutation = { op, key, value: new Uint8Array(1) }
    const mutation = observed === undefined ? base : { ...base, observed }
    const expected = site.naive.observed(mutation)
    const head = site.writer.head
    const written = applyWrite(site.change, [mutation], site.writer, 1000, hash, LIMITS)
    if ('code' in written) {
      assert.equal(written.code, 'TOO_MANY_SIBLINGS')
      assert.ok(site.naive.siblings(key).length >= LIMITS.siblings)
      assert.equal(site.writer.head, head)
      return
    }
    const [result] = written.results
    assert.equal(result!.superseded, expected.length)
    const mutations = op === 'put' || expected.length > 0 ? 1 : 0
    assert.equal(site.writer.head, head + mutations, 'one dot each, and no holes')
    for (const delta of written.deltas) site.naive.delta(delta)
    assert.equal(dotsOf(result!.held), dotsOf(site.naive.siblings(key)))
    const superseded = written.deltas.flatMap((delta) => delta.supersedes.map(textOf))
    assert.deepEqual(superseded.sort(), expected.map(textOf).sort())
    this.deltas.push(...written.deltas)
  }

  /** One key, from the committed state of another site, with some of its items left out. */
  #takeKey(site: Site, { from, key, carried }: Step): void {
    const other = this.sites[from]!
    if (other === site) return
    const held = other.replica.siblings(key)
    const items = held.filter((_, index) => carried[index % carried.length])
    const state: KeyState = { ...NOTHING, key, held, items }
    const isDead = (dot: Dot): boolean => other.replica.context.covers(dot.actor, dot.counter)
    applyKeyState(site.change, state, { isDead, mayGo: () => 'heard', catchingUp: false })
    site.naive.keyState(state, isDead)
  }
}

/** Of a key state. */
const NOTHING = { removed: [], proofs: [], hearsay: [], itemsRefused: 0 }

describe('laws of the map', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  it('a token that names a dot twice is as one that names it once, also for what is in no batch yet', () => {
    const site = new Site('a')
    const { change, writer } = site
    const write = (mutation: LocalMutation): ReturnType<typeof applyWrite> =>
      applyWrite(change, [mutation], writer, 1000, hash, LIMITS)
    write({ op: 'put', key: 'k' })
    const observed = [1, 1].map((counter) => ({ actor: writer.actor, counter }))
    write({ op: 'delete', key: 'k', observed })
    change.apply()
    assert.equal(site.replica.size, 0)
    assert.equal(site.replica.keys, 0)
    assert.equal(change.removed.size, 0)
  })

  it('a token that names a write of this writer which it has not made is refused', () => {
    const { change, writer } = new Site('a')
    const observed = [{ actor: writer.actor, counter: 1 }]
    for (const op of ['put', 'delete'] as const) {
      const refused = applyWrite(change, [{ op, key: 'k', observed }], writer, 1, hash, LIMITS)
      assert.ok('code' in refused && refused.code === 'BAD_TOKEN')
    }
  })

  it('hold against a model without indexes: writes, deltas and key states in any order', () => {
    fc.assert(
      fc.property(history, (steps) => new World().run(steps)),
      { numRuns: 1000 },
    )
  })

  it('a key keeps what it has while a successor that should replace it has not come (R5)', () => {
    const [here, there] = [new Site('a'), new Site('b')]
    const write = (): Delta[] => {
      const written = applyWrite(
        there.change,
        [{ op: 'put', key: 'k' }],
        there.writer,
        1000,
        hash,
        LIMITS,
      )
      there.change.apply()
      there.change = new Change(there.replica)
      return 'code' in written ? assert.fail() : written.deltas
    }
    for (const delta of write()) applyDelta(here.change, delta)
    here.change.apply()
    write()
    const held = there.replica.siblings('k')
    for (const items of [[], held]) {
      const state = { ...NOTHING, key: 'k', held, items }
      const change = new Change(here.replica)
      const applied = applyKeyState(change, state, {
        isDead: () => true,
        mayGo: () => 'heard',
        catchingUp: false,
      })
      assert.equal(applied.missing.length, held.length - items.length)
      const counters = change.siblings('k').map(({ counter }) => counter)
      assert.deepEqual(counters, [items.length === 0 ? 1 : 2])
    }
  })

  it('deltas in any order, some of them several times, give the same state', () => {
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), (steps, choices) => {
        const world = new World()
        world.run(steps)
        const states = [0, 1].map(() => {
          const replica = new Replica(hash)
          const left = [...world.deltas, ...world.deltas.filter((_, index) => index % 3 === 0)]
          while (left.length > 0) {
            const change = new Change(replica)
            const batch = 1 + (choices.next().value! % 3)
            for (let i = 0; i < batch && left.length > 0; i++) {
              const [delta] = left.splice(choices.next().value! % left.length, 1)
              applyDelta(change, delta!)
            }
            change.apply()
          }
          return textOfReplica(replica)
        })
        assert.equal(states[0], states[1])
        const made = Object.fromEntries(
          world.sites.map(({ writer }) => [writer.actor, writer.head]),
        )
        const replica = new Replica(hash)
        const change = new Change(replica)
        for (const delta of world.deltas) applyDelta(change, delta)
        change.apply()
        assert.equal(textOfReplica(replica), states[0])
        for (const [actor, set] of replica.context) {
          assert.deepEqual(set, [1, made[actor]], 'all deltas of an actor leave no hole')
        }
      }),
      { numRuns: 300 },
    )
  })

  it('deltas travel: what is decoded does what the original did', () => {
    fc.assert(
      fc.property(history, fc.integer({ min: 0, max: 120 }), (steps, inlineBytes) => {
        const world = new World()
        world.run(steps)
        const payloads = encodeGossip(world.deltas, inlineBytes, 400)
        const back = payloads.flatMap((bytes) => decodeGossip(bytes, hash) ?? assert.fail())
        assert.deepEqual(
          back.map(({ dot, supersedes }) => [dot, ...supersedes].map(textOf)),
          world.deltas.map(({ dot, supersedes }) => [dot, ...supersedes].map(textOf)),
        )
        back.forEach((delta, index) => {
          const { item } = world.deltas[index]!
          const inline = item !== undefined && item.envelope.length <= inlineBytes
          assert.deepEqual(delta.item?.envelope, inline ? item.envelope : undefined)
          const announced = item === undefined || inline ? 0 : item.envelope.length
          assert.equal(delta.announcedBytes, announced)
        })
      }),
      { numRuns: 200 },
    )
  })
})
