/** What is done with the store as a whole. */
import type { FastifyInstance } from 'fastify'
import type { ControlContext } from '../context.ts'
import { ERRORS, ref } from '../schemas.ts'

export function storeRoutes(app: FastifyInstance, { daemon }: ControlContext): void {
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
}
