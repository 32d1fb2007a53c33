/**
 * A process that listens on a port of loopback and says which. Whoever started it stops it there and fills the two places of
 * its queue: who connects then hears nothing, as from a machine that is switched off.
 */
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

const server = createServer()
server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
  process.send?.((server.address() as AddressInfo).port),
)
