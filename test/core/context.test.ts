import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as fc from 'fast-check'
import { toBinary, toHex } from '../../src/core/bytes.ts'
import type { ActorId } from '../../src/core/bytes.ts'
import { bucketOf, BUCKETS, Context } from '../../src/core/context.ts'
import type { ContextView } from '../../src/core/context.ts'
import * as intervals from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'

/** Any good hash will do; that of a daemon is keyed. */
const hash = (bytes: Uint8Array): Uint8Array => createHash('md5').update(bytes).digest()

/** Actors in pairs that differ in their last byte only, over all buckets. */
function actorOf(n: number): ActorId {
  const bytes = createHash('md5')
    .update(`actor ${n >> 1}`)
    .digest()
  bytes[15] = n & 1
  return toBinary(bytes)
}

const POOL = 6000
const pool = Array.from({ length: POOL }, (_, n) => actorOf(n))

/** The plainest possible context: the dots of each actor as a set of numbers. */
type Oracle = Map<ActorId, Set<number>>

function addTo(oracle: Oracle, actor: ActorId, from: number, to: number): void {
  let dots = oracle.get(actor)
  if (dots === undefined) oracle.set(actor, (dots = new Set()))
  for (let n = from; n <= to; n++) dots.add(n)
}

function intervalsOf(dots: ReadonlySet<number>): Intervals {
  const flat: number[] = []
  for (const n of [...dots].sort((a, b) => a - b)) {
    if (flat.at(-1) === n - 1) flat[flat.length - 1] = n
    else flat.push(n, n)
  }
  return flat
}

function copyOf(oracle: Oracle): Oracle {
  return new Map(Array.from(oracle, ([actor, dots]) => [actor, new Set(dots)]))
}

/** One line per actor, for comparisons that are quick and, when they fail, readable. */
function linesOf(actors: Iterable<readonly [ActorId, Intervals]>): string[] {
  return Array.from(actors, ([actor, set]) => `${toHex(actor)} ${set.join()}`).sort()
}

/** Compares every answer of a context, or of a snapshot, with the oracle. */
function check(view: ContextView, oracle: Oracle): void {
  const expected: [ActorId, Intervals][] = []
  const got: [ActorId, Intervals][] = []
  const wrong: string[] = []
  let dots = 0
  let gaps = 0
  for (const [actor, members] of oracle) {
    const head = Math.max(...members)
    dots += members.size
    gaps += head - members.size
    expected.push([actor, intervalsOf(members)])
    got.push([actor, view.get(actor)])
    for (const n of [0, 1, head >> 1, head - 1, head, head + 1]) {
      if (view.covers(actor, n) !== members.has(n)) wrong.push(`${toHex(actor)} ${n}`)
    }
  }
  const lines = linesOf(expected)
  assert.deepEqual(wrong, [])
  assert.deepEqual(linesOf(got), lines)
  assert.deepEqual(linesOf(view), lines)
  assert.equal(view.actors, oracle.size)
  assert.equal(view.dots, dots)
  assert.equal(view.gapCount, gaps)
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const own = expected.filter(([actor]) => actor.charCodeAt(0) === bucket)
    assert.deepEqual(linesOf(view.bucket(bucket)), linesOf(own))
    assert.equal(view.actorsIn(bucket), own.length)
  }
  const first = toBinary(new Uint8Array(16))
  const last = toBinary(new Uint8Array(16).fill(255))
  for (const unknown of [actorOf(POOL), first, last]) {
    assert.equal(view.get(unknown), intervals.EMPTY)
    assert.ok(!view.covers(unknown, 1))
  }
}

/** The hashes as the module header defines them, worked out from nothing. */
function hashesOf(oracle: Oracle): { total: Uint8Array; buckets: Uint8Array } {
  const sums = Array.from({ length: BUCKETS }, () => [0, 0, 0, 0])
  for (const [actor, dots] of oracle) {
    const encoded = intervals.encodeIntervals(intervalsOf(dots))
    const own = Buffer.from(hash(Buffer.concat([Buffer.from(actor, 'latin1'), encoded])))
    const sum = sums[bucketOf(actor)]!
    for (let i = 0; i < 4; i++) sum[i] = (sum[i]! + own.readUInt32BE(i * 4)) % 2 ** 32
  }
  const total = Buffer.alloc(16)
  const buckets = Buffer.alloc(BUCKETS * 8)
  sums.forEach((sum, bucket) => {
    for (let i = 0; i < 4; i++) {
      total.writeUInt32BE((total.readUInt32BE(i * 4) + sum[i]!) % 2 ** 32, i * 4)
      if (i < 2) buckets.writeUInt32BE(sum[i]!, bucket * 8 + i * 4)
    }
  })
  return { total: new Uint8Array(total), buckets: new Uint8Array(buckets) }
}

