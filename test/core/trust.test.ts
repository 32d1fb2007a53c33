/** What is not taken on a peer's word alone: R13, R14, R15. */
import assert from 'node:assert/strict'
import { Context } from '../../src/core/context.ts'
import { FAR_DOTS, FAR_HOLD_MS, FarRanges } from '../../src/core/far-ranges.ts'
import { toBinary } from '../../src/core/bytes.ts'
import { Hearsay } from '../../src/core/hearsay.ts'
import { makeRegister } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import { RemovalGuard } from '../../src/core/removal-guard.ts'
import type { Claim } from '../../src/core/removal-guard.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { Replica } from '../../src/core/replica.ts'
import type { Delta } from '../../src/core/wire/gossip.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { binary, Fleet, hash, loseItems, SETTINGS, stateOf, summaryOf } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'
import { Seeded } from '../support/seeded.ts'

const HOUR_MS = 3_600_000
const A = 'a'.repeat(16)

function item(counter: number, key = `key${counter}`, value = counter): Item {
  const fields = { actor: A, counter, key, value: Uint8Array.of(value), ms: 1, tick: 0, expiry: 0 }
  return makeRegister(fields, hash)
}

function claim(peer: string, items: readonly Item[], vouches = true): Claim {
  return { peer, items, vouched: () => vouches }
}

describe('removal guard (R13)', () => {
  function guardOf(keys: number, removalsMax: number): { guard: RemovalGuard; items: Item[] } {
    const replica = new Replica(hash)
    const items = Array.from({ length: keys }, (_, i) => item(i + 1))
    for (const one of items) replica.insert(one)
    return { guard: new RemovalGuard(replica, { removalsMax, removalHold: 6 * HOUR_MS }), items }
  }

  it('lets as many go in an hour as it may, and holds the next', () => {
    const { guard, items } = guardOf(20, 10)
    for (const [i, one] of items.entries()) {
      assert.equal(guard.judge(claim('p', [one]), i * 1000), i < 10 ? 'fits' : 'hold', `${i}`)
    }
    assert.equal(guard.held().length, 10)
    // The hour has passed for the first ten.
    assert.equal(guard.judge(claim('p', [items[15]!]), HOUR_MS + 1), 'fits')
  })

  it('counts over a sliding hour, not over hours of the clock', () => {
    const { guard, items } = guardOf(20, 10)
    const at = (i: number): number => i * 10 * 60_000
    for (let i = 0; i < 20; i++) {
      assert.equal(guard.judge(claim('p', [items[i]!]), at(i)), 'fits')
    }
    assert.equal(guardOf(1, 0).guard.judge(claim('p', [item(1)]), 0), 'hold')
  })

  it('allows a hundredth of many keys', () => {
    const { guard, items } = guardOf(1000, 0)
    const verdicts = items.slice(0, 20).map((one) => guard.judge(claim('p', [one]), 0))
    assert.deepEqual(
      verdicts,
      Array.from({ length: 20 }, (_, i) => (i < 10 ? 'fits' : 'hold')),
    )
  })

  it('believes a second peer, but not the first one twice', () => {
    const { guard, items } = guardOf(1, 0)
    const [one] = items as [Item]
    assert.equal(guard.judge(claim('p', [one]), 0), 'hold')
    assert.equal(guard.judge(claim('p', [one]), 1), 'hold')
    assert.equal(guard.judge(claim('q', [one]), 2), 'confirmed')
  })

  it('does not believe two of whom one has only heard of it', () => {
    const { guard, items } = guardOf(1, 0)
    const [one] = items as [Item]
    assert.equal(guard.judge(claim('p', [one]), 0), 'hold')
    assert.equal(guard.judge(claim('q', [one], false), 1), 'hold')
    assert.equal(guard.judge(claim('r', [one]), 2), 'confirmed')
    assert.equal(guard.judge(claim('q', [one], false), 3), 'hold')
    assert.equal(guard.judge(claim('p', [one]), 4), 'hold')
    assert.equal(guard.judge(claim('r', [one]), 5), 'confirmed')
  })

  it('believes two peers of whom one speaks of more', () => {
    const { guard, items } = guardOf(2, 0)
    const [one, two] = items as [Item, Item]
    assert.equal(guard.judge(claim('p', [one, two]), 0), 'hold')
    assert.equal(guard.judge(claim('q', [one]), 1), 'confirmed')
    assert.deepEqual(guard.held()[0]!.items, [two])
  })

  it('does not take what one peer says of a value for what another says of the next', () => {
    const { guard, items } = guardOf(1, 0)
    const [one] = items as [Item]
    assert.equal(guard.judge(claim('p', [one]), 0), 'hold')
    assert.equal(guard.judge(claim('q', [item(9, one.key)]), 1), 'hold')
  })

  it('holds nothing for ever', () => {
    const { guard, items } = guardOf(1, 0)
    const [one] = items as [Item]
    assert.equal(guard.judge(claim('p', [one]), 0), 'hold')
    assert.equal(guard.judge(claim('p', [one]), 6 * HOUR_MS - 1), 'hold')
    assert.equal(guard.judge(claim('p', [one]), 6 * HOUR_MS), 'overdue')
  })

  it('names the keys that it holds, the first ones first, each with what is held of it', () => {
    const { guard, items } = guardOf(3, 0)
    const [one, two, three] = items as [Item, Item, Item]
    const sibling = item(9, one.key)
    for (const each of [one, two, sibling, three]) guard.judge(claim('p', [each]), 0)
    assert.deepEqual([guard.keys, guard.size], [3, 4])
    const named = (): (readonly Item[])[] => guard.held(2).map((held) => held.items)
    assert.deepEqual(named(), [[one, sibling], [two]])
    guard.removed([one])
    assert.deepEqual(named(), [[sibling], [two]])
    guard.removed([sibling, sibling])
    assert.deepEqual(named(), [[two], [three]])
    assert.deepEqual([guard.keys, guard.size], [2, 2])
  })

  it('gives what it held to whoever decides', () => {
    const { guard, items } = guardOf(2, 0)
    for (const one of items) guard.judge(claim('p', [one]), 0)
    assert.deepEqual(
      guard.approve(5).map(({ key }) => key),
      ['key1', 'key2'],
    )
    assert.deepEqual([guard.held(), guard.keys], [[], 0])
    assert.equal(guard.judge(claim('p', [items[0]!]), 6), 'confirmed', 'approved for an hour')
    assert.equal(guard.judge(claim('p', [items[0]!]), 5 + HOUR_MS), 'hold')
    assert.equal(guard.refuse().length, 1)
    assert.equal(guard.judge(claim('p', [items[0]!]), 6), 'hold', 'a refusal ends the approval')
  })
})

