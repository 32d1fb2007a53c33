/**
 * Tells when a request is over: answered to the end, or given up with its connection.
 *
 * Node tells neither for a request that waits behind another one on its connection (HTTP pipelining) when that
 * connection ends, so connections are watched as well; otherwise such requests would be counted for ever.
 */
import type { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'

const underWay = new WeakMap<Socket, Set<() => void>>()

/** Calls `done` once. */
export function whenOver(reply: FastifyReply, done: () => void): void {
  const pending = pendingOf(reply.request.raw.socket)
  const finish = (): void => {
    if (pending.delete(finish)) done()
  }
  pending.add(finish)
  reply.raw.once('close', finish)
}

function pendingOf(socket: Socket): Set<() => void> {
  const known = underWay.get(socket)
  if (known !== undefined) return known
  const pending = new Set<() => void>()
  underWay.set(socket, pending)
  socket.once('close', () => {
    for (const finish of pending) finish()
  })
  return pending
}
