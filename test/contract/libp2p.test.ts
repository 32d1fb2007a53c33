/** What only the libp2p transport has: admission, dialling, gossip streams, and peers that misbehave on the wire. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { ConnectionEncrypter, Stream } from '@libp2p/interface'
import { encode as encodePrefixed } from 'it-length-prefixed'
import { Uint8ArrayList } from 'uint8arraylist'
import { labelOf } from '../../src/net/admission.ts'
import { encodeFrame, FRAME_BYTES_MAX, PIECE_BYTES } from '../../src/net/frames.ts'
import { createLibp2pTransport } from '../../src/net/libp2p-transport.ts'
import type { FleetTransport } from '../../src/net/fleet-transport.ts'
import { PEERS_PROTOCOL } from '../../src/net/peer-exchange.ts'
import { SEND_QUEUE_BYTES_MAX } from '../../src/net/transport.ts'
import { freePort, libp2pWorld, notingLog, SECRET, until } from './libp2p-world.ts'
import type { Libp2pWorld, LogLine } from './libp2p-world.ts'
import { keyThat, Proxy, RawPeer } from './libp2p-support.ts'
import { isUp, pattern, startNoting } from './transport.ts'
import type { TestPeer } from './transport.ts'

const LABEL_PREFIX = '/noise/hearsay/'
const OLD = SECRET
const NEW = new Uint8Array(32).fill(8)
const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

async function linked(a: TestPeer, b: TestPeer): Promise<void> {
  await until('a link', () => isUp(a, b.self) && isUp(b, a.self))
}

/** A check that an error is a CONNECT_FAILED of this text. */
const refused =
  (pattern: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Error && 'code' in error)
    assert.equal(error.code, 'CONNECT_FAILED')
    assert.match(error.message, pattern)
    return true
  }

/** Answers and dials under the label of a secret without holding it. */
function pretender(
  label: string,
  prologueBytes: Uint8Array,
): (components: NoiseComponents) => ConnectionEncrypter {
  return (components) => {
    const encrypter = noise({ prologueBytes })(components)
    encrypter.protocol = label
    return encrypter
  }
}

/** The public label of SECRET, as anyone can see it on the wire. */
function labelOfSecret(): string {
  return (
    LABEL_PREFIX +
    createHmac('sha256', SECRET).update('hearsay/1 admission label').digest('hex').slice(0, 16)
  )
}

function isGossip({ protocol }: Stream): boolean {
  return protocol.startsWith('/meshsub/')
}

/** Sockets, servers and timers of this process. */
function resources(): number {
  return process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length
}

