/**
 * Finds connections whose other end is gone without a word, and closes them.
 *
 * Each connection is pinged, and closed when no answer comes for as long as the time between two pings. A ping takes a
 * stream of its own, some thirty packets, so a connection that has just brought something by itself is not asked: between
 * daemons that compare every few seconds, none is.
 *
 * libp2p has such a monitor; it closes healthy connections after a stall of this process, since its deadline runs out before the answer is
 * read (`patience.ts`).
 */
import { randomBytes } from 'node:crypto'
import type { Connection } from '@libp2p/interface'
import { patientSignal } from './patience.ts'
import { read } from './streams.ts'

/** The ping of libp2p: what is sent comes back. */
const PING_PROTOCOL = '/ipfs/ping/1.0.0'
const PING_BYTES = 32

/** Of the time between two pings: a longer one would put off the discovery of a death for longer. */
const FRESH_PART = 0.5

export class KeepAlive {
  readonly #silent: (forMs: number) => Connection[]
  readonly #intervalMs: number
  readonly #timer: NodeJS.Timeout
  /** Connections with a ping under way. */
  readonly #pinged = new WeakSet<Connection>()

  /** `silent`: the connections over which nothing has come for so long. */
  constructor(silent: (forMs: number) => Connection[], intervalMs: number) {
    this.#silent = silent
    this.#intervalMs = intervalMs
    this.#timer = setInterval(() => this.#round(), intervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #round(): void {
    for (const connection of this.#silent(this.#intervalMs * FRESH_PART)) {
      if (connection.status !== 'open' || this.#pinged.has(connection)) continue
      this.#pinged.add(connection)
      this.#ping(connection)
        .catch((error: unknown) => {
          connection.abort(error instanceof Error ? error : new Error(String(error)))
        })
        .finally(() => this.#pinged.delete(connection))
        .catch(() => {})
    }
  }

  async #ping(connection: Connection): Promise<void> {
    const { signal, clear } = patientSignal(this.#intervalMs)
    try {
      const stream = await connection.newStream(PING_PROTOCOL, { signal })
      const abort = (): void => stream.abort(signal.reason as Error)
      signal.addEventListener('abort', abort, { once: true })
      const echo = read(stream)
      stream.send(randomBytes(PING_BYTES))
      let missing = PING_BYTES
      for await (const chunk of echo) {
        missing -= chunk.byteLength
        if (missing <= 0) break
      }
      if (missing > 0) throw new Error('the peer ended the ping')
      await stream.close({ signal })
    } finally {
      clear()
    }
  }
}
