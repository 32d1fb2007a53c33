/** Addresses, dialling and the address book over libp2p: who is found, and found again. */
import assert from 'node:assert/strict'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { encode as encodePrefixed } from 'it-length-prefixed'
import type { FleetTransport } from '../../src/net/fleet-transport.ts'
import { createLibp2pTransport } from '../../src/net/libp2p-transport.ts'
import { PEERS_PROTOCOL } from '../../src/net/peer-exchange.ts'
import { encode, linked, refused, useLibp2p } from './libp2p-fixture.ts'
import type { FleetPeer } from './libp2p-fixture.ts'
import { freePort, notingLog, SECRET, until } from './libp2p-world.ts'
import type { LogLine } from './libp2p-world.ts'
import { isUp } from './transport.ts'

describe('libp2p transport', () => {
  const net = useLibp2p()

  describe('addresses', () => {
    it('names the address whose port is in use', async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      net.onEnd(() => new Promise((resolve) => server.close(resolve)))
      const taken = server.address()
      assert.ok(taken !== null && typeof taken === 'object')
      const address = `/ip4/127.0.0.1/tcp/${taken.port}`
      await assert.rejects(
        net.world.peer('a', { listen: ['/ip4/127.0.0.1/tcp/0', address] }),
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
        await assert.rejects(net.world.peer('a', options), { code: 'BAD_ADDRESS' })
      }
    })

    it('tells others the addresses that it is to announce', async () => {
      const announce = ['/dns4/host.example/tcp/7400']
      const a = await net.world.peer('a', { announce })
      assert.deepEqual(a.transport.addresses(), [`${announce[0]}/p2p/${a.self}`])
    })

    it('says when another peer answers than the one named', async () => {
      const [a, b, c] = [
        await net.world.peer('a'),
        await net.world.peer('b'),
        await net.world.peer('c'),
      ]
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
      const a = await net.world.peer('a', { bootstrap: listen })
      await until('failed dials', () => a.transport.counters().dialsFailed >= 3)
      const warnings = a.log.filter(({ level }) => level === 'warn')
      assert.equal(warnings.length, 1, 'one line for a bootstrap peer that is down')
      const b = await net.world.peer('b', { listen })
      await linked(a, b)
      await b.transport.close()
      await until('a to notice', () => !isUp(a, b.self))
      // Another machine behind the same address.
      const c = await net.world.peer('c', { listen })
      await linked(a, c)
    })

    it('gives up an address where nobody answers, and waits for a peer that answers slowly', async () => {
      const b = await net.world.peer('b')
      const slow = await net.proxyTo(b.address)
      slow.hold()
      const a = await net.world.peer('a', { tuning: { connectTimeoutMs: 200 } })
      const slowly = a.transport.connect(slow.address)
      slowly.catch(() => undefined)
      await until('the connection', () => slow.open === 1)
      await assert.rejects(a.transport.connect(await net.deafAddress()), refused(/no answer/))
      slow.release()
      assert.equal(await slowly, b.self)
    })

    it('remembers peers over a restart, and not what is damaged', async () => {
      const addressBookFile = join(await net.directory(), 'peers.json')
      const a = await net.world.peer('a', { addressBookFile })
      const b = await net.world.peer('b')
      await a.transport.connect(b.address)
      await linked(a, b)
      await a.transport.close()
      await until('b to notice', () => !isUp(b, a.self))
      assert.equal((await stat(addressBookFile)).mode & 0o777, 0o600)
      // From another port, so that only the book can lead it back.
      const listen = ['/ip4/127.0.0.1/tcp/0']
      const again = await net.world.peer('a', { addressBookFile, listen })
      await linked(again, b)
      assert.equal(again.transport.neighbours()[0]?.direction, 'outbound')
      await again.transport.close()

      await writeFile(addressBookFile, '{"version":1,"peers":[{"peer":')
      const damaged = await net.world.peer('a', { addressBookFile, listen })
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
      const b = await net.world.peer('b')
      const a = await net.world.peer('a', { listen: [address], bootstrap: [address, b.address] })
      await linked(a, b)
      await until('the dial to itself', () => a.transport.counters().dialsFailed > 0)
      assert.equal(a.transport.counters().dialsFailed, 1)
      assert.deepEqual(
        a.log.filter(({ level }) => level === 'warn' || level === 'error'),
        [],
      )
    })

    it('notices another process with its own identity, on both sides', async () => {
      const original = await net.world.peer('a')
      const duplicates: string[][] = [[], []]
      const log: LogLine[] = []
      const options = {
        privateKey: await net.world.key('a'),
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
        net.onEnd(() => transport.close())
        transports.push(transport)
      }
      await until('both to notice', () => duplicates.every((seen) => seen.length > 0))
      const [, byDialler] = duplicates
      assert.ok(transports[0]?.addresses()[0]?.startsWith(byDialler?.[0] ?? 'none'))
      assert.ok(log.some(({ level }) => level === 'error'))
    })

    it('leaves one connection when both dial at once, and gossip flows', async () => {
      for (let round = 0; round < 5; round++) {
        const [a, b] = [await net.world.peer(`a${round}`), await net.world.peer(`b${round}`)]
        const [toA, toB] = [await net.proxyTo(a.address), await net.proxyTo(b.address)]
        await Promise.all([a.transport.connect(toB.address), b.transport.connect(toA.address)])
        await linked(a, b)
        await until('one connection', () => toA.open + toB.open === 1)
        await net.gossipFlows(a, b)
        await net.gossipFlows(b, a)
        assert.ok(isUp(a, b.self) && isUp(b, a.self))
        assert.deepEqual([...a.reasons, ...b.reasons], [], 'the link did not survive')
      }
    })

    it('changes nothing when told to connect to a linked peer by an address without its id', async () => {
      const [a, b] = [await net.world.peer('a'), await net.world.peer('b')]
      const proxy = await net.proxyTo(b.address)
      await a.transport.connect(b.address)
      await linked(a, b)
      assert.equal(await a.transport.connect(proxy.address), b.self)
      await until('the surplus connection closed', () => proxy.open === 0)
      await net.gossipFlows(a, b)
      await net.gossipFlows(b, a)
      assert.deepEqual([...a.events, ...b.events], [`up ${b.self}`, `up ${a.self}`])
    })

    it('comes back after a reset of the connection', async () => {
      const [a, b] = [await net.world.peer('a'), await net.world.peer('b')]
      const proxy = await net.proxyTo(b.address)
      await a.transport.connect(proxy.address)
      await linked(a, b)
      proxy.reset()
      await until('the loss', () => !isUp(a, b.self) || a.events.length > 1)
      await linked(a, b)
      await net.gossipFlows(a, b)
      await net.gossipFlows(b, a)
    })

    it('does not dial a peer that it holds off, and goes on with others', async () => {
      const dead = `/ip4/127.0.0.1/tcp/${await freePort()}`
      const b = await net.world.peer('b')
      const a = await net.world.peer('a', { bootstrap: [b.address, dead] })
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
      const hub = await net.world.peer('hub', { tuning })
      const options = { tuning, bootstrap: [hub.address] }
      const b = await net.world.peer('b', options)
      await linked(hub, b)
      const c = await net.world.peer('c', options)
      await linked(b, c)
      await hub.transport.close()
      await until('the loss', () => !isUp(b, hub.self) && !isUp(c, hub.self))
      await net.gossipFlows(b, c)
      await net.gossipFlows(c, b)
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
      const hub = await net.fleetPeer('hub', { tuning })
      const options = { tuning, bootstrap: [hub.address] }
      const others: FleetPeer[] = []
      for (let i = 0; i < 9; i++) others.push(await net.fleetPeer(`p${i}`, options))
      const all = [hub, ...others]
      const links = (peer: FleetPeer): number => peer.transport.neighbours().length
      await until('links for all', () => all.every((peer) => links(peer) > 1))
      await until('links enough for each and too many for nobody', () =>
        all.every((peer) => links(peer) >= 4 && links(peer) <= 7),
      )
      const givenUp = all.map(({ transport }) => transport.counters().linksGivenUp)
      assert.ok(givenUp.some((count) => count > 0))
      for (const to of all) if (to !== others[0]) await net.gossipFlows(others[0]!, to)
    })

    it('takes no harm from a list of peers that is not one', async () => {
      const telling = (...peers: object[]): string =>
        JSON.stringify({ links: 1, accepts: [], peers })
      const a = await net.world.peer('a', { tuning: { exchangePeers: true } })
      const raw = await net.rawPeer(await generateKeyPair('Ed25519'))
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
      const b = await net.world.peer('b')
      const proxy = await net.proxyTo(b.address)
      const a = await net.world.peer('a')
      await a.transport.connect(proxy.address)
      await linked(a, b)
      proxy.stop()
      await a.transport.close()
      assert.ok(isUp(b, a.self), 'the proxy let the close through')
      const again = await net.world.peer('a')
      await again.transport.connect(b.address)
      await until('the new link', () => b.events.length === 3)
      assert.deepEqual(b.events, [`up ${a.self}`, `down ${a.self}`, `up ${a.self}`])
      assert.equal(b.reasons[0], 'the peer was restarted')
      await linked(again, b)
      await net.gossipFlows(b, again)
    })
  })
})
