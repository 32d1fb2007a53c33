/** Whether all that was written before the question is everywhere. */
import type { FastifyInstance } from 'fastify'
import type { ControlContext } from '../context.ts'
import { CONVERGED_FLEET_TIMEOUT_MS, CONVERGED_TIMEOUT_MS, WAIT_MS_MAX } from '../limits.ts'
import { ERRORS, ref } from '../schemas.ts'

const querystring = {
  type: 'object',
  properties: {
    timeout: {
      type: 'integer',
      minimum: 1,
      maximum: WAIT_MS_MAX,
      description: 'how long peers may take to answer, milliseconds',
    },
  },
  additionalProperties: false,
}

interface Question {
  Querystring: { timeout?: number }
}

export function convergedRoutes(app: FastifyInstance, { daemon }: ControlContext): void {
  app.get<Question>(
    '/v1/converged',
    {
      schema: {
        summary:
          'Whether all that was written before this question is on this daemon and every linked peer',
        querystring,
        response: {
          200: { description: 'a yes, or a no with who lags', ...ref('Converged') },
          ...ERRORS,
        },
      },
    },
    (request) =>
      daemon.waits.converged({ timeoutMs: request.query.timeout ?? CONVERGED_TIMEOUT_MS }),
  )

  app.get<Question>(
    '/v1/converged/fleet',
    {
      schema: {
        summary: 'The same of every daemon that can be reached over links, by way of those between',
        querystring,
        response: {
          200: { description: 'a yes, or a no with who lags', ...ref('ConvergedFleet') },
          ...ERRORS,
        },
      },
    },
    (request) =>
      daemon.waits.convergedFleet({
        timeoutMs: request.query.timeout ?? CONVERGED_FLEET_TIMEOUT_MS,
      }),
  )
}
