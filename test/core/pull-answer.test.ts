/** What the answering side of a pull sends, chunk by chunk. */
import assert from 'node:assert/strict'
import { covers, EMPTY, fromRanges } from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { dotText, makeRegister } from '../../src/core/item.ts'
import type { Dot, Item } from '../../src/core/item.ts'
import { decodeKeyState } from '../../src/core/repair/key-state.ts'
import { decodeLoneItems } from '../../src/core/repair/lone-items.ts'
import { PullAnswer } from '../../src/core/repair/pull-answer.ts'
import { RemovedSince } from '../../src/core/repair/removed-since.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { Replica } from '../../src/core/replica.ts'
import { decodeActors, decodeRanges } from '../../src/core/wire/dots.ts'
import type { Chunk } from '../../src/core/wire/messages.ts'
import { hash } from '../support/fleet.ts'
import { Seeded } from '../support/seeded.ts'
import { drawSizes } from '../support/small-sizes.ts'

const [WRITER, OTHER] = ['w'.repeat(16), 'o'.repeat(16)]
/** Two of them are more than a chunk. */
const BYTES = 40_000
const CHUNKS_MAX = 10

function item(actor: string, counter: number, key: string, bytes = BYTES): Item {
  const value = new Uint8Array(bytes)
  return makeRegister({ actor, counter, key, value, ms: 1, tick: 0, expiry: 0 }, hash)
}

const ACTORS = ['a', 'b', 'c'].map((name) => name.repeat(16))
const COUNTERS = 12
const KEYS = ['1', '2', '3', '4']
const VALUE_BYTES = [0, 100, 20_000, 40_000, 70_000]

/** All dots are seen; some are held, and some, held or not, are deletes. */
function randomReplica(random: Seeded): Replica {
  const replica = new Replica(hash)
  const items: Item[] = []
  for (const actor of ACTORS) {
    replica.context.add(actor, [1, COUNTERS])
    for (let counter = 1; counter <= COUNTERS; counter++) {
      if (random.chance(0.4))
        items.push(item(actor, counter, random.pick(KEYS), random.pick(VALUE_BYTES)))
    }
  }
  replica.load(items)
  for (let i = random.int(0, 12); i > 0; i--) {
    const [mutation, removed] = [randomDot(random), randomDot(random)]
    if (replica.held(removed.actor, removed.counter) !== undefined) continue
    replica.removals.add({ ...mutation, removed, key: random.pick(KEYS) })
  }
  return replica
}

function randomDot(random: Seeded): Dot {
  return { actor: random.pick(ACTORS), counter: random.int(1, COUNTERS) }
}

/** What an asker has: some intervals of some actors. */
function randomContext(random: Seeded): Map<string, Intervals> {
  const context = new Map<string, Intervals>()
  for (const actor of random.some(ACTORS, random.int(0, ACTORS.length))) {
    const seen = Array.from({ length: COUNTERS }, (_, i) => i + 1).filter(() => random.chance(0.4))
    context.set(actor, fromRanges(seen.map((n) => ({ from: n, to: n }))))
  }
  return context
}

function dotsOf(chunk: Chunk): { told: string[]; carried: Set<string> } {
  const actors = decodeActors(chunk.actors)!
  const told: string[] = []
  for (const { actor, from, to } of decodeRanges(chunk.ranges, actors)!) {
    for (let counter = from; counter <= to; counter++) told.push(dotText({ actor, counter }))
  }
  const lone = decodeLoneItems(chunk, actors, hash)!
  const states = [...lone, ...chunk.keys.map((state) => decodeKeyState(state, actors, hash)!)]
  return { told, carried: new Set(states.flatMap(({ items }) => items.map(dotText))) }
}

describe('core: pull answers', () => {
  it('tell of each dot that the asker lacks once, with its item if it is held', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Seeded(seed, 'pull answers')
      const replica = randomReplica(random)
      const theirs = randomContext(random)
      const pull = new PullAnswer(
        replica,
        new RemovedSince(1),
        { theirs, buckets: undefined },
        new Map(),
        1,
        drawSizes(random),
      )
      const told = new Set<string>()
      while (!pull.done) {
        const chunk = dotsOf(pull.nextChunk())
        assert.ok(chunk.told.length > 0, `seed ${seed}: a chunk that tells of nothing`)
        for (const text of chunk.told) {
          assert.ok(!told.has(text), `seed ${seed}: ${text} is told twice`)
          told.add(text)
          const isHeld = [...replica.fromDot('', 0)].some((one) => dotText(one) === text)
          assert.equal(isHeld, chunk.carried.has(text), `seed ${seed}: the item of ${text}`)
        }
      }
      for (const actor of ACTORS) {
        for (let counter = 1; counter <= COUNTERS; counter++) {
          const isLacked = !covers(theirs.get(actor) ?? EMPTY, counter)
          assert.equal(told.has(dotText({ actor, counter })), isLacked, `seed ${seed}`)
        }
      }
    }
  })

  it('tell nothing of a dot whose item was removed meanwhile, and of all others once', () => {
    for (let seed = 1; seed <= 300; seed++) {
      const random = new Seeded(seed, 'removed meanwhile')
      const replica = randomReplica(random)
      const theirs = randomContext(random)
      const removed = new RemovedSince(1)
      const scope = { theirs, buckets: undefined }
      const pull = new PullAnswer(replica, removed, scope, new Map(), 1, drawSizes(random))
      const gone = new Set<string>()
      const told = new Set<string>()
      while (!pull.done) {
        const held = [...replica.fromDot('', 0)]
        for (const one of random.some(held, random.int(0, Math.min(3, held.length)))) {
          replica.remove(one)
          removed.add([one])
          gone.add(dotText(one))
        }
        for (const text of dotsOf(pull.nextChunk()).told) {
          assert.ok(!told.has(text), `seed ${seed}: ${text} is told twice`)
          assert.ok(!gone.has(text), `seed ${seed}: ${text} is told, and was removed meanwhile`)
          told.add(text)
        }
      }
      for (const actor of ACTORS) {
        for (let counter = 1; counter <= COUNTERS; counter++) {
          const text = dotText({ actor, counter })
          const isLacked = !covers(theirs.get(actor) ?? EMPTY, counter)
          assert.ok(!told.has(text) || isLacked, `seed ${seed}: ${text} is told, and was there`)
          assert.ok(told.has(text) || gone.has(text) || !isLacked, `seed ${seed}: not ${text}`)
        }
      }
    }
  })

  it('end although one dot is both a value and a delete of a key whose value does not fit beside it (R14, seed 4014725)', () => {
    const replica = new Replica(hash)
    replica.context.add(OTHER, [1, 2])
    replica.context.add(WRITER, [1, 1])
    replica.load([item(OTHER, 2, 'deleted elsewhere'), item(WRITER, 1, 'put')])
    const removed = { actor: OTHER, counter: 1 }
    replica.removals.add({ actor: WRITER, counter: 1, removed, key: 'deleted elsewhere' })
    const scope = { theirs: new Map([[OTHER, [1, 1]]]), buckets: undefined }
    const pull = new PullAnswer(replica, new RemovedSince(1), scope, new Map(), 1_000_000, SIZES)
    let chunks = 0
    while (!pull.done && chunks < CHUNKS_MAX) {
      pull.nextChunk()
      chunks++
    }
    assert.ok(pull.done, `${chunks} chunks, and no end`)
  })
})