describe('hearsay (R13)', () => {
  it('errs to one side only, within its bounds', () => {
    const hearsay = new Hearsay()
    const random = new Seeded(1)
    const actors = Array.from({ length: 5_000 }, () => toBinary(random.bytes(16)))
    const dots = actors.map((actor, i) => ({ actor, counter: random.int(1, 10 + i) }))
    for (let n = 0; n < 5_000; n++) {
      dots.push({ actor: actors.at(-1 - (n % 3))!, counter: random.int(1, 10 ** 6) })
    }
    for (const { actor, counter } of dots) hearsay.add(actor, [counter, counter])
    for (const { actor, counter } of dots) assert.ok(hearsay.has(actor, counter))
    assert.equal([...hearsay].length, 4_096)
    for (const [, set] of hearsay) assert.ok(set.length <= 128)
    const strangers = Array.from({ length: 1_000 }, () => toBinary(random.bytes(16)))
    const wrong = strangers.filter((actor) => hearsay.has(actor, 1)).length
    assert.ok(wrong < 10, `${wrong} of a thousand actors that were never named`)
  })

  it('gives up the smallest gaps first', () => {
    const hearsay = new Hearsay()
    for (let i = 1; i <= 64; i++) hearsay.add(A, [100 * i, 100 * i])
    assert.equal(hearsay.has(A, 101), false)
    hearsay.add(A, [202, 202])
    assert.deepEqual(
      [201, 101, 301].map((counter) => hearsay.has(A, counter)),
      [true, false, false],
    )
  })
})

