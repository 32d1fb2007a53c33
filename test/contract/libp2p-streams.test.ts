/** Reading and writing streams: back-pressure, deadlines, and ends that came early. */
import assert from 'node:assert/strict'
import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Stream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { read, send } from '../../src/net/streams.ts'
import { RawPeer } from './libp2p-support.ts'
import { until } from './libp2p-world.ts'
import { pattern } from './transport.ts'

const PROTOCOL = '/test/1'
const CHUNK_BYTES = 64 * 1024
const LONG_MS = 60_000

async function readAll(source: AsyncIterable<Uint8Array | Uint8ArrayList>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source) chunks.push(chunk.slice())
  return Buffer.concat(chunks)
}

describe('libp2p streams', () => {
  let sender: RawPeer
  let receiver: RawPeer

  beforeEach(async () => {
    sender = await RawPeer.start(await generateKeyPair('Ed25519'))
    receiver = await RawPeer.start(await generateKeyPair('Ed25519'))
  })

  afterEach(async () => {
    await sender.stop()
    await receiver.stop()
  })

  async function streams(onStream: (stream: Stream) => void): Promise<Stream> {
    await receiver.node.handle(PROTOCOL, onStream)
    const connection = await sender.dial(receiver.address)
    return connection.newStream(PROTOCOL)
  }

  it('hold a sender back while nobody reads, and lose nothing', async () => {
    let source: ReturnType<typeof read> | undefined
    const stream = await streams((incoming) => {
      source = read(incoming)
    })
    const total = 16 * 1024 * 1024
    const sent = pattern(total)
    let offset = 0
    let stalled: unknown
    try {
      for (; offset < total; offset += CHUNK_BYTES) {
        await send(stream, new Uint8ArrayList(sent.subarray(offset, offset + CHUNK_BYTES)), 500)
      }
    } catch (error) {
      stalled = error
      // The stream has taken this chunk; only the wait for more was in vain.
      offset += CHUNK_BYTES
    }
    assert.ok(offset < total / 2, `${offset} bytes left without a reader`)
    assert.ok(stalled instanceof Error && 'code' in stalled && stalled.code === 'TIMEOUT')
    assert.equal(stream.status, 'open', 'the receiver ran over')
    assert.ok(stream.writeBufferLength <= CHUNK_BYTES)
    assert.ok(source !== undefined)
    const received = readAll(source)
    while (offset < total) {
      const chunk = new Uint8ArrayList(sent.subarray(offset, offset + CHUNK_BYTES))
      offset += CHUNK_BYTES
      await send(stream, chunk, LONG_MS)
    }
    await stream.close()
    assert.ok((await received).equals(sent))
  })

  it('end when the other side had closed before anyone read', async () => {
    let incoming: Stream | undefined
    const stream = await streams((opened) => {
      incoming = opened
    })
    await send(stream, new Uint8ArrayList(pattern(1_000)), LONG_MS)
    await stream.close()
    await until('the close', () => incoming?.remoteWriteStatus === 'closed')
    assert.ok(incoming !== undefined)
    assert.ok((await readAll(read(incoming))).equals(pattern(1_000)))
    assert.equal((await readAll(read(incoming))).byteLength, 0)
  })

  it('fail a reader and a waiting sender when the stream is reset', async () => {
    let incoming: Stream | undefined
    let reading: Promise<Buffer> | undefined
    const stream = await streams((opened) => {
      incoming = opened
      reading = readAll(read(opened))
      reading.catch(() => {})
    })
    await until('the stream', () => incoming !== undefined)
    stream.abort(new Error('test'))
    assert.ok(reading !== undefined)
    await assert.rejects(reading, { name: 'StreamResetError' })
    await assert.rejects(send(stream, new Uint8ArrayList(pattern(10)), LONG_MS))

    let paused: Stream | undefined
    await receiver.node.unhandle(PROTOCOL)
    const second = await streams((opened) => {
      opened.pause()
      paused = opened
    })
    let failure: unknown
    const filling = (async () => {
      for (;;) await send(second, new Uint8ArrayList(pattern(CHUNK_BYTES)), LONG_MS)
    })().catch((error: unknown) => {
      failure = error
    })
    await until('a sender that waits', () => second.writableNeedsDrain)
    paused?.abort(new Error('test'))
    await filling
    assert.ok(failure instanceof Error)
  })
})
