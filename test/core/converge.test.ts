/** "Has the fleet converged?" never hears yes while somebody who looks at all replicas finds a difference. */
import assert from 'node:assert/strict'
import type { Convergence } from '../../src/core/converge.ts'
import { decodeLink, encodeLink } from '../../src/core/wire/link.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import type { RepairSizes } from '../../src/core/repair/sizes.ts'
import type { LinkMessage } from '../../src/core/wire/link.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { binary, Fleet, loseItems, SETTINGS, summaryOf } from '../support/fleet.ts'
import type { FleetOptions, SimNode } from '../support/fleet.ts'
import { ConvergeCheck } from '../support/converge-check.ts'

const put = (key: string, value = 'v'): LocalMutation => ({
  op: 'put',
  key: binary(key),
  value: Buffer.from(value),
})

const del = (key: string): LocalMutation => ({ op: 'delete', key: binary(key) })

function started(options: Partial<FleetOptions> = {}): { fleet: Fleet; check: ConvergeCheck } {
  const fleet = new Fleet({ seed: 1, nodes: 3, ...options })
  const check = new ConvergeCheck(fleet)
  fleet.startAll()
  fleet.pass(100)
  return { fleet, check }
}

/** Asks, and lets time pass until the answer. */
function ask(fleet: Fleet, check: ConvergeCheck, node: SimNode, withinMs = 5_000): Convergence {
  const answer = check.ask(node, withinMs)
  fleet.until(() => answer.result !== undefined, withinMs + 100)
  assert.ok(answer.result !== undefined, 'an answer in time')
  return answer.result
}

/** Lets every message between nodes become another one on its way. */
function tamper(fleet: Fleet, change: (message: LinkMessage, bytes: Uint8Array) => Uint8Array) {
  const { network } = fleet
  const send = network.send.bind(network)
  network.send = (from, to, lane, bytes) => {
    const message = decodeLink(bytes)
    send(from, to, lane, typeof message === 'string' ? bytes : change(message, bytes))
  }
}

function standings(result: Convergence): string[] {
  return result.peers.map(({ peer, here, there }) => `${peer} ${here.standing} ${there.standing}`)
}

