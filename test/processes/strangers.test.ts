/**
 * Who does not hold a secret of the fleet and dials a daemon all the same: it gets the label by which secrets are told apart and, if it
 * takes that for its own, one handshake message; of the map not a name and not a count. And it keeps no member out.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import path from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { multiaddr } from '@multiformats/multiaddr'
import { formatNetworkKey, newNetworkKey } from '../../src/config/key-file.ts'
import type { NetworkKey } from '../../src/config/key-file.ts'
import { clusterOf } from '../../src/daemon/identity.ts'
import { labelOf } from '../../src/net/admission.ts'
import { createNode } from '../../src/net/node.ts'
import { TUNING_DEFAULTS } from '../../src/net/tuning.ts'
import { bytes, linked, until, useFleet, within } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'

/** Everything that the stranger is ever sent over one connection: the longest is a handshake message. */
const RECEIVED_BYTES_MAX = 1024
/** Of these, the negotiation has 60, and message 2 of Noise 32 + 48 + 16 and its payload. */
const HANDSHAKE_BYTES_MAX = 400
/** More than connections may wait at a time. */
const IDLE_CONNECTIONS = 140
/** Time in which a connection must have become a member's. */
const CLOSED_WITHIN_MS = 25_000

const prefixed = (text: string): Buffer =>
  Buffer.concat([Buffer.of(text.length + 1), Buffer.from(`${text}\n`)])
const MULTISTREAM = prefixed('/multistream/1.0.0')

