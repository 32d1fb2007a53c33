/** Listing, export and watch: newline-delimited JSON, one object for each key or change. */
import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { EntryView } from '../../daemon-api.ts'
import type { ControlContext } from '../context.ts'
import { NDJSON } from '../headers.ts'
import { entryJsonPieces, listedJson } from '../json.ts'
import { CHUNK_BYTES } from '../limits.ts'
import { queryBytes } from '../percent.ts'
import { COMPLETENESS_HEADERS, ERRORS, ref } from '../schemas.ts'
import { scanned, watched } from '../streams.ts'

const bytes = { type: 'string', description: 'percent-encoded bytes' }

/** Sends text that is made only as fast as it is read. */
export function sendNdjson(
  reply: FastifyReply,
  text: Iterable<string> | AsyncIterable<string>,
  type: string = NDJSON,
): void {
  const body = Readable.from(text, { objectMode: false, highWaterMark: CHUNK_BYTES })
  void reply.type(type).send(body)
}

function lines(description: string, schema: string) {
  return {
    200: {
      description,
      headers: COMPLETENESS_HEADERS,
      content: { [NDJSON]: { schema: { anyOf: [ref(schema), ref('Failure')] } } },
    },
    ...ERRORS,
  }
}

/** Without the token: it names what this daemon observed, which means nothing where the export is read. */
function exportedLine(entry: EntryView): Iterable<string> {
  return entryJsonPieces(entry)
}

interface ListQuery {
  limit?: number
  values?: boolean
}

export function streamRoutes(app: FastifyInstance, context: ControlContext): void {
  const { daemon } = context

  app.get<{ Querystring: ListQuery }>(
    '/v1/keys',
    {
      schema: {
        summary: 'Keys in byte order, one line each; not a snapshot',
        querystring: {
          type: 'object',
          properties: {
            prefix: bytes,
            after: { ...bytes, description: 'percent-encoded bytes; only keys after this one' },
            limit: { type: 'integer', minimum: 1 },
            values: { type: 'boolean', description: "whether to send the winners' values" },
          },
          additionalProperties: false,
        },
        response: lines('one line for each key', 'ListedKey'),
      },
    },
    (request, reply) => {
      const prefix = queryBytes(request.originalUrl, 'prefix')
      const after = queryBytes(request.originalUrl, 'after')
      const { limit, values = false } = request.query
      const pages = {
        signal: context.streamSignal(reply),
        line: (entry: EntryView) => [listedJson(entry, { values })],
        ...(prefix === undefined ? {} : { prefix }),
        ...(after === undefined ? {} : { after }),
        ...(limit === undefined ? {} : { limit }),
      }
      sendNdjson(reply, scanned(daemon, pages))
    },
  )

  app.get(
    '/v1/export',
    {
      schema: {
        summary: 'Every key with all its siblings and their expiry; not a snapshot',
        response: lines('one line for each key', 'ExportedKey'),
      },
    },
    (_request, reply) => {
      const pages = { signal: context.streamSignal(reply), line: exportedLine }
      sendNdjson(reply, scanned(daemon, pages))
    },
  )

  app.get(
    '/v1/watch',
    {
      schema: {
        summary:
          'Changes from now on; a blank line at the start and after each silence is a heartbeat',
        description:
          'After the first blank line every change is told. Changes of one key that were not read yet are folded into ' +
          'its latest state. A reader too far behind gets WATCH_OVERFLOW as the last line and must read anew.',
        querystring: {
          type: 'object',
          properties: { prefix: bytes },
          additionalProperties: false,
        },
        response: lines('one line for each change', 'Change'),
      },
    },
    (request, reply) => {
      const prefix = queryBytes(request.originalUrl, 'prefix') ?? new Uint8Array()
      const signal = context.streamSignal(reply)
      const heartbeatMs = context.watchHeartbeatMs
      sendNdjson(reply, watched(daemon, { prefix, signal, heartbeatMs }))
    },
  )
}
