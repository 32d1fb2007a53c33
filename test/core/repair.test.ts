/** Repair sessions: broken off at every message, on maps that move, and in the situations that have a path of their own. */
import assert from 'node:assert/strict'
import { fromBinary } from '../../src/core/bytes.ts'
import { covers } from '../../src/core/intervals.ts'
import { Item, KEY_BYTES_MAX, lanesToBytes, makeRegister } from '../../src/core/item.ts'
import type { NewItem } from '../../src/core/item.ts'
import type { Delta } from '../../src/core/wire/gossip.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { binary, Fleet, hash, SETTINGS, stateOf, summaryOf } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'
import { FleetChecks } from '../support/fleet-checks.ts'
import { CHUNK } from '../support/faulty-peer.ts'
import { Seeded } from '../support/seeded.ts'

function agreed(fleet: Fleet): boolean {
  const [first, ...others] = fleet.nodes
  return others.every((node) => summaryOf(node) === summaryOf(first!))
}

function agree(fleet: Fleet, intervals = 4): void {
  fleet.pass(50)
  const done = fleet.until(() => agreed(fleet), intervals * fleet.settings.repair.interval)
  assert.ok(done, `${fleet.nodes.map(stateOf).join('\n--\n')}\n${fleet.history.join('\n')}`)
}

function randomMutation(random: Seeded, keys = 8): LocalMutation {
  const key = binary(`key${random.int(1, keys)}`)
  if (random.chance(0.3)) return { op: 'delete', key }
  return { op: 'put', key, value: random.bytes(random.chance(0.1) ? 30_000 : 3) }
}

/** Two nodes whose maps went apart while they were cut from each other. */
function apart(seed: number): { fleet: Fleet; checks: FleetChecks } {
  const fleet = new Fleet({ seed, nodes: 2 })
  const checks = new FleetChecks(fleet)
  const [a, b] = fleet.nodes
  fleet.startAll()
  const write = (): void => {
    fleet.write(fleet.random.pick(fleet.nodes), [randomMutation(fleet.random)])
    fleet.pass(10)
  }
  for (let i = 0; i < 10; i++) write()
  fleet.cut(a!, b!)
  fleet.pass(5_000)
  for (let i = 0; i < 20; i++) write()
  return { fleet, checks }
}

/** Calls back after every delivered message, with its number. */
function onMessage(fleet: Fleet, act: (count: number) => void): void {
  let count = 0
  fleet.observers.push({
    after: (_node, event) => {
      if (event.type === 'message') fleet.schedule(0, () => act(++count))
    },
  })
}

function reconnect(fleet: Fleet): void {
  const [first, ...others] = fleet.nodes
  for (const node of others) fleet.connect(first!, node)
}

function item(fields: Partial<NewItem> & { counter: number }): Delta {
  const defaults = { actor: 'x'.repeat(16), key: 'k', value: new Uint8Array(1) }
  const made = makeRegister({ ...defaults, ms: 1, tick: 0, expiry: 0, ...fields }, hash)
  return { dot: made, item: made, supersedes: [], announcedBytes: 0 }
}

/** As if it had come by gossip from somewhere; not checked as what comes from the network is. */
function feed(fleet: Fleet, node: SimNode, deltas: Delta[]): void {
  fleet.dispatch(node, { type: 'gossip', author: 'nobody', deltas, bytes: 100 })
  fleet.pass(20)
}

