/** The description that the daemon serves, held against what it does. */
import assert from 'node:assert/strict'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { request, type IncomingMessage } from 'node:http'
import { ControlClient } from '../../src/control/client.ts'
import type { Completeness } from '../../src/daemon-api.ts'
import { rawRequest, until, utf8, type Raw } from '../support/control.ts'
import {
  WATCH_KEYS_MAX,
  daemonWorld,
  mapWorld,
  type ControlWorld,
} from '../support/control-worlds.ts'

interface Media {
  schema: object
}
interface Response {
  headers?: Record<string, { schema: object }>
  content?: Record<string, Media>
}
interface Operation {
  responses: Record<string, Response>
  requestBody?: { content: Record<string, Media> }
}
interface Description {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

/** A request, the status it must get, and the route of the description that it belongs to. */
type Case = [route: string, method: string, target: string, status: number, body?: string]

const CASES: Case[] = [
  ['/v1/ready', 'GET', '/v1/ready', 200],
  ['/v1/status', 'GET', '/v1/status', 200],
  ['/v1/id', 'GET', '/v1/id', 200],
  ['/v1/metrics', 'GET', '/v1/metrics', 200],
  ['/v1/peers', 'GET', '/v1/peers', 200],
  ['/v1/peers', 'POST', '/v1/peers', 200, '{"address":"FAR"}'],
  ['/v1/peers', 'GET', '/v1/peers', 200],
  ['/v1/peers', 'POST', '/v1/peers', 502, '{"address":"NOBODY"}'],
  ['/v1/peers', 'POST', '/v1/peers', 400, '{}'],
  ['/v1/peers/known', 'GET', '/v1/peers/known', 200],
  ['/v1/network-key', 'GET', '/v1/network-key', 200],
  ['/v1/network-key/reload', 'POST', '/v1/network-key/reload', 409],
  ['/v1/allow', 'GET', '/v1/allow', 200],
  ['/v1/allow', 'POST', '/v1/allow', 409, '{"remove":["OWN_PEER"]}'],
  ['/v1/allow', 'POST', '/v1/allow', 400, '{"everyone":true}'],
  ['/v1/allow', 'POST', '/v1/allow', 200, '{"addLinked":true}'],
  ['/v1/allow', 'GET', '/v1/allow', 200],
  ['/v1/allow', 'DELETE', '/v1/allow', 200],
  ['/v1/removals', 'GET', '/v1/removals', 200],
  ['/v1/removals', 'POST', '/v1/removals', 400, '{"decision":"perhaps"}'],
  ['/v1/removals', 'POST', '/v1/removals', 200, '{"decision":"refuse"}'],
  ['/v1/repair', 'POST', '/v1/repair', 200, '{}'],
  ['/v1/converged', 'GET', '/v1/converged?timeout=10000', 200],
  ['/v1/converged', 'GET', '/v1/converged?timeout=0', 400],
  ['/v1/converged/fleet', 'GET', '/v1/converged/fleet', 200],
  ['/v1/repair', 'POST', '/v1/repair', 404, '{"peer":"stranger"}'],
  ['/v1/verify', 'POST', '/v1/verify', 200],
  ['/v1/snapshot', 'GET', '/v1/snapshot', 200],
  ['/v1/status', 'GET', '/v1/status', 200],
  ['/v1/keys/{key}', 'PUT', '/v1/keys/plain?ttl=100000', 200, 'value'],
  ['/v1/keys/{key}', 'GET', '/v1/keys/plain', 200],
  ['/v1/keys/{key}', 'HEAD', '/v1/keys/plain', 200],
  ['/v1/keys/{key}', 'GET', '/v1/keys/%FF', 200],
  ['/v1/keys/{key}', 'GET', '/v1/keys/%FF?all=true', 200],
  ['/v1/keys/{key}', 'GET', '/v1/keys/absent', 404],
  ['/v1/keys/{key}', 'GET', '/v1/keys/%zz', 400],
  ['/v1/keys/{key}', 'PUT', '/v1/keys/plain?ttl=0', 400, 'value'],
  ['/v1/keys/{key}', 'DELETE', '/v1/keys/absent', 200],
  ['/v1/keys/{key}', 'PUT', '/v1/keys/waited?wait=1&timeout=20000', 200, 'value'],
  ['/v1/keys/{key}', 'PUT', '/v1/keys/waited?wait=9&timeout=1', 504, 'value'],
  ['/v1/keys/{key}', 'GET', '/v1/keys/waited?max-staleness=60000', 200],
  ['/v1/keys/{key}', 'GET', '/v1/keys/waited?after=nonsense', 400],
  ['/v1/keys/{key}', 'DELETE', '/v1/keys/waited?wait=1&timeout=20000', 200],
  ['/v1/keys', 'GET', '/v1/keys', 200],
  ['/v1/keys', 'GET', '/v1/keys?values=true', 200],
  ['/v1/keys', 'GET', '/v1/keys?limit=0', 400],
  ['/v1/export', 'GET', '/v1/export', 200],
  ['/v1/peers/{peer}', 'DELETE', '/v1/peers/stranger', 404],
  ['/v1/peers/{peer}', 'DELETE', '/v1/peers/FAR_PEER', 200],
  [
    '/v1/write',
    'POST',
    '/v1/write',
    200,
    '{"op":"put","key":"a","value":"1"}\n{"op":"delete","key":"b"}\nbad\n',
  ],
  ['/v1/keys/{key}', 'DELETE', '/v1/keys/plain', 200],
]

for (const [name, open] of [
  ['a map in memory', mapWorld],
  ['a daemon', daemonWorld],
] as const) {
  describe(`control: OpenAPI of ${name}`, () => describeWorld(open))
}

function describeWorld(open: () => Promise<ControlWorld>): void {
  let world: ControlWorld
  let description: Description
  let ajv: Ajv2020

  before(async () => {
    world = await open()
    const { daemon, far, socketPath } = world
    await far.put(utf8('from far'), utf8('v'))
    // Of a key that is not there: it has observed nothing.
    const { token } = await daemon.delete(Buffer.from([255]))
    await daemon.put(Buffer.from([255]), Buffer.from([254]), { expiresAt: Date.now() + 100_000 })
    await daemon.put(Buffer.from([255]), utf8('sibling'), { token })
    description = (await new ControlClient({ socketPath }).openapi()) as unknown as Description
    ajv = new Ajv2020({ strict: false, allErrors: true, coerceTypes: false })
    ajv.addFormat('binary', true)
    ajv.addFormat('byte', /^[A-Za-z0-9+/]*={0,2}$/)
    ajv.addSchema({ $id: 'description', ...description })
  })
  after(() => world.close())

  function check(schema: object, value: unknown, what: string): void {
    // Components are named from the description's root.
    const rooted = JSON.parse(JSON.stringify(schema).replaceAll('"#/', '"description#/')) as object
    const validate = ajv.compile(rooted)
    assert.ok(
      validate(value),
      `${what}: ${JSON.stringify(value).slice(0, 300)} ${ajv.errorsText(validate.errors)}`,
    )
  }

  function responseOf(route: string, method: string, status: number): Response {
    const operation = description.paths[route]?.[method.toLowerCase()]
    assert.ok(operation, `${method} ${route} is not described`)
    const range = `${String(status)[0]}XX`
    const response = operation.responses[status] ?? operation.responses[range]
    assert.ok(response, `${method} ${route} ${status} is not described`)
    return response
  }

  function checkAnswer(route: string, method: string, answer: Raw): void {
    const what = `${method} ${route} ${answer.status}`
    const response = responseOf(route, method, answer.status)
    for (const [name, { schema }] of Object.entries(response.headers ?? {})) {
      const text = answer.headers[name.toLowerCase()]
      assert.ok(text !== undefined, `${what}: header ${name} is missing`)
      const number = (schema as { type: string }).type === 'integer'
      check(schema, number ? Number(text) : text, `${what}: header ${name}`)
    }
    const type = String(answer.headers['content-type']).split(';')[0] ?? ''
    const media = response.content?.[type]
    assert.ok(media, `${what}: ${type} is not described`)
    if (method === 'HEAD') return
    const text = String(answer.body)
    if (type === 'application/json') check(media.schema, JSON.parse(text), what)
    else if (type === 'application/x-ndjson') {
      const lines = text.split('\n').filter((line) => line !== '')
      assert.ok(lines.length > 0, `${what}: no lines`)
      for (const line of lines) check(media.schema, JSON.parse(line), what)
    } else check(media.schema, text, what)
  }

  for (const [route, method, target, status, body] of CASES) {
    it(`is true of ${method} ${target}: ${status}`, async () => {
      const { daemon, far, socketPath, farAddress, nobodyAddress } = world
      const named = body
        ?.replace('OWN_PEER', daemon.peerId)
        .replace('FAR', farAddress)
        .replace('NOBODY', nobodyAddress)
      const answer = await rawRequest(
        socketPath,
        method,
        target.replace('FAR_PEER', far.peerId),
        named === undefined ? {} : { body: named },
      )
      assert.equal(answer.status, status, String(answer.body))
      checkAnswer(route, method, answer)
    })
  }

  it('is true of a daemon that is syncing, or complete as of a time', async () => {
    const { daemon, socketPath } = world
    const states: Completeness[] = [
      { state: 'syncing' },
      { state: 'complete-as-of', asOf: 1_700_000_000_000 },
    ]
    const completeness = daemon.completeness.bind(daemon)
    for (const state of states) {
      daemon.completeness = () => state
      checkAnswer('/v1/ready', 'GET', await rawRequest(socketPath, 'GET', '/v1/ready'))
      checkAnswer('/v1/keys/{key}', 'GET', await rawRequest(socketPath, 'GET', '/v1/keys/absent'))
    }
    daemon.completeness = completeness
  })

  it('is true of the changes that a watch tells, and of its end', async () => {
    const { daemon, socketPath } = world
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath, path: '/v1/watch', agent: false }, resolve).on('error', reject).end()
    })
    let text = ''
    message.on('data', (chunk: Buffer) => (text += String(chunk)))
    await until('the watch has begun', () => text.startsWith('\n'))
    await daemon.put(utf8('told'), Buffer.from([255]))
    await until('a put is told', () => text.includes('"valueBase64":"/w=="'))
    await daemon.delete(utf8('told'))
    await until('a delete is told', () => text.includes('"siblings":[]'))
    // In one step, before the watch can take any of them.
    const many = Array.from({ length: WATCH_KEYS_MAX + 10 }, (_, n) => utf8(`k${n}`))
    await daemon.write(many.map((key) => ({ op: 'put', key, value: key })))
    await until('the watch has ended', () => message.complete)
    assert.match(text, /WATCH_OVERFLOW/)
    const { headers } = message
    checkAnswer('/v1/watch', 'GET', { status: 200, headers, body: Buffer.from(text) })
  })

  it('describes every route that was tried here, and no other', () => {
    const described = Object.entries(description.paths).flatMap(([route, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${route}`),
    )
    const tried = new Set(CASES.map(([route, method]) => `${method} ${route}`)).add('GET /v1/watch')
    assert.deepEqual(described.sort(), [...tried].sort())
    assert.equal(description.openapi, '3.1.0')
  })

  it('describes the lines of a write request', () => {
    const mutation = description.components.schemas.Mutation
    assert.ok(mutation)
    check(mutation, { op: 'put', key: 'a', valueBase64: '/w==', expiresAt: 5, token: 't' }, 'put')
    check(mutation, { op: 'delete', keyBase64: '/w==' }, 'delete')
    for (const bad of [
      { op: 'put', key: 'a' },
      { op: 'delete', key: 'a', keyBase64: 'YQ==' },
      { op: 'delete', key: 'a', value: 'b' },
    ]) {
      assert.throws(() => check(mutation, bad, 'bad'), { name: 'AssertionError' })
    }
  })
}
