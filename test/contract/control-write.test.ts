/** The streaming write: order, many in flight, bad lines, and a sender that does not read. */
import assert from 'node:assert/strict'
import { OutgoingMessage, request, ServerResponse } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Mutation } from '../../src/daemon-api.ts'
import { HearsayError } from '../../src/errors.ts'
import type { WriteAnswer } from '../../src/control/client.ts'
import { CHUNK_BYTES, WRITE_LINES_IN_FLIGHT_MAX } from '../../src/control/limits.ts'
import { collect, openControl, until, utf8, type Control } from '../support/control.ts'

interface AnswerLine {
  line?: number
  written?: { superseded: number }
  error?: { code: string; message: string }
}

function puts(count: number, value = 'v'): Mutation[] {
  return Array.from({ length: count }, (_, n) => ({
    op: 'put',
    key: utf8(`k${n}`),
    value: utf8(`${value}${n}`),
  }))
}

const put = (n: number, value = 'v'): string => `{"op":"put","key":"k${n}","value":"${value}"}\n`

function linesOf(body: Buffer | string): AnswerLine[] {
  const lines = String(body).trim().split('\n')
  return lines.map((line) => JSON.parse(line) as AnswerLine)
}

async function* endless(): AsyncGenerator<Mutation> {
  for (let n = 0; ; n++) {
    await new Promise((resolve) => setImmediate(resolve))
    yield { op: 'put', key: utf8('k'), value: utf8(String(n)) }
  }
}

