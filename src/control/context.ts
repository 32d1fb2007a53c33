/** What the routes share: the daemon, the budget for unfinished input, and the streams to end when the server closes. */
import type { FastifyReply } from 'fastify'
import type { Daemon } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { whenOver } from './departures.ts'
import { INPUT_BYTES_HELD_MAX } from './limits.ts'

/** Bytes of bodies and lines that are still arriving, for all requests together. */
export class InputBudget {
  #held = 0

  /** False, and nothing is held, when there is no room. Giving back (a negative number) always succeeds. */
  hold(bytes: number): boolean {
    if (bytes > 0 && this.#held + bytes > INPUT_BYTES_HELD_MAX) return false
    this.#held += bytes
    return true
  }
}

export class ControlContext {
  readonly daemon: Daemon
  readonly version: string
  readonly watchHeartbeatMs: number
  readonly input = new InputBudget()
  readonly #streams = new Set<AbortController>()
  closing = false

  constructor(options: { daemon: Daemon; version: string; watchHeartbeatMs: number }) {
    this.daemon = options.daemon
    this.version = options.version
    this.watchHeartbeatMs = options.watchHeartbeatMs
  }

  /** Aborts when the caller is gone, without a reason to tell, or when the server closes, with STOPPING. */
  streamSignal(reply: FastifyReply): AbortSignal {
    const controller = new AbortController()
    this.#streams.add(controller)
    whenOver(reply, () => {
      this.#streams.delete(controller)
      controller.abort()
    })
    return controller.signal
  }

  endStreams(): void {
    for (const controller of this.#streams) controller.abort(stopping())
  }
}

export function stopping(): HearsayError {
  return new HearsayError('STOPPING', 'the daemon is stopping; ask again when it is up')
}

export function overloaded(what: string): HearsayError {
  return new HearsayError('OVERLOADED', `${what}; ask again in a moment`)
}