describe('repair', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  it('goes on where it broke off, whichever message was the last', () => {
    for (let seed = 1; seed <= 2; seed++) {
      for (let last = 1; ; last++) {
        const { fleet, checks } = apart(seed)
        let cut = false
        onMessage(fleet, (count) => {
          if (count !== last) return
          cut = true
          fleet.drop(fleet.nodes[0]!, fleet.nodes[1]!)
        })
        reconnect(fleet)
        agree(fleet)
        checks.settle()
        if (!cut) break
      }
    }
  })

  it('sends a chunk at a time, also when room for many is granted at once', () => {
    const { fleet, checks } = apart(1)
    const value = new Uint8Array(30_000)
    for (let i = 0; i < 50; i++)
      fleet.write(fleet.nodes[0]!, [{ op: 'put', key: binary(`large ${i}`), value }])
    fleet.pass(50)
    let chunks = 0
    fleet.observers.push({
      after: (_node, event, effects) => {
        const sent = effects.filter((effect) => effect.type === 'send' && effect.bytes[0] === CHUNK)
        assert.ok(sent.length <= 1, `${sent.length} chunks on ${event.type}`)
        chunks += sent.length
      },
    })
    reconnect(fleet)
    agree(fleet)
    checks.settle()
    assert.ok(chunks > 20, `${chunks} chunks`)
  })

  it('agrees although the maps move between any two messages', () => {
    for (let seed = 1; seed <= 15; seed++) {
      const { fleet, checks } = apart(seed)
      fleet.faults = { ...fleet.faults, gossipLoss: 0.5, gossipDelay: [0, 300] }
      onMessage(fleet, (count) => {
        if (count > 40) return
        fleet.write(fleet.random.pick(fleet.nodes), [randomMutation(fleet.random)])
      })
      reconnect(fleet)
      fleet.pass(10_000)
      agree(fleet, 8)
      checks.settle()
    }
  })

  it('does not tell as dead what is replaced while the pull goes on: the asker does not get its successor', () => {
    const repair = { ...SETTINGS.repair, windowBytes: 1, pullDelay: 0 }
    const fleet = new Fleet({ seed: 1, nodes: 2, settings: { ...SETTINGS, repair } })
    const [a, b] = fleet.nodes
    fleet.startAll()
    fleet.cut(a!, b!)
    fleet.pass(4_000)
    const value = new Uint8Array(50_000)
    for (let i = 0; i < 8; i++) fleet.write(a!, [{ op: 'put', key: binary(`key${i}`), value }])
    fleet.pass(100)
    const last = a!.live.replica.siblings(binary('key7'))[0]!
    fleet.faults = { ...fleet.faults, gossipLoss: 1 }
    let replaced = false
    fleet.observers.push({
      after: (node, event) => {
        if (node !== b || event.type !== 'message' || event.bytes[0] !== CHUNK) return
        if (!replaced)
          fleet.schedule(0, () => fleet.write(a!, [{ op: 'put', key: binary('key7') }]))
        replaced = true
      },
      committed: (node) => {
        if (node !== b) return
        const { context } = b.live.replica
        const shown = b.live.replica.siblings(last.key).length
        const isDead = context.covers(last.actor, last.counter)
        assert.ok(shown > 0 || !isDead, 'it knows that the value is gone and shows nothing instead')
      },
    })
    reconnect(fleet)
    agree(fleet)
    assert.ok(replaced)
  })

  it('finds removals that it was never told of, by the range step', () => {
    const fleet = new Fleet({ seed: 1, nodes: 2 })
    const checks = new FleetChecks(fleet)
    const [a, b] = fleet.nodes
    fleet.startAll()
    for (let i = 0; i < 200; i++) fleet.write(a!, [{ op: 'put', key: binary(`key${i}`) }])
    agree(fleet)
    fleet.cut(a!, b!)
    fleet.pass(4_000)
    for (let i = 0; i < 10; i++) fleet.write(a!, [{ op: 'delete', key: binary(`key${7 * i}`) }])
    fleet.pass(100)
    // The log of removals is in memory only.
    fleet.crash(a!, a!.disk.batches)
    fleet.restart(a!)
    reconnect(fleet)
    agree(fleet)
    checks.settle()
    assert.equal(b!.live.counters()['repairKeysByRangeStep'], 10)
    assert.equal(b!.live.replica.size, 190)
  })

  it('finds as many as there are in one session, wherever they are', () => {
    const removalsMax = 10_000
    const repair = { ...SETTINGS.repair, removalsMax }
    const fleet = new Fleet({ seed: 1, nodes: 2, settings: { ...SETTINGS, repair } })
    const [a, b] = fleet.nodes
    fleet.startAll()
    const count = 48_000
    const keys = Array.from({ length: count }, (_, i) => binary(`key${i}`))
    fleet.write(
      a!,
      keys.map((key): LocalMutation => ({ op: 'put', key })),
    )
    fleet.pass(100)
    agree(fleet)
    fleet.cut(a!, b!)
    fleet.pass(4_000)
    fleet.write(
      a!,
      keys.filter((_, i) => i % 16 === 0).map((key): LocalMutation => ({ op: 'delete', key })),
    )
    fleet.pass(100)
    fleet.crash(a!, a!.disk.batches)
    fleet.restart(a!)
    const before = b!.live.counters()['sessions.repaired'] ?? 0
    reconnect(fleet)
    agree(fleet)
    assert.equal(b!.live.replica.size, (count / 16) * 15)
    // A pull, and a session that finds the keys.
    assert.equal(b!.live.counters()['sessions.repaired']! - before, 1)
  })

  it('brings a removal in the pull itself while the answerer remembers the key', () => {
    const fleet = new Fleet({ seed: 1, nodes: 2 })
    const [a, b] = fleet.nodes
    fleet.startAll()
    for (let i = 0; i < 20; i++) fleet.write(a!, [{ op: 'put', key: binary(`key${i}`) }])
    agree(fleet)
    fleet.cut(a!, b!)
    fleet.pass(4_000)
    for (let i = 0; i < 10; i++) fleet.write(a!, [{ op: 'delete', key: binary(`key${i}`) }])
    fleet.pass(100)
    reconnect(fleet)
    agree(fleet)
    assert.equal(b!.live.counters()['repairKeysByRangeStep'], 0)
    assert.equal(b!.live.replica.size, 10)
  })

  it('does not ask a peer that is still far behind what became of keys that it never saw', () => {
    const repair = { ...SETTINGS.repair, bytesPerSecond: 64 * 1024 }
    const fleet = new Fleet({ seed: 1, nodes: 2, settings: { ...SETTINGS, repair } })
    const [a, b] = fleet.nodes
    for (const node of fleet.nodes) fleet.start(node)
    for (let i = 0; i < 2_000; i++) {
      fleet.write(a!, [{ op: 'put', key: binary(`key${i}`), value: new Uint8Array(1_000) }])
    }
    fleet.pass(60_000)
    reconnect(fleet)
    agree(fleet, 20)
    assert.ok(fleet.time > 80_000, 'it took long')
    assert.equal(fleet.history.filter((line) => line.includes('node1 resolve from')).length, 0)
    assert.equal(b!.live.replica.size, 2_000)
  })

  describe('of a large item', () => {
    const large: LocalMutation[] = [
      { op: 'put', key: binary('large'), value: new Uint8Array(100_000) },
    ]

    it('begins when it is announced', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2 })
      const [a, b] = fleet.nodes
      fleet.startAll()
      fleet.pass(20_000)
      fleet.write(a!, large)
      fleet.pass(200)
      assert.equal(b!.live.replica.size, 1)
    })

    it('begins when it is announced while a session is under way', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2, faults: { linkDelay: [150, 150] } })
      const [a, b] = fleet.nodes
      fleet.startAll()
      fleet.pass(1_000)
      const asked = (): boolean => fleet.history.at(-1)!.includes('digestAsk from node1')
      assert.ok(fleet.until(asked, 20_000))
      fleet.write(a!, large)
      const arrived = (): boolean => b!.live.replica.size === 1
      assert.ok(fleet.until(arrived, 1_500), fleet.history.slice(-20).join('\n'))
    })

    it('goes on from neighbour to neighbour at once', () => {
      const fleet = new Fleet({ seed: 1, nodes: 4 })
      for (const node of fleet.nodes) fleet.start(node)
      for (let i = 1; i < 4; i++) fleet.connect(fleet.nodes[i - 1]!, fleet.nodes[i]!)
      fleet.pass(20_000)
      fleet.write(fleet.nodes[0]!, large)
      const arrived = (): boolean => fleet.nodes.every((node) => node.live.replica.size === 1)
      assert.ok(fleet.until(arrived, 500), fleet.history.slice(-40).join('\n'))
    })

    it('replaces what it supersedes only when it is there (R5)', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2, faults: { linkDelay: [300, 300] } })
      const [a, b] = fleet.nodes
      fleet.startAll()
      fleet.write(a!, [{ op: 'put', key: binary('large') }])
      agree(fleet)
      let least = 1
      fleet.observers.push({
        after: (node) => {
          if (node === b) least = Math.min(least, node.live.replica.size)
        },
      })
      fleet.write(a!, large)
      agree(fleet)
      assert.equal(least, 1)
      assert.equal(b!.live.replica.siblings(binary('large')).length, 1)
    })
  })

  describe('of many actors', () => {
    const actorOf = (n: number): string =>
      binary('').concat(String.fromCharCode(...hash(Uint8Array.of(n, n >> 8, n >> 16))))
    const ofActors = (from: number, to: number): Delta[] =>
      Array.from({ length: to - from }, (_, i) =>
        item({ actor: actorOf(from + i), counter: 1, key: binary(`key${from + i}`) }),
      )

    for (const [mine, theirs] of [
      [0, 300],
      [300, 300],
      [0, 6_000],
      [200, 6_000],
      [6_000, 6_000],
    ] as const) {
      it(`${mine} here and ${theirs} others there`, () => {
        const fleet = new Fleet({ seed: 1, nodes: 2 })
        const [a, b] = fleet.nodes
        for (const node of fleet.nodes) fleet.start(node)
        feed(fleet, a!, ofActors(0, mine))
        feed(fleet, b!, ofActors(0, mine))
        feed(fleet, b!, ofActors(mine, mine + theirs))
        reconnect(fleet)
        agree(fleet, 2)
        assert.equal(a!.live.replica.size, mine + theirs)
      })
    }

    it('does not come back to the same actors while there are others', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2 })
      const [a, b] = fleet.nodes
      for (const node of fleet.nodes) fleet.start(node)
      feed(fleet, b!, ofActors(0, 9_000))
      // In each of the first buckets there is one that cannot be taken.
      const poisoned = Array.from({ length: 128 }, (_, bucket) =>
        item({ actor: String.fromCharCode(bucket).repeat(16), counter: 1, tick: 70_000 }),
      )
      feed(fleet, b!, poisoned)
      feed(fleet, a!, ofActors(0, 300))
      reconnect(fleet)
      assert.ok(fleet.until(() => a!.live.replica.size === 9_000, 2 * 5_000))
      fleet.pass(10_000)
      const pulls = fleet.history.filter((line) => line.includes('node1 pullRequest'))
      assert.ok(pulls.length < 100, `${pulls.length} requests`)
    })
  })

  describe('beside what does not decode (R16)', () => {
    it('brings everything else, and leaves it uncovered', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2 })
      const [a, b] = fleet.nodes
      for (const node of fleet.nodes) fleet.start(node)
      const poison = [
        item({ counter: 3, tick: 70_000 }),
        item({ counter: 5, key: 'l'.repeat(KEY_BYTES_MAX + 1) }),
      ]
      feed(fleet, a!, [
        item({ counter: 1 }),
        item({ counter: 2, key: 'other' }),
        poison[0]!,
        item({ counter: 4, key: 'behind' }),
        poison[1]!,
        item({ counter: 6, key: 'last' }),
      ])
      feed(fleet, b!, [item({ counter: 1 })])
      reconnect(fleet)
      fleet.pass(20_000)
      const { replica } = b!.live
      const counters = Array.from(replica.fromDot('', 0), ({ counter }) => counter)
      assert.deepEqual(counters, [1, 2, 4, 6])
      assert.deepEqual(replica.context.get('x'.repeat(16)), [1, 2, 4, 4, 6, 6])
      assert.ok(b!.live.counters()['itemsRefused']! > 0)
      for (const node of fleet.nodes) {
        assert.equal(node.live.counters()['protocolViolations'], undefined)
      }
    })

    it('takes no value from memory in which a bit flipped, and the true one from the next peer', () => {
      const fleet = new Fleet({ seed: 1, nodes: 3 })
      const [a, b, c] = fleet.nodes as [SimNode, SimNode, SimNode]
      fleet.startAll()
      fleet.cut(a, b)
      fleet.cut(b, c)
      fleet.write(a, [{ op: 'put', key: binary('key'), value: Uint8Array.of(1) }])
      fleet.until(() => c.live.replica.size === 1, 20_000)
      const [whole] = c.live.replica.siblings(binary('key'))
      c.live.replica.remove(whole!)
      c.live.replica.insert(withFlippedBit(whole!))
      fleet.connect(b, c)
      fleet.pass(20_000)
      assert.equal(b.live.replica.size, 0)
      assert.ok(b.live.counters()['itemsRefused']! > 0)
      fleet.connect(a, b)
      fleet.pass(20_000)
      assert.deepEqual(b.live.replica.siblings(binary('key'))[0]?.value(), Uint8Array.of(1))
    })
  })
})

