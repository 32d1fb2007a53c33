/**
 * The control socket: HTTP/1.1 on a unix socket, for applications and operators beside the daemon.
 *
 * - `routes/` has one file for each group of routes; GET /v1/openapi.json describes them all.
 * - Every response carries Hearsay-Version, every answer about the map Hearsay-Completeness.
 * - Errors are {code, message}: `errors.ts` has the codes, `http-errors.ts` their statuses.
 * - Whoever can open the socket may do everything; the file's mode and group decide who can (`socket-file.ts`).
 * - Nothing a caller does makes the daemon hold more than `limits.ts` says: input is counted before it is held, and
 *   output is made only as fast as it is read.
 */
import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import swagger from '@fastify/swagger'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import type { Daemon } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { ControlContext, overloaded, stopping } from './context.ts'
import { COMPLETENESS_HEADER, VERSION_HEADER, completenessHeader } from './headers.ts'
import { whenOver } from './departures.ts'
import { errorBody, httpError } from './http-errors.ts'
import { KEY_ROUTE, rewriteKeyPath } from './key-path.ts'
import {
  CLOSE_GRACE_MS,
  CONNECTIONS_MAX,
  CONNECTION_IDLE_MS,
  HEADER_BYTES_MAX,
  JSON_BODY_BYTES_MAX,
  REQUESTS_MAX,
  VALUE_BYTES_MAX,
  WATCH_HEARTBEAT_MS,
} from './limits.ts'
import { convergedRoutes } from './routes/converged.ts'
import { keyRoutes } from './routes/keys.ts'
import { membershipRoutes } from './routes/membership.ts'
import { removalRoutes } from './routes/removals.ts'
import { nodeRoutes } from './routes/node.ts'
import { storeRoutes } from './routes/store.ts'
import { streamRoutes } from './routes/streams.ts'
import { writeRoute } from './routes/write.ts'
import { SHARED_SCHEMAS } from './schemas.ts'
import { listenOnSocket } from './socket-file.ts'

export interface ControlServerOptions {
  daemon: Daemon
  socketPath: string
  /** Permission bits of the socket file; 0600 when absent. */
  mode?: number
  /** Name or number of the socket file's group. */
  group?: string
  version: string
  log: Pick<Logger, 'info' | 'error'>
  watchHeartbeatMs?: number
}

export interface ControlServer {
  /** Ends every stream, answers what is under way, and removes the socket file. */
  close(): Promise<void>
}

/** Throws SOCKET_PATH_TOO_LONG, SOCKET_IN_USE, SOCKET_UNUSABLE. */
export async function startControlServer(options: ControlServerOptions): Promise<ControlServer> {
  const { daemon, socketPath, version, log, watchHeartbeatMs = WATCH_HEARTBEAT_MS } = options
  const context = new ControlContext({ daemon, version, watchHeartbeatMs })
  const app = createApp(context, log)
  const { group, mode = 0o600 } = options
  try {
    await app.ready()
    await listenOnSocket(app.server, {
      socketPath,
      mode,
      ...(group === undefined ? {} : { group }),
    })
  } catch (error) {
    await app.close()
    throw error
  }
  log.info({ socket: socketPath }, 'control socket open')
  return { close: () => close(app, context) }
}

async function close(app: FastifyInstance, context: ControlContext): Promise<void> {
  context.closing = true
  const cut = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS)
  const closed = app.close()
  context.endStreams()
  await closed
  clearTimeout(cut)
}

function createApp(context: ControlContext, log: Pick<Logger, 'error'>): FastifyInstance {
  const app = fastify({
    rewriteUrl: rewriteKeyPath,
    bodyLimit: JSON_BODY_BYTES_MAX,
    exposeHeadRoutes: false,
    return503OnClosing: false,
    keepAliveTimeout: CONNECTION_IDLE_MS,
    http: { maxHeaderSize: HEADER_BYTES_MAX },
    // The schemas are this program's own: to check them against theirs would take a tenth of a start.
    ajv: { customOptions: { removeAdditional: false, validateSchema: false } },
    frameworkErrors: (error, _request, reply) => {
      void reply.header(VERSION_HEADER, context.version)
      sendError(reply, error)
    },
    clientErrorHandler: (error, socket) => refuseMalformed(context.version, error, socket),
  })
  app.server.maxConnections = CONNECTIONS_MAX
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  for (const schema of SHARED_SCHEMAS) app.addSchema(schema)
  app.removeAllContentTypeParsers()
  // Whatever type is announced: curl says that a body is a form unless it is told otherwise.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) =>
    parseJson(String(body), done),
  )
  app.addHook('onRequest', admission(app, context))
  const methodsByRoute = new Map<string, string[]>()
  app.addHook('onRoute', ({ url, method }) => {
    methodsByRoute.set(url, [...(methodsByRoute.get(url) ?? []), method].flat())
  })
  app.setNotFoundHandler((request, reply) => notFound(methodsByRoute, request, reply))
  app.setErrorHandler((error, request, reply) => {
    // Fastify closes the connection on a bad body. Node then drops an answer that the caller, still sending, has not read;
    // left open, it passes over the rest of the body instead.
    reply.removeHeader('connection')
    const { status } = sendError(reply, tooLarge(error, request))
    if (status >= 500 && !(error instanceof HearsayError))
      log.error({ err: error }, 'control request failed')
  })
  registerRoutes(app, context)
  return app
}