describe('far ranges (R15)', () => {
  const range = (from: number, to: number) => ({ actor: A, from, to })

  it('believes what is near', () => {
    const far = new FarRanges()
    const near = range(1, FAR_DOTS)
    assert.equal(far.judge(near, 0, 'p', 0).range, near)
    assert.equal(far.doubted(new Context(hash)), 0)
  })

  it('takes nothing of what is far, not even what its actor is known to have written by now', () => {
    const far = new FarRanges()
    assert.deepEqual(far.judge(range(1, 2 ** 40), 0, 'p', 0), { range: undefined, overdue: false })
    assert.equal(far.judge(range(1, 2 ** 40), 7, 'p', 0).range, undefined)
    far.heard(A, 20)
    assert.equal(far.judge(range(8, 2 ** 40), 7, 'p', 0).range, undefined)
    const context = new Context(hash)
    assert.equal(far.doubted(context), 1)
    context.add(A, [1, 2 ** 40])
    assert.equal(far.doubted(context), 0)
  })

  it('believes a second peer that claims as much, but not the first one twice', () => {
    const far = new FarRanges()
    far.judge(range(1, 2 ** 30), 0, 'p', 0)
    assert.equal(far.judge(range(1, 2 ** 30), 0, 'p', 1).range, undefined)
    assert.deepEqual(far.judge(range(1, 2 ** 30), 0, 'q', 2).range, range(1, 2 ** 30))
    assert.equal(far.judge(range(1, 2 ** 40), 0, 'q', 3).range, undefined, 'that is more')
  })

  it('believes after some time, and says so', () => {
    const far = new FarRanges()
    far.judge(range(1, 2 ** 30), 0, 'p', 0)
    assert.equal(far.judge(range(1, 2 ** 30), 0, 'p', FAR_HOLD_MS - 1).range, undefined)
    assert.deepEqual(far.judge(range(1, 2 ** 30), 0, 'p', FAR_HOLD_MS), {
      range: range(1, 2 ** 30),
      overdue: true,
    })
  })
})

/** A fleet whose guard is strict, node 0 complete. */
function fleetOf(nodes: number, removalsMax = 0, sizes = SIZES): Fleet {
  const repair = { ...SETTINGS.repair, removalsMax }
  return new Fleet({ seed: 1, nodes, settings: { ...SETTINGS, repair }, sizes })
}

function agree(fleet: Fleet, intervals = 6): boolean {
  const [first, ...others] = fleet.nodes
  fleet.pass(50)
  const agreed = (): boolean => others.every((node) => summaryOf(node) === summaryOf(first!))
  return fleet.until(agreed, intervals * fleet.settings.repair.interval)
}

function putKeys(fleet: Fleet, node: SimNode, keys: number): void {
  for (let i = 0; i < keys; i++) {
    fleet.write(node, [{ op: 'put', key: binary(`key${i}`), value: Uint8Array.of(i) }])
    fleet.pass(50)
  }
}

/** Of 600 keys one node loses all, and what it says of them is held back at the other, but for the hundredth that may go. */
function holdMost(fleet: Fleet, holder: SimNode, loser: SimNode): void {
  fleet.startAll()
  putKeys(fleet, holder, 600)
  assert.ok(agree(fleet))
  loseItems(loser)
  fleet.pass(40 * fleet.settings.repair.interval)
  assert.equal(holder.live.doubts().removals, 594)
}

