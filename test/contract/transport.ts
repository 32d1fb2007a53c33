/**
 * What every transport must do: one suite, run by `transport.test.ts` against each implementation.
 */
import assert from 'node:assert/strict'
import { HearsayError } from '../../src/errors.ts'
import {
  GOSSIP_BYTES_MAX,
  MESSAGE_BYTES_MAX,
  SEND_QUEUE_BYTES_MAX,
} from '../../src/net/transport.ts'
import type { GossipVerdict, PeerId, Transport } from '../../src/net/transport.ts'

/** A started transport and everything its handlers were told. */
export interface TestPeer {
  transport: Transport
  self: PeerId
  address: string
  /** `up PEER`, `down PEER`, in order. */
  events: string[]
  reasons: string[]
  messages: { peer: PeerId; bytes: Uint8Array }[]
  gossip: { author: PeerId; bytes: Uint8Array }[]
  verdict: (bytes: Uint8Array) => GossipVerdict
  onMessage: (peer: PeerId, bytes: Uint8Array) => void
}

/** One network for one test. */
export interface World {
  /** Starts a peer; the same name gives the same identity. */
  peer(name: string, options?: { bootstrap?: string[] }): Promise<TestPeer>
  /** Lets time pass until the condition holds; fails with what was waited for. */
  until(what: string, condition: () => boolean): Promise<void>
  /** Lets time pass until the promise settles. */
  settled<T>(promise: Promise<T>): Promise<T>
  /** A well-formed address at which nobody answers. */
  deadAddress(): Promise<string>
  /** Lets a long time pass; only where time is virtual. */
  advance?: (ms: number) => Promise<void>
  end(): Promise<void>
}

/** Handlers that note down what they are told. */
export async function startNoting(
  transport: Transport,
): Promise<Omit<TestPeer, 'address'> & { address: string }> {
  const peer: TestPeer = {
    transport,
    self: transport.self,
    address: '',
    events: [],
    reasons: [],
    messages: [],
    gossip: [],
    verdict: () => 'forward',
    onMessage: () => {},
  }
  await transport.start({
    linkUp: (other, address) => {
      assert.notEqual(address, '')
      peer.events.push(`up ${other}`)
    },
    linkDown: (other, reason) => {
      peer.events.push(`down ${other}`)
      peer.reasons.push(reason)
    },
    message: (from, bytes) => {
      assert.ok(isUp(peer, from), 'a message came while its link was down')
      peer.messages.push({ peer: from, bytes })
      peer.onMessage(from, bytes)
    },
    gossip: (author, bytes) => {
      peer.gossip.push({ author, bytes })
      return peer.verdict(bytes)
    },
  })
  peer.address = transport.addresses()[0] ?? ''
  return peer
}

export function isUp(peer: TestPeer, other: PeerId): boolean {
  return peer.events.findLast((event) => event.endsWith(other)) === `up ${other}`
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytesOf = (string: string): Uint8Array => new TextEncoder().encode(string)
const texts = (peer: TestPeer): string[] => peer.messages.map(({ bytes }) => text(bytes))
const gossips = (peer: TestPeer): string[] => peer.gossip.map(({ bytes }) => text(bytes))

/** Bytes in which every shift and every missing piece shows. */
export function pattern(length: number, start = 1): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4))
  let word = start
  for (let i = 0; i < words.length; i++) {
    word = (Math.imul(word, 1664525) + 1013904223) >>> 0
    words[i] = word
  }
  return new Uint8Array(words.buffer, 0, length)
}

const MIB = 1024 * 1024