describe('converged', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  it('says yes when nothing is under way, of the moment at which it was asked', () => {
    const { fleet, check } = started()
    const [a, b] = fleet.nodes
    fleet.write(b!, [put('x')])
    fleet.pass(10_000)
    const asked = fleet.now(a!).wall
    const result = ask(fleet, check, a!)
    assert.equal(result.converged, true)
    assert.equal(result.asOf, asked)
    assert.deepEqual(standings(result), ['node1 has-all has-all', 'node2 has-all has-all'])
    assert.equal(check.yes, 1)
  })

  it('brings what is missing, with gossip that never arrives', () => {
    const { fleet, check } = started({ faults: { gossipLoss: 1 } })
    fleet.write(fleet.nodes[2]!, [put('x'), put('y')])
    fleet.pass(50)
    assert.equal(ask(fleet, check, fleet.nodes[0]!).converged, true)
  })

  it('names a moment while writes go on at every daemon', () => {
    const { fleet, check } = started({ faults: { gossipDelay: [5, 200], gossipLoss: 0.2 } })
    let count = 0
    const write = (): void => {
      for (const node of fleet.nodes) fleet.write(node, [put(`key${++count % 50}`, `${count}`)])
      if (count % 7 === 0) fleet.write(fleet.nodes[0]!, [del(`key${count % 50}`)])
      fleet.schedule(2, write)
    }
    write()
    fleet.pass(2_000)
    for (const node of fleet.nodes) {
      const result = ask(fleet, check, node)
      assert.equal(result.converged, true, JSON.stringify(result))
      const summaries = new Set(fleet.nodes.map((one) => summaryOf(one)))
      assert.ok(summaries.size > 1, 'the replicas never stand still')
    }
    assert.equal(check.yes, fleet.nodes.length)
  })

  it('says no while a linked daemon stands still, and names it', () => {
    const { fleet, check } = started()
    const [a, , c] = fleet.nodes
    fleet.stop(c!)
    const result = ask(fleet, check, a!)
    assert.equal(result.converged, false)
    assert.deepEqual(standings(result), ['node1 has-all has-all', 'node2 no-answer no-answer'])
    fleet.resume(c!)
    fleet.pass(10_000)
    assert.equal(ask(fleet, check, a!).converged, true)
  })

  it('says no of a link that is lost, and of one that is made meanwhile', () => {
    const { fleet, check } = started()
    const [a, b, c] = fleet.nodes
    fleet.stop(b!)
    const lost = check.ask(a!, 5_000)
    fleet.schedule(100, () => fleet.cut(a!, b!))
    fleet.until(() => lost.result !== undefined, 6_000)
    assert.equal(lost.result?.converged, false)
    assert.ok(standings(lost.result).includes('node1 link-lost link-lost'))
    fleet.stop(c!)
    const made = check.ask(a!, 5_000)
    fleet.resume(b!)
    fleet.connect(a!, b!)
    fleet.schedule(500, () => fleet.resume(c!))
    fleet.until(() => made.result !== undefined, 6_000)
    assert.equal(made.result?.converged, false)
  })

  it('tells how many dots a daemon lags behind, and for how long', () => {
    const repair = { ...SETTINGS.repair, bytesPerSecond: 64 * 1024 }
    const { fleet, check } = started({ nodes: 2, settings: { ...SETTINGS, repair } })
    const [a, b] = fleet.nodes
    fleet.cut(a!, b!)
    fleet.pass(100)
    for (let i = 0; i < 400; i++) {
      fleet.write(a!, [{ op: 'put', key: binary(`key${i}`), value: fleet.random.bytes(10_000) }])
    }
    fleet.pass(1_000)
    fleet.connect(a!, b!)
    fleet.pass(5_000)
    const result = ask(fleet, check, a!)
    assert.equal(result.converged, false)
    const [{ here, there } = assert.fail('no peer')] = result.peers
    assert.equal(here.standing, 'has-all')
    assert.equal(there.standing, 'behind')
    assert.ok(there.lacking! > 50 && there.lacking! < 400, `${there.lacking} dots`)
    assert.ok(there.missingMs! >= 5_000, `${there.missingMs} ms`)
    const seenFromThere = ask(fleet, check, b!)
    assert.equal(seenFromThere.peers[0]?.here.standing, 'behind')
    fleet.until(() => summaryOf(a!) === summaryOf(b!), 200_000)
    assert.equal(ask(fleet, check, a!).converged, true)
  })

  /**
   * c has some keys and deletes that supersede puts of them that c never saw, and covers all of it; and nobody remembers any
   * more which keys the deletes were of.
   */
  function withForgottenDeletes(keys: readonly string[], sizes: RepairSizes) {
    const { fleet, check } = started({ faults: { gossipLoss: 1 }, sizes })
    const [a, b, c] = fleet.nodes
    for (const key of keys) fleet.write(a!, [put(key, '1')])
    fleet.pass(10_000)
    for (const one of [a!, b!]) fleet.cut(one, c!)
    for (const key of keys) fleet.write(a!, [put(key, '2')])
    fleet.pass(10_000)
    fleet.faults = { ...fleet.faults, gossipLoss: 0 }
    // Heard by c, although it is not linked: by way of somebody who is.
    const heard: Uint8Array[] = []
    fleet.observers.push({
      after: (_node, _event, effects) => {
        for (const effect of effects) if (effect.type === 'publish') heard.push(effect.bytes)
      },
    })
    for (const key of keys) fleet.write(b!, [del(key)])
    fleet.pass(100)
    for (const bytes of heard) check.gossip(c!, bytes)
    fleet.pass(100)
    assert.equal(c!.live.replica.size, keys.length)
    fleet.crash(a!, a!.disk.batches)
    fleet.crash(b!, b!.disk.batches)
    fleet.restart(a!)
    fleet.restart(b!)
    for (const one of [a!, b!]) fleet.connect(one, c!)
    return { fleet, check, asker: a!, behind: c! }
  }

  it('does not take covered dots for applied removals', () => {
    const { fleet, check, asker, behind } = withForgottenDeletes(['x'], SIZES)
    const result = ask(fleet, check, asker)
    assert.equal(result.converged, true, JSON.stringify(result))
    assert.equal(behind.live.replica.size, 0)
  })

  it('does not take the part of a range that was compared for all of it', () => {
    const sizes = { ...SIZES, compared: 1 }
    // The range step begins with sixteen parts: more than one key is in some of them.
    const keys = Array.from({ length: 40 }, (_, i) => `key ${i}`)
    const { fleet, check, asker, behind } = withForgottenDeletes(keys, sizes)
    // Whatever it says meanwhile is held against what the others have.
    fleet.until(() => ask(fleet, check, asker).converged, 200_000)
    assert.equal(behind.live.replica.size, 0)
  })

  it('says no while removals are held back, on the side that holds them', () => {
    const repair = { ...SETTINGS.repair, removalsMax: 5 }
    const { fleet, check } = started({ nodes: 2, settings: { ...SETTINGS, repair } })
    const [a, b] = fleet.nodes
    for (let i = 0; i < 20; i++) fleet.write(a!, [put(`key${i}`)])
    fleet.pass(10_000)
    loseItems(a!)
    fleet.pass(20_000)
    const result = ask(fleet, check, a!)
    assert.deepEqual(standings(result), ['node1 has-all held-removals'])
    assert.equal(result.converged, false)
    assert.deepEqual(standings(ask(fleet, check, b!)), ['node0 held-removals has-all'])
    fleet.dispatch(b!, { type: 'removals', decision: 'approve' })
    fleet.pass(1_000)
    assert.equal(ask(fleet, check, a!).converged, true)
  })

  it('speaks of what is on the disks', () => {
    const { fleet, check } = started({ faults: { gossipLoss: 1 } })
    fleet.write(fleet.nodes[2]!, [put('x'), put('y')])
    fleet.pass(50)
    assert.equal(ask(fleet, check, fleet.nodes[0]!).converged, true)
    for (const node of fleet.nodes) {
      fleet.crash(node, node.disk.durable)
      fleet.restart(node)
      assert.equal(node.live.replica.size, 2)
    }
  })

  it('says no while dots are doubted that come without their contents', () => {
    const { fleet, check } = started({ nodes: 2 })
    const [a, b] = fleet.nodes
    const actor = 'x'.repeat(16)
    const far = { actor, counter: 5_000_000 }
    const delta = { dot: { actor, counter: 1 }, supersedes: [far], announcedBytes: 0 }
    fleet.dispatch(a!, { type: 'gossip', author: 'n9', deltas: [delta], bytes: 100 })
    fleet.pass(100)
    const result = ask(fleet, check, a!)
    assert.equal(result.converged, false)
    assert.deepEqual(standings(result), ['node1 has-all behind'])
    assert.equal(result.peers[0]?.there.lacking, 2)
    assert.equal(b!.live.doubts().actors, 1)
  })

  it('hears no from a peer of an earlier version, which ignores the question', () => {
    const { fleet, check } = started({ nodes: 2 })
    const [a] = fleet.nodes
    tamper(fleet, (message, bytes) => (message.type === 'convergeAsk' ? Uint8Array.of(99) : bytes))
    assert.deepEqual(standings(ask(fleet, check, a!)), ['node1 has-all no-answer'])
  })

  it('takes a reason that it does not know for a no, and an answer to nothing for nothing', () => {
    const { fleet, check } = started({ nodes: 2 })
    const [a, b] = fleet.nodes
    const answer = { id: 12345, proven: true, why: 'has-all', missingMs: 0 }
    fleet.dispatch(a!, {
      type: 'message',
      peer: b!.id,
      bytes: encodeLink('convergeAnswer', answer),
    })
    tamper(fleet, (message, bytes) =>
      message.type === 'convergeAnswer'
        ? encodeLink('convergeAnswer', { ...message.body, proven: false, why: 'mood' })
        : bytes,
    )
    assert.deepEqual(standings(ask(fleet, check, a!)), ['node1 has-all other'])
  })

  it('says of nobody that all of them agree, and leaves the rest to who knows the fleet', () => {
    const { fleet, check } = started({ nodes: 1 })
    const result = ask(fleet, check, fleet.nodes[0]!)
    assert.deepEqual(result.peers, [])
  })

  it('costs an idle fleet two comparisons and a question for each peer', () => {
    const { fleet, check } = started({ nodes: 2 })
    fleet.pass(10_000)
    let bytes = 0
    const types: string[] = []
    fleet.observers.push({
      after: (_node, _event, effects) => {
        for (const effect of effects) {
          if (effect.type !== 'send') continue
          bytes += effect.bytes.length
          const message = decodeLink(effect.bytes)
          types.push(typeof message === 'string' ? message : message.type)
        }
      },
    })
    assert.equal(ask(fleet, check, fleet.nodes[0]!).converged, true)
    const expected = ['digestAsk', 'digestAnswer', 'convergeAsk']
    assert.deepEqual(types, [...expected, 'digestAsk', 'digestAnswer', 'convergeAnswer'])
    assert.ok(bytes < 500, `${bytes} bytes`)
  })
})
