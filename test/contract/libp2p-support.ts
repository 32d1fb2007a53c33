/** Strangers, proxies and badly behaved peers for the tests of the libp2p transport. */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, ListenOptions, Server, Socket } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, PrivateKey, Stream } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { admissionEncrypters } from '../../src/net/admission.ts'
import { TUNING_DEFAULTS } from '../../src/net/tuning.ts'
import { LINK_PROTOCOL } from '../../src/net/link.ts'
import { createNode } from '../../src/net/node.ts'
import type { Node } from '../../src/net/node.ts'
import { SECRET, until } from './libp2p-world.ts'

/** A key whose peer id sorts before, or after, another's: who of two leads their link. */
export async function keyThat(leads: boolean, other: string): Promise<PrivateKey> {
  for (;;) {
    const key = await generateKeyPair('Ed25519')
    if (peerIdFromPrivateKey(key).toString() < other === leads) return key
  }
}

/** Peers of the fleet that run libp2p but none of our code above it. */
export class RawPeer {
  readonly node: Node
  readonly inbound: Stream[] = []

  private constructor(node: Node) {
    this.node = node
  }

  static async start(
    key: PrivateKey,
    encrypters: Parameters<typeof createNode>[0]['encrypters'] = admissionEncrypters(
      [SECRET],
      new Uint8Array(16),
      () => {},
    ),
  ): Promise<RawPeer> {
    const node = await createNode({
      privateKey: key,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: [],
      topic: 'test',
      encrypters,
      tuning: TUNING_DEFAULTS,
    })
    const raw = new RawPeer(node)
    await node.handle(LINK_PROTOCOL, (stream) => {
      raw.inbound.push(stream)
    })
    await node.start()
    node.services.pubsub.subscribe('test')
    return raw
  }

  get self(): string {
    return this.node.peerId.toString()
  }

  get address(): string {
    return String(this.node.getMultiaddrs()[0])
  }

  dial(address: string): Promise<Connection> {
    return this.node.dial(multiaddr(address))
  }

  /** Makes a link over a connection as both roles do it; returns our stream and the other's. */
  async link(connection: Connection): Promise<{ out: Stream; back: Stream }> {
    const known = this.inbound.length
    const leads = this.self < connection.remotePeer.toString()
    const early = leads ? await connection.newStream(LINK_PROTOCOL) : undefined
    await until("the other's stream", () => this.inbound.length > known)
    const out = early ?? (await connection.newStream(LINK_PROTOCOL))
    const back = this.inbound[known]
    assert.ok(back !== undefined)
    return { out, back }
  }

  async stop(): Promise<void> {
    await this.node.stop()
  }
}

/** A TCP proxy that can be counted, stopped and cut. */
export class Proxy {
  readonly #server: Server
  readonly #pairs = new Set<[Socket, Socket]>()
  /** While set, nothing passes, and nobody is told. */
  #stopped = false
  /** While set, what comes waits here. */
  #held: (() => void)[] | undefined
  /** What was sent towards the target. */
  bytesToTarget = 0

  private constructor(server: Server) {
    this.#server = server
  }

  static async start(targetAddress: string): Promise<Proxy> {
    const targetPort = Number(/\/tcp\/(\d+)/.exec(targetAddress)?.[1])
    const server = createServer({ allowHalfOpen: true })
    const proxy = new Proxy(server)
    server.on('connection', (socket) => proxy.#accept(socket, targetPort))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  #accept(near: Socket, targetPort: number): void {
    const far = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true })
    const pair: [Socket, Socket] = [near, far]
    this.#pairs.add(pair)
    near.on('data', (chunk) => (this.bytesToTarget += chunk.length))
    for (const [from, to] of [pair, [far, near] as const]) {
      from.on('data', (chunk) => this.#stopped || this.#pass(() => to.write(chunk)))
      from.on('end', () => this.#stopped || to.end())
      from.on('error', () => {})
      from.on('close', () => {
        if (this.#stopped) return
        to.destroy()
        this.#pairs.delete(pair)
      })
    }
  }

  get address(): string {
    return `/ip4/127.0.0.1/tcp/${(this.#server.address() as AddressInfo).port}`
  }

  /** Connections that go through it now. */
  get open(): number {
    return this.#pairs.size
  }

  #pass(write: () => void): void {
    if (this.#held === undefined) write()
    else this.#held.push(write)
  }

  /** Connections are accepted, and what is sent over them waits. */
  hold(): void {
    this.#held ??= []
  }

  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const write of held) write()
  }

  /** Like a pulled cable. */
  stop(): void {
    this.#stopped = true
  }

  /** Resets every connection. */
  reset(): void {
    for (const [near, far] of this.#pairs) {
      near.resetAndDestroy()
      far.resetAndDestroy()
    }
  }

  async close(): Promise<void> {
    this.#stopped = true
    for (const [near, far] of this.#pairs) {
      near.destroy()
      far.destroy()
    }
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/**
 * An address at which nobody answers, as of a machine that is switched off, and what ends the process behind it: that is stopped,
 * and the two places of its queue are taken.
 */
export async function deafAddress(): Promise<{ address: string; end: () => Promise<void> }> {
  const options: ListenOptions = { port: 0, host: '127.0.0.1', backlog: 1 }
  const program = new URL('../support/listening-process.js', import.meta.url)
  const child = fork(program, [JSON.stringify(options)])
  const [{ port }] = (await once(child, 'message')) as [AddressInfo]
  child.kill('SIGSTOP')
  const waiting = Array.from({ length: 2 }, () => connect({ port, host: '127.0.0.1' }))
  for (const socket of waiting) socket.on('error', () => undefined)
  await Promise.all(waiting.map((socket) => once(socket, 'connect')))
  const end = async (): Promise<void> => {
    child.kill('SIGKILL')
    await once(child, 'exit')
    for (const socket of waiting) socket.destroy()
  }
  return { address: `/ip4/127.0.0.1/tcp/${port}`, end }
}
