/** The framing codec: what it accepts, what it refuses, and that nothing else can happen. */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { HearsayError } from '../../src/errors.ts'
import { FrameAssembler, PIECE_BYTES, splitFrames } from '../../src/net/frames.ts'
import type { Message } from '../../src/net/frames.ts'
import { SendQueue } from '../../src/net/send-queue.ts'
import { SEND_QUEUE_BYTES_MAX } from '../../src/net/transport.ts'
import { pattern } from './transport.ts'

const lane = fc.constantFrom('control' as const, 'bulk' as const)
/** Around the borders of pieces, and small. */
const size = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: PIECE_BYTES - 2, max: PIECE_BYTES + 2 }),
  fc.integer({ min: 2 * PIECE_BYTES - 1, max: 2 * PIECE_BYTES + 1 }),
)
const messages = fc.array(fc.record({ lane, size, start: fc.integer({ min: 1, max: 1_000 }) }), {
  maxLength: 12,
})

function framed(queue: SendQueue): Uint8Array {
  const chunks: Uint8Array[] = []
  for (let chunk = queue.take(); chunk !== undefined; chunk = queue.take()) {
    chunks.push(chunk.bytes.slice())
  }
  return Buffer.concat(chunks)
}

function assembled(chunks: Iterable<Uint8Array>): Message[] {
  const assembler = new FrameAssembler()
  const out: Message[] = []
  for (const frame of splitFrames(chunks)) {
    const message = assembler.push(frame)
    if (message !== undefined) out.push(message)
  }
  return out
}

function* cutAt(bytes: Uint8Array, steps: readonly number[]): Generator<Uint8Array> {
  let offset = 0
  for (let i = 0; offset < bytes.byteLength; i++) {
    const step = steps[i % steps.length] ?? bytes.byteLength
    yield bytes.subarray(offset, offset + step)
    offset += step
  }
}

describe('frames', () => {
  it('bring every message back, in order within its lane, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 5 }),
        (sent, steps) => {
          const queue = new SendQueue()
          for (const { lane, size, start } of sent) {
            assert.ok(queue.push(lane, pattern(size, start)))
          }
          const got = assembled(cutAt(framed(queue), steps))
          assert.equal(queue.bytes, 0)
          for (const lane of ['control', 'bulk']) {
            assert.deepEqual(
              got.filter((message) => message.lane === lane).map(({ bytes }) => bytes),
              sent
                .filter((message) => message.lane === lane)
                .map(({ size, start }) => pattern(size, start)),
            )
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  it('refuse damaged bytes with an error of their own, whatever is damaged', () => {
    const known =
      /^Invalid(?:Message|Data)LengthError$|^InvalidDataLengthLengthError$|^UnexpectedEOFError$/
    fc.assert(
      fc.property(
        messages,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1 }),
        (sent, damage) => {
          const queue = new SendQueue()
          for (const { lane, size } of sent) queue.push(lane, pattern(size))
          const bytes = Uint8Array.from(framed(queue))
          if (bytes.byteLength === 0) return
          for (const [at, value] of damage) bytes[at % bytes.byteLength] = value
          try {
            assembled([bytes])
          } catch (error) {
            assert.ok(error instanceof Error)
            if (error instanceof HearsayError) assert.equal(error.code, 'PROTOCOL_VIOLATION')
            else assert.match(error.name, known)
          }
        },
      ),
      { numRuns: 300 },
    )
  })

  it('refuse random bytes with an error of their own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          assembled([bytes])
        } catch (error) {
          assert.ok(error instanceof Error)
          assert.ok(!(error instanceof TypeError || error instanceof RangeError), String(error))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('share no memory with the bytes they came in', () => {
    const queue = new SendQueue()
    queue.push('control', pattern(100))
    const bytes = Uint8Array.from(framed(queue))
    const [message] = assembled([bytes])
    bytes.fill(0)
    assert.deepEqual(message?.bytes, pattern(100))
  })
})

describe('send queue', () => {
  it('never holds more than its bound, also of empty messages', () => {
    const queue = new SendQueue()
    const empty = new Uint8Array(0)
    let taken = 0
    while (queue.push('control', empty)) taken++
    assert.ok(taken < 1_000_000)
    assert.ok(queue.bytes <= SEND_QUEUE_BYTES_MAX)
    assert.equal(queue.messages, taken)
    assert.equal(assembled([framed(queue)]).length, taken)
    assert.equal(queue.bytes, 0)
    assert.equal(queue.messages, 0)
  })

  it('takes a control message between the pieces of a bulk one', () => {
    const queue = new SendQueue()
    queue.push('bulk', pattern(10 * PIECE_BYTES))
    const first = queue.take()
    queue.push('control', pattern(10))
    const chunks = [first?.bytes.slice() ?? new Uint8Array(), framed(queue)]
    assert.deepEqual(
      assembled(chunks).map(({ lane }) => lane),
      ['control', 'bulk'],
    )
  })
})
