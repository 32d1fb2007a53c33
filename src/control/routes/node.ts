/** What a daemon says of itself, and what it does with its peers. */
import type { FastifyInstance } from 'fastify'
import type { ControlContext } from '../context.ts'
import { COMPLETENESS_HEADER, completenessHeader } from '../headers.ts'
import { COMPLETENESS_HEADERS, ERRORS, ref } from '../schemas.ts'

/** A multiaddr with a DNS name of the longest length and a peer id is below this, characters. */
const ADDRESS_LENGTH_MAX = 1024

const body = (properties: Record<string, unknown>, required: string[]): object => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
})

export function nodeRoutes(app: FastifyInstance, context: ControlContext): void {
  const { daemon } = context

  app.get(
    '/v1/ready',
    {
      schema: {
        summary:
          'Whether the map has caught up: 200 when complete or complete as of a time, 503 while syncing',
        response: {
          200: { description: 'ready', ...ref('Readiness') },
          503: {
            description: 'syncing (or an error)',
            anyOf: [ref('Readiness'), ref('ErrorBody')],
          },
        },
      },
    },
    (_request, reply) => {
      const completeness = daemon.completeness()
      const ready = completeness.state !== 'syncing'
      void reply
        .code(ready ? 200 : 503)
        .header(COMPLETENESS_HEADER, completenessHeader(completeness))
        .send({ ready, completeness })
    },
  )

  app.get(
    '/v1/status',
    {
      schema: {
        summary: 'Identity, addresses, peers, keys, context, digest and completeness',
        response: { 200: { description: 'status', ...ref('Status') }, ...ERRORS },
      },
    },
    async (_request, reply) => {
      const status = await daemon.status()
      return reply.header(COMPLETENESS_HEADER, completenessHeader(status.completeness)).send(status)
    },
  )

  app.get(
    '/v1/id',
    {
      schema: {
        summary: 'Who this daemon is and where it can be dialled',
        response: { 200: { description: 'identity', ...ref('Identity') }, ...ERRORS },
      },
    },
    async () => {
      const { peerId, name, version, addresses, cluster } = await daemon.status()
      return { peerId, name, version, addresses, cluster }
    },
  )

  app.get(
    '/v1/metrics',
    {
      schema: {
        summary: 'Metrics in the text format of Prometheus',
        response: {
          200: {
            description: 'metrics',
            content: { 'text/plain': { schema: { type: 'string' } } },
          },
          ...ERRORS,
        },
      },
    },
    async (_request, reply) =>
      reply.type('text/plain; version=0.0.4; charset=utf-8').send(await daemon.metrics()),
  )

  peerRoutes(app, context)
}

function peerRoutes(app: FastifyInstance, { daemon }: ControlContext): void {
  app.get(
    '/v1/peers',
    {
      schema: {
        summary: 'The peers this daemon is linked with',
        response: {
          200: {
            description: 'peers',
            ...body({ peers: { type: 'array', items: ref('Peer') } }, ['peers']),
          },
          ...ERRORS,
        },
      },
    },
    () => Promise.resolve({ peers: daemon.peers() }),
  )

  app.post<{ Body: { address: string } }>(
    '/v1/peers',
    {
      schema: {
        summary: 'Dials a peer and waits for the link',
        body: body({ address: { type: 'string', minLength: 1, maxLength: ADDRESS_LENGTH_MAX } }, [
          'address',
        ]),
        response: {
          200: { description: 'linked', ...body({ peer: { type: 'string' } }, ['peer']) },
          ...ERRORS,
        },
      },
    },
    (request) => daemon.connect(request.body.address).then((peer) => ({ peer })),
  )

  app.post<{ Body?: { peer?: string } | null }>(
    '/v1/repair',
    {
      schema: {
        summary: 'Runs one repair now, with one peer or with every connected one',
        body: {
          ...body({ peer: { type: 'string', minLength: 1, maxLength: ADDRESS_LENGTH_MAX } }, []),
          type: ['object', 'null'],
        },
        response: {
          200: {
            description: 'what each repair did',
            headers: COMPLETENESS_HEADERS,
            ...body({ receipts: { type: 'array', items: ref('Receipt') } }, ['receipts']),
          },
          ...ERRORS,
        },
      },
    },
    async (request, reply) => {
      const receipts = await daemon.repair(request.body?.peer)
      return reply
        .header(COMPLETENESS_HEADER, completenessHeader(daemon.completeness()))
        .send({ receipts })
    },
  )
}
