/** What only the memory network has: faults on command, and runs that repeat. */
import assert from 'node:assert/strict'
import { memoryWorld } from './memory-world.ts'
import type { MemoryWorld } from './memory-world.ts'
import { isUp, pattern } from './transport.ts'
import type { TestPeer } from './transport.ts'

const MIB = 1024 * 1024

async function pair(world: MemoryWorld): Promise<[TestPeer, TestPeer]> {
  const [a, b] = [await world.peer('a'), await world.peer('b')]
  await world.settled(a.transport.connect(b.address))
  await world.until('a link', () => isUp(a, 'b') && isUp(b, 'a'))
  return [a, b]
}

/** What happens in one run with every fault, as text. */
async function run(seed: number): Promise<string> {
  const own = await memoryWorld(seed)
  Object.assign(own.network.faults, {
    gossipLoss: 0.1,
    gossipDuplicate: 0.1,
    gossipReorderMs: 50,
    linkLoss: 0.01,
  })
  const log: string[] = []
  const peers = [await own.peer('a'), await own.peer('b'), await own.peer('c')]
  for (const peer of peers) {
    peer.onMessage = (from, bytes) =>
      log.push(`${own.clock.now} ${peer.self} message ${from} ${bytes.byteLength}`)
    peer.verdict = (bytes) => {
      log.push(`${own.clock.now} ${peer.self} gossip ${bytes.byteLength}`)
      return 'forward'
    }
  }
  const [a, b, c] = peers
  assert.ok(a !== undefined && b !== undefined && c !== undefined)
  await own.settled(a.transport.connect(b.address))
  await own.settled(b.transport.connect(c.address))
  for (let i = 0; i < 100; i++) {
    a.transport.publish(new Uint8Array(i))
    b.transport.send('c', 'bulk', new Uint8Array(i * 1_000))
    c.transport.send('b', 'control', new Uint8Array(i))
    await own.advance(20)
  }
  await own.end()
  return [...log, ...peers.flatMap(({ events }) => events)].join('\n')
}

describe('memory network', () => {
  let world: MemoryWorld

  beforeEach(async () => {
    world = await memoryWorld()
  })

  afterEach(async () => {
    await world.end()
  })

  it('holds messages back during a short cut and brings them after it', async () => {
    const [a, b] = await pair(world)
    world.network.cut('a', 'b')
    assert.ok(a.transport.send('b', 'bulk', pattern(MIB)))
    assert.ok(b.transport.send('a', 'bulk', pattern(MIB)))
    await world.advance(5_000)
    assert.equal(b.messages.length, 0, 'the cut lets messages through')
    assert.equal(a.messages.length, 1, 'the other way is cut too')
    world.network.heal('a', 'b')
    await world.until('the message', () => b.messages.length === 1)
    assert.deepEqual(b.messages[0]?.bytes, pattern(MIB))
    assert.deepEqual(a.events, ['up b'])
  })

  it('lets go of a link that stays cut, and links again after', async () => {
    const [a, b] = await pair(world)
    world.network.cut('a', 'b')
    world.network.cut('b', 'a')
    a.transport.send('b', 'bulk', pattern(10))
    await world.until('both down', () => !isUp(a, 'b') && !isUp(b, 'a'))
    await assert.rejects(world.settled(a.transport.connect(b.address)), { code: 'CONNECT_FAILED' })
    await world.advance(60_000)
    assert.ok(!isUp(a, 'b') && !isUp(b, 'a'))
    world.network.healAll()
    await world.until('both up', () => isUp(a, 'b') && isUp(b, 'a'))
    assert.equal(b.messages.length, 0)
  })

  it('ends a link that only one side has given up when the cut heals', async () => {
    const [a, b] = await pair(world)
    world.network.cut('a', 'b')
    world.network.cut('b', 'a')
    await world.until('one side down', () => !isUp(a, 'b') || !isUp(b, 'a'))
    world.network.healAll()
    await world.until('both were down', () => a.events.length > 1 && b.events.length > 1)
    await world.until('both up', () => isUp(a, 'b') && isUp(b, 'a'))
    a.transport.send('b', 'control', pattern(10))
    await world.until('a message', () => b.messages.length === 1)
  })

  it('loses a link in the middle of a message', async () => {
    const [a, b] = await pair(world)
    a.transport.send('b', 'bulk', pattern(16 * MIB))
    a.transport.send('b', 'bulk', pattern(MIB))
    await world.until('some of it on the wire', () => world.network.bytes > MIB)
    world.network.loseLink('a', 'b')
    assert.equal(a.transport.send('b', 'bulk', pattern(10)), false)
    await world.until('both up again', () => isUp(a, 'b') && isUp(b, 'a'))
    await world.advance(10_000)
    assert.equal(b.messages.length, 0)
    a.transport.send('b', 'bulk', pattern(20))
    await world.until('a message', () => b.messages.length === 1)
    assert.deepEqual(b.messages[0]?.bytes, pattern(20))
  })

  it('loses, repeats and reorders gossip, and nothing else', async () => {
    const [a, b] = await pair(world)
    Object.assign(world.network.faults, {
      gossipLoss: 0.3,
      gossipDuplicate: 0.3,
      gossipReorderMs: 100,
    })
    const count = 300
    for (let i = 0; i < count; i++) {
      a.transport.publish(new TextEncoder().encode(String(i)))
      a.transport.send('b', 'control', Uint8Array.of(i % 256))
      await world.advance(1)
    }
    await world.advance(1_000)
    const heard = b.gossip.map(({ bytes }) => Number(new TextDecoder().decode(bytes)))
    const distinct = new Set(heard).size
    assert.ok(distinct > count / 2 && distinct < count, 'no loss, or too much')
    assert.ok(heard.length > distinct, 'no repetition')
    assert.ok(
      heard.some((value, i) => value < (heard[i - 1] ?? 0)),
      'no reordering',
    )
    assert.deepEqual(
      b.messages.map(({ bytes }) => bytes[0]),
      Array.from({ length: count }, (_, i) => i % 256),
    )
  })

  it('breaks links by chance, and every message that arrives is whole', async () => {
    const [a, b] = await pair(world)
    world.network.faults.linkLoss = 0.02
    for (let i = 0; i < 100; i++) {
      a.transport.send('b', i % 2 === 0 ? 'bulk' : 'control', pattern(300_000, i + 1))
      await world.advance(200)
    }
    assert.ok(a.events.length > 1, 'no link broke')
    assert.ok(b.messages.length > 10 && b.messages.length < 100)
    const expected = new Set(
      Array.from({ length: 100 }, (_, i) =>
        Buffer.from(pattern(300_000, i + 1)).toString('base64'),
      ),
    )
    for (const { bytes } of b.messages) {
      assert.ok(expected.has(Buffer.from(bytes).toString('base64')))
    }
  })

  it('repeats a run exactly from the same seed, and not from another', async () => {
    const first = await run(7)
    assert.ok(first.length > 1_000)
    assert.equal(await run(7), first)
    assert.notEqual(await run(8), first)
  })

  it('keeps a lane in order however latency varies', async () => {
    const [a, b] = await pair(world)
    world.network.faults.latencyMs = [0, 500]
    for (let i = 0; i < 200; i++) {
      a.transport.send('b', 'bulk', Uint8Array.of(i))
      await world.advance(3)
    }
    await world.until('all', () => b.messages.length === 200)
    assert.deepEqual(
      b.messages.map(({ bytes }) => bytes[0]),
      Array.from({ length: 200 }, (_, i) => i),
    )
  })
})
