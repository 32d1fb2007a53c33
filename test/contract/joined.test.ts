import assert from 'node:assert/strict'
import type { MessageStream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { joined } from '../../src/net/joined.ts'

describe('a joined connection', () => {
  it('hands on the pieces of one send as one, and says whether there is room', () => {
    const sent: unknown[] = []
    const answers = [true, false]
    const send = (data: unknown): boolean => {
      sent.push(data)
      return answers.shift()!
    }
    const connection = joined({ send } as unknown as MessageStream)
    const pieces = new Uint8ArrayList(Uint8Array.of(0, 3), Uint8Array.of(1, 2, 3))
    assert.equal(connection.send(pieces), true)
    assert.equal(connection.send(Uint8Array.of(4)), false)
    assert.deepEqual(sent, [Uint8Array.of(0, 3, 1, 2, 3), Uint8Array.of(4)])
  })
})
