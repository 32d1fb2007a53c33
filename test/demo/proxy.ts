/**
 * A TCP proxy in front of one daemon, which is the only address that anybody is told: who closes it cuts the daemon off.
 *
 * Cutting resets connections and refuses new ones, as a firewall rule does that rejects. It needs no privileges and works
 * on every system.
 */
import { createServer, connect } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'

const HOST = '127.0.0.1'

interface Pair {
  /** From whoever dialled. */
  client: Socket
  /** To the daemon, which sees its local port as the dialler's. */
  daemon: Socket
}

export class Proxy {
  readonly #daemonPort: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #refusing = false

  private constructor(daemonPort: number) {
    this.#daemonPort = daemonPort
    this.#server = createServer((client) => this.#accept(client))
  }

  static async start(daemonPort: number): Promise<Proxy> {
    const proxy = new Proxy(daemonPort)
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once('error', reject)
      proxy.#server.listen(0, HOST, resolve)
    })
    return proxy
  }

  get address(): string {
    return `/ip4/${HOST}/tcp/${(this.#server.address() as AddressInfo).port}`
  }

  /** Ends every connection but those that the daemon sees coming from one of `keep`, and refuses new ones. */
  cut(keep: ReadonlySet<number>): void {
    this.#refusing = true
    for (const pair of this.#pairs) {
      if (!keep.has(pair.daemon.localPort ?? 0)) end(pair)
    }
  }

  heal(): void {
    this.#refusing = false
  }

  async close(): Promise<void> {
    this.cut(new Set())
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      client.on('error', () => undefined)
      client.resetAndDestroy()
      return
    }
    const pair = { client, daemon: connect(this.#daemonPort, HOST) }
    this.#pairs.add(pair)
    for (const socket of [pair.client, pair.daemon]) {
      socket.setNoDelay(true)
      // Whoever breaks, the other side is to notice at once.
      socket.on('error', () => undefined)
      socket.on('close', () => {
        this.#pairs.delete(pair)
        end(pair)
      })
    }
    pair.client.pipe(pair.daemon)
    pair.daemon.pipe(pair.client)
  }
}

function end({ client, daemon }: Pair): void {
  client.destroy()
  daemon.destroy()
}