export function transportContract(name: string, makeWorld: () => Promise<World>): void {
  describe(`transport: ${name}`, () => {
    let world: World

    beforeEach(async () => {
      world = await makeWorld()
    })

    afterEach(async () => {
      await world.end()
    })

    async function linked(a: TestPeer, b: TestPeer): Promise<void> {
      await world.until(`a link between ${a.self} and ${b.self}`, () => {
        return isUp(a, b.self) && isUp(b, a.self)
      })
    }

    async function pair(): Promise<[TestPeer, TestPeer]> {
      const [a, b] = [await world.peer('a'), await world.peer('b')]
      assert.equal(await world.settled(a.transport.connect(b.address)), b.self)
      await linked(a, b)
      return [a, b]
    }

    async function gossipOpen(...peers: TestPeer[]): Promise<void> {
      await world.until('gossip streams', () =>
        peers.every(({ transport }) => transport.neighbours().every(({ gossip }) => gossip)),
      )
    }

    /** Publishes numbered payloads until the other has one: the first may go out before gossip flows. */
    async function gossipReaches(from: TestPeer, to: TestPeer, label: string): Promise<void> {
      let published = 0
      await world.until(`gossip ${label} from ${from.self} to ${to.self}`, () => {
        if (published < 1_000) from.transport.publish(bytesOf(`${label} ${published++}`))
        return gossips(to).some((payload) => payload.startsWith(label))
      })
    }

    it('tells both sides of a link', async () => {
      const [a, b] = await pair()
      assert.deepEqual(a.events, [`up ${b.self}`])
      assert.deepEqual(b.events, [`up ${a.self}`])
      const [seenByA] = a.transport.neighbours()
      const [seenByB] = b.transport.neighbours()
      assert.equal(seenByA?.peer, b.self)
      assert.equal(seenByA?.direction, 'outbound')
      assert.equal(seenByB?.peer, a.self)
      assert.equal(seenByB?.direction, 'inbound')
    })

    it('knows its addresses from the start on', async () => {
      const a = await world.peer('a')
      assert.ok(a.address.includes(a.self))
    })

    it('connects once: a second connect finds the link', async () => {
      const [a, b] = await pair()
      assert.equal(await world.settled(a.transport.connect(b.address)), b.self)
      assert.equal(await world.settled(b.transport.connect(a.address)), a.self)
      assert.deepEqual(a.events, [`up ${b.self}`])
      assert.deepEqual(b.events, [`up ${a.self}`])
    })

    it('dials a bootstrap peer by itself, also one that starts later', async () => {
      const early = await world.peer('early')
      const { address } = early
      await early.transport.close()
      const a = await world.peer('a', { bootstrap: [address] })
      await world.until('a failed dial', () => a.transport.counters().dialsFailed > 0)
      const late = await world.peer('early')
      await linked(a, late)
    })

    it('carries messages of every size unchanged, both ways', async () => {
      const [a, b] = await pair()
      const sizes = [0, 1, 100, 65_534, 65_535, 65_536, 131_070, 131_071, 1 * MIB + 7]
      for (const [index, size] of sizes.entries()) {
        assert.ok(a.transport.send(b.self, 'bulk', pattern(size, index)))
        assert.ok(b.transport.send(a.self, 'control', pattern(size, index)))
      }
      await world.until('all messages', () => {
        return a.messages.length === sizes.length && b.messages.length === sizes.length
      })
      for (const [index, size] of sizes.entries()) {
        assert.deepEqual(a.messages[index]?.bytes, pattern(size, index))
        assert.deepEqual(b.messages[index]?.bytes, pattern(size, index))
      }
      const total = sizes.reduce((sum, size) => sum + size, 0)
      assert.equal(a.transport.counters().bytesSent, total)
      assert.equal(a.transport.counters().messagesSent, sizes.length)
      assert.equal(b.transport.counters().bytesReceived, total)
      assert.equal(b.transport.counters().messagesReceived, sizes.length)
    })

    it('carries the largest message, and leaves the sender its bytes unchanged', async () => {
      const [a, b] = await pair()
      for (const size of [16 * MIB, MESSAGE_BYTES_MAX]) {
        const sent = pattern(size)
        assert.ok(a.transport.send(b.self, 'bulk', sent))
        await world.until(`${size} bytes`, () => b.messages.at(-1)?.bytes.byteLength === size)
        assert.ok(Buffer.from(b.messages.at(-1)?.bytes ?? []).equals(pattern(size)))
        assert.ok(Buffer.from(sent).equals(pattern(size)))
      }
    })

    it('refuses a larger message as a mistake of its caller', async () => {
      const [a, b] = await pair()
      const tooLarge = new Uint8Array(MESSAGE_BYTES_MAX + 1)
      assert.throws(() => a.transport.send(b.self, 'bulk', tooLarge), TypeError)
      assert.ok(isUp(a, b.self))
    })

    it('keeps the order within each lane', async () => {
      const [a, b] = await pair()
      const count = 300
      for (let i = 0; i < count; i++) {
        const padding = 'x'.repeat((i * 977) % 3_000)
        assert.ok(a.transport.send(b.self, 'bulk', bytesOf(`bulk ${i} ${padding}`)))
        assert.ok(a.transport.send(b.self, 'control', bytesOf(`control ${i} ${padding}`)))
      }
      await world.until('all messages', () => b.messages.length === 2 * count)
      for (const lane of ['bulk', 'control']) {
        const order = texts(b)
          .filter((message) => message.startsWith(lane))
          .map((message) => Number(message.split(' ')[1]))
        assert.deepEqual(
          order,
          Array.from({ length: count }, (_, i) => i),
        )
      }
    })

    it('lets control overtake bulk, also in the middle of a message', async () => {
      const [a, b] = await pair()
      assert.ok(a.transport.send(b.self, 'bulk', pattern(16 * MIB)))
      assert.ok(a.transport.send(b.self, 'bulk', pattern(16 * MIB)))
      assert.ok(a.transport.send(b.self, 'control', bytesOf('first')))
      await world.until('all messages', () => b.messages.length === 3)
      assert.equal(text(b.messages[0]?.bytes ?? new Uint8Array()), 'first')
    })

    it('refuses a message to a peer without a link, and counts it', async () => {
      const [a] = await pair()
      const before = a.transport.counters().messagesDropped
      const stranger = (await world.peer('stranger')).self
      assert.equal(a.transport.send(stranger, 'control', bytesOf('hello')), false)
      assert.equal(a.transport.counters().messagesDropped, before + 1)
    })

    it('refuses what overflows the queue, still takes control, and stays usable', async () => {
      const [a, b] = await pair()
      let [taken, refused] = [0, 0]
      for (let i = 0; i < 50; i++) {
        if (a.transport.send(b.self, 'bulk', pattern(MIB, i))) taken++
        else refused++
      }
      assert.ok(refused > 0, 'nothing was refused')
      assert.ok(taken * MIB <= SEND_QUEUE_BYTES_MAX + MIB)
      const small = pattern(1_000)
      while (a.transport.send(b.self, 'bulk', small)) taken++
      refused++
      assert.equal(a.transport.counters().messagesDropped, refused)
      assert.ok(a.transport.send(b.self, 'control', pattern(MIB)))
      await world.until('what was taken', () => b.messages.length === taken + 1)
      assert.ok(a.transport.send(b.self, 'bulk', bytesOf('after')))
      await world.until('a message after the overflow', () => b.messages.length === taken + 2)
      assert.deepEqual(a.events, [`up ${b.self}`])
    })

    it('brings gossip to others, also by way of a peer between', async () => {
      const [a, b, c] = [await world.peer('a'), await world.peer('b'), await world.peer('c')]
      await world.settled(a.transport.connect(b.address))
      await world.settled(c.transport.connect(b.address))
      await linked(a, b)
      await linked(b, c)
      await gossipOpen(a, b, c)
      await gossipReaches(a, c, 'from a')
      assert.ok(c.gossip.every(({ author }) => author === a.self))
      assert.equal(a.gossip.length, 0, 'an author hears its own gossip')
      assert.equal(new Set(gossips(b)).size, b.gossip.length, 'a payload came twice')
      assert.ok(a.transport.counters().gossipPublished > 0)
      assert.equal(c.transport.counters().gossipReceived, c.gossip.length)
    })

    for (const verdict of ['forward', 'ignore'] as const) {
      it(`counts the copies that come when all ${verdict}`, async () => {
        const [a, b, c] = [await world.peer('a'), await world.peer('b'), await world.peer('c')]
        for (const peer of [a, b, c]) peer.verdict = () => verdict
        await world.settled(b.transport.connect(a.address))
        await world.settled(c.transport.connect(a.address))
        await world.settled(c.transport.connect(b.address))
        for (const [one, other] of [
          [a, b],
          [a, c],
          [b, c],
        ] as const)
          await linked(one, other)
        await gossipOpen(a, b, c)
        for (const [from, to] of [
          [a, b],
          [a, c],
          [b, c],
        ] as const) {
          await gossipReaches(from, to, `first from ${from.self}`)
        }
        const copies = (): number =>
          [b, c].reduce((sum, { transport }) => sum + transport.counters().gossipDuplicates, 0)
        const before = copies()
        for (let i = 0; i < 20; i++) a.transport.publish(pattern(1024, i))
        const received = (): boolean =>
          [b, c].every(({ gossip }) => {
            return gossip.filter(({ bytes }) => bytes.byteLength === 1024).length === 20
          })
        await world.until('all gossip', received)
        if (verdict === 'forward') await world.until('copies', () => copies() > before)
        else assert.equal(copies(), 0)
      })
    }

    for (const verdict of ['reject', 'ignore'] as const) {
      it(`does not carry on what a peer between ${verdict}s`, async () => {
        const [a, b, c] = [await world.peer('a'), await world.peer('b'), await world.peer('c')]
        b.verdict = (bytes) => (text(bytes).startsWith('bad') ? verdict : 'forward')
        await world.settled(a.transport.connect(b.address))
        await world.settled(c.transport.connect(b.address))
        await linked(a, b)
        await linked(b, c)
        await gossipOpen(a, b, c)
        await gossipReaches(a, c, 'before')
        for (let i = 0; i < 20; i++) a.transport.publish(bytesOf(`bad ${i}`))
        await world.until('all bad gossip', () => {
          return gossips(b).filter((payload) => payload.startsWith('bad')).length === 20
        })
        // What b would have carried on would be at c before this.
        await gossipReaches(a, c, 'after')
        assert.ok(!gossips(c).some((payload) => payload.startsWith('bad')))
        assert.equal(b.transport.counters().gossipRejected, verdict === 'reject' ? 20 : 0)
      })
    }

    it('drops and counts gossip that is too large', async () => {
      const [a, b] = await pair()
      await gossipOpen(a, b)
      a.transport.publish(new Uint8Array(GOSSIP_BYTES_MAX + 1))
      assert.equal(a.transport.counters().messagesDropped, 1)
      assert.equal(a.transport.counters().gossipPublished, 0)
      await gossipReaches(a, b, 'small')
      a.transport.publish(pattern(GOSSIP_BYTES_MAX))
      await world.until('the largest payload', () =>
        b.gossip.some(({ bytes }) => bytes.byteLength === GOSSIP_BYTES_MAX),
      )
    })

    it('publishes without neighbours without complaint', async () => {
      const a = await world.peer('a')
      a.transport.publish(bytesOf('into the void'))
      assert.equal(a.transport.counters().gossipPublished, 1)
    })

    it('ends a link at once, calls back later, and dials again in time', async () => {
      const [a, b] = await pair()
      a.transport.disconnect(b.self, 'enough', 50)
      assert.deepEqual(a.events, [`up ${b.self}`], 'a handler was called from inside disconnect')
      assert.equal(a.transport.send(b.self, 'control', bytesOf('late')), false)
      await world.until('both sides down', () => {
        return a.events.includes(`down ${b.self}`) && b.events.includes(`down ${a.self}`)
      })
      assert.equal(a.reasons[0], 'enough')
      await linked(a, b)
    })

    it('connects at once when told to, also to a peer it holds off', async () => {
      const [a, b] = await pair()
      const hour = 3_600_000
      a.transport.disconnect(b.self, 'enough', hour)
      b.transport.disconnect(a.self, 'enough', hour)
      await world.until('both sides down', () => !isUp(a, b.self) && !isUp(b, a.self))
      if (world.advance !== undefined) {
        await world.advance(hour / 2)
        assert.ok(!isUp(a, b.self))
      }
      await world.settled(a.transport.connect(b.address))
      await linked(a, b)
    })

    it('ignores an end of a link that is not there', async () => {
      const a = await world.peer('a')
      const b = await world.peer('b')
      a.transport.disconnect(b.self, 'never met', 0)
      assert.deepEqual(a.events, [])
    })

    it('says what is wrong with an address', async () => {
      const a = await world.peer('a')
      for (const address of ['', 'nonsense', '/ip4/127.0.0.1', '/ip4/999.0.0.1/tcp/1']) {
        await assert.rejects(a.transport.connect(address), (error) => {
          assert.ok(error instanceof HearsayError)
          assert.equal(error.code, 'BAD_ADDRESS')
          assert.ok(error.message.includes(JSON.stringify(address)))
          return true
        })
      }
    })

    it('says why a connect failed', async () => {
      const a = await world.peer('a')
      const address = await world.deadAddress()
      await assert.rejects(world.settled(a.transport.connect(address)), (error) => {
        assert.ok(error instanceof HearsayError)
        assert.equal(error.code, 'CONNECT_FAILED')
        assert.ok(error.message.includes(address), error.message)
        assert.match(error.message, /nothing listens/)
        return true
      })
      assert.ok(a.transport.counters().dialsFailed > 0)
    })

    it('refuses to connect to itself', async () => {
      const a = await world.peer('a')
      await assert.rejects(world.settled(a.transport.connect(a.address)), {
        code: 'CONNECT_FAILED',
      })
      assert.deepEqual(a.events, [])
    })

    it('closes silently for itself and visibly for others', async () => {
      const [a, b] = await pair()
      await a.transport.close()
      await world.until('b to notice', () => !isUp(b, a.self))
      assert.deepEqual(a.events, [`up ${b.self}`])
      assert.equal(a.transport.send(b.self, 'control', bytesOf('late')), false)
      a.transport.publish(bytesOf('late'))
      assert.deepEqual(a.transport.neighbours(), [])
      assert.deepEqual(a.transport.addresses(), [])
      await assert.rejects(a.transport.connect(b.address), { code: 'CONNECT_FAILED' })
      await a.transport.close()
    })

    it('closes in the middle of a large message', async () => {
      const [a, b] = await pair()
      for (let i = 0; i < 20; i++) a.transport.send(b.self, 'bulk', pattern(MIB, i))
      await world.until('the first message', () => b.messages.length > 0)
      await a.transport.close()
      await world.until('b to notice', () => !isUp(b, a.self))
      for (const [i, { bytes }] of b.messages.entries()) assert.deepEqual(bytes, pattern(MIB, i))
      assert.equal(b.transport.counters().protocolViolations, 0)
    })

    it('takes a peer back that was restarted under its identity', async () => {
      const [a, b] = await pair()
      let again = a
      for (let round = 0; round < 3; round++) {
        const before = b.events.length
        await again.transport.close()
        await world.until('b to notice', () => b.events.length > before)
        again = await world.peer('a', { bootstrap: [b.address] })
        await linked(again, b)
        assert.ok(again.transport.send(b.self, 'control', bytesOf(`round ${round}`)))
        await world.until('a message after it', () => texts(b).includes(`round ${round}`))
        await gossipReaches(again, b, `round ${round}`)
      }
    })
  })
}