/** As broken memory has it: another value under the hash of the true one. */
function withFlippedBit(item: Item): Item {
  const bytes = item.envelope.slice()
  bytes[bytes.length - 1]! ^= 2
  const { counter, kind, ms, tick, expiry } = item
  const names = { actor: fromBinary(item.actor), key: fromBinary(item.key) }
  const hashBytes = lanesToBytes([item.lane0, item.lane1, item.lane2, item.lane3])
  return new Item({ ...names, counter, kind, ms, tick, expiry }, bytes, hashBytes)
}

describe('what is left to gossip', () => {
  it('is left to it with what it supersedes (R5; seeds 345013 and 350593)', () => {
    const fleet = new Fleet({ seed: 1, nodes: 2, faults: { gossipLoss: 1 } })
    const [a, b] = fleet.nodes as [SimNode, SimNode]
    fleet.startAll()
    fleet.pass(10_000)
    const keys = Array.from({ length: 60 }, (_, i) => binary(`key${i}`))
    fleet.observers.push({
      after: (node, event) => {
        if (node !== b || event.type !== 'committed') return
        const { context, size } = b.live.replica
        // Every key is put twice in all, and its second put is seen with its first.
        const [actor] = context
        const seen =
          actor === undefined ? 0 : keys.filter((_, i) => covers(actor[1], firstOf(i))).length
        assert.equal(size, seen, 'a put is dead here before what replaced it has come')
      },
    })
    const { pullDelay } = SETTINGS.repair
    const put = (key: string): void => {
      fleet.write(a, [{ op: 'put', key, value: new Uint8Array(1) }])
    }
    // Number i is put, and half a delay later number i - 3 is put again.
    const order: string[] = []
    const firstOf = (i: number): number => order.indexOf(keys[i]!) + 1
    for (let i = 0; i < keys.length + 3; i++) {
      for (const key of [keys[i], keys[i - 3]]) {
        if (key !== undefined) {
          order.push(key)
          put(key)
        }
        fleet.pass(pullDelay / 4)
      }
    }
    fleet.pass(20_000)
    assert.equal(b.live.replica.size, keys.length)
  })
})
