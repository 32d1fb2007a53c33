/** The line formats, and the splitting of lines, against any bytes and any chunks. */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { HearsayError } from '../../src/errors.ts'
import type { EntryView, Mutation, SiblingView } from '../../src/daemon-api.ts'
import * as json from '../../src/control/json.ts'
import { LineSplitter } from '../../src/control/lines.ts'
import { percentDecode, percentEncode, queryBytes } from '../../src/control/percent.ts'

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 50 }),
  fc.string({ unit: 'binary', maxLength: 20 }).map((text) => new Uint8Array(Buffer.from(text))),
)
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(Buffer.from(b))
/** Bytes as text, so that a Buffer equals a Uint8Array. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]))
}

const sibling: fc.Arbitrary<SiblingView> = fc
  .record({
    value: bytes,
    writer: fc.string(),
    expiresAt: fc.option(fc.nat(), { nil: undefined }),
    ms: fc.nat(),
    unknown: fc.boolean(),
  })
  .map(({ value, writer, expiresAt, ms, unknown }) => ({
    dot: { actor: 'a'.repeat(32), counter: 1 + ms },
    kind: unknown ? 'unknown' : 'register',
    value,
    time: { ms, tick: 3 },
    writer,
    ...(expiresAt === undefined ? {} : { expiresAt }),
  }))
const entry: fc.Arbitrary<EntryView> = fc.record({
  key: bytes,
  token: fc.string(),
  siblings: fc.array(sibling, { minLength: 1, maxLength: 4 }),
})

function refusal(text: string, read: (text: string) => unknown): HearsayError {
  try {
    read(text)
  } catch (error) {
    assert.ok(error instanceof HearsayError, String(error))
    return error
  }
  throw new Error(`taken: ${text}`)
}

describe('control: JSON', () => {
  it('gives back every mutation', () => {
    const mutation: fc.Arbitrary<Mutation> = fc
      .record({
        key: bytes,
        value: bytes,
        token: fc.option(fc.string()),
        expiresAt: fc.option(fc.nat()),
        put: fc.boolean(),
      })
      .map(({ key, value, token, expiresAt, put }) => ({
        ...(put
          ? { op: 'put', value, ...(expiresAt === null ? {} : { expiresAt }) }
          : { op: 'delete' }),
        key,
        ...(token === null ? {} : { token }),
      }))
    fc.assert(
      fc.property(mutation, (given) => {
        const line = json.mutationJson(given)
        assert.ok(!line.includes('\n'))
        assert.deepEqual(plain(json.mutationOfJson(line)), plain(given))
      }),
    )
  })

  it('gives back every entry, change and listed key, and imports what was exported', () => {
    fc.assert(
      fc.property(entry, (given) => {
        const { key, siblings, token } = given
        const told = [...json.changeJsonPieces({ key, entry: given })].join('')
        assert.deepEqual(
          plain(json.entryOfJson(json.parseObject(told))),
          plain({ key, entry: given }),
        )
        const gone = [...json.changeJsonPieces({ key })].join('')
        assert.deepEqual(plain(json.entryOfJson(json.parseObject(gone))), plain({ key }))
        const imported = json.importedOfJson([...json.entryJsonPieces(given)].join(''))
        assert.ok(same(imported.key, key))
        const contents = siblings.map(({ value, expiresAt }) => ({
          value,
          ...(expiresAt === undefined ? {} : { expiresAt }),
        }))
        assert.deepEqual(plain(imported.siblings), plain(contents))
        const listed = json.listedOfJson(json.listedJson(given, { values: true }))
        assert.equal(listed.token, token)
        assert.equal(listed.siblingCount, siblings.length)
        assert.ok(same(listed.value ?? Buffer.from('none'), siblings[0]?.value ?? Buffer.alloc(0)))
        assert.deepEqual(
          json.importedOfJson(json.listedJson(given, { values: true })).siblings.length,
          1,
        )
      }),
    )
  })

  it('writes text as text, and everything else as base64 under another name', () => {
    const cases: [Uint8Array, string][] = [
      [Buffer.from('grüße 🌍\t\r\n"\\'), '"key":"grüße 🌍\\t\\r\\n\\"\\\\"'],
      [Buffer.from('\ufeffa\u2028\u007f'), '"key":"\ufeffa\u2028\u007f"'],
      [Buffer.alloc(0), '"key":""'],
      [Buffer.from([0xff]), '"keyBase64":"/w=="'],
      [Buffer.from([0]), '"keyBase64":"AA=="'],
      [Buffer.from([0xed, 0xa0, 0x80]), '"keyBase64":"7aCA"'],
    ]
    for (const [given, written] of cases) assert.equal(json.bytesField('key', given), written)
  })

  it('takes base64 with or without padding and in the URL alphabet, and refuses the rest', () => {
    for (const text of ['/+8=', '/+8', '_-8', '_-8=']) {
      const { key } = json.mutationOfJson(`{"op":"delete","keyBase64":"${text}"}`)
      assert.deepEqual([...key], [0xff, 0xef])
    }
    const bad: [string, RegExp][] = [
      ['not json', /not JSON/],
      ['[]', /not a JSON object/],
      ['null', /not a JSON object/],
      ['{}', /"op"/],
      ['{"op":"incr","key":"a"}', /"op"/],
      ['{"op":"put","key":"a"}', /"value"/],
      ['{"op":"put","value":"a"}', /"key"/],
      ['{"op":"delete","key":1}', /must be a string/],
      ['{"op":"delete","key":"a","keyBase64":"YQ=="}', /both/],
      ['{"op":"delete","keyBase64":"Y"}', /not base64/],
      ['{"op":"delete","keyBase64":"Y Q="}', /not base64/],
      ['{"op":"delete","keyBase64":"YQ=a"}', /not base64/],
      ['{"op":"delete","keyBase64":7}', /must be a string/],
      ['{"op":"delete","key":"\\ud800"}', /surrogate/],
      ['{"op":"delete","key":"a","token":5}', /"token"/],
      ['{"op":"put","key":"a","value":"","expiresAt":1.5}', /expiresAt/],
      ['{"op":"put","key":"a","value":"","expiresAt":"1"}', /expiresAt/],
      ['{"op":"put","key":"a","value":"","expiresAt":-1}', /expiresAt/],
      ['{"op":"put","key":"a","value":"","ttl":1}', /unknown field "ttl"/],
      ['{"op":"delete","key":"a","value":"b"}', /unknown field "value"/],
    ]
    for (const [text, message] of bad) {
      const error = refusal(text, json.mutationOfJson)
      assert.equal(error.code, 'BAD_REQUEST', text)
      assert.match(error.message, message, text)
    }
    for (const text of [
      '{"key":"a","siblings":[]}',
      '{"key":"a","siblings":[1]}',
      '{"key":"a"}',
      'x',
    ]) {
      assert.equal(refusal(text, json.importedOfJson).code, 'BAD_IMPORT_LINE', text)
    }
  })
})

describe('control: percent-encoding', () => {
  it('gives back any bytes, in paths and in queries', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        assert.match(percentEncode(a), /^[A-Za-z0-9\-_.~%]*$/)
        assert.ok(same(percentDecode(percentEncode(a), 'key'), a))
        const url = `/v1/keys?prefix=${percentEncode(a)}&after=${percentEncode(b)}`
        assert.ok(same(queryBytes(url, 'prefix') ?? Buffer.from('none'), a))
        assert.ok(same(queryBytes(url, 'after') ?? Buffer.from('none'), b))
        assert.equal(queryBytes(url, 'limit'), undefined)
        assert.ok(
          same(
            percentDecode(encodeURIComponent(Buffer.from(a).toString('base64')), 'key'),
            Buffer.from(Buffer.from(a).toString('base64')),
          ),
        )
      }),
    )
  })
})

describe('control: lines', () => {
  it('are the same however the bytes are cut', () => {
    const text = fc.array(
      fc.string({ unit: 'binary', maxLength: 12 }).map((one) => one.replaceAll('\n', '')),
      { maxLength: 8 },
    )
    const cuts = fc.array(fc.nat(60), { maxLength: 6 })
    fc.assert(
      fc.property(text, cuts, fc.boolean(), (lines, places, closed) => {
        const whole = Buffer.from(lines.join('\n') + (closed ? '\n' : ''))
        const splitter = new LineSplitter(1000)
        const got = []
        const sorted = [
          0,
          ...places.map((place) => Math.min(place, whole.length)),
          whole.length,
        ].sort((a, b) => a - b)
        for (let n = 1; n < sorted.length; n++)
          got.push(...splitter.push(whole.subarray(sorted[n - 1], sorted[n])))
        got.push(...splitter.end())
        const expected = whole.toString('utf8').split('\n')
        if (expected.at(-1) === '') expected.pop()
        assert.deepEqual(
          got,
          expected.map((one, n) => ({ number: n + 1, text: one })),
        )
      }),
    )
  })

  it('that are too long or no text are faults in their place, and those around them are whole', () => {
    for (const size of [1, 3, 1000]) {
      const splitter = new LineSplitter(10)
      const whole = Buffer.concat([
        Buffer.from(`a\n${'x'.repeat(11)}\nb\n`),
        Buffer.from([0xff, 10]),
        Buffer.from(`c\n${'é'.repeat(5)}\n${'é'.repeat(6)}\n${'y'.repeat(30)}`),
      ])
      const got = []
      for (let at = 0; at < whole.length; at += size) {
        got.push(...splitter.push(whole.subarray(at, at + size)))
        assert.ok(splitter.carriedBytes <= 10)
      }
      got.push(...splitter.end())
      assert.deepEqual(
        got.map(({ number, text, fault }) => [number, fault ?? text]),
        [
          [1, 'a'],
          [2, 'too-long'],
          [3, 'b'],
          [4, 'not-utf8'],
          [5, 'c'],
          [6, 'ééééé'],
          [7, 'too-long'],
          [8, 'too-long'],
        ],
      )
    }
  })
})
