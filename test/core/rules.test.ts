/** Rules of the design (section 5) that need a situation of their own. */
import assert from 'node:assert/strict'
import type { Dot } from '../../src/core/item.ts'
import { makeRegister } from '../../src/core/item.ts'
import type { Delta } from '../../src/core/wire/gossip.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { binary, Fleet, hash, SETTINGS, START_WALL_MS, summaryOf } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'

const KEY = binary('key')

function put(value: number, more: Partial<LocalMutation> = {}): LocalMutation[] {
  return [{ op: 'put', key: KEY, value: Uint8Array.of(value), ...more }]
}

/** What a node was answered, by id of the write. */
function dotsWritten(fleet: Fleet): Map<number, Dot> {
  const dots = new Map<number, Dot>()
  fleet.observers.push({
    after: (_node, _event, effects) => {
      for (const effect of effects) {
        if (effect.type !== 'written' || !effect.outcome.ok) continue
        const [result] = effect.outcome.results
        if (result?.dot !== undefined) dots.set(effect.id, result.dot)
      }
    },
  })
  return dots
}

function agree(fleet: Fleet, intervals = 4): boolean {
  const [first, ...others] = fleet.nodes
  fleet.pass(50)
  const agreed = (): boolean => others.every((node) => summaryOf(node) === summaryOf(first!))
  return fleet.until(agreed, intervals * fleet.settings.repair.interval)
}

function forged(dot: Dot, key = KEY): Delta {
  const item = makeRegister(
    { ...dot, key, value: new Uint8Array(1), ms: 1, tick: 0, expiry: 0 },
    hash,
  )
  return { dot: item, item, supersedes: [], announcedBytes: 0 }
}

function gossipTo(fleet: Fleet, node: SimNode, deltas: Delta[]): void {
  fleet.dispatch(node, { type: 'gossip', author: 'node9', deltas, bytes: 100 })
}

