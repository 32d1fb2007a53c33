/**
 * Finds connections whose other end is gone without a word, and closes them.
 *
 * A connection over which nothing has come for a while is pinged, and closed when no answer comes for as long again. A ping takes
 * a stream of its own, some thirty packets, so none is sent where something comes by itself: daemons compare every few seconds.
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

/** Looks within the silence that is allowed: so much longer, at most, it takes until a connection is pinged. */
const LOOKS = 3

export class KeepAlive {
  readonly #silent: (forMs: number) => Connection[]
  readonly #silenceMs: number
  readonly #timer: NodeJS.Timeout
  /** Monotonic time before which a connection is not pinged again; infinite while a ping is under way. */
  readonly #notBefore = new WeakMap<Connection, number>()

  /** `silent`: the connections over which nothing but answers to pings has come for so long. */
  constructor(silent: (forMs: number) => Connection[], silenceMs: number) {
    this.#silent = silent
    this.#silenceMs = silenceMs
    this.#timer = setInterval(() => this.#look(), silenceMs / LOOKS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    for (const connection of this.#silent(this.#silenceMs)) {
      const isDue = now >= (this.#notBefore.get(connection) ?? 0)
      if (connection.status !== 'open' || !isDue) continue
      this.#notBefore.set(connection, Infinity)
      this.#ping(connection).then(
        () => this.#notBefore.set(connection, performance.now() + this.#silenceMs),
        (error: unknown) => {
          connection.abort(error instanceof Error ? error : new Error(String(error)))
        },
      )
    }
  }

  async #ping(connection: Connection): Promise<void> {
    const { signal, clear } = patientSignal(this.#silenceMs)
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
