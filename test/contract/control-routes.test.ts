/** Every route of the control socket, by the client and by hand. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { request } from 'node:http'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import type { Completeness, Written } from '../../src/daemon-api.ts'
import { HearsayError } from '../../src/errors.ts'
import { REQUESTS_MAX } from '../../src/control/limits.ts'
import { percentEncode } from '../../src/control/percent.ts'
import { collect, openControl, until, utf8, type Control, type Raw } from '../support/control.ts'
import { MapDaemon } from '../support/map-daemon.ts'

function coded(code: string, pattern = /./) {
  return (error: unknown): true => {
    assert.ok(error instanceof HearsayError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, pattern)
    return true
  }
}

/** Whether a small put is refused, and then it must be with OVERLOADED. */
async function refusesOne({ raw }: Control): Promise<boolean> {
  const { status, body } = await raw('PUT', '/v1/keys/more', { body: 'v' })
  if (status === 200) return false
  assert.equal(status, 503)
  assert.equal((JSON.parse(String(body)) as { code: string }).code, 'OVERLOADED')
  return true
}

describe('control: routes', () => {
  let control: Control
  beforeEach(async () => {
    control = await openControl()
  })
  afterEach(() => control.close())

  describe('waiting for other daemons', () => {
    it('answers a write with the peers that have it, and refuses when they are too few', async () => {
      const neighbourhood = new Map<string, MapDaemon>()
      const far = new MapDaemon({ name: 'far', neighbourhood })
      const near = await openControl({ map: { neighbourhood } })
      try {
        await near.client.connect('/memory/far')
        const written = await near.client.put(utf8('k'), utf8('v'), { wait: 1 })
        assert.deepEqual(written.durableOn, [far.peerId])
        assert.equal('durableOn' in (await near.client.put(utf8('k'), utf8('v'))), false)
        const tooMany = { wait: 2, timeoutMs: 1 }
        await assert.rejects(
          near.client.put(utf8('k'), utf8('w'), tooMany),
          (error: HearsayError) =>
            error.code === 'TOO_FEW_PEERS' && /1 of 2 peers \(12D3Koo-far\)/.test(error.message),
        )
        const found = await near.client.get(utf8('k'))
        assert.ok(
          found.found && Buffer.from(found.value).toString() === 'w',
          'written all the same',
        )
        const answer = await near.raw('PUT', '/v1/keys/k?wait=2&timeout=1', { body: 'x' })
        assert.equal(answer.status, 504)
        const { token } = near.daemon.get(utf8('k')) ?? assert.fail('k')
        assert.equal(answer.headers.etag, `"${token}"`)
        await assert.rejects(near.client.delete(utf8('k'), tooMany), coded('TOO_FEW_PEERS'))
        assert.equal(near.daemon.get(utf8('k')), undefined)
        // Nothing was written, so there is nothing to wait for.
        assert.equal((await near.client.delete(utf8('k'), tooMany)).dot, undefined)
      } finally {
        await near.close()
      }
    })

    it('reads when what a token names is here, and not before', async () => {
      const { client, daemon } = control
      const { token } = await client.put(utf8('k'), utf8('v'))
      assert.ok((await client.get(utf8('k'), { after: token })).found)
      assert.ok((await client.getAll(utf8('k'), { after: token })).entry !== undefined)
      daemon.waits.missing = 3
      await assert.rejects(client.get(utf8('k'), { after: token }), coded('NOT_HERE_YET'))
      await assert.rejects(client.get(utf8('k'), { after: 'a b&c' }), coded('BAD_TOKEN'))
    })

    it('reads when it is fresh enough', async () => {
      const { client, daemon } = control
      await client.put(utf8('k'), utf8('v'))
      daemon.waits.ageMs = 500
      assert.ok((await client.get(utf8('k'), { staleMs: 500 })).found)
      await assert.rejects(client.get(utf8('k'), { staleMs: 499 }), coded('TOO_STALE'))
      await assert.rejects(client.getAll(utf8('k'), { staleMs: 0 }), coded('TOO_STALE'))
    })

    for (const query of ['wait=0', 'wait=x', 'timeout=60001', 'wait=1&timeout=-1']) {
      it(`refuses a write with ${query}`, async () => {
        const { status } = await control.raw('PUT', `/v1/keys/k?${query}`, { body: 'v' })
        assert.equal(status, 400)
        assert.equal(control.daemon.get(utf8('k')), undefined)
      })
    }
  })

  describe('keys', () => {
    it('writes, reads and deletes, with the version token as ETag', async () => {
      const { client, raw } = control
      const written = await client.put(utf8('colour'), utf8('blue'))
      assert.equal(written.superseded, 0)
      assert.equal(written.dot?.counter, 1)
      const found = await client.get(utf8('colour'))
      assert.ok(found.found)
      assert.deepEqual(Buffer.from(found.value), Buffer.from('blue'))
      assert.equal(found.token, written.token)
      assert.deepEqual(found.dot, written.dot)
      assert.equal(found.writer, control.daemon.peerId)
      assert.deepEqual(found.time, control.daemon.get(utf8('colour'))?.siblings[0]?.time)
      assert.equal(found.kind, 'register')
      const answer = await raw('GET', '/v1/keys/colour')
      assert.equal(answer.headers.etag, `"${written.token}"`)
      assert.equal(answer.headers['content-type'], 'application/octet-stream')
      assert.equal(answer.headers['hearsay-version'], '9.9.9-test')
      const head = await raw('HEAD', '/v1/keys/colour')
      assert.equal(head.headers.etag, `"${written.token}"`)
      assert.equal(head.headers['content-length'], '4')
      assert.equal((await client.delete(utf8('colour'))).superseded, 1)
      assert.equal((await client.get(utf8('colour'))).found, false)
      assert.equal((await client.delete(utf8('colour'))).dot, undefined)
    })

    it('keeps as a sibling what the token of If-Match had not observed', async () => {
      const { client, raw } = control
      const first = await client.put(utf8('k'), utf8('1'))
      await client.put(utf8('k'), utf8('2'), { token: first.token })
      await client.put(utf8('k'), utf8('3'), { token: first.token })
      const all = await client.getAll(utf8('k'))
      assert.deepEqual(
        all.entry?.siblings.map(({ value }) => Buffer.from(value).toString()).sort(),
        ['2', '3'],
      )
      assert.deepEqual(all.entry, control.daemon.get(utf8('k')))
      assert.equal((await raw('GET', '/v1/keys/k')).headers['hearsay-siblings'], '2')
      // Bare, as people type it.
      const merged = await raw('PUT', '/v1/keys/k', {
        body: 'm',
        headers: { 'if-match': all.entry?.token ?? '' },
      })
      assert.equal((JSON.parse(String(merged.body)) as Written).superseded, 2)
      await client.put(utf8('k'), utf8('4'), { token: first.token })
      const removed = await client.delete(utf8('k'), {
        token: (JSON.parse(String(merged.body)) as Written).token,
      })
      assert.equal(removed.superseded, 1)
      const left = await client.get(utf8('k'))
      assert.equal(left.found && Buffer.from(left.value).toString(), '4')
    })

    it('refuses an If-Match that is not one token', async () => {
      for (const header of ['*', '"a", "b"', 'W/"a"', '""', '"nonsense"']) {
        const answer = await control.raw('PUT', '/v1/keys/k', {
          body: 'v',
          headers: { 'if-match': header },
        })
        assert.equal(answer.status, 400, header)
        assert.equal((JSON.parse(String(answer.body)) as { code: string }).code, 'BAD_TOKEN')
      }
      await assert.rejects(
        control.client.delete(utf8('k'), { token: 'nonsense' }),
        coded('BAD_TOKEN', /nonsense/),
      )
    })

    it('sets an expiry from now or for a moment, and not both', async () => {
      const { client, raw } = control
      const before = Date.now()
      await client.put(utf8('ttl'), utf8('v'), { ttlMs: 60_000 })
      const found = await client.get(utf8('ttl'))
      assert.ok(found.found && found.expiresAt !== undefined)
      assert.ok(found.expiresAt >= before + 60_000 && found.expiresAt <= Date.now() + 60_000)
      await client.put(utf8('at'), utf8('v'), { expiresAt: before + 70_000 })
      assert.equal(
        (await raw('GET', '/v1/keys/at')).headers['hearsay-expires-at'],
        String(before + 70_000),
      )
      for (const query of ['ttl=1&expires-at=2', 'ttl=0', 'ttl=soon', 'ttl=1.5', 'tll=5']) {
        const answer = await raw('PUT', `/v1/keys/k?${query}`, { body: 'v' })
        assert.equal(answer.status, 400, query)
        assert.equal((JSON.parse(String(answer.body)) as { code: string }).code, 'BAD_REQUEST')
      }
    })

    it('takes any body as raw bytes, and an empty one', async () => {
      const { client, raw } = control
      const types = [
        'application/json',
        'application/x-www-form-urlencoded',
        'text/plain',
        undefined,
      ]
      for (const type of types) {
        const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
        assert.equal((await raw('PUT', '/v1/keys/k', { body: '{"not json', headers })).status, 200)
        const found = await client.get(utf8('k'))
        assert.equal(found.found && Buffer.from(found.value).toString(), '{"not json')
        assert.equal((await raw('PUT', '/v1/keys/k', { headers })).status, 200)
        const empty = await client.get(utf8('k'))
        assert.equal(empty.found && empty.value.length, 0)
      }
    })

    it('says of every answer about the map how complete it is', async () => {
      const states: [Completeness, string, RegExp][] = [
        [{ state: 'complete' }, 'complete', /not in the map/],
        [
          { state: 'complete-as-of', asOf: 1_700_000_000_000 },
          'complete-as-of=1700000000000',
          /2023-11-14/,
        ],
        [{ state: 'syncing' }, 'syncing', /[Aa]bsent is not deleted/],
      ]
      for (const [completeness, header, message] of states) {
        control.daemon.completenessNow = completeness
        await control.client.put(utf8('here'), utf8('v'))
        const requests: [string, string, string?][] = [
          ['GET', '/v1/keys/here'],
          ['GET', '/v1/keys/absent'],
          ['GET', '/v1/keys/%zz'],
          ['PUT', '/v1/keys/here', 'v'],
          ['DELETE', '/v1/keys/absent'],
          ['GET', '/v1/keys'],
          ['GET', '/v1/export'],
          ['POST', '/v1/write', ''],
          ['POST', '/v1/repair', ''],
          ['GET', '/v1/status'],
          ['GET', '/v1/ready'],
        ]
        for (const [method, target, body] of requests) {
          const answer = await control.raw(method, target, body === undefined ? {} : { body })
          assert.equal(answer.headers['hearsay-completeness'], header, `${method} ${target}`)
          assert.equal(answer.headers['hearsay-version'], '9.9.9-test', `${method} ${target}`)
        }
        const found = await control.client.get(utf8('absent'))
        assert.ok(!found.found)
        assert.match(found.message, message)
        assert.deepEqual(found.completeness, completeness)
        assert.deepEqual((await control.client.list()).completeness, completeness)
      }
    })
  })

  describe('keys of any bytes', () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 40 })

    it('are what was written, by path and in listings', async () => {
      await fc.assert(
        fc.asyncProperty(key, fc.uint8Array({ maxLength: 40 }), async (name, value) => {
          const { client } = control
          const written = await client.put(name, value)
          assert.deepEqual(
            Buffer.from(control.daemon.get(name)?.siblings[0]?.value ?? 'none'),
            Buffer.from(value),
          )
          const found = await client.get(name)
          assert.ok(found.found)
          assert.deepEqual(Buffer.from(found.value), Buffer.from(value))
          assert.equal(found.token, written.token)
          const [listed] = await collect(
            await client.list({ prefix: name, limit: 1, values: true }),
          )
          assert.deepEqual(Buffer.from(listed?.key ?? ''), Buffer.from(name))
          assert.deepEqual(Buffer.from(listed?.value ?? 'none'), Buffer.from(value))
          await client.delete(name)
          assert.equal(control.daemon.get(name), undefined)
        }),
        { numRuns: 100 },
      )
    })

    it('may be written with slashes, case and escapes as one likes', async () => {
      const { raw, daemon } = control
      const spellings: [string, Buffer][] = [
        ['a/b', Buffer.from('a/b')],
        ['a%2Fb', Buffer.from('a/b')],
        ['a%2fb', Buffer.from('a/b')],
        ['%00', Buffer.from([0])],
        ['%FF%fe', Buffer.from([255, 254])],
        ['a+b', Buffer.from('a+b')],
        ['..', Buffer.from('..')],
        ['%25', Buffer.from('%')],
        ['a//', Buffer.from('a//')],
        [':key', Buffer.from(':key')],
        ['a%3Fb', Buffer.from('a?b')],
      ]
      for (const [spelling, bytes] of spellings) {
        const answer = await raw('PUT', `/v1/keys/${spelling}`, { body: spelling })
        assert.equal(answer.status, 200, spelling)
        assert.equal(String(Buffer.from(daemon.get(bytes)?.siblings[0]?.value ?? '')), spelling)
        assert.equal(String((await raw('GET', `/v1/keys/${percentEncode(bytes)}`)).body), spelling)
      }
    })

    it('are refused with a code when empty, too long, or badly escaped', async () => {
      const cases: [string, number, string][] = [
        ['/v1/keys/', 400, 'EMPTY_KEY'],
        ['/v1/keys/%zz', 400, 'BAD_REQUEST'],
        ['/v1/keys/abc%4', 400, 'BAD_REQUEST'],
        ['/v1/keys/%', 400, 'BAD_REQUEST'],
        [`/v1/keys/${'%61'.repeat(1025)}`, 413, 'KEY_TOO_LARGE'],
        ['/v1/keys?prefix=%zz', 400, 'BAD_REQUEST'],
        ['/v1/keys?prefx=a', 400, 'BAD_REQUEST'],
        ['/v1/keys?limit=0', 400, 'BAD_REQUEST'],
        ['/v1/keys?prefix=a&prefix=b', 400, 'BAD_REQUEST'],
        ['/v1/watch?prefix=%f', 400, 'BAD_REQUEST'],
      ]
      for (const [target, status, code] of cases) {
        const answer = await control.raw('GET', target)
        assert.equal(answer.status, status, target)
        assert.equal((JSON.parse(String(answer.body)) as { code: string }).code, code, target)
      }
      const longest = utf8('\u0001'.repeat(1024))
      await control.client.put(longest, utf8('v'))
      assert.equal((await control.client.get(longest)).found, true)
    })
  })

  describe('listing', () => {
    it('honours prefix, after, limit and values', async () => {
      const { client, daemon } = control
      for (let n = 0; n < 1000; n++)
        await daemon.put(utf8(`k${String(n).padStart(4, '0')}`), utf8(`v${n}`))
      await daemon.put(utf8('other'), utf8('v'))
      const keys = async (options: Parameters<typeof client.list>[0]): Promise<string[]> =>
        (await collect(await client.list(options))).map(({ key }) => Buffer.from(key).toString())
      const all = await keys({})
      assert.deepEqual(
        all,
        daemon.scan({ limit: 2000 }).map(({ key }) => Buffer.from(key).toString()),
      )
      assert.equal(all.length, 1001)
      assert.equal((await keys({ prefix: utf8('k00') })).length, 100)
      assert.deepEqual(await keys({ prefix: utf8('k'), after: utf8('k0997') }), ['k0998', 'k0999'])
      assert.deepEqual(await keys({ after: utf8('k0998'), limit: 2 }), ['k0999', 'other'])
      assert.equal((await keys({ limit: 300 })).length, 300)
      const [bare] = await collect(await client.list({ limit: 1 }))
      assert.equal(bare?.value, undefined)
      assert.equal(bare?.siblingCount, 1)
      // The name of a parameter may be escaped too, and `+` is a space.
      await daemon.put(utf8('a b'), utf8('v'))
      assert.equal(
        String((await control.raw('GET', '/v1/keys?pre%66ix=a+b')).body)
          .trim()
          .split('\n').length,
        1,
      )
    })

    it('exports every sibling and its expiry', async () => {
      const { client, daemon } = control
      const expiresAt = Date.now() + 3_600_000
      const first = await daemon.put(utf8('k'), utf8('1'), { expiresAt })
      await daemon.put(utf8('k'), Buffer.from([255]), { token: '0' })
      assert.ok(first.dot)
      await daemon.put(Buffer.from([0, 255]), utf8('v'))
      const lines = await collect(await client.export())
      assert.equal(lines.length, 2)
      const [odd, k] = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
      assert.equal(odd?.keyBase64, 'AP8=')
      assert.equal(k?.key, 'k')
      const siblings = k?.siblings as Record<string, unknown>[]
      assert.deepEqual(
        new Set(siblings.map((one) => one.value ?? one.valueBase64)),
        new Set(['1', '/w==']),
      )
      assert.deepEqual(siblings.map((one) => one.expiresAt).filter(Boolean), [expiresAt])
    })

    it('sends keys whose values are larger than a chunk', async () => {
      const { client, daemon } = control
      const large = Buffer.alloc(300_000, 'x')
      for (const name of ['a', 'b', 'c']) {
        await daemon.put(utf8(name), large)
        await daemon.put(utf8(name), large, { token: '0' })
        await daemon.put(utf8(`${name}-small`), utf8('s'))
      }
      const listed = await collect(await client.list({ values: true }))
      assert.deepEqual(
        listed.map(({ value }) => value?.length),
        [300_000, 1, 300_000, 1, 300_000, 1],
      )
      const exported = (await collect(await client.export())).map(
        (line) => JSON.parse(line) as { siblings: [] },
      )
      assert.deepEqual(
        exported.map(({ siblings }) => siblings.length),
        [2, 1, 2, 1, 2, 1],
      )
      const { entry } = await client.getAll(utf8('b'))
      assert.deepEqual(
        entry?.siblings.map(({ value }) => value.length),
        [300_000, 300_000],
      )
    })
  })

  describe('the daemon and its peers', () => {
    it('tells which removals are held back, and takes a decision', async () => {
      const { client, raw } = control
      const { held, keys } = await client.removals()
      assert.equal(held, 1)
      assert.deepEqual([...(keys[0]?.key ?? [])], [0xff, 0x61])
      assert.equal(keys[0]?.peer, 'far')
      assert.equal(await client.decideRemovals('refuse'), held)
      assert.equal(await client.decideRemovals('approve'), 0)
      assert.equal(
        (await raw('POST', '/v1/removals', { body: '{"decision":"maybe"}' })).status,
        400,
      )
    })

    it('connects, lists peers and repairs', async () => {
      const neighbourhood = new Map<string, MapDaemon>()
      const near = await openControl({ map: { name: 'near', neighbourhood } })
      const far = new MapDaemon({ name: 'far', neighbourhood })
      try {
        await far.put(utf8('k'), utf8('v'))
        assert.deepEqual(await near.client.peers(), [])
        assert.deepEqual(await near.client.repair(), [])
        assert.equal(await near.client.connect('/memory/far'), far.peerId)
        const [receipt] = await near.client.repair(far.peerId)
        assert.equal(receipt?.outcome, 'repaired')
        assert.equal(receipt?.itemsReceived, 1)
        assert.equal((await near.client.get(utf8('k'))).found, true)
        assert.equal((await near.client.repair())[0]?.outcome, 'equal')
        assert.deepEqual(await near.client.peers(), near.daemon.peers())
        assert.equal((await near.raw('POST', '/v1/repair')).status, 200, 'without a body')
        await assert.rejects(near.client.connect('nonsense'), coded('BAD_ADDRESS'))
        await assert.rejects(near.client.connect('/memory/nobody'), coded('CONNECT_FAILED'))
        await assert.rejects(near.client.repair('stranger'), coded('UNKNOWN_PEER'))
      } finally {
        await near.close()
      }
    })

    it('says who and how it is', async () => {
      const { client, daemon, raw } = control
      await client.put(utf8('k'), utf8('v'))
      const { memory: _now, ...status } = await client.status()
      const { memory: _then, ...expected } = await daemon.status()
      assert.deepEqual(status, expected)
      const { peerId, name, version, addresses, cluster } = status
      assert.deepEqual(await client.id(), { peerId, name, version, addresses, cluster })
      assert.match(await client.metrics(), /^hearsay_keys 1$/m)
      assert.match(
        String((await raw('GET', '/v1/metrics')).headers['content-type']),
        /^text\/plain; version=0\.0\.4/,
      )
      assert.deepEqual(await client.ready(), { ready: true, completeness: { state: 'complete' } })
      daemon.completenessNow = { state: 'complete-as-of', asOf: 5 }
      assert.equal((await raw('GET', '/v1/ready')).status, 200)
      daemon.completenessNow = { state: 'syncing' }
      assert.equal((await raw('GET', '/v1/ready')).status, 503)
      assert.deepEqual(await client.ready(), { ready: false, completeness: { state: 'syncing' } })
    })
  })

  describe('requests that make no sense', () => {
    it('are answered with a code, the status, and what would make sense', async () => {
      const cases: [string, string, number, RegExp, string?][] = [
        ['GET', '/', 404, /openapi/],
        ['GET', '/v2/keys', 404, /\/v2\/keys/],
        ['GET', '/v1/keyz?x=1', 404, /\/v1\/keyz/],
        ['GET', '/%zz', 400, /./],
        ['POST', '/v1/keys/k', 405, /GET.*PUT.*DELETE/],
        ['DELETE', '/v1/status', 405, /GET/],
        ['PATCH', '/v1/peers', 405, /GET, POST/],
        ['POST', '/v1/peers', 400, /./, 'not json'],
        ['POST', '/v1/peers', 400, /address/, '{}'],
        ['POST', '/v1/peers', 400, /./, '{"address":"/memory/x","extra":1}'],
        ['POST', '/v1/peers', 400, /./, '[]'],
        ['POST', '/v1/peers', 413, /./, `{"address":"${'x'.repeat(20_000)}"}`],
        ['POST', '/v1/repair', 400, /./, '"peer"'],
      ]
      for (const [method, target, status, message, body] of cases) {
        const answer = await control.raw(method, target, body === undefined ? {} : { body })
        const what = `${method} ${target} ${body?.slice(0, 40)}`
        assert.equal(answer.status, status, what)
        const error = JSON.parse(String(answer.body)) as { code: string; message: string }
        assert.deepEqual(Object.keys(error), ['code', 'message'], what)
        assert.equal(error.code, 'BAD_REQUEST', what)
        assert.match(error.message, message, what)
        assert.equal(answer.headers['hearsay-version'], '9.9.9-test', what)
      }
      assert.equal(
        (await control.raw('POST', '/v1/keys/k')).headers.allow,
        'GET, HEAD, PUT, DELETE',
      )
    })

    it('are answered when the headers are too large', async () => {
      const answer = await control.raw('GET', '/v1/status', {
        headers: { 'x-long': 'x'.repeat(40_000) },
      })
      assert.equal(answer.status, 431)
      assert.equal((JSON.parse(String(answer.body)) as { code: string }).code, 'BAD_REQUEST')
      assert.equal(answer.headers['hearsay-version'], '9.9.9-test')
    })

    it('are refused with 413 when the value is too large, announced or chunked', async () => {
      const body = Buffer.alloc(16 * 1024 * 1024 + 1)
      // Many times: the refusal comes while the body is still on its way, and must not be lost when that breaks off.
      for (let i = 0; i < 40; i++) {
        await assert.rejects(control.client.put(utf8('k'), body), coded('VALUE_TOO_LARGE'))
      }
      const chunked = await control.raw('PUT', '/v1/keys/k', {
        body,
        headers: { 'transfer-encoding': 'chunked' },
      })
      assert.equal(chunked.status, 413)
      assert.equal((JSON.parse(String(chunked.body)) as { code: string }).code, 'VALUE_TOO_LARGE')
      await control.client.put(utf8('k'), body.subarray(1))
      const found = await control.client.get(utf8('k'))
      assert.equal(found.found && found.value.length, 16 * 1024 * 1024)
    })

    it('are refused with OVERLOADED when too many large bodies arrive at once, and only then', async () => {
      const headers = { 'content-length': String(16 * 1024 * 1024) }
      const open = Array.from({ length: 16 }, (_, n) => {
        const { socketPath } = control
        const sent = request({
          socketPath,
          method: 'PUT',
          path: `/v1/keys/${n}`,
          headers,
          agent: false,
        })
        sent.on('error', () => {})
        sent.flushHeaders()
        return sent
      })
      const deadline = Date.now() + 10_000
      while (!(await refusesOne(control))) assert.ok(Date.now() < deadline, 'never refused')
      for (const sent of open) sent.destroy()
      while (await refusesOne(control)) assert.ok(Date.now() < deadline, 'never taken again')
    })
  })

  async function curl(...options: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('curl', [
      '-sS',
      '--unix-socket',
      control.socketPath,
      ...options,
    ])
    return stdout
  }

  it('counts requests under way, and forgets those whose connection has ended', async () => {
    const socket = connect(control.socketPath)
    // One behind the other on one connection: the first never ends, so the others wait.
    socket.write('GET /v1/watch HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(REQUESTS_MAX))
    const { raw, daemon } = control
    const statusIs = async (expected: number): Promise<Raw> => {
      for (const deadline = Date.now() + 10_000; ;) {
        const answer = await raw('GET', '/v1/ready')
        if (answer.status === expected) return answer
        assert.ok(Date.now() < deadline, `never ${expected}`)
      }
    }
    const { body } = await statusIs(503)
    assert.equal((JSON.parse(String(body)) as { code: string }).code, 'OVERLOADED')
    socket.destroy()
    await statusIs(200)
    await until('the daemon has let go of every watch', () => daemon.watchers.size === 0)
  })

  it('serves curl', async function () {
    const installed = await promisify(execFile)('curl', ['--version']).then(
      () => true,
      () => false,
    )
    if (!installed) return this.skip()
    const base = 'http://localhost/v1'
    await curl('-X', 'PUT', '--data-binary', 'hello', `${base}/keys/greeting`)
    assert.equal(await curl(`${base}/keys/greeting`), 'hello')
    assert.match(await curl('-i', `${base}/keys/greeting`), /etag: "/i)
    assert.match(await curl(`${base}/keys?values=true`), /"value":"hello"/)
    assert.match(await curl('-d', '{"address":"nonsense"}', `${base}/peers`), /BAD_ADDRESS/)
    const lines = '{"op":"put","key":"a","value":"1"}\n{"op":"delete","key":"greeting"}\n'
    const answers = await curl('--data-binary', lines, `${base}/write`)
    assert.deepEqual(
      answers
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { line: number }).line),
      [1, 2],
    )
    assert.match(await curl(`${base}/keys/greeting`), /NOT_FOUND/)
    return undefined
  })
})
