/** Who belongs to the fleet: the address book, the allow list, the network key. */
import type { FastifyInstance } from 'fastify'
import type { AllowChange } from '../../membership-api.ts'
import type { ControlContext } from '../context.ts'
import { ERRORS, ref } from '../schemas.ts'

/** Longer than any peer id, characters. */
const PEER_ID_LENGTH_MAX = 128
/** As many as an allow list holds. */
const PEERS_MAX = 4096

const peer = { type: 'string', minLength: 1, maxLength: PEER_ID_LENGTH_MAX } as const
const peers = { type: 'array', items: peer, maxItems: PEERS_MAX } as const

export function membershipRoutes(app: FastifyInstance, context: ControlContext): void {
  addressBookRoutes(app, context)
  allowRoutes(app, context)
  networkKeyRoutes(app, context)
}

function addressBookRoutes(app: FastifyInstance, { daemon }: ControlContext): void {
  app.get(
    '/v1/peers/known',
    {
      schema: {
        summary: 'The peers in the address book, linked or not',
        response: { 200: { description: 'address book', ...ref('AddressBook') }, ...ERRORS },
      },
    },
    () => Promise.resolve({ peers: daemon.membership.known() }),
  )

  app.delete<{ Params: { peer: string } }>(
    '/v1/peers/:peer',
    {
      schema: {
        summary: 'Forgets a peer: ends the link and drops it from the address book',
        params: { type: 'object', properties: { peer }, required: ['peer'] },
        response: { 200: { description: 'forgotten', ...ref('Forgotten') }, ...ERRORS },
      },
    },
    (request) => {
      daemon.membership.forget(request.params.peer)
      return Promise.resolve({ peer: request.params.peer })
    },
  )
}

function allowRoutes(app: FastifyInstance, { daemon }: ControlContext): void {
  app.get(
    '/v1/allow',
    {
      schema: {
        summary: 'The allow list of this daemon',
        response: { 200: { description: 'allow list', ...ref('AllowList') }, ...ERRORS },
      },
    },
    () => Promise.resolve(daemon.membership.allowList()),
  )

  app.post<{ Body: AllowChange }>(
    '/v1/allow',
    {
      schema: {
        summary:
          'Adds peers to the allow list and removes others, in one step; ends links with those it does not name',
        body: {
          type: 'object',
          properties: {
            add: peers,
            addLinked: { const: true },
            remove: peers,
            force: { const: true },
          },
          additionalProperties: false,
        },
        response: { 200: { description: 'changed', ...ref('AllowListChanged') }, ...ERRORS },
      },
    },
    (request) => daemon.membership.changeAllowList(request.body),
  )

  app.delete(
    '/v1/allow',
    {
      schema: {
        summary: 'Does away with the allow list: everyone who holds a secret is admitted',
        response: { 200: { description: 'changed', ...ref('AllowListChanged') }, ...ERRORS },
      },
    },
    () => daemon.membership.changeAllowList({ off: true }),
  )
}

function networkKeyRoutes(app: FastifyInstance, { daemon }: ControlContext): void {
  app.get(
    '/v1/network-key',
    {
      schema: {
        summary: 'Which secrets this daemon and its peers accept, by their public labels',
        response: { 200: { description: 'network key', ...ref('NetworkKey') }, ...ERRORS },
      },
    },
    () => Promise.resolve(daemon.membership.networkKey()),
  )

  app.post(
    '/v1/network-key/reload',
    {
      schema: {
        summary: 'Reads the key file anew and takes over its secrets',
        response: { 200: { description: 'reloaded', ...ref('NetworkKeyReloaded') }, ...ERRORS },
      },
    },
    () => Promise.resolve(daemon.membership.reloadNetworkKey()),
  )
}
