/**
 * A member of the fleet that sends anything at all: it holds the admission secret and speaks libp2p, and nothing above
 * that is right. The daemon lives, counts it, and goes on with the others.
 */
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import type { Uint8ArrayList } from 'uint8arraylist'
import { toHex, toBinary } from '../../src/core/bytes.ts'
import { encodeLink } from '../../src/core/wire/link.ts'
import { clusterOf } from '../../src/daemon/identity.ts'
import { admissionEncrypters } from '../../src/net/admission.ts'
import { encodeFrame, PIECE_BYTES } from '../../src/net/frames.ts'
import { createNode } from '../../src/net/node.ts'
import { MESSAGE_BYTES_MAX } from '../../src/net/transport.ts'
import { TUNING_DEFAULTS } from '../../src/net/tuning.ts'
import { RawPeer } from '../contract/libp2p-support.ts'
import { bytes, converged, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'

/** Links made by the peer that sends well-formed frames of garbage; HEARSAY_TEST_GARBAGE=2000 for a long run. */
const GARBAGE_LINKS = Number(process.env['HEARSAY_TEST_GARBAGE'] ?? 25)
const MESSAGES_PER_LINK = 20
const TYPES_MAX = 18
const RSS_GROWTH_BYTES_MAX = 256 * 1024 * 1024

describe('a peer of the fleet that sends garbage', function () {
  this.timeout(120_000)
  const fleet = useFleet()
  const { map } = clusterOf(undefined)
  const encrypters = () => admissionEncrypters([], randomBytes(16), () => undefined)

  async function rawPeer(): Promise<RawPeer> {
    const raw = await RawPeer.start(await generateKeyPair('Ed25519'), encrypters())
    fleet().onClose(() => raw.stop())
    return raw
  }

  /** The daemon may be ending the one before while the next is opened; then it is tried again. */
  function link(raw: RawPeer, daemon: TestDaemon): Promise<Stream> {
    return until('a link', async () => {
      try {
        for (const old of raw.node.getConnections()) await old.close()
        const { out } = await raw.link(await raw.dial(daemon.address))
        return out
      } catch {
        return undefined
      }
    })
  }

  function write(stream: Stream, data: Uint8Array | Uint8ArrayList): void {
    try {
      stream.send(data)
    } catch {
      // The daemon has ended the link meanwhile.
    }
  }

  const message = (body: Uint8Array) => encodeFrame('control', true, body)
  const hello = () =>
    message(
      encodeLink('hello', {
        versionMin: 1,
        versionMax: 1,
        map: map as Uint8Array<ArrayBuffer>,
        nonce: randomBytes(8),
        name: 'garbage',
      }),
    )

  async function violations(daemon: TestDaemon): Promise<number> {
    const { counters, transport } = await daemon.client.status()
    return (counters['protocolViolations'] ?? 0) + transport.protocolViolations
  }

  /** Two honest daemons still agree on what they write, and nothing was lost. */
  async function othersAreWell(daemons: readonly TestDaemon[]): Promise<void> {
    for (const one of daemons) await one.client.put(bytes(`from-${one.name}`), bytes('fine'))
    await converged(daemons)
    for (const reader of daemons) {
      for (const key of ['before', ...daemons.map(({ name }) => `from-${name}`)]) {
        assert.ok((await reader.client.get(bytes(key))).found, `${key} on ${reader.name}`)
      }
    }
  }

  async function honest(): Promise<[TestDaemon, TestDaemon]> {
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    await a.client.put(bytes('before'), bytes('fine'))
    await converged([a, b])
    return [a, b]
  }

  it('as bytes that are no frames, frames that are too long, and messages without end', async () => {
    const [a, b] = await honest()
    const raw = await rawPeer()
    const rssBefore = (await a.client.status()).memory.rssBytes
    const piece = encodeFrame('bulk', false, new Uint8Array(PIECE_BYTES))
    const kinds: [what: string, send: (stream: Stream) => Promise<void> | void][] = [
      ['no frames', (stream) => write(stream, randomBytes(100_000).fill(0xff, 0, 8))],
      ['a length above the largest', (stream) => write(stream, Buffer.from('ffffff7f00', 'hex'))],
      ['an empty frame', (stream) => write(stream, Uint8Array.of(0))],
      ['an unknown header', (stream) => write(stream, Uint8Array.of(2, 0xf0, 1))],
      [
        'a frame that ends in the middle',
        async (stream) => {
          write(stream, Uint8Array.of(200, 1, 2, 3))
          await stream.close().catch(() => undefined)
        },
      ],
      [
        'a message without end',
        async (stream) => {
          for (let sent = 0; sent <= MESSAGE_BYTES_MAX && stream.status === 'open';) {
            write(stream, piece.slice())
            sent += PIECE_BYTES
            await new Promise((resolve) => setImmediate(resolve))
          }
        },
      ],
    ]
    for (const [what, send] of kinds) {
      const before = await violations(a)
      await send(await link(raw, a))
      await until(`a count of ${what}`, async () => (await violations(a)) > before)
    }
    await othersAreWell([a, b])
    const { memory } = await a.client.status()
    assert.ok(memory.rssBytes - rssBefore < RSS_GROWTH_BYTES_MAX, `${memory.rssBytes} bytes`)
  })

  it('in well-formed frames, before and after a good hello', async () => {
    const [a, b] = await honest()
    const raw = await rawPeer()
    let closed = 0
    for (let i = 0; i < GARBAGE_LINKS; i++) {
      const stream = await link(raw, a)
      if (i % 4 !== 0) write(stream, hello())
      for (let sent = 0; sent < MESSAGES_PER_LINK && stream.status === 'open'; sent++) {
        write(stream, message(garbage()))
        await new Promise((resolve) => setImmediate(resolve))
      }
      if (stream.status !== 'open') closed++
      if (i % 10 === 9) assert.ok((await a.client.get(bytes('before'))).found)
    }
    assert.ok((await violations(a)) > 0)
    assert.ok(closed > 0)
    await othersAreWell([a, b])
  })

  it('as gossip, which does not travel on', async () => {
    const [a, b] = await honest()
    const topic = `/hearsay/1/${toHex(toBinary(map))}`
    const node = await createNode({
      privateKey: await generateKeyPair('Ed25519'),
      listen: [],
      announce: [],
      topic,
      encrypters: encrypters(),
      tuning: TUNING_DEFAULTS,
    })
    await node.start()
    fleet().onClose(() => node.stop())
    const { pubsub } = node.services
    pubsub.subscribe(topic)
    await node.dial(multiaddr(a.address))
    await until('the topic to be shared', () => pubsub.getSubscribers(topic).length > 0)
    await until('garbage to be refused', async () => {
      for (const size of [0, 1, 100, 10_000]) await pubsub.publish(topic, randomBytes(size))
      await pubsub.publish(topic, garbage().subarray(1))
      return (await a.client.status()).transport.gossipRejected >= 20
    })
    const { transport } = await b.client.status()
    assert.equal(transport.gossipRejected, 0, 'it travelled on')
    await othersAreWell([a, b])
  })
})

/** A type byte and fields that decode as protobuf, with numbers and bytes that mean nothing. */
function garbage(): Buffer {
  return Buffer.concat([Buffer.of(randomInt(1, TYPES_MAX)), fields(2)])
}

function fields(depth: number): Buffer {
  const parts: Buffer[] = []
  for (let left = randomInt(0, 8); left > 0; left--) {
    const number = randomInt(1, 11)
    if (randomInt(2) === 0) {
      // Small ones among them: session numbers.
      const value = randomInt(2) === 0 ? randomInt(4) : randomInt(2 ** 47)
      parts.push(Buffer.of(number << 3), varint(value))
    } else {
      const body =
        depth > 0 && randomInt(3) === 0
          ? fields(depth - 1)
          : randomBytes([0, 8, 16, 33][randomInt(4)]!)
      parts.push(Buffer.of((number << 3) | 2), varint(body.length), body)
    }
  }
  return Buffer.concat(parts)
}

function varint(value: number): Buffer {
  const out: number[] = []
  let rest = value
  for (; rest > 127; rest = Math.floor(rest / 128)) out.push((rest % 128) | 128)
  return Buffer.from([...out, rest])
}
