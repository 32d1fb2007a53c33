/** Removals that are held back because nothing proves them: to see them, and to decide (R13). */
import type { FastifyInstance } from 'fastify'
import type { RemovalDecision } from '../../daemon-api.ts'
import type { ControlContext } from '../context.ts'
import { bytesField } from '../json.ts'
import { ERRORS, ref } from '../schemas.ts'

export function removalRoutes(app: FastifyInstance, { daemon }: ControlContext): void {
  app.get(
    '/v1/removals',
    {
      schema: {
        summary: 'Removals of very many keys that are held back because nothing proves them',
        response: { 200: { description: 'what is held back', ...ref('HeldRemovals') }, ...ERRORS },
      },
    },
    () => {
      const { held, keys } = daemon.removals()
      return Promise.resolve({
        held,
        keys: keys.map(({ key, ...rest }) => ({ ...keyOf(key), ...rest })),
      })
    },
  )

  app.post<{ Body: { decision: RemovalDecision } }>(
    '/v1/removals',
    {
      schema: {
        summary:
          'Decides what is held back: approve lets the keys go, refuse writes them anew for the whole fleet',
        body: {
          type: 'object',
          properties: { decision: { enum: ['approve', 'refuse'] } },
          required: ['decision'],
          additionalProperties: false,
        },
        response: { 200: { description: 'decided', ...ref('RemovalsDecided') }, ...ERRORS },
      },
    },
    (request) => Promise.resolve({ keys: daemon.decideRemovals(request.body.decision) }),
  )
}

function keyOf(key: Uint8Array): object {
  return JSON.parse(`{${bytesField('key', key)}}`) as object
}
