/** The public library, as a program that embeds a daemon uses it. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pino from 'pino'

import { createDaemon, defaultConfig, HearsayError } from '../../src/index.ts'
import type { Daemon } from '../../src/index.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const text = (value: Uint8Array | undefined): string => new TextDecoder().decode(value)

describe('the library', () => {
  let dir: string
  const daemons: Daemon[] = []

  beforeEach(() => (dir = mkdtempSync(path.join(tmpdir(), 'hearsay-library-'))))

  afterEach(async () => {
    for (const daemon of daemons.splice(0)) await daemon.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  async function start(name: string, bootstrap: string[] = []): Promise<Daemon> {
    const config = { ...defaultConfig(path.join(dir, name)), name, bootstrap }
    const daemon = await createDaemon(config, { log: pino({ level: 'silent' }) })
    daemons.push(daemon)
    return daemon
  }

  it('writes, reads, scans and deletes', async () => {
    const daemon = await start('a')
    await daemon.put(bytes('b'), bytes('2'))
    const written = await daemon.put(bytes('a'), bytes('1'))
    assert.equal(written.superseded, 0)
    assert.equal(text(daemon.get(bytes('a'))?.siblings[0]?.value), '1')
    assert.equal(daemon.get(bytes('a'))?.token, written.token)
    const keys = daemon.scan({ limit: 10 }).map(({ key }) => text(key))
    assert.deepEqual(keys, ['a', 'b'])
    assert.equal((await daemon.delete(bytes('a'))).superseded, 1)
    assert.equal(daemon.get(bytes('a')), undefined)
    assert.equal((await daemon.delete(bytes('a'))).dot, undefined)
  })

  it('keeps what a token did not see as a sibling', async () => {
    const daemon = await start('a')
    const first = await daemon.put(bytes('k'), bytes('1'))
    await daemon.put(bytes('k'), bytes('2'), { token: first.token })
    await daemon.put(bytes('k'), bytes('3'), { token: first.token })
    const values = daemon.get(bytes('k'))?.siblings.map(({ value }) => text(value))
    assert.deepEqual(values?.sort(), ['2', '3'])
    await assert.rejects(
      daemon.put(bytes('other'), bytes('4'), { token: first.token }),
      (error) => error instanceof HearsayError && error.code === 'BAD_TOKEN',
    )
  })

  it('refuses a batch whole', async () => {
    const daemon = await start('a')
    const good = { op: 'put' as const, key: bytes('good'), value: bytes('1') }
    await assert.rejects(
      daemon.write([good, { ...good, key: new Uint8Array(0) }]),
      (error) => error instanceof HearsayError && error.code === 'EMPTY_KEY',
    )
    assert.equal(daemon.get(bytes('good')), undefined)
  })

  it('shows a write of one daemon in the watch of another', async () => {
    const a = await start('a')
    const b = await start('b', [(await a.status()).addresses[0]!])
    const stop = new AbortController()
    const events = b.watch(bytes('watched/'), stop.signal)
    await a.put(bytes('other'), bytes('0'))
    await a.put(bytes('watched/1'), bytes('1'))
    for await (const { key, entry } of events) {
      assert.equal(text(key), 'watched/1')
      assert.equal(text(entry?.siblings[0]?.value), '1')
      assert.equal(entry?.siblings[0]?.writer, a.peerId)
      break
    }
    stop.abort()
  })

  it('remembers over a restart', async () => {
    const before = await start('a')
    await before.put(bytes('k'), bytes('v'))
    await daemons.pop()?.stop()
    const after = await start('a')
    assert.equal(after.peerId, before.peerId)
    assert.equal(text(after.get(bytes('k'))?.siblings[0]?.value), 'v')
  })
})
