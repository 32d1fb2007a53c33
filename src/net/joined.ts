/**
 * Noise gives each frame as two pieces, its length and its text, and the TCP transport writes each piece by itself: twice
 * the system calls, twice the packets, and twice the work where they arrive. What is sent at once is joined here before.
 */
import type { MessageStream } from '@libp2p/interface'

export function joined(connection: MessageStream): MessageStream {
  const send = connection.send.bind(connection)
  connection.send = (data) => send(data.subarray())
  return connection
}
