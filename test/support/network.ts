/**
 * Networks that tests can cut, each with what it needs and how it cuts.
 *
 * `Namespaces`: every daemon in a network namespace of its own, all on one bridge, or on one for each site. Cutting one
 * direction sends packets to a hardware address that nobody has: they vanish as in a cable that was pulled, while the
 * sockets stay open. Needs root and Linux.
 *
 * `Relays`: a TCP relay in front of every daemon, which the daemon announces instead of its own address, since peers tell
 * each other their addresses and would dial around it. Cutting one direction holds its bytes back; what was held flows
 * on when it heals, as a retransmission would. Works everywhere, for two daemons.
 */
import { spawnSync } from 'node:child_process'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { freePort } from './daemons.ts'
import type { DaemonOptions, Fleet } from './daemons.ts'

export interface Network {
  /** Options with which the daemon of this number is made. */
  options(index: number): DaemonOptions
  /** From now on nothing passes from one daemon to another. */
  cut(from: number, to: number): void
  heal(): void
}

const NOBODY = '02:00:00:de:ad:01'

/** Runs `ip`; what it complained of when it failed. */
export function ip(...args: string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' })
  return status === 0 ? undefined : `ip ${args.join(' ')}: ${error?.message ?? stderr.trim()}`
}

export class Namespaces implements Network {
  /** The namespaces of the bridges, one for each site. */
  readonly sites: readonly string[]
  readonly #prefix: string
  readonly #cuts: [from: number, to: number][] = []

  private constructor(prefix: string, sites: number) {
    this.#prefix = prefix
    this.sites = Array.from({ length: sites }, (_, site) => `${prefix}-bridge${site}`)
  }

  /** Why it cannot be had here, or the network. Nothing joins its sites; the first daemons are on the first of them. */
  static create(fleet: Fleet, count: number, sites = 1): Namespaces | string {
    const prefix = `hs${process.pid}-${fleet.dir.slice(-4)}`
    const network = new Namespaces(prefix, sites)
    fleet.onClose(() => network.#remove(count))
    const commands = network.sites.flatMap((bridge) => [
      ['netns', 'add', bridge],
      ['-n', bridge, 'link', 'add', 'bridge', 'type', 'bridge'],
      ['-n', bridge, 'link', 'set', 'bridge', 'up'],
    ])
    for (let i = 0; i < count; i++) {
      const name = network.#name(i)
      const bridge = network.sites[network.siteOf(i, count)]!
      const port = `port${i}`
      commands.push(
        ['netns', 'add', name],
        [
          'link',
          'add',
          'eth',
          'netns',
          name,
          'type',
          'veth',
          'peer',
          'name',
          port,
          'netns',
          bridge,
        ],
        ['-n', name, 'addr', 'add', `${network.#host(i)}/24`, 'dev', 'eth'],
        ['-n', name, 'link', 'set', 'lo', 'up'],
        ['-n', name, 'link', 'set', 'eth', 'up'],
        // As the default route of a real machine does for multicast.
        ['-n', name, 'route', 'add', '224.0.0.0/4', 'dev', 'eth'],
        ['-n', bridge, 'link', 'set', port, 'master', 'bridge', 'up'],
      )
    }
    for (const command of commands) {
      const refusal = ip(...command)
      if (refusal !== undefined) return refusal
    }
    return network
  }

  #name(index: number): string {
    return `${this.#prefix}-${index}`
  }

  siteOf(index: number, count: number): number {
    return Math.floor((index * this.sites.length) / count)
  }

  #host(index: number): string {
    return `10.99.0.${index + 1}`
  }

  options(index: number): DaemonOptions {
    return { host: this.#host(index), wrap: ['ip', 'netns', 'exec', this.#name(index)] }
  }

  cut(from: number, to: number): void {
    const neighbour = ['neigh', 'replace', this.#host(to), 'lladdr', NOBODY, 'dev', 'eth']
    const refusal = ip('-n', this.#name(from), ...neighbour, 'nud', 'permanent')
    if (refusal !== undefined) throw new Error(refusal)
    this.#cuts.push([from, to])
  }

  heal(): void {
    for (const [from, to] of this.#cuts.splice(0)) {
      const refusal = ip('-n', this.#name(from), 'neigh', 'del', this.#host(to), 'dev', 'eth')
      if (refusal !== undefined) throw new Error(refusal)
    }
  }

  /** Bytes of all frames that the bridges have handed to daemons. */
  bytesDelivered(): number {
    let bytes = 0
    for (const bridge of this.sites) {
      const { stdout } = spawnSync('ip', ['-n', bridge, '-s', '-j', 'link'], { encoding: 'utf8' })
      const devices = JSON.parse(stdout) as { ifname: string; stats64: { tx: { bytes: number } } }[]
      for (const { ifname, stats64 } of devices) {
        if (ifname.startsWith('port')) bytes += stats64.tx.bytes
      }
    }
    return bytes
  }

  #remove(count: number): void {
    for (let i = 0; i < count; i++) ip('netns', 'del', this.#name(i))
    for (const bridge of this.sites) ip('netns', 'del', bridge)
  }
}

interface Passing {
  from: Socket
  to: Socket
  direction: string
}

export class Relays implements Network {
  readonly #servers: Server[] = []
  readonly #ports: { relay: number; daemon: number }[] = []
  readonly #passing = new Set<Passing>()
  readonly #cuts = new Set<string>()

  static async create(fleet: Fleet): Promise<Relays> {
    const relays = new Relays()
    fleet.onClose(() => relays.#close())
    for (const index of [0, 1]) {
      const ports = { relay: await freePort(), daemon: await freePort() }
      relays.#ports.push(ports)
      const server = createServer((near) => relays.#accept(near, index))
      relays.#servers.push(server)
      await new Promise<void>((resolve) => server.listen(ports.relay, '127.0.0.1', resolve))
    }
    return relays
  }

  options(index: number): DaemonOptions {
    const { relay, daemon } = this.#ports[index]!
    const announce = `/ip4/127.0.0.1/tcp/${relay}`
    return { port: daemon, reachedAt: announce, settings: { announce: [announce] } }
  }

  /** Only the other of the two daemons knows this relay. */
  #accept(near: Socket, index: number): void {
    const far = connect({ port: this.#ports[index]!.daemon, host: '127.0.0.1' })
    this.#pass({ from: near, to: far, direction: `${1 - index}${index}` })
    this.#pass({ from: far, to: near, direction: `${index}${1 - index}` })
  }

  #pass(passing: Passing): void {
    const { from, to, direction } = passing
    this.#passing.add(passing)
    if (this.#cuts.has(direction)) from.pause()
    from.on('data', (chunk) => {
      // What the socket still hands over after `pause` is held back by the stream itself.
      if (!to.write(chunk)) from.pause()
    })
    to.on('drain', () => {
      if (!this.#cuts.has(direction)) from.resume()
    })
    from.on('error', () => undefined)
    from.on('close', () => {
      this.#passing.delete(passing)
      to.destroy()
    })
  }

  cut(from: number, to: number): void {
    this.#cuts.add(`${from}${to}`)
    for (const one of this.#passing) if (this.#cuts.has(one.direction)) one.from.pause()
  }

  heal(): void {
    this.#cuts.clear()
    for (const { from } of this.#passing) from.resume()
  }

  async #close(): Promise<void> {
    for (const { from, to } of this.#passing) {
      from.destroy()
      to.destroy()
    }
    await Promise.all(
      this.#servers.map((server) => new Promise((resolve) => server.close(resolve))),
    )
  }
}