describe('a replica that lost its items and does not know it (R13)', function () {
  this.timeout(120_000)

  it('empties nobody: what it says is removed is held back', () => {
    const fleet = fleetOf(3)
    const [a, b, c] = fleet.nodes as [SimNode, SimNode, SimNode]
    fleet.startAll()
    putKeys(fleet, a, 20)
    assert.ok(agree(fleet))
    loseItems(c)
    fleet.pass(20 * fleet.settings.repair.interval)
    assert.equal(a.live.replica.keys, 20)
    assert.equal(b.live.replica.keys, 20)
    assert.equal(a.live.doubts().removals, 20)
    assert.ok((a.live.counters()['removalsHeldBack'] ?? 0) > 0)
  })

  it('nor through a peer that learnt of the items from it', () => {
    const fleet = fleetOf(3)
    const [a, b, c] = fleet.nodes as [SimNode, SimNode, SimNode]
    fleet.startAll()
    fleet.cut(a, b)
    fleet.cut(b, c)
    putKeys(fleet, a, 20)
    fleet.until(() => summaryOf(a) === summaryOf(c), 60_000)
    loseItems(c)
    fleet.connect(b, c)
    const knows = (): boolean => b.live.replica.context.includes(a.live.replica.context)
    assert.ok(fleet.until(knows, 60_000))
    // What a peer has only heard is that also after a restart.
    fleet.crash(b, b.disk.batches)
    fleet.restart(b)
    fleet.connect(a, b)
    fleet.pass(60 * fleet.settings.repair.interval)
    assert.equal(a.live.replica.keys, 20)
    assert.equal(a.live.doubts().removals, 20)
  })

  it('nor takes one of two values of a key from anybody', () => {
    const fleet = fleetOf(2)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.startAll()
    fleet.cut(a, b)
    for (const node of [a, b]) putKeys(fleet, node, 20)
    fleet.connect(a, b)
    assert.ok(agree(fleet))
    for (let i = 0; i < 20; i++) {
      const [winner] = b.live.replica.siblings(binary(`key${i}`))
      b.live.replica.remove(winner!)
    }
    fleet.pass(20 * fleet.settings.repair.interval)
    assert.equal(a.live.replica.size, 40)
    assert.equal(a.live.doubts().removals, 20)
  })

  it('is not what a peer looks like that shows a later value of each key, though nobody remembers how', () => {
    const fleet = fleetOf(2)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.startAll()
    const putAll = (value: number): void => {
      const put = (i: number): LocalMutation => ({
        op: 'put',
        key: binary(`key${i}`),
        value: Uint8Array.of(value),
      })
      fleet.write(
        a,
        Array.from({ length: 20 }, (_, i) => put(i)),
      )
      fleet.pass(100)
    }
    putAll(1)
    assert.ok(agree(fleet))
    // Of three values of each key the peer hears of the first and of the last: that superseded nothing that it has.
    fleet.faults.gossipLoss = 1
    putAll(2)
    fleet.faults.gossipLoss = 0
    putAll(3)
    assert.equal(b.live.replica.size, 40)
    assert.ok(agree(fleet, 12), stateOf(b))
    assert.equal(b.live.replica.size, 20)
    assert.equal(b.live.counters()['removalsHeldBack'], undefined)
  })

  it('approved, lets them go in steps, so that no commit keeps everybody waiting', () => {
    const fleet = fleetOf(2)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    const sizes: number[] = []
    fleet.observers.push({
      after: (node, { type }) => {
        if (node === a && type === 'committed') sizes.push(a.live.replica.size)
      },
    })
    holdMost(fleet, a, b)
    sizes.length = 0
    fleet.dispatch(a, { type: 'removals', decision: 'approve' })
    assert.ok(fleet.until(() => a.live.replica.size === 0, 60_000))
    assert.ok(sizes.filter((size) => size > 0).length >= 2, sizes.join())
    assert.equal(a.live.doubts().removals, 0)
  })

  it('refused, is given the items anew', () => {
    const fleet = fleetOf(3)
    const [a, , c] = fleet.nodes as [SimNode, SimNode, SimNode]
    holdMost(fleet, a, c)
    fleet.dispatch(a, { type: 'removals', decision: 'refuse' })
    assert.ok(agree(fleet), 'the fleet agrees again')
    for (const node of fleet.nodes) {
      assert.equal(node.live.replica.keys, 594)
      assert.equal(node.live.doubts().removals, 0)
    }
  })

  it('refused, brings back nothing that was deleted meanwhile', () => {
    const fleet = fleetOf(2)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.startAll()
    putKeys(fleet, a, 2)
    assert.ok(agree(fleet))
    loseItems(b)
    fleet.pass(40 * fleet.settings.repair.interval)
    fleet.write(a, [{ op: 'delete', key: binary('key0') }])
    fleet.dispatch(a, { type: 'removals', decision: 'refuse' })
    assert.ok(agree(fleet))
    assert.deepEqual(
      Array.from(a.live.replica.fromKey(''), ({ key }) => key),
      [binary('key1')],
    )
  })

  it('approved, is believed', () => {
    const fleet = fleetOf(2)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.startAll()
    putKeys(fleet, a, 20)
    assert.ok(agree(fleet))
    loseItems(b)
    fleet.pass(20 * fleet.settings.repair.interval)
    fleet.dispatch(a, { type: 'removals', decision: 'approve' })
    assert.ok(agree(fleet))
    assert.equal(a.live.replica.keys, 0)
  })
})

