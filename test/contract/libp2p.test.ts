/** Gossip streams over libp2p, peers that misbehave on the wire, and what a transport leaves behind. */
import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { encodeFrame, FRAME_BYTES_MAX, PIECE_BYTES } from '../../src/net/frames.ts'
import { createLibp2pTransport } from '../../src/net/libp2p-transport.ts'
import { SEND_QUEUE_BYTES_MAX } from '../../src/net/transport.ts'
import { decode, encode, linked, useLibp2p } from './libp2p-fixture.ts'
import { keyThat } from './libp2p-support.ts'
import { notingLog, SECRET, until } from './libp2p-world.ts'
import { isUp, pattern, startNoting } from './transport.ts'

function isGossip({ protocol }: Stream): boolean {
  return protocol.startsWith('/meshsub/')
}

/** Sockets, servers and timers of this process. */
function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length
}

describe('libp2p transport', () => {
  const net = useLibp2p()

  describe('gossip', () => {
    const breakages: { what: string; break: (streams: Stream[]) => void }[] = [
      {
        what: 'both streams were reset',
        break: (streams) => {
          for (const stream of streams) stream.abort(new Error('test'))
        },
      },
      {
        what: 'an oversized message made gossipsub drop the peer',
        break: (streams) => {
          // The length prefix of 8 MiB.
          const outbound = streams.find(({ direction }) => direction === 'outbound')
          outbound?.send(Uint8Array.of(0x80, 0x80, 0x80, 0x04, 0))
        },
      },
    ]
    for (const breakage of breakages) {
      for (const leads of [true, false]) {
        it(`heals when ${breakage.what}, ${leads ? 'leading' : 'following'}`, async () => {
          const a = await net.world.peer('a')
          const raw = await net.rawPeer(await keyThat(!leads, a.self))
          const heard: string[] = []
          raw.node.services.pubsub.addEventListener('message', ({ detail }) => {
            heard.push(decode(detail.data))
          })
          // It makes a link on every connection, so that the transport may begin anew.
          raw.node.addEventListener('connection:open', ({ detail }) => {
            raw.link(detail).catch(() => {})
          })
          await a.transport.connect(raw.address)
          const flows = async (label: string): Promise<void> => {
            await until(`gossip to the other ${label}`, () => {
              a.transport.publish(encode(label))
              return heard.includes(label)
            })
            await until(`gossip from the other ${label}`, () => {
              raw.node.services.pubsub.publish('test', encode(label)).catch(() => {})
              return a.gossip.some(({ bytes }) => decode(bytes) === label)
            })
          }
          await flows('before')
          const before = a.transport.counters().gossipStreamsReopened
          const connections = raw.node.getConnections()
          breakage.break(connections.flatMap(({ streams }) => streams.filter(isGossip)))
          await until('the watchdog', () => {
            return a.transport.counters().gossipStreamsReopened > before
          })
          await flows('after')
        })
      }
    }

    it('reaches a fleet behind one address', async () => {
      const hub = await net.world.peer('hub')
      const leaves = await Promise.all(
        Array.from({ length: 14 }, (_, i) =>
          net.world.peer(`leaf${i}`, { bootstrap: [hub.address] }),
        ),
      )
      await until('all links', () => leaves.every((leaf) => isUp(leaf, hub.self)))
      for (const leaf of leaves) await net.gossipFlows(hub, leaf)
      const [first, ...others] = leaves
      assert.ok(first !== undefined)
      for (const leaf of others) await net.gossipFlows(first, leaf)
    })
  })

  describe('peers that misbehave', () => {
    const piece = new Uint8Array(PIECE_BYTES)
    const misdeeds: { what: string; bytes: Uint8ArrayList; reason: RegExp; close?: boolean }[] = [
      {
        what: 'garbage',
        bytes: new Uint8ArrayList(new Uint8Array(100).fill(0xff)),
        reason: /frame/,
      },
      {
        what: 'an unknown header',
        bytes: new Uint8ArrayList(Uint8Array.of(3, 0x80, 1, 2)),
        reason: /unknown frame header 128/,
      },
      {
        what: 'a length above the largest',
        bytes: new Uint8ArrayList(Uint8Array.of(0xff, 0xff, 0x7f), new Uint8Array(10)),
        reason: new RegExp(`more than ${FRAME_BYTES_MAX} bytes`),
      },
      {
        what: 'an empty frame',
        bytes: new Uint8ArrayList(Uint8Array.of(0)),
        reason: /an empty frame/,
      },
      {
        what: 'a small piece in the middle of a message',
        bytes: encodeFrame('bulk', false, new Uint8Array(10)),
        reason: /not its message's last/,
      },
      {
        what: 'a message without end',
        bytes: new Uint8ArrayList(
          ...Array.from({ length: 273 }, () => encodeFrame('bulk', false, piece)),
        ),
        reason: /a message of more than/,
      },
      {
        what: 'a truncated frame',
        bytes: encodeFrame('control', true, encode('truncated')).sublist(0, 5),
        reason: /middle of a frame/,
        close: true,
      },
    ]
    for (const { what, bytes, reason, close } of misdeeds) {
      it(`ends the link to one that sends ${what}`, async () => {
        const a = await net.world.peer('a')
        const good = await net.world.peer('good')
        await a.transport.connect(good.address)
        const raw = await net.rawPeer(await generateKeyPair('Ed25519'))
        const { out } = await raw.link(await raw.dial(a.address))
        await until('the link', () => isUp(a, raw.self))
        out.send(encodeFrame('control', true, encode('fair')))
        await until('a fair message', () => a.messages.length === 1)
        out.send(bytes)
        if (close === true) await out.close()
        await until('the end of the link', () => !isUp(a, raw.self))
        assert.match(a.reasons[0] ?? '', reason)
        assert.equal(a.transport.counters().protocolViolations, 1)
        assert.equal(a.messages.length, 1)
        assert.ok(isUp(a, good.self))
        assert.ok(good.transport.send(a.self, 'control', encode('still here')))
        await until('a message of another', () => a.messages.length === 2)
      })
    }

    it('holds no more for a peer that does not read than the queue may', async () => {
      const a = await net.world.peer('a', { tuning: { sendStallMs: 1_000 } })
      const raw = await net.rawPeer(await generateKeyPair('Ed25519'))
      const { back } = await raw.link(await raw.dial(a.address))
      back.pause()
      await until('the link', () => isUp(a, raw.self))
      const message = pattern(1024 * 1024)
      const before = process.memoryUsage().rss
      let taken = 0
      let refused = 0
      await until('the end of the link', () => {
        for (let i = 0; i < 10; i++) {
          // Each a copy of its own: only then would keeping it show.
          if (a.transport.send(raw.self, 'bulk', message.slice())) taken++
          else refused++
        }
        return !isUp(a, raw.self)
      })
      assert.match(a.reasons[0] ?? '', /took nothing for 1 seconds/)
      assert.ok(refused > taken)
      // The window of the stream and the buffers of the kernel hold some more.
      assert.ok(taken * message.byteLength <= SEND_QUEUE_BYTES_MAX + 16 * 1024 * 1024, `${taken}`)
      const grown = process.memoryUsage().rss - before
      assert.ok(grown < 4 * SEND_QUEUE_BYTES_MAX, `memory grew by ${grown} bytes`)
      // Every message is counted once: as refused, as lost with the link, or as sent.
      const { messagesDropped, messagesSent } = a.transport.counters()
      assert.ok(messagesDropped >= refused)
      assert.ok(messagesDropped + messagesSent <= taken + refused)
    })

    it('gives up a peer that answers the handshake but opens no link', async () => {
      const tuning = { linkSetupMs: 300 }
      for (const leads of [true, false]) {
        const a = await net.world.peer(`a${leads}`, { tuning })
        const raw = await net.rawPeer(await keyThat(!leads, a.self))
        await assert.rejects(a.transport.connect(raw.address), { code: 'CONNECT_FAILED' })
        await until('the end of the connection', () => raw.node.getConnections().length === 0)
        assert.deepEqual(a.events, [])
      }
    })
  })

  describe('resources', () => {
    it('leaves no timer, socket or listener behind', async () => {
      const before = resources()
      const [a, b] = [await net.world.peer('a'), await net.world.peer('b', {})]
      await a.transport.connect(b.address)
      await linked(a, b)
      await net.gossipFlows(a, b)
      assert.ok(resources() > before)
      await a.transport.close()
      await b.transport.close()
      await until('everything gone', () => resources() <= before)
    })

    it('gathers no listeners over many links', async () => {
      const warnings: Error[] = []
      const onWarning = (warning: Error): void => {
        warnings.push(warning)
      }
      process.on('warning', onWarning)
      net.onEnd(() => Promise.resolve(process.off('warning', onWarning)))
      const [a, b] = [await net.world.peer('a'), await net.world.peer('b')]
      for (let round = 1; round <= 20; round++) {
        await a.transport.connect(b.address)
        await linked(a, b)
        a.transport.disconnect(b.self, 'round', 0)
        await until('the end', () => a.events.length >= 2 * round && b.events.length >= 2 * round)
      }
      assert.deepEqual(
        warnings.filter(({ name }) => name === 'MaxListenersExceededWarning'),
        [],
      )
    })

    it('fails to start without leaving anything behind', async () => {
      const a = await net.world.peer('a')
      const transport = createLibp2pTransport({
        privateKey: await generateKeyPair('Ed25519'),
        listen: [a.address.replace(/\/p2p\/.*/, '')],
        bootstrap: [],
        topic: 'test',
        admission: [SECRET],
        log: notingLog([]),
      })
      await assert.rejects(startNoting(transport), { code: 'LISTEN_FAILED' })
      await transport.close()
    })
  })
})