describe('control: streaming write', () => {
  let control: Control
  beforeEach(async () => {
    control = await openControl()
  })
  afterEach(() => control.close())

  /** A request whose two sides the test drives itself. */
  async function openWrite(): Promise<{ sent: ClientRequest; answers: IncomingMessage }> {
    const { socketPath } = control
    const sent = request({ socketPath, method: 'POST', path: '/v1/write', agent: false })
    sent.on('error', () => {})
    sent.flushHeaders()
    const answers = await new Promise<IncomingMessage>((resolve) => sent.once('response', resolve))
    return { sent, answers }
  }

  it('answers every mutation in order, after its commit, with many under way', async () => {
    const answers = await collect(control.client.write(puts(20_000)))
    assert.deepEqual(
      answers.map(({ line }) => line),
      Array.from({ length: 20_000 }, (_, n) => n + 1),
    )
    answers.forEach((answer, n) =>
      assert.equal('written' in answer && answer.written.dot?.counter, n + 1),
    )
    assert.equal(control.daemon.scan({ limit: 30_000 }).length, 20_000)
    const { writesUnderWayMost } = control.daemon
    assert.ok(writesUnderWayMost > 64, `only ${writesUnderWayMost} under way at once`)
    assert.ok(writesUnderWayMost <= WRITE_LINES_IN_FLIGHT_MAX)
  })

  it('answers nothing before its commit, and a first mutation without waiting for a second', async () => {
    const { sent, answers } = await openWrite()
    let received = ''
    answers.on('data', (chunk: Buffer) => (received += String(chunk)))
    const commit = control.daemon.holdCommits()
    sent.write(put(1))
    await until('the write has reached the daemon', () => control.daemon.writesUnderWayMost === 1)
    assert.equal((await control.client.get(utf8('k1'))).found, false)
    assert.equal(received, '')
    commit()
    await until('the answer is there', () => received.endsWith('\n'))
    assert.equal((await control.client.get(utf8('k1'))).found, true)
    sent.end()
    await until('the answer has ended', () => answers.complete)
  })

  it('sends the answers before anything else is begun', async () => {
    const order: string[] = []
    const { daemon } = control
    const write = daemon.write.bind(daemon)
    daemon.write = async (mutations) => {
      const written = await write(mutations)
      setImmediate(() => order.push('the next step'))
      return written
    }
    const responses: { write?: unknown } = ServerResponse.prototype
    responses.write = function (this: ServerResponse, text: string) {
      if (text.includes('written')) order.push('answer')
      return OutgoingMessage.prototype.write.call(this, text, 'utf8')
    }
    try {
      await collect(control.client.write(puts(1)))
    } finally {
      // The one that it has from `OutgoingMessage` is seen again.
      delete responses.write
    }
    assert.deepEqual(order, ['answer', 'the next step'])
  })

  it('goes on after lines that it refuses, and names them', async () => {
    const body = Buffer.concat([
      Buffer.from(`${put(1)}nonsense\n\n\r\n`),
      Buffer.from([0x22, 0xff, 0x22, 10]),
      Buffer.from('{"op":"put","key":"","value":"v"}\n'),
      Buffer.from(`{"op":"put","key":"${'x'.repeat(1025)}","value":"v"}\n`),
      Buffer.from('{"op":"delete","key":"k1","token":"nonsense"}\n'),
      Buffer.from(`${put(2).trimEnd()}\r\n{"op":"delete","key":"k2"}\n{"op":"delete","key":"k2"}`),
    ])
    const answers = linesOf((await control.raw('POST', '/v1/write', { body })).body)
    assert.deepEqual(
      answers.map(({ line, written, error }) => [line, error?.code ?? written?.superseded]),
      [
        [1, 0],
        [2, 'BAD_REQUEST'],
        [5, 'BAD_REQUEST'],
        [6, 'EMPTY_KEY'],
        [7, 'KEY_TOO_LARGE'],
        [8, 'BAD_TOKEN'],
        [9, 0],
        [10, 1],
        [11, 0],
      ],
    )
  })

  it('refuses a line that is too long without holding it, and writes the largest value', async () => {
    const { sent, answers } = await openWrite()
    const gathered = collect(answers as AsyncIterable<Buffer>)
    const part = Buffer.alloc(1024 * 1024, 'x')
    sent.write('{"op":"put","key":"k","value":"')
    for (let n = 0; n < 40; n++) {
      if (!sent.write(part)) await new Promise((resolve) => sent.once('drain', resolve))
    }
    sent.write('"}\n')
    sent.end(put(2))
    const lines = linesOf(Buffer.concat(await gathered))
    assert.deepEqual(
      lines.map(({ line, error }) => [line, error?.code]),
      [
        [1, 'VALUE_TOO_LARGE'],
        [2, undefined],
      ],
    )
    const largest = Buffer.alloc(16 * 1024 * 1024, '"')
    const [answer] = await collect(
      control.client.write([{ op: 'put', key: utf8('k'), value: largest }]),
    )
    assert.ok(answer !== undefined && 'written' in answer)
    assert.equal(control.daemon.get(utf8('k'))?.siblings[0]?.value.length, largest.length)
  })

  it('refuses large lines with OVERLOADED when too much is arriving at once', async () => {
    const part = Buffer.alloc(30 * 1024 * 1024, 'x')
    const open = await Promise.all(Array.from({ length: 9 }, openWrite))
    try {
      // Unfinished lines: nine of them are more than the budget, eight are not.
      await Promise.all(
        open.map(
          ({ sent }) =>
            new Promise((resolve) =>
              sent.write(`{"op":"put","value":"${part.toString('latin1')}`, resolve),
            ),
        ),
      )
      const ends = open.map(async ({ sent, answers }) => {
        sent.end(`","key":"k"}\n${put(1)}`)
        const [first, second] = linesOf(
          Buffer.concat(await collect(answers as AsyncIterable<Buffer>)),
        )
        assert.ok(second?.written, 'the next line is written')
        return first?.error?.code
      })
      const codes = await Promise.all(ends)
      assert.equal(codes.filter((code) => code === 'OVERLOADED').length, 1)
      assert.equal(
        codes.filter((code) => code === 'VALUE_TOO_LARGE').length,
        8,
        'refused by the daemon itself',
      )
    } finally {
      for (const { sent } of open) sent.destroy()
    }
  }).timeout(60_000)

  it('stops reading a sender that does not read its answers', async () => {
    const { sent, answers } = await openWrite()
    answers.pause()
    const line = put(1, 'x'.repeat(100))
    const lines = Math.ceil((4 * CHUNK_BYTES) / line.length)
    let written = 0
    // The sockets' own buffers take some; then writing must come to a stand.
    let full = false
    const deadline = Date.now() + 15_000
    while (!full) {
      assert.ok(Date.now() < deadline, `still reading after ${written} lines`)
      const flowing = sent.write(line.repeat(lines))
      written += lines
      full =
        !flowing &&
        !(await Promise.race([
          new Promise((resolve) => sent.once('drain', () => resolve(true))),
          new Promise((resolve) => setTimeout(() => resolve(false), 500)),
        ]))
    }
    assert.ok(control.daemon.writesUnderWayMost <= WRITE_LINES_IN_FLIGHT_MAX)
    sent.end()
    let answered = 0
    answers.on('data', (chunk: Buffer) => {
      for (const byte of chunk) if (byte === 10) answered += 1
    })
    answers.resume()
    await until('every line is answered once the sender reads', () => answers.complete)
    assert.equal(answered, written)
  })

  it('holds only so many lines in flight while commits stand still', async () => {
    const commit = control.daemon.holdCommits()
    const taken = { count: 0 }
    function* mutations(): Generator<Mutation> {
      for (const mutation of puts(50_000)) {
        taken.count += 1
        yield mutation
      }
    }
    const answered = collect(control.client.write(mutations()))
    await until(
      'it has come to a stand',
      () => control.daemon.writesUnderWayMost === WRITE_LINES_IN_FLIGHT_MAX,
    )
    assert.ok(taken.count < 50_000, 'the client stops taking mutations as well')
    commit()
    assert.equal((await answered).length, 50_000)
    assert.equal(control.daemon.writesUnderWayMost, WRITE_LINES_IN_FLIGHT_MAX)
  })

  it('tells errors of single mutations as answers', async () => {
    const mutations: Mutation[] = [
      { op: 'put', key: utf8('a'), value: utf8('1') },
      { op: 'put', key: utf8(''), value: utf8('1') },
      { op: 'delete', key: Buffer.from([255]) },
    ]
    const answers = await collect(control.client.write(mutations))
    const [first, second, third] = answers as [WriteAnswer, WriteAnswer, WriteAnswer]
    assert.ok('written' in first && 'written' in third)
    assert.ok('error' in second && second.error instanceof HearsayError)
    assert.equal(second.error.code, 'EMPTY_KEY')
    assert.deepEqual(await collect(control.client.write([])), [])
  })

  it('ends when the caller leaves, or when its mutations fail', async () => {
    for await (const { line } of control.client.write(endless())) if (line === 10) break
    const failing = (async function* (): AsyncGenerator<Mutation> {
      yield* puts(3)
      await Promise.resolve()
      throw new RangeError('the file ends in the middle')
    })()
    await assert.rejects(collect(control.client.write(failing)), RangeError)
  })

  it('answers what is under way and then STOPPING when the server closes', async () => {
    const { sent, answers } = await openWrite()
    const commit = control.daemon.holdCommits()
    sent.write(put(1))
    await until('the write has reached the daemon', () => control.daemon.writesUnderWayMost === 1)
    const gathered = collect(answers as AsyncIterable<Buffer>)
    const closed = control.close()
    commit()
    const lines = linesOf(Buffer.concat(await gathered))
    assert.deepEqual(
      lines.map(({ line, error }) => [line, error?.code]),
      [
        [1, undefined],
        [undefined, 'STOPPING'],
      ],
    )
    sent.end()
    await closed
    control = await openControl()
  })
})