describe('libp2p transport', () => {
  let world: Libp2pWorld
  /** Ended after each test, last first. */
  let cleanups: (() => Promise<unknown>)[]

  beforeEach(async () => {
    world = await libp2pWorld()
    cleanups = [() => world.end()]
  })

  afterEach(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup()
  })

  async function rawPeer(...args: Parameters<typeof RawPeer.start>): Promise<RawPeer> {
    const raw = await RawPeer.start(...args)
    cleanups.push(() => raw.stop())
    return raw
  }

  async function proxyTo(address: string): Promise<Proxy> {
    const proxy = await Proxy.start(address)
    cleanups.push(() => proxy.close())
    return proxy
  }

  async function directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'hearsay-'))
    cleanups.push(() => rm(path, { recursive: true }))
    return path
  }

  type FleetPeer = TestPeer & { transport: FleetTransport }

  async function fleetPeer(...args: Parameters<Libp2pWorld['peer']>): Promise<FleetPeer> {
    return (await world.peer(...args)) as FleetPeer & { log: LogLine[] }
  }

  let labels = 0
  /** Publishes until it arrives: the first may go out before gossip flows. */
  async function gossipFlows(from: TestPeer, to: TestPeer): Promise<void> {
    const label = `label ${labels++}`
    let published = 0
    await until(`gossip from ${from.self} to ${to.self}`, () => {
      from.transport.publish(encode(`${label} ${published++}`))
      return to.gossip.some(({ bytes }) => decode(bytes).startsWith(`${label} `))
    })
  }

  describe('admission', () => {
    it('refuses another network key at once, and says so', async () => {
      const a = await world.peer('a')
      const b = await world.peer('b', { admission: [NEW] })
      const before = Date.now()
      await assert.rejects(a.transport.connect(b.address), refused(/uses another network key/))
      assert.ok(Date.now() - before < 4_000, 'it was refused by a timeout')
      assert.deepEqual([a.events, b.events], [[], []])
    })

    it('refuses strangers who speak plain noise, both ways', async () => {
      const a = await world.peer('a')
      const stranger = await rawPeer(await generateKeyPair('Ed25519'), [noise()])
      await assert.rejects(
        a.transport.connect(stranger.address),
        refused(/another network key, or is not a hearsay daemon/),
      )
      await assert.rejects(stranger.dial(a.address))
      assert.equal(stranger.node.getConnections().length, 0)
      assert.deepEqual(a.events, [])
    })

    for (const [what, prologue] of [
      ['no prologue', new Uint8Array(0)],
      ['another prologue', new Uint8Array(32)],
    ] as const) {
      it(`refuses one who knows the label but has ${what}, both ways`, async () => {
        const label = labelOfSecret()
        const a = await world.peer('a')
        const key = await generateKeyPair('Ed25519')
        const stranger = await rawPeer(key, [pretender(label, prologue)])
        await assert.rejects(
          a.transport.connect(stranger.address),
          refused(/claims a network key that it does not hold/),
        )
        await assert.rejects(stranger.dial(a.address))
        assert.equal(stranger.node.getConnections().length, 0)
        assert.deepEqual(a.events, [])
      })
    }

    it('rotates: lists that share a secret connect, whoever dials', async () => {
      const lists: [Uint8Array[], Uint8Array[]][] = [
        [
          [OLD, NEW],
          [NEW, OLD],
        ],
        [[OLD], [NEW, OLD]],
        [[NEW], [OLD, NEW]],
      ]
      for (const [index, [one, other]] of lists.entries()) {
        for (const flip of [false, true]) {
          const a = await world.peer(`a${index}${flip}`, { admission: flip ? other : one })
          const b = await world.peer(`b${index}${flip}`, { admission: flip ? one : other })
          assert.equal(await a.transport.connect(b.address), b.self)
          await linked(a, b)
        }
      }
    })

    it('changes its list while it runs, and ends what was admitted by a secret that is gone', async () => {
      const other = new Uint8Array(32).fill(9)
      const tuning = { exchangePeers: true }
      const options = { tuning, admission: [SECRET, other] }
      const a = await fleetPeer('a', options)
      const b = await fleetPeer('b', { ...options, bootstrap: [a.address] })
      await linked(a, b)
      assert.deepEqual(a.transport.admit([other, SECRET]), [])
      // Several times, since what is being told over the connection just then must not fail either.
      for (const list of [[other], [SECRET, other], [SECRET], [other, SECRET], [other]]) {
        const links = [a, b].map(({ events }) => events.length)
        a.transport.admit(list)
        b.transport.admit(list)
        if (list.length === 1) {
          await until('a new link', () =>
            [a, b].every(({ events }, i) => events.length >= links[i]! + 2),
          )
        }
        await linked(a, b)
        assert.equal(a.transport.labels()[0], labelOf(list[0]!))
      }
      assert.deepEqual(a.transport.admit([SECRET]), [b.self])
      await until('the loss', () => !isUp(b, a.self))
      await assert.rejects(b.transport.connect(a.address), { code: 'CONNECT_FAILED' })
    })

    it('turns away whom it does not allow, in either direction, and whoever passes on what it wrote', async () => {
      const allowed = new Set<string>()
      const a = await fleetPeer('a', { allows: (peer) => allowed.has(peer) })
      const b = await fleetPeer('b')
      await assert.rejects(a.transport.connect(b.address), refused(/allow list of this daemon/))
      await assert.rejects(b.transport.connect(a.address), refused(/If it has an allow list/))
      await until('the end of all connections', () => a.transport.neighbours().length === 0)
      assert.deepEqual(a.events, [])
      assert.ok(a.transport.counters().peersTurnedAway > 0)
      allowed.add(b.self)
      await a.transport.connect(b.address)
      await linked(a, b)
      const c = await fleetPeer('c', { bootstrap: [b.address] })
      await linked(b, c)
      await until('gossip of the one that is not allowed', () => {
        c.transport.publish(encode('by the way'))
        return a.transport.counters().gossipTurnedAway > 0
      })
      assert.deepEqual(a.gossip, [])
      allowed.clear()
      assert.deepEqual(a.transport.recheckAllowed(), [b.self])
      await until('the loss', () => !isUp(a, b.self) && !isUp(b, a.self))
      // It is known where it is, for the day on which it is allowed again.
      allowed.add(b.self)
      assert.deepEqual(a.transport.recheckAllowed(), [])
      await linked(a, b)
    })

    it('takes secrets of 32 bytes only', async () => {
      await assert.rejects(world.peer('a', { admission: [new Uint8Array(31)] }), TypeError)
    })

    it('without a key connects on loopback, and listens nowhere else', async () => {
      const a = await world.peer('a', { admission: [] })
      const b = await world.peer('b', { admission: [] })
      await a.transport.connect(b.address)
      await linked(a, b)
      const keyed = await world.peer('keyed')
      await assert.rejects(a.transport.connect(keyed.address), refused(/another network key/))
      for (const address of ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0', '/ip4/192.0.2.1/tcp/7400']) {
        await assert.rejects(
          world.peer('open', { admission: [], listen: ['/ip4/127.0.0.1/tcp/0', address] }),
          (error) => {
            assert.ok(error instanceof Error && 'code' in error)
            assert.equal(error.code, 'LISTEN_FAILED')
            assert.ok(error.message.includes(address))
            assert.match(error.message, /network key/)
            return true
          },
        )
      }
    })
  })

  describe('addresses', () => {
    it('names the address whose port is in use', async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      cleanups.push(() => new Promise((resolve) => server.close(resolve)))
      const taken = server.address()
      assert.ok(taken !== null && typeof taken === 'object')
      const address = `/ip4/127.0.0.1/tcp/${taken.port}`
      await assert.rejects(
        world.peer('a', { listen: ['/ip4/127.0.0.1/tcp/0', address] }),
        (error) => {
          assert.ok(error instanceof Error && 'code' in error)
          assert.equal(error.code, 'LISTEN_FAILED')
          assert.ok(error.message.includes(`cannot listen on ${address}: the port is in use`))
          return true
        },
      )
    })

    it('refuses what is no address before it starts', async () => {
      const bad = [
        { listen: ['127.0.0.1:7400'] },
        { bootstrap: ['/dns4/host.example'] },
        { bootstrap: ['/ip4/127.0.0.1/tcp/1/p2p/nonsense'] },
        { announce: ['/ip4/127.0.0.1/udp/1/quic-v1'] },
      ]
      for (const options of bad) {
        await assert.rejects(world.peer('a', options), { code: 'BAD_ADDRESS' })
      }
    })

    it('tells others the addresses that it is to announce', async () => {
      const announce = ['/dns4/host.example/tcp/7400']
      const a = await world.peer('a', { announce })
      assert.deepEqual(a.transport.addresses(), [`${announce[0]}/p2p/${a.self}`])
    })

    it('says when another peer answers than the one named', async () => {
      const [a, b, c] = [await world.peer('a'), await world.peer('b'), await world.peer('c')]
      const wrong = b.address.replace(b.self, c.self)
      await assert.rejects(a.transport.connect(wrong), {
        code: 'CONNECT_FAILED',
        message: /another peer answers there/,
      })
    })
  })

  describe('dialling', () => {
    it('finds a bootstrap peer of unknown id that starts late, and finds it again', async () => {
      const port = await freePort()
      const listen = [`/ip4/127.0.0.1/tcp/${port}`]
      const a = await world.peer('a', { bootstrap: listen })
      await until('failed dials', () => a.transport.counters().dialsFailed >= 3)
      const warnings = a.log.filter(({ level }) => level === 'warn')
      assert.equal(warnings.length, 1, 'one line for a bootstrap peer that is down')
      const b = await world.peer('b', { listen })
      await linked(a, b)
      await b.transport.close()
      await until('a to notice', () => !isUp(a, b.self))
      // Another machine behind the same address.
      const c = await world.peer('c', { listen })
      await linked(a, c)
    })

    it('remembers peers over a restart, and not what is damaged', async () => {
      const addressBookFile = join(await directory(), 'peers.json')
      const a = await world.peer('a', { addressBookFile })
      const b = await world.peer('b')
      await a.transport.connect(b.address)
      await linked(a, b)
      await a.transport.close()
      await until('b to notice', () => !isUp(b, a.self))
      assert.equal((await stat(addressBookFile)).mode & 0o777, 0o600)
      // From another port, so that only the book can lead it back.
      const listen = ['/ip4/127.0.0.1/tcp/0']
      const again = await world.peer('a', { addressBookFile, listen })
      await linked(again, b)
      assert.equal(again.transport.neighbours()[0]?.direction, 'outbound')
      await again.transport.close()

      await writeFile(addressBookFile, '{"version":1,"peers":[{"peer":')
      const damaged = await world.peer('a', { addressBookFile, listen })
      assert.ok(
        damaged.log.some(({ level, message }) => level === 'warn' && /damaged/.test(message)),
      )
      assert.equal(
        await readFile(`${addressBookFile}.damaged`, 'utf8'),
        '{"version":1,"peers":[{"peer":',
      )
      await damaged.transport.connect(b.address)
      await damaged.transport.close()
      assert.ok((await readFile(addressBookFile, 'utf8')).includes(b.self))
      assert.deepEqual((await readdir(join(addressBookFile, '..'))).sort(), [
        'peers.json',
        'peers.json.damaged',
      ])
    })

    it('quietly ignores its own address among the bootstrap addresses', async () => {
      const address = `/ip4/127.0.0.1/tcp/${await freePort()}`
      const b = await world.peer('b')
      const a = await world.peer('a', { listen: [address], bootstrap: [address, b.address] })
      await linked(a, b)
      await until('the dial to itself', () => a.transport.counters().dialsFailed > 0)
      assert.equal(a.transport.counters().dialsFailed, 1)
      assert.deepEqual(
        a.log.filter(({ level }) => level === 'warn' || level === 'error'),
        [],
      )
    })

    it('notices another process with its own identity, on both sides', async () => {
      const original = await world.peer('a')
      const duplicates: string[][] = [[], []]
      const log: LogLine[] = []
      const options = {
        privateKey: await world.key('a'),
        listen: ['/ip4/127.0.0.1/tcp/0'],
        topic: 'test',
        admission: [SECRET],
        log: notingLog(log),
      }
      await original.transport.close()
      const transports = []
      for (const seen of duplicates) {
        const bootstrap = transports.flatMap((transport) => transport.addresses())
        const transport = createLibp2pTransport({ ...options, bootstrap })
        await transport.start({
          linkUp: () => assert.fail('a link to itself'),
          linkDown: () => {},
          message: () => {},
          gossip: () => 'forward',
          duplicateIdentity: (address) => seen.push(address),
        })
        cleanups.push(() => transport.close())
        transports.push(transport)
      }
      await until('both to notice', () => duplicates.every((seen) => seen.length > 0))
      const [, byDialler] = duplicates
      assert.ok(transports[0]?.addresses()[0]?.startsWith(byDialler?.[0] ?? 'none'))
      assert.ok(log.some(({ level }) => level === 'error'))
    })

    it('leaves one connection when both dial at once, and gossip flows', async () => {
      for (let round = 0; round < 5; round++) {
        const [a, b] = [await world.peer(`a${round}`), await world.peer(`b${round}`)]
        const [toA, toB] = [await proxyTo(a.address), await proxyTo(b.address)]
        await Promise.all([a.transport.connect(toB.address), b.transport.connect(toA.address)])
        await linked(a, b)
        await until('one connection', () => toA.open + toB.open === 1)
        await gossipFlows(a, b)
        await gossipFlows(b, a)
        assert.ok(isUp(a, b.self) && isUp(b, a.self))
        assert.deepEqual([...a.reasons, ...b.reasons], [], 'the link did not survive')
      }
    })

    it('changes nothing when told to connect to a linked peer by an address without its id', async () => {
      const [a, b] = [await world.peer('a'), await world.peer('b')]
      const proxy = await proxyTo(b.address)
      await a.transport.connect(b.address)
      await linked(a, b)
      assert.equal(await a.transport.connect(proxy.address), b.self)
      await until('the surplus connection closed', () => proxy.open === 0)
      await gossipFlows(a, b)
      await gossipFlows(b, a)
      assert.deepEqual([...a.events, ...b.events], [`up ${b.self}`, `up ${a.self}`])
    })

    it('comes back after a reset of the connection', async () => {
      const [a, b] = [await world.peer('a'), await world.peer('b')]
      const proxy = await proxyTo(b.address)
      await a.transport.connect(proxy.address)
      await linked(a, b)
      proxy.reset()
      await until('the loss', () => !isUp(a, b.self) || a.events.length > 1)
      await linked(a, b)
      await gossipFlows(a, b)
      await gossipFlows(b, a)
    })

    it('does not dial a peer that it holds off, and goes on with others', async () => {
      const dead = `/ip4/127.0.0.1/tcp/${await freePort()}`
      const b = await world.peer('b')
      const a = await world.peer('a', { bootstrap: [b.address, dead] })
      await linked(a, b)
      const hour = 3_600_000
      a.transport.disconnect(b.self, 'enough', hour)
      b.transport.disconnect(a.self, 'enough', hour)
      await until('both down', () => !isUp(a, b.self) && !isUp(b, a.self))
      const before = a.transport.counters().dialsFailed
      // Each at the longest backoff: in that time a peer that is not held off would have been dialled.
      await until('dials of another', () => a.transport.counters().dialsFailed >= before + 4)
      assert.deepEqual(a.events, [`up ${b.self}`, `down ${b.self}`])
      await a.transport.connect(b.address)
      await linked(a, b)
    })

    it('outlives its bootstrap peer, since peers tell each other of their neighbours', async () => {
      const tuning = { exchangePeers: true }
      const hub = await world.peer('hub', { tuning })
      const options = { tuning, bootstrap: [hub.address] }
      const b = await world.peer('b', options)
      await linked(hub, b)
      const c = await world.peer('c', options)
      await linked(b, c)
      await hub.transport.close()
      await until('the loss', () => !isUp(b, hub.self) && !isUp(c, hub.self))
      await gossipFlows(b, c)
      await gossipFlows(c, b)
    })

    it('gives up what is too many, of a hub to which all others came, and all remain one mesh', async function () {
      this.timeout(60_000)
      const tuning = {
        exchangePeers: true,
        linksWanted: 4,
        linksMax: 7,
        linkSparedMs: 300,
        surplusIntervalMs: 100,
        exploreIntervalMs: 1e9,
      }
      const hub = await fleetPeer('hub', { tuning })
      const options = { tuning, bootstrap: [hub.address] }
      const others: FleetPeer[] = []
      for (let i = 0; i < 9; i++) others.push(await fleetPeer(`p${i}`, options))
      const all = [hub, ...others]
      const links = (peer: FleetPeer): number => peer.transport.neighbours().length
      await until('links for all', () => all.every((peer) => links(peer) > 1))
      await until('links enough for each and too many for nobody', () =>
        all.every((peer) => links(peer) >= 4 && links(peer) <= 7),
      )
      const givenUp = all.map(({ transport }) => transport.counters().linksGivenUp)
      assert.ok(givenUp.some((count) => count > 0))
      for (const to of all) if (to !== others[0]) await gossipFlows(others[0]!, to)
    })

    it('takes no harm from a list of peers that is not one', async () => {
      const telling = (...peers: object[]): string =>
        JSON.stringify({ links: 1, accepts: [], peers })
      const a = await world.peer('a', { tuning: { exchangePeers: true } })
      const raw = await rawPeer(await generateKeyPair('Ed25519'))
      const connection = await raw.dial(a.address)
      await raw.link(connection)
      const lists = [
        'not JSON',
        '{}',
        JSON.stringify([{ peer: 'x', addresses: ['y'] }]),
        telling({ peer: 'x', addresses: ['y'] }),
        telling({ peer: raw.self, addresses: Array(100).fill('/ip4/127.0.0.1/tcp/1') }),
        telling({ peer: a.self, addresses: [a.address] }),
        telling({ peer: 'x'.repeat(10_000), addresses: [] }),
        JSON.stringify({ links: -1, accepts: [], peers: [] }),
        JSON.stringify({ links: 1, accepts: Array(100).fill('label'), peers: [] }),
      ]
      for (const list of lists) {
        const stream = await connection.newStream(PEERS_PROTOCOL)
        stream.send(encodePrefixed.single(encode(list)))
        await stream.close().catch(() => {})
        await until('the end of the stream', () => stream.status !== 'open')
      }
      await until('the link', () => isUp(a, raw.self))
      assert.deepEqual(a.events, [`up ${raw.self}`])
      assert.equal(a.transport.counters().dialsFailed, 0)
      assert.deepEqual(
        (a.transport as FleetTransport).known().map(({ peer }) => peer),
        [raw.self],
      )
    })

    it('drops the dead connection of a peer that was restarted', async () => {
      const b = await world.peer('b')
      const proxy = await proxyTo(b.address)
      const a = await world.peer('a')
      await a.transport.connect(proxy.address)
      await linked(a, b)
      proxy.stop()
      await a.transport.close()
      assert.ok(isUp(b, a.self), 'the proxy let the close through')
      const again = await world.peer('a')
      await again.transport.connect(b.address)
      await until('the new link', () => b.events.length === 3)
      assert.deepEqual(b.events, [`up ${a.self}`, `down ${a.self}`, `up ${a.self}`])
      assert.equal(b.reasons[0], 'the peer was restarted')
      await linked(again, b)
      await gossipFlows(b, again)
    })
  })

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
          const a = await world.peer('a')
          const raw = await rawPeer(await keyThat(!leads, a.self))
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
      const hub = await world.peer('hub')
      const leaves = await Promise.all(
        Array.from({ length: 14 }, (_, i) => world.peer(`leaf${i}`, { bootstrap: [hub.address] })),
      )
      await until('all links', () => leaves.every((leaf) => isUp(leaf, hub.self)))
      for (const leaf of leaves) await gossipFlows(hub, leaf)
      const [first, ...others] = leaves
      assert.ok(first !== undefined)
      for (const leaf of others) await gossipFlows(first, leaf)
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
        const a = await world.peer('a')
        const good = await world.peer('good')
        await a.transport.connect(good.address)
        const raw = await rawPeer(await generateKeyPair('Ed25519'))
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
      const a = await world.peer('a', { tuning: { sendStallMs: 1_000 } })
      const raw = await rawPeer(await generateKeyPair('Ed25519'))
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
        const a = await world.peer(`a${leads}`, { tuning })
        const raw = await rawPeer(await keyThat(!leads, a.self))
        await assert.rejects(a.transport.connect(raw.address), { code: 'CONNECT_FAILED' })
        await until('the end of the connection', () => raw.node.getConnections().length === 0)
        assert.deepEqual(a.events, [])
      }
    })
  })

  describe('resources', () => {
    it('leaves no timer, socket or listener behind', async () => {
      const before = resources()
      const [a, b] = [await world.peer('a'), await world.peer('b', {})]
      await a.transport.connect(b.address)
      await linked(a, b)
      await gossipFlows(a, b)
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
      cleanups.push(() => Promise.resolve(process.off('warning', onWarning)))
      const [a, b] = [await world.peer('a'), await world.peer('b')]
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
      const a = await world.peer('a')
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
