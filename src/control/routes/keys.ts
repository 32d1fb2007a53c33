/**
 * One key at a time, its value as raw bytes.
 *
 * A key in a path is percent-encoded bytes, any bytes; everything behind `/v1/keys/` is the key, slashes too, escaped or
 * not. `key-path.ts` says how it gets past the router.
 *
 * ETag is the version token of what was read. If-Match on a write says what the writer had observed, and the write
 * supersedes exactly that: it is not a precondition, a write never fails because the key has changed since, and what was
 * written meanwhile stays as a sibling. Without If-Match a write supersedes all that this daemon holds of the key.
 *
 * `wait=N` on a write answers once N peers have it on their disks. When they are not so many in time the answer is
 * TOO_FEW_PEERS, with the ETag of a write: it is done here, and stays. `after` and `max-staleness` on a read wait, too: for
 * the write that gave a token, or until this daemon is known to be no staler.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Completeness, EntryView, WriteOptions, Written } from '../../daemon-api.ts'
import { HearsayError } from '../../errors.ts'
import { overloaded, type ControlContext } from '../context.ts'
import { whenOver } from '../departures.ts'
import * as header from '../headers.ts'
import { entryJsonPieces } from '../json.ts'
import { KEY_ROUTE, keyOf } from '../key-path.ts'
import { PEERS_WAITED_FOR_MAX, VALUE_BYTES_MAX, WAIT_TIMEOUT_MS } from '../limits.ts'
import { COMPLETENESS_HEADERS, ERRORS, EXPIRY, ref, TIMEOUT } from '../schemas.ts'
import { sendNdjson } from './streams.ts'

const key = {
  type: 'object',
  properties: { key: { type: 'string', description: 'the key, percent-encoded bytes' } },
}
const ifMatch = {
  type: 'object',
  properties: {
    'if-match': {
      type: 'string',
      description:
        'the version token that was observed; names what is superseded, and is no precondition',
    },
  },
}
const ETAG = { ETag: { type: 'string', description: 'version token of the key' } }
const WINNER_HEADERS = {
  ...COMPLETENESS_HEADERS,
  ...ETAG,
  'Hearsay-Siblings': { type: 'integer', minimum: 1 },
  'Hearsay-Time': { type: 'string', description: "the winner's timestamp: milliseconds.tick" },
  'Hearsay-Dot': { type: 'string', description: 'actor:counter' },
  'Hearsay-Kind': { type: 'string', enum: ['register', 'unknown'] },
  'Hearsay-Writer': { type: 'string' },
}
const WRITTEN = {
  200: {
    description: 'written, and durable',
    headers: { ...COMPLETENESS_HEADERS, ...ETAG },
    ...ref('Written'),
  },
  ...ERRORS,
}
const RAW = { content: { [header.BYTES]: { schema: { type: 'string', format: 'binary' } } } }

interface WaitQuery {
  wait?: number
  timeout?: number
}

interface PutQuery extends WaitQuery {
  ttl?: number
  'expires-at'?: number
}

interface GetQuery {
  all?: boolean
  after?: string
  'max-staleness'?: number
  timeout?: number
}

const WAIT = {
  wait: {
    type: 'integer',
    minimum: 1,
    maximum: PEERS_WAITED_FOR_MAX,
    description: 'answer when so many peers have it on their disks',
  },
  timeout: TIMEOUT,
}

export function keyRoutes(app: FastifyInstance, context: ControlContext): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    '*',
    { parseAs: 'buffer', bodyLimit: VALUE_BYTES_MAX },
    (_request, body, done) => done(null, body),
  )
  readRoute(app, context)
  writeRoutes(app, context)
}

function readRoute(app: FastifyInstance, { daemon }: ControlContext): void {
  app.get<{ Querystring: GetQuery }>(
    KEY_ROUTE,
    {
      exposeHeadRoute: true,
      schema: {
        summary: "The winner's value, or with all=true every sibling",
        params: key,
        querystring: {
          type: 'object',
          properties: {
            all: { type: 'boolean' },
            after: {
              type: 'string',
              description: 'wait until the write that gave this token has arrived here',
            },
            'max-staleness': {
              type: 'integer',
              minimum: 0,
              description: 'answer only when no staler than so many milliseconds',
            },
            timeout: TIMEOUT,
          },
          additionalProperties: false,
        },
        response: {
          200: {
            description: 'raw bytes of the winner, or all siblings as JSON',
            headers: WINNER_HEADERS,
            content: { ...RAW.content, 'application/json': { schema: ref('Entry') } },
          },
          404: {
            description: 'absent, which while syncing does not mean deleted',
            headers: COMPLETENESS_HEADERS,
            ...ref('ErrorBody'),
          },
          ...ERRORS,
        },
      },
    },
    async (request, reply) => {
      const { all, after, timeout: timeoutMs = WAIT_TIMEOUT_MS } = request.query
      const staleMs = request.query['max-staleness']
      const name = keyOf(request)
      if (after !== undefined) await daemon.waits.arrival(name, after, { timeoutMs })
      if (staleMs !== undefined) await daemon.waits.freshen({ staleMs, timeoutMs })
      const entry = daemon.get(name)
      // The header was made before the wait.
      const completeness = daemon.completeness()
      void reply.header(header.COMPLETENESS_HEADER, header.completenessHeader(completeness))
      if (entry === undefined) throw absent(completeness)
      sendEntry(reply, entry, all === true)
      return reply
    },
  )
}

function sendEntry(reply: FastifyReply, entry: EntryView, all: boolean): void {
  const winner = entry.siblings[0]
  if (winner === undefined) throw new TypeError('an entry without siblings is no entry')
  void reply.headers({
    etag: header.etag(entry.token),
    [header.SIBLINGS_HEADER]: entry.siblings.length,
    [header.TIME_HEADER]: `${winner.time.ms}.${winner.time.tick}`,
    [header.DOT_HEADER]: `${winner.dot.actor}:${winner.dot.counter}`,
    [header.KIND_HEADER]: winner.kind,
    [header.WRITER_HEADER]: winner.writer,
  })
  if (winner.expiresAt !== undefined) void reply.header(header.EXPIRES_HEADER, winner.expiresAt)
  // In pieces, because all siblings together can be longer than the longest string.
  if (all) sendNdjson(reply, entryJsonPieces(entry, entry.token), 'application/json')
  else
    void reply
      .type(header.BYTES)
      .send(Buffer.from(winner.value.buffer, winner.value.byteOffset, winner.value.byteLength))
}

function absent(completeness: Completeness): HearsayError {
  if (completeness.state === 'complete') {
    return new HearsayError('NOT_FOUND', 'the key is not in the map')
  }
  if (completeness.state === 'complete-as-of') {
    const asOf = new Date(completeness.asOf).toISOString()
    return new HearsayError(
      'NOT_FOUND',
      `the key is not in the map as it was known at ${asOf}; later writes may not have arrived`,
    )
  }
  return new HearsayError(
    'NOT_FOUND',
    'the key is not here, and this daemon is still syncing: it may exist and not have arrived yet. ' +
      'Absent is not deleted; see /v1/ready',
  )
}

async function sendWritten(
  { daemon }: ControlContext,
  request: FastifyRequest<{ Querystring: WaitQuery }>,
  reply: FastifyReply,
  written: Written,
): Promise<FastifyReply> {
  // Also on a refusal to come: the write is done.
  void reply.header('etag', header.etag(written.token))
  const { wait: peers, timeout: timeoutMs = WAIT_TIMEOUT_MS } = request.query
  if (peers === undefined || written.dot === undefined) return reply.send(written)
  const durableOn = await daemon.waits.confirm(keyOf(request), written, { peers, timeoutMs })
  if (durableOn.length >= peers) return reply.send({ ...written, durableOn })
  const who = durableOn.length === 0 ? '' : ` (${durableOn.join(', ')})`
  const message = `written and durable here, but only ${durableOn.length} of ${peers} peers${who} confirmed it within ${timeoutMs} ms; it goes on to the others by itself`
  throw new HearsayError('TOO_FEW_PEERS', message)
}

function writeRoutes(app: FastifyInstance, context: ControlContext): void {
  const { daemon } = context
  app.put<{ Body?: Buffer; Querystring: PutQuery }>(
    KEY_ROUTE,
    {
      onRequest: (request, reply, done) => done(holdBody(context, request, reply)),
      schema: {
        summary: 'Writes raw bytes; answers when they are durable',
        consumes: [header.BYTES],
        params: key,
        headers: ifMatch,
        querystring: {
          type: 'object',
          properties: {
            ttl: { ...EXPIRY, description: 'time to live from now on, milliseconds' },
            'expires-at': { ...EXPIRY, description: 'wall clock, milliseconds since 1970' },
            ...WAIT,
          },
          additionalProperties: false,
        },
        response: WRITTEN,
      },
    },
    async (request, reply) => {
      const options = { ...tokenOf(request), ...expiryOf(request.query) }
      const value = request.body ?? Buffer.alloc(0)
      const written = await daemon.put(keyOf(request), value, options)
      return sendWritten(context, request, reply, written)
    },
  )

  app.delete<{ Querystring: WaitQuery }>(
    KEY_ROUTE,
    {
      schema: {
        summary: 'Deletes a key; the answer has no dot when there was nothing to delete',
        params: key,
        headers: ifMatch,
        querystring: { type: 'object', properties: WAIT, additionalProperties: false },
        response: WRITTEN,
      },
    },
    async (request, reply) => {
      const written = await daemon.delete(keyOf(request), tokenOf(request))
      return sendWritten(context, request, reply, written)
    },
  )
}

function tokenOf(request: FastifyRequest): { token?: string } {
  return header.tokenOfIfMatch(request.headers['if-match'])
}

function expiryOf(query: PutQuery): WriteOptions {
  const { ttl, 'expires-at': expiresAt } = query
  if (ttl === undefined) return expiresAt === undefined ? {} : { expiresAt }
  if (expiresAt === undefined) return { expiresAt: Date.now() + ttl }
  throw new HearsayError('BAD_REQUEST', 'ttl and expires-at are both given; give one')
}

/** Makes room for the body before it is read; a body of unknown length takes room for the largest. */
function holdBody(
  { input }: ControlContext,
  request: FastifyRequest,
  reply: FastifyReply,
): HearsayError | undefined {
  const announced = request.headers['content-length']
  const chunked = request.headers['transfer-encoding'] !== undefined
  const bytes = chunked ? VALUE_BYTES_MAX : Number(announced ?? 0)
  // Refused by the body limit, with nothing of it read.
  if (bytes > VALUE_BYTES_MAX) return undefined
  if (!input.hold(bytes)) return overloaded('too many large values are arriving at once')
  whenOver(reply, () => input.hold(-bytes))
  return undefined
}