describe('deletes that a peer remembers', function () {
  this.timeout(120_000)

  it('are never held back, however many', () => {
    const fleet = fleetOf(2)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.startAll()
    putKeys(fleet, a, 50)
    assert.ok(agree(fleet))
    fleet.cut(a, b)
    for (let i = 0; i < 50; i++) fleet.write(a, [{ op: 'delete', key: binary(`key${i}`) }])
    fleet.pass(10_000)
    fleet.connect(a, b)
    assert.ok(agree(fleet))
    assert.equal(b.live.replica.keys, 0)
    assert.equal(b.live.counters()['removalsHeldBack'], undefined)
  })

  /** Node c was away while so many keys were deleted, of so many, and nobody remembers it. */
  function awayWhileDeleted(keys: number, deleted = keys): { fleet: Fleet; c: SimNode } {
    const fleet = fleetOf(3)
    const [a, b, c] = fleet.nodes as [SimNode, SimNode, SimNode]
    fleet.startAll()
    putKeys(fleet, a, keys)
    assert.ok(agree(fleet))
    fleet.crash(c)
    for (let i = 0; i < deleted; i++) fleet.write(a, [{ op: 'delete', key: binary(`key${i}`) }])
    fleet.pass(10_000)
    // Removal logs begin empty.
    for (const node of [a, b]) fleet.crash(node, node.disk.batches)
    for (const node of fleet.nodes) fleet.restart(node)
    for (const [x, y] of [
      [a, b],
      [a, c],
      [b, c],
    ] as const) {
      fleet.connect(x, y)
    }
    return { fleet, c }
  }

  it('go as well when all have forgotten them: as many as mutations were missed', () => {
    const { fleet, c } = awayWhileDeleted(50)
    assert.ok(agree(fleet), stateOf(c))
    assert.equal(c.live.replica.keys, 0)
    assert.equal(c.live.counters()['removalsHeldBack'], undefined)
  })

  it('and not one more: a peer that lost the rest is not believed', () => {
    const { fleet, c } = awayWhileDeleted(50, 30)
    loseItems(fleet.nodes[0]!)
    fleet.pass(20 * fleet.settings.repair.interval)
    assert.equal(c.live.replica.keys, 20)
    assert.equal(c.live.doubts().removals, 20)
  })

  it('and none for what was before a newcomer came', () => {
    const fleet = fleetOf(2)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.start(a)
    for (let round = 0; round < 10; round++) putKeys(fleet, a, 20)
    fleet.start(b)
    fleet.connect(a, b)
    assert.ok(agree(fleet))
    loseItems(a)
    fleet.pass(20 * fleet.settings.repair.interval)
    assert.equal(b.live.replica.keys, 20)
  })
})

describe('removals that are held back (R13)', function () {
  this.timeout(120_000)

  it('go when a second peer says the same, also many more than one range step compares', () => {
    const fleet = fleetOf(3, 0, { ...SIZES, compared: 1 })
    const [a, b, c] = fleet.nodes as [SimNode, SimNode, SimNode]
    fleet.startAll()
    putKeys(fleet, a, 1600)
    assert.ok(agree(fleet))
    for (const node of [a, b]) loseItems(node)
    assert.ok(agree(fleet, 40), stateOf(c))
    assert.equal(c.live.replica.keys, 0)
    assert.ok((c.live.counters()['removalsHeldBack'] ?? 0) > 0, 'they were held back')
  })
})

