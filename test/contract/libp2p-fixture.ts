/** Peers over libp2p that end with the test that started them, and what tests ask of them. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FleetTransport } from '../../src/net/fleet-transport.ts'
import { deafAddress, Proxy, RawPeer } from './libp2p-support.ts'
import { libp2pWorld, until } from './libp2p-world.ts'
import type { Libp2pWorld, LogLine } from './libp2p-world.ts'
import { isUp } from './transport.ts'
import type { TestPeer } from './transport.ts'

export type FleetPeer = TestPeer & { transport: FleetTransport; log: LogLine[] }

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
export const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

export async function linked(a: TestPeer, b: TestPeer): Promise<void> {
  await until('a link', () => isUp(a, b.self) && isUp(b, a.self))
}

/** A check that an error is a CONNECT_FAILED of this text. */
export const refused =
  (pattern: RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof Error && 'code' in error)
    assert.equal(error.code, 'CONNECT_FAILED')
    assert.match(error.message, pattern)
    return true
  }

class Libp2pFixture {
  world!: Libp2pWorld
  #cleanups: (() => Promise<unknown>)[] = []
  #labels = 0

  async begin(): Promise<void> {
    this.world = await libp2pWorld()
    this.#cleanups = [() => this.world.end()]
  }

  async end(): Promise<void> {
    for (const cleanup of this.#cleanups.reverse()) await cleanup()
  }

  /** Cleanups run last first. */
  onEnd(cleanup: () => Promise<unknown>): void {
    this.#cleanups.push(cleanup)
  }

  async rawPeer(...args: Parameters<typeof RawPeer.start>): Promise<RawPeer> {
    const raw = await RawPeer.start(...args)
    this.onEnd(() => raw.stop())
    return raw
  }

  async proxyTo(address: string): Promise<Proxy> {
    const proxy = await Proxy.start(address)
    this.onEnd(() => proxy.close())
    return proxy
  }

  /** Where nobody answers. */
  async deafAddress(): Promise<string> {
    const { address, end } = await deafAddress()
    this.onEnd(end)
    return address
  }

  async directory(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'hearsay-'))
    this.onEnd(() => rm(path, { recursive: true }))
    return path
  }

  async fleetPeer(...args: Parameters<Libp2pWorld['peer']>): Promise<FleetPeer> {
    return (await this.world.peer(...args)) as FleetPeer
  }

  /** Publishes until it arrives: the first may go out before gossip flows. */
  async gossipFlows(from: TestPeer, to: TestPeer): Promise<void> {
    const label = `label ${this.#labels++}`
    let published = 0
    await until(`gossip from ${from.self} to ${to.self}`, () => {
      from.transport.publish(encode(`${label} ${published++}`))
      return to.gossip.some(({ bytes }) => decode(bytes).startsWith(`${label} `))
    })
  }
}

/** For use at the head of a `describe`: a new world for each of its tests. */
export function useLibp2p(): Libp2pFixture {
  const fixture = new Libp2pFixture()
  beforeEach(() => fixture.begin())
  afterEach(() => fixture.end())
  return fixture
}