describe('strangers', function () {
  this.timeout(120_000)
  const fleet = useFleet()
  let key: NetworkKey
  let daemon: TestDaemon
  let member: TestDaemon
  /** What must never be sent to a stranger. */
  let secrets: [what: string, bytes: Buffer][]

  beforeEach(async () => {
    key = newNetworkKey()
    const file = path.join(fleet().dir, 'fleet.key')
    writeFileSync(file, formatNetworkKey(key), { mode: 0o600 })
    const settings = { networkKey: file }
    daemon = await fleet().start({ name: 'northern', settings })
    member = await fleet().start({
      name: 'southern',
      settings: { ...settings, bootstrap: [daemon.address] },
    })
    await linked([daemon, member])
    await daemon.client.put(bytes('a-key-of-the-map'), bytes('a-value-of-the-map'))
    const { map, id } = clusterOf(key)
    const { digest } = await daemon.client.status()
    secrets = [
      ['the key', Buffer.from('a-key-of-the-map')],
      ['the value', Buffer.from('a-value-of-the-map')],
      ['the name', Buffer.from('northern')],
      ["another's name", Buffer.from('southern')],
      ["another's peer id", Buffer.from(member.peerId)],
      ["another's address", Buffer.from(member.address)],
      ['the map', Buffer.from(map)],
      ['the map', Buffer.from(Buffer.from(map).toString('hex'))],
      ['the cluster', Buffer.from(id)],
      ['the cluster', Buffer.from(Buffer.from(id).toString('hex'))],
      ['the fingerprint', Buffer.from(digest.fingerprint, 'hex')],
      ['the secret', Buffer.from(key.secrets[0])],
    ]
  })

  function assertNothing(what: string, received: Buffer): void {
    assert.ok(received.length <= RECEIVED_BYTES_MAX, `${received.length} bytes to ${what}`)
    for (const [name, secret] of secrets)
      assert.ok(!received.includes(secret), `${name} to ${what}`)
  }

  const port = (): number => Number(/\/tcp\/(\d+)/.exec(daemon.address)?.[1])

  /** Says something, and gives what came back until the daemon hung up. */
  async function say(...parts: Buffer[]): Promise<Buffer> {
    const socket = connect({ port: port(), host: '127.0.0.1' })
    const received: Buffer[] = []
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    socket.on('error', () => undefined)
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    for (const part of parts) socket.write(part)
    await within('the daemon to hang up', closed, CLOSED_WITHIN_MS)
    return Buffer.concat(received)
  }

  /** A wire to the daemon that remembers what came back. */
  async function wiretap(): Promise<{ address: string; received: () => Buffer }> {
    const received: Buffer[] = []
    const sockets: Socket[] = []
    const server = createServer((near) => {
      const far = connect({ port: port(), host: '127.0.0.1' })
      sockets.push(near, far)
      for (const socket of [near, far]) socket.on('error', () => undefined)
      far.on('data', (chunk: Buffer) => received.push(chunk))
      near.pipe(far)
      far.pipe(near)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    fleet().onClose(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    const address = `/ip4/127.0.0.1/tcp/${(server.address() as AddressInfo).port}`
    return { address, received: () => Buffer.concat(received) }
  }

  it('are told a label by which to know the network key, whatever they ask for, and nothing of the map', async () => {
    const label = `/noise/hearsay/${labelOf(key.secrets[0])}`
    const asked = ['/noise', '/tls/1.0.0', '/plaintext/2.0.0', '/hearsay/1', '/hearsay/peers/1']
    asked.push('/ipfs/id/1.0.0', '/ipfs/ping/1.0.0', '/meshsub/1.2.0', '/yamux/1.0.0')
    const answers = await Promise.all([
      say(),
      say(Buffer.from('GET /v1/status HTTP/1.1\r\nhost: localhost\r\n\r\n')),
      say(Buffer.from('160301020001000001fc0303', 'hex'), randomBytes(500)),
      say(randomBytes(10_000)),
      say(MULTISTREAM, prefixed('ls')),
      say(MULTISTREAM, ...asked.map(prefixed)),
      say(MULTISTREAM, prefixed(label), randomBytes(2000)),
    ])
    for (const [i, answer] of answers.entries()) assertNothing(`stranger ${i}`, answer)
    assert.ok(answers[4].includes(label), 'the list of protocols')
    assert.ok(answers[5].includes('na\n'))
    const { transport } = await daemon.client.status()
    assert.equal(transport.handshakesInbound, 1, 'only the member')
    assert.ok(transport.connectionsInbound > answers.length)
  })

  it('who speak libp2p under the label, without the secret, get one message of the handshake', async () => {
    const { address, received } = await wiretap()
    const stranger = await createNode({
      privateKey: await generateKeyPair('Ed25519'),
      listen: [],
      announce: [],
      topic: 'test',
      encrypters: [
        (components) =>
          Object.assign(noise({ prologueBytes: randomBytes(32) })(components), {
            protocol: `/noise/hearsay/${labelOf(key.secrets[0])}`,
          }),
      ],
      tuning: TUNING_DEFAULTS,
    })
    await stranger.start()
    fleet().onClose(() => stranger.stop())
    const opened: string[] = []
    stranger.addEventListener('connection:open', () => opened.push('a connection'))
    for (let i = 0; i < 3; i++) {
      const before = received().length
      await assert.rejects(stranger.dial(multiaddr(address)))
      const told = received().subarray(before)
      assertNothing('the stranger', told)
      // Two answers of the negotiation and message 2, with the daemon's key, signature and nonce of its start.
      assert.ok(told.length > 200 && told.length < HANDSHAKE_BYTES_MAX, `${told.length} bytes`)
    }
    assert.deepEqual(opened, [])
    assert.equal((await daemon.client.status()).transport.handshakesInbound, 1)
  })

  it('who hold connections open, more than may wait, keep no member out for long', async () => {
    const sockets = Array.from({ length: IDLE_CONNECTIONS }, () =>
      connect({ port: port(), host: '127.0.0.1' }),
    )
    for (const socket of sockets) socket.on('error', () => undefined)
    fleet().onClose(() => sockets.forEach((socket) => socket.destroy()))
    await until('the strangers', async () => {
      const { transport } = await daemon.client.status()
      return transport.connectionsInbound > IDLE_CONNECTIONS / 2
    })
    await member.restart()
    await linked([daemon, member])
    await until('the strangers to be gone', () =>
      sockets.every(
        (socket) => socket.destroyed || socket.closed || !socket.writable || socket.readableEnded,
      ),
    )
  })
})