describe('one dot with two contents (R14)', function () {
  this.timeout(120_000)

  function delta(value: number, key: string): Delta {
    const one = item(1, binary(key), value)
    return { dot: { actor: A, counter: 1 }, item: one, supersedes: [], announcedBytes: 0 }
  }

  /** The two contents go to one half of the fleet each. */
  function settle(keys: [string, string]): { fleet: Fleet; contents: string[]; twins: number } {
    const fleet = fleetOf(4)
    const contents: string[] = []
    let twins = 0
    fleet.observers.push({
      after: (_node, _event, effects) => {
        twins += effects.filter((effect) => effect.type === 'twin').length
      },
    })
    fleet.startAll()
    for (const [i, node] of fleet.nodes.entries()) {
      const half = i % 2
      const deltas = [delta(half, keys[half]!)]
      fleet.dispatch(node, { type: 'gossip', author: 'node9', deltas, bytes: 100 })
    }
    assert.ok(agree(fleet, 12), fleet.nodes.map(stateOf).join('\n\n'))
    for (const node of fleet.nodes) {
      const items = [...node.live.replica.fromDot('', 0)]
      contents.push(items.map((one) => `${one.key}=${one.value().join()}`).join(' '))
    }
    return { fleet, contents, twins }
  }

  it('comes to the same content everywhere, and the other is given out', () => {
    const { contents, twins } = settle(['key', 'key'])
    assert.match(contents[0]!, /^key=[01]$/)
    assert.equal(new Set(contents).size, 1)
    assert.equal(twins, 2)
  })

  it('also when the two are of different keys', () => {
    const { contents, twins } = settle(['one', 'other'])
    assert.match(contents[0]!, /^(one=0|other=1)$/)
    assert.equal(new Set(contents).size, 1)
    assert.equal(twins, 2)
  })
})

describe('one dot with two contents, of which one is replaced (R14)', function () {
  this.timeout(120_000)

  it('is told, and the other content goes nowhere', () => {
    const fleet = fleetOf(2, 1000)
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    const lost: string[] = []
    fleet.observers.push({
      after: (_node, _event, effects) => {
        for (const effect of effects) if (effect.type === 'twin') lost.push(effect.lost.key)
      },
    })
    fleet.startAll()
    fleet.cut(a, b)
    for (const [node, key] of [
      [a, 'one'],
      [b, 'other'],
    ] as const) {
      const dot = { actor: A, counter: 1 }
      const delta = { dot, item: item(1, binary(key)), supersedes: [], announcedBytes: 0 }
      fleet.dispatch(node, { type: 'gossip', author: 'node9', deltas: [delta], bytes: 100 })
    }
    fleet.pass(50)
    // In the complete list of this key there is nothing of the other.
    fleet.write(a, [{ op: 'put', key: binary('other'), value: Uint8Array.of(9) }])
    fleet.pass(50)
    fleet.connect(a, b)
    assert.ok(agree(fleet, 12), fleet.nodes.map(stateOf).join('\n\n'))
    assert.deepEqual(lost, ['other'])
    for (const node of fleet.nodes) assert.equal(node.live.replica.held(A, 1)?.key, 'one')
  })
})

describe('a context with a flipped bit (R15)', function () {
  this.timeout(120_000)

  it("blinds nobody to its actor's next writes", () => {
    const fleet = fleetOf(3)
    const [a, b, c] = fleet.nodes as [SimNode, SimNode, SimNode]
    fleet.startAll()
    putKeys(fleet, a, 3)
    assert.ok(agree(fleet))
    c.live.replica.context.add(a.live.actor!, [1, 2 ** 40])
    fleet.pass(10 * fleet.settings.repair.interval)
    assert.equal(b.live.doubts().actors, 1)
    putKeys(fleet, a, 5)
    fleet.pass(10 * fleet.settings.repair.interval)
    assert.equal(a.live.replica.keys, 5)
    assert.equal(b.live.replica.keys, 5)
  })
})
