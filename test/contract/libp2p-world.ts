/** Real libp2p peers on loopback for the contract suite. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { createLibp2pTransport } from '../../src/net/libp2p-transport.ts'
import type { Libp2pTransportOptions } from '../../src/net/fleet-transport.ts'
import type { Log } from '../../src/net/log.ts'
import { startNoting } from './transport.ts'
import type { TestPeer, World } from './transport.ts'

/** Far beyond what anything here takes on a busy machine, and below mocha's own limit. */
const PATIENCE_MS = 15_000
const POLL_MS = 5

export const SECRET = new Uint8Array(32).fill(7)

/** Faster than in a daemon, so that tests of what takes time do not take long. */
export const TEST_TUNING: NonNullable<Libp2pTransportOptions['tuning']> = {
  dialBackoffMinMs: 50,
  dialBackoffMaxMs: 500,
  reopenMs: 20,
  settleMs: 100,
  watchdogIntervalMs: 200,
  // Most tests are about peers that are not all linked to each other.
  exchangePeers: false,
}

export interface LogLine {
  level: keyof Log
  message: string
  fields: object
}

export function notingLog(lines: LogLine[]): Log {
  const at =
    (level: keyof Log) =>
    (fields: object, message: string): void => {
      lines.push({ level, message, fields })
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS
  while (!condition()) {
    assert.ok(Date.now() < deadline, `waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

/** A port of loopback on which nobody listens. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

export interface Libp2pWorld extends World {
  peer(
    name: string,
    options?: Partial<Libp2pTransportOptions>,
  ): Promise<TestPeer & { log: LogLine[] }>
  key(name: string): Promise<PrivateKey>
}

export function libp2pWorld(): Promise<Libp2pWorld> {
  const peers: TestPeer[] = []
  const keys = new Map<string, PrivateKey>()
  /** A name keeps its port, as a daemon does. */
  const ports = new Map<string, number>()
  const key = async (name: string): Promise<PrivateKey> => {
    const known = keys.get(name) ?? (await generateKeyPair('Ed25519'))
    keys.set(name, known)
    return known
  }
  return Promise.resolve({
    key,
    peer: async (name, options = {}) => {
      const log: LogLine[] = []
      const transport = createLibp2pTransport({
        privateKey: await key(name),
        listen: [`/ip4/127.0.0.1/tcp/${ports.get(name) ?? 0}`],
        bootstrap: [],
        topic: 'test',
        admission: [SECRET],
        log: notingLog(log),
        ...options,
        tuning: { ...TEST_TUNING, ...options.tuning },
      })
      const peer = await startNoting(transport)
      peers.push(peer)
      const port = Number(/\/tcp\/(\d+)/.exec(peer.address)?.[1])
      ports.set(name, port)
      return Object.assign(peer, { log })
    },
    until,
    settled: (promise) => promise,
    deadAddress: async () => `/ip4/127.0.0.1/tcp/${await freePort()}`,
    end: async () => {
      await Promise.all(peers.map(({ transport }) => transport.close()))
    },
  })
}