function registerRoutes(app: FastifyInstance, context: ControlContext): void {
  app.register(swagger, {
    exposeHeadRoutes: true,
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'hearsay control socket',
        version: context.version,
        description:
          'HTTP/1.1 on a unix socket: curl --unix-socket PATH http://localhost/v1/status. ' +
          'Every response carries Hearsay-Version.',
      },
    },
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) =>
        typeof json.$id === 'string' ? json.$id : `def-${i}`,
    },
  })
  // Routes are registered in scopes of their own, behind the description's hook, and with their own body parsers.
  app.register((scope, _options, done) => {
    nodeRoutes(scope, context)
    membershipRoutes(scope, context)
    removalRoutes(scope, context)
    convergedRoutes(scope, context)
    scope.get('/v1/openapi.json', { schema: { hide: true } }, () => Promise.resolve(app.swagger()))
    done()
  })
  for (const routes of [keyRoutes, streamRoutes, storeRoutes, writeRoute]) {
    app.register((scope, _options, done) => {
      // First of all, so that refusals say it as well.
      scope.addHook('onRequest', (_request, reply, next) => {
        void reply.header(COMPLETENESS_HEADER, completenessHeader(context.daemon.completeness()))
        next()
      })
      routes(scope, context)
      done()
    })
  }
}

/** Counts requests under way, and ends connections that became idle while the server closes. */
function admission(app: FastifyInstance, context: ControlContext) {
  let underWay = 0
  return (_request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    void reply.header(VERSION_HEADER, context.version)
    underWay += 1
    whenOver(reply, () => {
      underWay -= 1
      if (context.closing) setImmediate(() => app.server.closeIdleConnections())
    })
    if (context.closing) done(stopping())
    else if (underWay > REQUESTS_MAX) done(overloaded(`${REQUESTS_MAX} requests are under way`))
    else done()
  }
}

function parseJson(text: string, done: (error: Error | null, body?: unknown) => void): void {
  if (text === '') return done(null, null)
  try {
    done(null, JSON.parse(text))
  } catch (cause) {
    const message = `the body is not JSON: ${(cause as Error).message}`
    done(new HearsayError('BAD_REQUEST', message, { cause }))
  }
}

function sendError(reply: FastifyReply, error: unknown): { status: number } {
  const { status, body } = httpError(error)
  void reply.code(status).type('application/json; charset=utf-8').send(body)
  return { status }
}

function tooLarge(error: unknown, request: FastifyRequest): unknown {
  if ((error as { code?: string }).code !== 'FST_ERR_CTP_BODY_TOO_LARGE') return error
  if (request.routeOptions.url !== KEY_ROUTE) return error
  return new HearsayError('VALUE_TOO_LARGE', `the value is larger than ${VALUE_BYTES_MAX} bytes`, {
    cause: error,
  })
}

function notFound(
  methodsByRoute: Map<string, string[]>,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const [path = ''] = request.url.split('?', 1)
  const methods = methodsByRoute.get(path)
  const [asked = ''] = request.originalUrl.split('?', 1)
  if (methods === undefined) {
    const message = `there is no ${asked}; GET /v1/openapi.json describes what there is`
    void reply.code(404).send({ code: 'BAD_REQUEST', message })
    return
  }
  const message = `${asked} does not take ${request.method}; it takes ${methods.join(', ')}`
  void reply.code(405).header('allow', methods.join(', ')).send({ code: 'BAD_REQUEST', message })
}

/** What is not even HTTP gets its answer by hand, since no request came of it. */
function refuseMalformed(version: string, error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  // A response that is under way cannot be interrupted by another one.
  const underWay = (socket as Socket & { _httpMessage?: ServerResponse })._httpMessage
  if (underWay?.headersSent === true) {
    socket.destroy()
    return
  }
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [
          '431 Request Header Fields Too Large',
          `request line and headers are larger than ${HEADER_BYTES_MAX} bytes`,
        ]
      : ['400 Bad Request', `not HTTP/1.1: ${error.message}`]
  const body = JSON.stringify(errorBody(new HearsayError('BAD_REQUEST', message)))
  socket.end(
    `HTTP/1.1 ${status}\r\n${VERSION_HEADER}: ${version}\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    () => socket.destroy(),
  )
}
