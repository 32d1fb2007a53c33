/** Watches and long listings: what is told, and what a reader that stops reading costs. */
import assert from 'node:assert/strict'
import { request, type IncomingMessage } from 'node:http'
import { ControlClient } from '../../src/control/client.ts'
import { HearsayError } from '../../src/errors.ts'
import type { WatchEvent } from '../../src/daemon-api.ts'
import type { Watcher } from '../support/map-daemon.ts'
import { collect, openControl, until, utf8, type Control } from '../support/control.ts'

const text = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString()

async function watcherOf({ daemon }: Control): Promise<Watcher> {
  await until('the watch has begun', () => daemon.watchers.size === 1)
  const [watcher] = daemon.watchers
  assert.ok(watcher)
  return watcher
}

describe('control: streams', () => {
  let control: Control
  beforeEach(async () => {
    control = await openControl({ watchHeartbeatMs: 50, map: { watchKeysMax: 100 } })
  })
  afterEach(() => control.close())

  function open(path: string): Promise<IncomingMessage> {
    const { socketPath } = control
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath, path, agent: false }, resolve)
      sent.on('error', reject)
      sent.end()
    })
  }

  describe('watch', () => {
    it('tells every change under its prefix from the moment it has begun', async () => {
      const { client, daemon } = control
      const stream = await client.watch(utf8('a'))
      assert.deepEqual(stream.completeness, { state: 'complete' })
      const events = stream[Symbol.asyncIterator]()
      const next = async (): Promise<WatchEvent> => {
        const result = await events.next()
        assert.ok(result.done !== true)
        return result.value
      }
      // The answer has come, but the watch begins with the first line.
      const first = next()
      await until('the watch has begun', () => daemon.watchers.size === 1)
      await client.put(utf8('b'), utf8('not told'))
      const { token } = await client.put(utf8('a1'), utf8('1'))
      const event = await first
      assert.equal(text(event.key), 'a1')
      assert.equal(text(event.entry?.siblings[0]?.value), '1')
      assert.equal(event.entry?.token, token)
      await client.put(Buffer.from([0x61, 255]), Buffer.from([254]))
      const binary = await next()
      assert.deepEqual([...binary.key], [0x61, 255])
      assert.deepEqual([...(binary.entry?.siblings[0]?.value ?? [])], [254])
      await client.delete(utf8('a1'))
      const gone = await next()
      assert.equal(text(gone.key), 'a1')
      assert.equal(gone.entry, undefined)
      await events.return?.()
      await until('the daemon has let go of the watch', () => daemon.watchers.size === 0)
    })

    it('begins with a heartbeat and sends one after each silence', async () => {
      const message = await open('/v1/watch')
      let received = ''
      message.on('data', (chunk: Buffer) => (received += String(chunk)))
      await until('three heartbeats have come', () => received === '\n\n\n')
      message.destroy()
      await until('the daemon has let go of the watch', () => control.daemon.watchers.size === 0)
    })

    it('ends with a signal, without an error', async () => {
      const abort = new AbortController()
      const stream = await control.client.watch(utf8(''), { signal: abort.signal })
      const events = collect(stream)
      await until('the watch has begun', () => control.daemon.watchers.size === 1)
      abort.abort()
      assert.deepEqual(await events, [])
      await until('the daemon has let go of the watch', () => control.daemon.watchers.size === 0)
    })

    it('of a reader that stops reading holds no more, and ends with WATCH_OVERFLOW', async () => {
      const { daemon } = control
      const message = await open('/v1/watch')
      message.pause()
      const watcher = await watcherOf(control)
      const value = Buffer.alloc(8192, 'x')
      let n = 0
      // What the sockets buffer is told; after that changes are folded, and then there are too many keys.
      while (!watcher.overflown) {
        assert.ok(n < 20_000, 'never overflown')
        await daemon.put(utf8(`k${n++ % 5000}`), value)
        if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
      }
      // Nothing more of it is kept while it still does not read.
      for (let more = 0; more < 1000; more++) await daemon.put(utf8(`more${more}`), value)
      assert.equal(watcher.dirty.size, 0)
      const lines = Buffer.concat(await collect(message as AsyncIterable<Buffer>))
        .toString()
        .trim()
        .split('\n')
      const last = JSON.parse(lines.at(-1) ?? '') as { error?: { code: string } }
      assert.equal(last.error?.code, 'WATCH_OVERFLOW')
      assert.ok(lines.length < n, 'some were never told')
    })

    it('tells the client WATCH_OVERFLOW as an error', async () => {
      const stream = await control.client.watch(utf8(''))
      const events = stream[Symbol.asyncIterator]()
      const first = events.next()
      const watcher = await watcherOf(control)
      await control.daemon.put(utf8('k'), utf8('v'))
      await first
      let n = 0
      while (!watcher.overflown) await control.daemon.put(utf8(`k${n++}`), Buffer.alloc(8192, 'x'))
      await assert.rejects(
        async () => {
          while ((await events.next()).done !== true);
        },
        (error) => error instanceof HearsayError && error.code === 'WATCH_OVERFLOW',
      )
    })

    it('outlasts the time that a client waits for answers', async () => {
      const patient = await openControl({ watchHeartbeatMs: 60_000 })
      try {
        const client = new ControlClient({ socketPath: patient.socketPath, timeoutMs: 100 })
        const events = (await client.watch(utf8('')))[Symbol.asyncIterator]()
        const first = events.next()
        await new Promise((resolve) => setTimeout(resolve, 300))
        await patient.daemon.put(utf8('late'), utf8('v'))
        const { value } = (await first) as IteratorYieldResult<WatchEvent>
        assert.equal(text(value.key), 'late')
        await events.return?.()
      } finally {
        await patient.close()
      }
    })

    it('ends with STOPPING when the server closes', async () => {
      const stream = await control.client.watch(utf8(''))
      const events = collect(stream)
      await until('the watch has begun', () => control.daemon.watchers.size === 1)
      const started = Date.now()
      await Promise.all([
        assert.rejects(
          events,
          (error) => error instanceof HearsayError && error.code === 'STOPPING',
        ),
        control.close(),
      ])
      assert.ok(Date.now() - started < 1900, 'closed by itself, without being cut')
      control = await openControl()
    })
  })

  describe('list and export', () => {
    const KEYS = 20_000

    async function fill(): Promise<void> {
      const { daemon } = control
      const value = Buffer.alloc(1000, 'x')
      await Promise.all(
        Array.from({ length: KEYS }, (_, n) =>
          daemon.put(utf8(`k${String(n).padStart(6, '0')}`), value),
        ),
      )
    }

    it('looks at the map only as fast as it is read', async () => {
      await fill()
      const { daemon } = control
      const scan = daemon.scan.bind(daemon)
      let looked = 0
      daemon.scan = (options) => {
        const entries = scan(options)
        looked += entries.length
        return entries
      }
      for (const path of ['/v1/keys?values=true', '/v1/export']) {
        looked = 0
        const message = await open(path)
        message.pause()
        // It comes to a stand when the buffers between are full.
        const seen = [-1, 0]
        while (seen.at(-1) === 0 || seen.at(-1) !== seen.at(-2)) {
          await new Promise((resolve) => setTimeout(resolve, 200))
          seen.push(looked)
        }
        assert.ok(
          looked < KEYS / 4,
          `${path}: looked at ${looked} keys for a reader that reads nothing`,
        )
        // Keys that change behind and before the reader meanwhile do not confuse it.
        await daemon.delete(utf8('k000000'))
        await daemon.delete(utf8(`k0${KEYS - 1}`))
        const lines = Buffer.concat(await collect(message as AsyncIterable<Buffer>))
          .toString()
          .trim()
          .split('\n')
        assert.equal(lines.length, KEYS - 1)
        assert.ok(looked < KEYS * 2.5, `looked at ${looked} keys to tell ${KEYS}`)
        await daemon.put(utf8('k000000'), Buffer.alloc(1000, 'x'))
        await daemon.put(utf8(`k0${KEYS - 1}`), Buffer.alloc(1000, 'x'))
      }
    })

    it('stops when the reader leaves, and says so when the server closes', async () => {
      await fill()
      for await (const { key } of await control.client.list()) {
        assert.equal(text(key), 'k000000')
        break
      }
      const stream = await control.client.list({ values: true })
      const keys = stream[Symbol.asyncIterator]()
      await keys.next()
      const closed = control.close()
      await assert.rejects(
        async () => {
          while ((await keys.next()).done !== true);
        },
        (error) =>
          error instanceof HearsayError && ['STOPPING', 'DAEMON_FAILED'].includes(error.code),
      )
      await closed
      control = await openControl()
    })

    it('tells a failure in the middle as the last line', async () => {
      await fill()
      const { daemon } = control
      const scan = daemon.scan.bind(daemon)
      let calls = 0
      daemon.scan = (options) => {
        if (++calls === 5) throw new HearsayError('STORE_FAILED', 'the disk is gone')
        return scan(options)
      }
      await assert.rejects(
        async () => collect(await control.client.list()),
        (error) => error instanceof HearsayError && error.code === 'STORE_FAILED',
      )
    })
  })
})
