/**
 * The streaming write: mutations come line by line, and are answered line by line in order, each after its commit.
 *
 * - One mutation a line (`json.ts`); blank lines are passed over. Answers carry the line's number, counted from 1.
 * - Each line is a write of its own. A line that is refused gets {"line":N,"error":{code,message}} and the next goes on.
 * - Many lines are under way at once: the daemon commits them in groups, in the order of the lines.
 * - The answer begins before the request has ended. A sender that does not read its answers is not read any more
 *   either: at most WRITE_LINES_IN_FLIGHT_MAX lines and WRITE_BYTES_IN_FLIGHT_MAX bytes wait for their answer.
 * - When the daemon stops, lines under way are still answered, and {"error":{"code":"STOPPING",…}} is the last line.
 */
import type { FastifyInstance } from 'fastify'
import type { ControlContext } from '../context.ts'
import { COMPLETENESS_HEADER, NDJSON, VERSION_HEADER, completenessHeader } from '../headers.ts'
import { COMPLETENESS_HEADERS, ERRORS, ref } from '../schemas.ts'
import { WriteSession } from '../write-session.ts'

export function writeRoute(app: FastifyInstance, context: ControlContext): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  app.post(
    '/v1/write',
    {
      schema: {
        summary: 'Mutations line by line, answered line by line in order, each when it is durable',
        consumes: [NDJSON],
        description: 'Request lines are Mutation objects, answer lines WriteAnswer objects.',
        response: {
          200: {
            description: 'one line for each mutation, in order',
            headers: COMPLETENESS_HEADERS,
            content: { [NDJSON]: { schema: ref('WriteAnswer') } },
          },
          ...ERRORS,
        },
      },
    },
    (request, reply) => {
      const signal = context.streamSignal(reply)
      reply.hijack()
      reply.raw.writeHead(200, {
        'content-type': NDJSON,
        [VERSION_HEADER]: context.version,
        [COMPLETENESS_HEADER]: completenessHeader(context.daemon.completeness()),
      })
      // Whoever waits for the answer before sending the first line would wait for ever.
      reply.raw.flushHeaders()
      const { daemon, input } = context
      new WriteSession({ daemon, input, signal, request: request.raw, response: reply.raw }).start()
    },
  )
}
