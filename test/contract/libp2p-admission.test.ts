/** Who may connect over libp2p: admission secrets and the allow list. */
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { noise } from '@chainsafe/libp2p-noise'
import type { NoiseComponents } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { ConnectionEncrypter } from '@libp2p/interface'
import { labelOf } from '../../src/net/admission.ts'
import { encode, linked, refused, useLibp2p } from './libp2p-fixture.ts'
import { SECRET, until } from './libp2p-world.ts'
import { isUp } from './transport.ts'

const LABEL_PREFIX = '/noise/hearsay/'
const OLD = SECRET
const NEW = new Uint8Array(32).fill(8)

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

describe('libp2p transport: admission', () => {
  const net = useLibp2p()

  it('refuses another network key at once, and says so', async () => {
    const a = await net.world.peer('a')
    const b = await net.world.peer('b', { admission: [NEW] })
    const before = Date.now()
    await assert.rejects(a.transport.connect(b.address), refused(/uses another network key/))
    assert.ok(Date.now() - before < 4_000, 'it was refused by a timeout')
    assert.deepEqual([a.events, b.events], [[], []])
  })

  it('refuses strangers who speak plain noise, both ways', async () => {
    const a = await net.world.peer('a')
    const stranger = await net.rawPeer(await generateKeyPair('Ed25519'), [noise()])
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
      const a = await net.world.peer('a')
      const key = await generateKeyPair('Ed25519')
      const stranger = await net.rawPeer(key, [pretender(label, prologue)])
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
        const a = await net.world.peer(`a${index}${flip}`, { admission: flip ? other : one })
        const b = await net.world.peer(`b${index}${flip}`, { admission: flip ? one : other })
        assert.equal(await a.transport.connect(b.address), b.self)
        await linked(a, b)
      }
    }
  })

  it('changes its list while it runs, and ends what was admitted by a secret that is gone', async () => {
    const other = new Uint8Array(32).fill(9)
    const tuning = { exchangePeers: true }
    const options = { tuning, admission: [SECRET, other] }
    const a = await net.fleetPeer('a', options)
    const b = await net.fleetPeer('b', { ...options, bootstrap: [a.address] })
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
    const a = await net.fleetPeer('a', { allows: (peer) => allowed.has(peer) })
    const b = await net.fleetPeer('b')
    await assert.rejects(a.transport.connect(b.address), refused(/allow list of this daemon/))
    await assert.rejects(b.transport.connect(a.address), refused(/If it has an allow list/))
    await until('the end of all connections', () => a.transport.neighbours().length === 0)
    assert.deepEqual(a.events, [])
    assert.ok(a.transport.counters().peersTurnedAway > 0)
    allowed.add(b.self)
    await a.transport.connect(b.address)
    await linked(a, b)
    const c = await net.fleetPeer('c', { bootstrap: [b.address] })
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
    await assert.rejects(net.world.peer('a', { admission: [new Uint8Array(31)] }), TypeError)
  })

  it('without a key connects on loopback, and listens nowhere else', async () => {
    const a = await net.world.peer('a', { admission: [] })
    const b = await net.world.peer('b', { admission: [] })
    await a.transport.connect(b.address)
    await linked(a, b)
    const keyed = await net.world.peer('keyed')
    await assert.rejects(a.transport.connect(keyed.address), refused(/another network key/))
    for (const address of ['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/0', '/ip4/192.0.2.1/tcp/7400']) {
      await assert.rejects(
        net.world.peer('open', { admission: [], listen: ['/ip4/127.0.0.1/tcp/0', address] }),
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
