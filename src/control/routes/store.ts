/** What is done with the store as a whole. */
import type { FastifyInstance } from 'fastify'
import type { ControlContext } from '../context.ts'
import type { Daemon } from '../../daemon-api.ts'
import { NDJSON } from '../headers.ts'
import { failureLine } from '../http-errors.ts'
import { snapshotLines } from '../json.ts'
import { SNAPSHOT_PATIENCE_MS } from '../limits.ts'
import { ERRORS, ref } from '../schemas.ts'
import { sendNdjson } from './streams.ts'

/** Calls `giveUp` when the reader has stopped. */
async function* lines(
  daemon: Daemon,
  signal: AbortSignal,
  giveUp: () => void,
): AsyncGenerator<string> {
  const patience = setTimeout(giveUp, SNAPSHOT_PATIENCE_MS)
  try {
    for await (const part of daemon.snapshot()) {
      signal.throwIfAborted()
      patience.refresh()
      yield* snapshotLines(part)
    }
  } catch (error) {
    yield failureLine(error)
  } finally {
    clearTimeout(patience)
  }
}

export function storeRoutes(app: FastifyInstance, context: ControlContext): void {
  const { daemon } = context

  app.post(
    '/v1/verify',
    {
      schema: {
        summary:
          'Reads the whole store and checks it; a damaged one is written anew from memory. Answers when that is done',
        response: { 200: { description: 'what was found', ...ref('StoreCheck') }, ...ERRORS },
      },
    },
    () => daemon.verify(),
  )

  app.get(
    '/v1/snapshot',
    {
      schema: {
        summary:
          'A consistent copy of the store, record by record as they lie in it: what "hearsay backup" keeps',
        response: {
          200: {
            description: 'one line for each record, and the manifest as the last line',
            content: {
              [NDJSON]: { schema: { anyOf: [ref('SnapshotLine'), ref('Failure')] } },
            },
          },
          ...ERRORS,
        },
      },
    },
    (_request, reply) => {
      const giveUp = (): void => void reply.raw.destroy()
      sendNdjson(reply, lines(daemon, context.streamSignal(reply), giveUp))
    },
  )
}