function checkHashes(context: Context, oracle: Oracle): void {
  const { total, buckets } = hashesOf(oracle)
  assert.deepEqual(context.hash(), total)
  assert.deepEqual(context.bucketHashes(), buckets)
}

/** Adds from..to to `count` actors of the pool, `stride` apart; then perhaps looks at the context in some way. */
interface Step {
  readonly start: number
  readonly stride: number
  readonly count: number
  readonly from: number
  readonly length: number
  readonly look: 'hash' | 'buckets' | 'snapshot' | 'nothing'
}

const anyStep: fc.Arbitrary<Step> = fc.record({
  start: fc.nat(POOL - 1),
  stride: fc.constantFrom(1, 2, 7, 1009),
  // From 1024 packable actors on they are packed.
  count: fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 900, max: 3000 })),
  from: fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 12 })),
  length: fc.integer({ min: 1, max: 6 }),
  look: fc.constantFrom('hash', 'buckets', 'snapshot', 'nothing'),
})

function actorsOf(step: Step): ActorId[] {
  return Array.from({ length: step.count }, (_, i) => pool[(step.start + i * step.stride) % POOL]!)
}

describe('context', () => {
  it('answers as sets of dots do, and its snapshots stay as they were', () => {
    fc.assert(
      fc.property(fc.array(anyStep, { maxLength: 8 }), (steps) => {
        const context = new Context(hash)
        const oracle: Oracle = new Map()
        const snapshots: [ContextView, Oracle][] = []
        for (const step of steps) {
          for (const actor of actorsOf(step)) {
            context.add(actor, [step.from, step.from + step.length - 1])
            addTo(oracle, actor, step.from, step.from + step.length - 1)
          }
          if (step.look === 'hash') assert.deepEqual(context.hash(), hashesOf(oracle).total)
          if (step.look === 'buckets') {
            assert.deepEqual(context.bucketHashes(), hashesOf(oracle).buckets)
          }
          if (step.look === 'snapshot') snapshots.push([context.snapshot(), copyOf(oracle)])
        }
        check(context, oracle)
        checkHashes(context, oracle)
        for (const [snapshot, then] of snapshots) check(snapshot, then)
      }),
      { numRuns: 12 },
    )
  })

  it('has the same hashes for the same dots, whatever way they came', () => {
    // Of few actors some have many gaps.
    const anyDots = fc.nat(40).chain((actors) =>
      fc.array(fc.tuple(fc.nat(actors), fc.integer({ min: 1, max: 120 })), {
        maxLength: 120,
      }),
    )
    fc.assert(
      fc.property(anyDots, fc.integer(), fc.nat(7), (dots, seed, every) => {
        const oracle: Oracle = new Map()
        const inOrder = new Context(hash)
        for (const [n, counter] of dots) {
          inOrder.add(pool[n]!, [counter, counter])
          addTo(oracle, pool[n]!, counter, counter)
        }
        const shuffled = new Context(hash)
        const order = (n: number, counter: number): number =>
          Math.imul(seed ^ (n * 64 + counter), 2_654_435_761)
        const other = dots.toSorted((a, b) => order(...a) - order(...b))
        other.forEach(([n, counter], i) => {
          shuffled.add(pool[n]!, [counter, counter])
          if (i % (every + 1) === 0) shuffled.hash()
        })
        const ranges = new Context(hash)
        for (const [actor, members] of oracle) {
          const set = intervalsOf(members)
          for (let i = set.length - 2; i >= 0; i -= 2) ranges.add(actor, [set[i]!, set[i + 1]!])
        }
        const whole = new Context(hash)
        for (const [actor, members] of oracle) {
          const set = intervalsOf(members)
          const part = set.slice(0, 2 * ((seed >>> 0) % (set.length / 2 + 1)))
          if (part.length > 0) whole.add(actor, part)
          if (every % 2 === 0) whole.hash()
          whole.grow(actor, set)
        }
        for (const context of [inOrder, shuffled, ranges, whole]) checkHashes(context, oracle)
        check(whole, oracle)
      }),
    )
  })

  it('has the same hashes for actors that are packed and actors that are not', () => {
    const packed = new Context(hash)
    const oracle: Oracle = new Map()
    for (const actor of pool) {
      packed.add(actor, [1, 3])
      addTo(oracle, actor, 1, 3)
    }
    check(packed, oracle)
    checkHashes(packed, oracle)
    // The first of the pool was packed long ago; now it gets a gap, loses it, and is packed again with the others.
    for (const [from, to] of [
      [5, 5],
      [4, 4],
      [6, 9],
    ] as const) {
      packed.add(pool[0]!, [from, to])
      addTo(oracle, pool[0]!, from, to)
      check(packed, oracle)
      checkHashes(packed, oracle)
    }
    for (const actor of pool.slice(1)) {
      packed.add(actor, [4, 4])
      addTo(oracle, actor, 4, 4)
    }
    check(packed, oracle)
    checkHashes(packed, oracle)
  })

  it('has another hash, in one bucket, when one dot differs', () => {
    const [a, b] = [new Context(hash), new Context(hash)]
    for (const actor of pool.slice(0, 3000))
      for (const context of [a, b]) context.add(actor, [1, 3])
    assert.deepEqual(a.hash(), b.hash())
    const actor = pool[1234]!
    a.add(actor, [5, 5])
    assert.notDeepEqual(a.hash(), b.hash())
    const [x, y] = [Buffer.from(a.bucketHashes()), Buffer.from(b.bucketHashes())]
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const same = x.readBigUInt64BE(bucket * 8) === y.readBigUInt64BE(bucket * 8)
      assert.equal(same, bucket !== bucketOf(actor))
    }
    b.add(actor, [5, 5])
    assert.deepEqual(a.hash(), b.hash())
  })

  it('is empty at first', () => {
    check(new Context(hash), new Map())
    assert.deepEqual(new Context(hash).hash(), new Uint8Array(16))
    assert.deepEqual(new Context(hash).bucketHashes(), new Uint8Array(BUCKETS * 8))
  })

  it('takes counters as large as numbers can count, without unfolding them', () => {
    const context = new Context(hash)
    const max = Number.MAX_SAFE_INTEGER
    context.add(pool[0]!, [max, max])
    assert.equal(context.dots, 1)
    assert.equal(context.gapCount, max - 1)
    context.add(pool[0]!, [1, max])
    assert.deepEqual(context.get(pool[0]!), [1, max])
    assert.equal(context.dots, max)
    assert.equal(context.gapCount, 0)
    // Heads are kept exactly when they are packed.
    for (const actor of pool.slice(1, 2000)) context.add(actor, [1, 1])
    assert.deepEqual(context.get(pool[0]!), [1, max])
  })

  it('refuses what is no range of dots', () => {
    const context = new Context(hash)
    const bad: [string, number, number][] = [
      ['short', 1, 1],
      ['', 1, 1],
      [pool[0]!, 0, 1],
      [pool[0]!, 2, 1],
      [pool[0]!, 1, 1.5],
      [pool[0]!, 1, 2 ** 53],
      [pool[0]!, Number.NaN, 1],
    ]
    for (const [actor, from, to] of bad) {
      assert.throws(() => context.add(actor, [from, to]), TypeError)
    }
    check(context, new Map())
  })

  it('packs rarely: not for one busy writer, and the less the more there is', () => {
    const context = new Context(hash)
    let packings = 0
    let packed = context['packed']
    const add = (actor: ActorId, counter: number): void => {
      context.add(actor, [counter, counter])
      if (context['packed'] !== packed) packings++
      packed = context['packed']
    }
    for (let counter = 1; counter <= 5000; counter++) add(pool[0]!, counter)
    assert.equal(packings, 0)
    for (const actor of pool.slice(1)) add(actor, 1)
    assert.equal(packings, Math.floor(POOL / 1025))
    assert.equal(packed.size, packings * 1025)
    const before = packings
    for (let counter = 5001; counter <= 10_000; counter++) add(pool[0]!, counter)
    assert.equal(packings, before)
  })

  it('holds a million closed actors in at most 32 bytes each', function () {
    this.timeout(120_000)
    const count = 1_000_000
    // Only the memory is of interest here, and hashes that cost something would take most of the time.
    const context = new Context((bytes) => bytes.slice(0, 16))
    const before = memoryBytes()
    const id = new DataView(new ArrayBuffer(16))
    for (let n = 0; n < count; n++) {
      // Actors of a thousand peers: the first half of the id is the peer's, the second is the run's own.
      id.setUint32(0, Math.imul(n % 1000, 0x9e3779b1) >>> 0)
      id.setUint32(8, Math.imul(n, 0x85ebca6b) >>> 0)
      context.add(toBinary(new Uint8Array(id.buffer)), [1, n + 1])
    }
    const perActor = (memoryBytes() - before) / count
    assert.equal(context.actors, count)
    assert.ok(perActor <= 32, `${perActor.toFixed(1)} bytes per closed actor`)
  })
})

function memoryBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  // What the first collection lets go of array buffers is counted only when the second begins.
  collect()
  collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}
