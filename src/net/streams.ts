/**
 * Reading and writing libp2p streams with back-pressure and deadlines.
 *
 * The adapters that come with libp2p buffer without bound (`onDrain` settles only once per stream; iteration never
 * pauses the sender) and can wait for ever on a stream that had ended before they were attached.
 */
import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { HearsayError } from '../errors.ts'
import { patientTimeout } from './patience.ts'

/** A reader asks the peer to pause above the first and to go on below the second, bytes: a quarter of the window. */
const READ_HIGH_BYTES = 256 * 1024
const READ_LOW_BYTES = 64 * 1024

/**
 * Sends a chunk and waits until the stream wants more. At most one chunk is buffered in the stream itself. Rejects with
 * TIMEOUT when the peer takes nothing for `stallMs`, and when the stream closes.
 */
export async function send(stream: Stream, chunk: Uint8ArrayList, stallMs: number): Promise<void> {
  let more = stream.send(chunk)
  while (!more && stream.writableNeedsDrain) {
    await drained(stream, stallMs)
    // The stream hands on what it had buffered in a microtask after `drain`, and may be full again then.
    await Promise.resolve()
    more = !stream.writableNeedsDrain
  }
  if (stream.writeStatus !== 'writable') throw new Error('the stream is closed for writing')
}

function drained(stream: Stream, stallMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: Error): void => {
      cancel()
      stream.removeEventListener('drain', onDrain)
      stream.removeEventListener('close', onClose)
      if (error === undefined) resolve()
      else reject(error)
    }
    const onDrain = (): void => finish()
    const onClose = (event: StreamCloseEvent): void =>
      finish(event.error ?? new Error('the stream closed'))
    const cancel = patientTimeout(stallMs, () =>
      finish(new HearsayError('TIMEOUT', `the peer took nothing for ${stallMs / 1000} seconds`)),
    )
    stream.addEventListener('drain', onDrain)
    stream.addEventListener('close', onClose)
  })
}

/**
 * The bytes of a stream, from the moment of this call on; pauses the peer while they are not taken. Ends when the peer
 * has closed its side, throws when the stream is reset. Call it before the first `await` of a stream's handler.
 */
export function read(stream: Stream): AsyncGenerator<Uint8Array | Uint8ArrayList, void> {
  const waiting: (Uint8Array | Uint8ArrayList)[] = []
  let waitingBytes = 0
  let ended = stream.readableEnded
  let failure: Error | undefined
  let wake: (() => void) | undefined

  const onMessage = (event: StreamMessageEvent): void => {
    waiting.push(event.data)
    waitingBytes += event.data.byteLength
    if (waitingBytes >= READ_HIGH_BYTES && stream.readStatus === 'readable') stream.pause()
    wake?.()
  }
  const onEnd = (): void => {
    ended = true
    wake?.()
  }
  const onClose = (event: StreamCloseEvent): void => {
    if (event.error !== undefined) failure = event.error
    // What a paused stream still holds is delivered after it is resumed; `end` follows that.
    else if (stream.readBufferLength === 0) ended = true
    wake?.()
  }
  stream.addEventListener('message', onMessage)
  stream.addEventListener('end', onEnd)
  stream.addEventListener('close', onClose)

  return (async function* () {
    try {
      for (;;) {
        const chunk = waiting.shift()
        if (chunk !== undefined) {
          waitingBytes -= chunk.byteLength
          if (waitingBytes <= READ_LOW_BYTES && stream.readStatus === 'paused') stream.resume()
          yield chunk
        } else if (failure !== undefined) {
          throw failure
        } else if (ended) {
          return
        } else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          wake = undefined
        }
      }
    } finally {
      stream.removeEventListener('message', onMessage)
      stream.removeEventListener('end', onEnd)
      stream.removeEventListener('close', onClose)
    }
  })()
}
