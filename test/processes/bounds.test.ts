/** What is too large, or empty, is refused at every door with the same code; a reader that stops reading costs no memory. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import path from 'node:path'
import type { Mutation } from '../../src/daemon-api.ts'
import { bytes, converged, PROJECT_ROOT, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'

const KEY_BYTES_MAX = 1024
const VALUE_BYTES_MAX = 16 * 1024 * 1024
/** Keys that change while a reader of `watch` has stopped. */
const KEYS_CHANGED = 100_000
/** Told to all of them, the changes are more than two gigabytes; as keys alone they are some 600 MB. */
const READERS = 80
const CHANGE_BYTES = 256
/** What the collector leaves lying about differs by some 100 MB from run to run. */
const RSS_GROWTH_BYTES_MAX = 320 * 1024 * 1024

describe('bounds of a real daemon', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  type Door = (daemon: TestDaemon, key: Uint8Array, value: Uint8Array) => Promise<string>

  /** Each puts, and gives the code of the refusal, or `done`. */
  const doors: Record<string, Door> = {
    'PUT of a key': async ({ client }, key, value) => {
      return client.put(key, value).then(
        () => 'done',
        (error: { code: string }) => error.code,
      )
    },
    'a write stream': async ({ client }, key, value) => {
      for await (const answer of client.write([{ op: 'put', key, value }])) {
        return 'error' in answer ? answer.error.code : 'done'
      }
      return 'no answer'
    },
    'hearsay put': (daemon, key, value) =>
      hearsay(
        daemon,
        ['put', '--hex', Buffer.from(key).toString('hex'), '-'],
        Buffer.from(value).toString('hex'),
      ),
    'hearsay import': (daemon, key, value) => {
      const line = { keyBase64: base64(key), valueBase64: base64(value) }
      return hearsay(daemon, ['import', '-'], `${JSON.stringify(line)}\n`)
    },
  }

  const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64')

  async function hearsay(daemon: TestDaemon, args: string[], input: string): Promise<string> {
    const bin = path.join(PROJECT_ROOT, 'bin/hearsay')
    const child = spawn(process.execPath, [bin, ...args, '--socket', daemon.socket], {
      stdio: ['pipe', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
    const [code] = (await once(child, 'close')) as [number | null]
    if (code === 0) return 'done'
    const refusal = /\(([A-Z_]+)\)\s*$/m.exec(said)?.[1] ?? /\b[A-Z]+(?:_[A-Z]+)+\b/.exec(said)?.[0]
    return refusal ?? `exit ${code}: ${said}`
  }

  it('are the same at every door, also for what just fits', async () => {
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    const small = bytes('v')
    for (const [name, door] of Object.entries(doors)) {
      const largest = Buffer.alloc(KEY_BYTES_MAX, name)
      assert.equal(await door(a, new Uint8Array(0), small), 'EMPTY_KEY', name)
      assert.equal(
        await door(a, Buffer.alloc(KEY_BYTES_MAX + 1, 'k'), small),
        'KEY_TOO_LARGE',
        name,
      )
      assert.equal(await door(a, largest, small), 'done', name)
      const tooLarge = Buffer.alloc(VALUE_BYTES_MAX + 1, 'x')
      assert.equal(await door(a, bytes(name), tooLarge), 'VALUE_TOO_LARGE', name)
      assert.equal((await a.client.get(bytes(name))).found, false, name)
      assert.equal(await door(a, bytes(`empty-${name}`), new Uint8Array(0)), 'done', name)
    }
    await a.client.put(bytes('largest'), Buffer.alloc(VALUE_BYTES_MAX, 'x'))
    await converged([a, b])
    const found = await b.client.get(bytes('largest'))
    assert.ok(found.found && found.value.length === VALUE_BYTES_MAX, 'the largest value travels')
  })

  it(`hold while a reader of watch has stopped and ${KEYS_CHANGED} keys change`, async () => {
    const daemon = await fleet().start()
    const { client } = daemon
    // Twice without a watcher: afterwards neither the map nor the store's buffers grow by themselves.
    const rss = watchRss(daemon)
    await fill(daemon)
    await fill(daemon)
    const before = rss.max
    rss.max = 0
    const readers = await Promise.all(Array.from({ length: READERS }, () => watch(daemon)))
    // From here on nobody reads.
    await fill(daemon)
    rss.stop()
    const grown = rss.max - before
    assert.ok(grown < RSS_GROWTH_BYTES_MAX, `memory grew by ${Math.round(grown / 1e6)} MB`)

    // A reader that comes back is told that it has missed too much, and the daemon forgets it.
    await Promise.all(
      readers.map(async (answer) => {
        let last = ''
        answer.on('data', (chunk: Buffer) => (last = (last + chunk.toString()).slice(-1000)))
        await once(answer, 'end')
        assert.match(last, /WATCH_OVERFLOW/)
      }),
    )
    await until('the watcher to be forgotten', async () => {
      return (await client.status()).counters['watchers'] === 0
    })
  })

  /** A watch of every key, begun and not read. */
  async function watch(daemon: TestDaemon): Promise<IncomingMessage> {
    const asked = request({ socketPath: daemon.socket, path: '/v1/watch', agent: false })
    asked.on('error', () => undefined)
    asked.end()
    const [answer] = (await once(asked, 'response')) as [IncomingMessage]
    await once(answer, 'readable')
    return answer
  }

  /** The greatest memory seen, at some five looks a second. */
  function watchRss({ client }: TestDaemon): { max: number; stop(): void } {
    const timer = setInterval(() => {
      client.status().then(
        ({ memory }) => (seen.max = Math.max(seen.max, memory.rssBytes)),
        () => undefined,
      )
    }, 200)
    const seen = { max: 0, stop: () => clearInterval(timer) }
    fleet().onClose(seen.stop)
    return seen
  }

  let fills = 0

  /** Changes every key. */
  async function fill({ client }: TestDaemon): Promise<void> {
    const value = bytes(String(fills++).padEnd(CHANGE_BYTES, '.'))
    function* puts(): Generator<Mutation> {
      for (let i = 0; i < KEYS_CHANGED; i++) yield { op: 'put', key: bytes(`key-${i}`), value }
    }
    let answered = 0
    for await (const answer of client.write(puts())) {
      assert.ok('written' in answer)
      answered++
    }
    assert.equal(answered, KEYS_CHANGED)
  }
})