describe('rules', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  describe('R7: every start writes under a new actor', () => {
    it('also after a shutdown that lost nothing', () => {
      const fleet = new Fleet({ seed: 1, nodes: 1 })
      const dots = dotsWritten(fleet)
      const [node] = fleet.nodes
      fleet.startAll()
      const first = fleet.write(node!, put(1))
      fleet.pass(100)
      fleet.crash(node!, node!.disk.batches)
      fleet.restart(node!)
      const second = fleet.write(node!, put(2))
      fleet.pass(100)
      assert.notEqual(dots.get(second)!.actor, dots.get(first)!.actor)
      assert.equal(dots.get(second)!.counter, 1)
    })

    it('and after a commit that failed', () => {
      const fleet = new Fleet({ seed: 1, nodes: 1 })
      const [node] = fleet.nodes
      fleet.startAll()
      fleet.write(node!, put(1))
      fleet.pass(100)
      const before = node!.live.actor
      const written = fleet.random.bytes(1)[0]!
      node!.live.handle({ type: 'write', id: 1, mutations: put(written) }, fleet.now(node!))
      node!.live.handle({ type: 'commitFailed', message: 'no space' }, fleet.now(node!))
      assert.equal(node!.live.actor, undefined)
      const effects = node!.live.handle(
        { type: 'write', id: 2, mutations: put(3) },
        fleet.now(node!),
      )
      const refused = effects.find((effect) => effect.type === 'written')
      assert.ok(refused?.outcome.ok === false && refused.outcome.refusal.code === 'STORE_FAILED')
      assert.notEqual(before, undefined)
    })
  })

  describe('R14: an actor that sees its own id beyond its own head retires', () => {
    it('by gossip', () => {
      const fleet = new Fleet({ seed: 1, nodes: 1 })
      const [node] = fleet.nodes
      fleet.startAll()
      fleet.write(node!, put(1))
      fleet.pass(100)
      const { actor } = node!.live
      gossipTo(fleet, node!, [forged({ actor: actor!, counter: 1 })])
      assert.equal(node!.live.actor, actor, 'its own dots are no sign')
      gossipTo(fleet, node!, [forged({ actor: actor!, counter: 2 })])
      assert.equal(node!.live.actor, undefined)
    })

    it('by gossip of what another process superseded', () => {
      const fleet = new Fleet({ seed: 1, nodes: 1 })
      const dots = dotsWritten(fleet)
      const [node] = fleet.nodes
      fleet.startAll()
      fleet.write(node!, put(1))
      fleet.pass(100)
      const actor = node!.live.actor!
      const other = { actor: 'x'.repeat(16), counter: 1 }
      gossipTo(fleet, node!, [{ ...forged(other), supersedes: [{ actor, counter: 2 }] }])
      const next = fleet.write(node!, put(2))
      fleet.pass(100)
      assert.notEqual(dots.get(next)!.actor, actor)
    })

    it('by repair', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2, faults: { gossipLoss: 1 } })
      const dots = dotsWritten(fleet)
      const [a, b] = fleet.nodes
      fleet.startAll()
      fleet.write(a!, put(1))
      assert.ok(agree(fleet))
      const actor = a!.live.actor!
      gossipTo(fleet, b!, [forged({ actor, counter: 2 })])
      fleet.pass(100)
      assert.ok(agree(fleet))
      const next = fleet.write(a!, put(2))
      fleet.pass(100)
      assert.notEqual(dots.get(next)!.actor, actor)
      assert.ok(agree(fleet))
    })
  })

  describe('R12: expiry', () => {
    const { skew, grace, purgeInterval } = SETTINGS.expiry
    const expiry = START_WALL_MS + 60_000
    const purgedAfter = 60_000 + skew + grace

    it('is taken on arrival when past, and purged by rule', () => {
      const fleet = new Fleet({ seed: 1, nodes: 1 })
      const [node] = fleet.nodes
      fleet.startAll()
      fleet.pass(200_000)
      const old = makeRegister(
        {
          actor: 'x'.repeat(16),
          counter: 1,
          key: KEY,
          value: new Uint8Array(1),
          ms: START_WALL_MS,
          tick: 0,
          expiry: START_WALL_MS + 1,
        },
        hash,
      )
      gossipTo(fleet, node!, [{ dot: old, item: old, supersedes: [], announcedBytes: 0 }])
      fleet.pass(1_000)
      assert.equal(node!.live.replica.size, 1)
      fleet.pass(skew + grace + 600_000)
      assert.equal(node!.live.replica.size, 0)
      assert.ok(node!.live.replica.context.covers('x'.repeat(16), 1))
    })

    it('purges nothing before its time, and then what is due', () => {
      const fleet = new Fleet({ seed: 1, nodes: 3 })
      fleet.startAll()
      fleet.write(fleet.nodes[0]!, put(1, { expiry }))
      fleet.pass(purgedAfter - 1)
      for (const node of fleet.nodes) assert.equal(node.live.replica.size, 1)
      fleet.pass(purgeInterval + 100)
      for (const node of fleet.nodes) assert.equal(node.live.replica.size, 0)
    })

    it('goes on with what is due until all is purged, a part at a time', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2 })
      fleet.startAll()
      const keys = 25_000
      const writes = Array.from({ length: keys }, (_, i): LocalMutation => ({
        op: 'put',
        key: binary(`key${i}`),
        value: Uint8Array.of(1),
        expiry,
      }))
      for (let at = 0; at < keys; at += 1000) {
        fleet.write(fleet.nodes[0]!, writes.slice(at, at + 1000))
        fleet.pass(10)
      }
      assert.ok(agree(fleet))
      assert.equal(fleet.nodes[1]!.live.replica.size, keys)
      let most = 0
      fleet.observers.push({
        after: (_node, _event, effects) => {
          for (const effect of effects) {
            if (effect.type === 'commit') most = Math.max(most, effect.batch.deletes.length)
          }
        },
      })
      fleet.pass(purgedAfter + 2 * purgeInterval - fleet.time)
      for (const node of fleet.nodes) assert.equal(node.live.replica.size, 0)
      assert.ok(most > 0 && most <= 1_000, `${most} in one commit`)
    })

    for (const nodes of [1, 2, 3]) {
      it(`waits while a clock that jumped is in doubt, in a fleet of ${nodes}`, () => {
        const fleet = new Fleet({ seed: 1, nodes })
        fleet.startAll()
        const [node] = fleet.nodes
        fleet.pass(700_000)
        fleet.write(node!, put(1, { expiry: START_WALL_MS + fleet.time + 86_400_000 }))
        fleet.pass(1_000)
        assert.equal(node!.live.clock(fleet.now(node!)).doubt, false)
        node!.wallAhead += 2 * 86_400_000
        fleet.pass(purgeInterval + 1_000)
        assert.equal(node!.live.clock(fleet.now(node!)).doubt, true)
        assert.equal(node!.live.replica.size, 1)
        fleet.pass(300_000)
        assert.equal(node!.live.replica.size, 1)
        for (const other of fleet.nodes) assert.equal(other.live.replica.size, 1)
        // Alone it believes in its clock again once that has run steadily; in a fleet only when the others agree.
        fleet.pass(600_000)
        assert.equal(node!.live.clock(fleet.now(node!)).doubt, nodes > 1)
        assert.equal(node!.live.replica.size, nodes > 1 ? 1 : 0)
        node!.wallAhead = 0
        fleet.pass(nodes > 1 ? 30_000 : 700_000)
        assert.equal(node!.live.clock(fleet.now(node!)).doubt, false)
      })
    }

    it('goes on where the peers that agreed have left, and waits where none was there to agree', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2 })
      fleet.startAll()
      const [node, leaves] = fleet.nodes
      fleet.pass(1_000)
      fleet.crash(leaves!)
      const purgesAnItem = (): boolean => {
        fleet.write(node!, put(1, { expiry: START_WALL_MS + fleet.time + 1_000 }))
        fleet.pass(1_000 + skew + grace + 2 * purgeInterval)
        return node!.live.replica.size === 0
      }
      assert.equal(purgesAnItem(), true)
      fleet.crash(node!)
      fleet.restart(node!)
      assert.equal(purgesAnItem(), false)
    })

    it('lets a majority purge beside a clock that runs ahead, and that one follow', () => {
      const fleet = new Fleet({ seed: 1, nodes: 3 })
      fleet.nodes[2]!.wallAhead = 10 * 86_400_000
      fleet.startAll()
      fleet.write(fleet.nodes[0]!, put(1, { expiry }))
      fleet.pass(purgedAfter - 1_000)
      for (const node of fleet.nodes) assert.equal(node.live.replica.size, 1)
      fleet.pass(purgeInterval + 60_000)
      assert.equal(fleet.nodes[0]!.live.replica.size, 0)
      assert.equal(fleet.nodes[1]!.live.replica.size, 0)
    })

    it('makes no difference to repair while some have purged and others not', () => {
      const fleet = new Fleet({ seed: 1, nodes: 2 })
      const [a, b] = fleet.nodes
      fleet.startAll()
      fleet.write(a!, put(1, { expiry }))
      fleet.pass(purgedAfter - 10_000)
      // The clock of one is nearly as far behind as is allowed.
      b!.wallAhead = -(skew - 1_000)
      let sessions = 0
      fleet.observers.push({
        after: (_node, event) => {
          if (event.type === 'message' && (event.bytes[0] === 12 || event.bytes[0] === 5))
            sessions++
        },
      })
      fleet.pass(10_100 + purgeInterval)
      assert.equal(a!.live.replica.size, 0)
      assert.equal(b!.live.replica.size, 1)
      fleet.pass(skew)
      assert.equal(b!.live.replica.size, 0)
      assert.equal(sessions, 0, 'no pull and no range step')
    })
  })

  it('R11: nothing is refused or held back because of its timestamp', () => {
    const fleet = new Fleet({ seed: 1, nodes: 2, faults: { gossipLoss: 1 } })
    const [a, b] = fleet.nodes
    fleet.startAll()
    const stamps = [0, 1, START_WALL_MS + 10 * 365 * 86_400_000, 2 ** 48 - 1]
    const deltas = stamps.map((ms, index) => {
      const dot = { actor: 'x'.repeat(16), counter: index + 1 }
      const key = binary(`key${index}`)
      const item = makeRegister(
        { ...dot, key, value: new Uint8Array(1), ms, tick: 65_535, expiry: 0 },
        hash,
      )
      return { dot: item, item, supersedes: [], announcedBytes: 0 }
    })
    gossipTo(fleet, a!, deltas)
    assert.ok(agree(fleet))
    assert.equal(b!.live.replica.size, stamps.length)
    // The next write that has seen it supersedes it, also where its stamp cannot be passed.
    fleet.write(b!, [{ op: 'put', key: binary('key3') }])
    assert.ok(agree(fleet))
    const [winner, ...others] = a!.live.replica.siblings(binary('key3'))
    assert.equal(others.length, 0)
    assert.equal(winner!.ms, 2 ** 48 - 1)
  })
})
