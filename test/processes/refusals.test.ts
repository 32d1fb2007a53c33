/** What keeps a daemon from starting, or from meeting another: each refusal in one line that says what, where and what to do. */
import assert from 'node:assert/strict'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { newNetworkKey } from '../../src/config/key-file.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { bytes, converged, linked, until, useFleet, within } from '../support/daemons.ts'

describe('a daemon that cannot start', function () {
  this.timeout(60_000)
  const fleet = useFleet()

  it('because its port is in use', async () => {
    const first = await fleet().start()
    const port = Number(first.address.split('/').at(-1))
    const second = await fleet().create({ port })
    const said = await second.refused()
    assert.match(said, /port is in use.*\(LISTEN_FAILED\)/)
    assert.ok(said.includes(first.address))
    assert.equal(existsSync(second.socket), false)
  })

  it('because a live daemon holds its socket; that of a dead one is taken over', async () => {
    const first = await fleet().start()
    const second = await fleet().create({ socket: first.socket })
    assert.match(await second.refused(), new RegExp(`${first.socket}.*\\(SOCKET_IN_USE\\)`))
    assert.ok((await first.client.id()).peerId)
    await first.kill()
    assert.ok(existsSync(first.socket), 'a killed daemon leaves its socket file')
    await second.start()
    assert.equal((await second.client.id()).name, second.name)
  })

  it('because the path of its socket is too long', async () => {
    const socket = path.join(fleet().dir, 'x'.repeat(110))
    const daemon = await fleet().create({ socket })
    const said = await daemon.refused()
    assert.match(said, /\(SOCKET_PATH_TOO_LONG\)/)
    assert.ok(said.includes(socket))
  })

  it('because its data directory cannot be written', async () => {
    let parent = path.join(fleet().dir, 'locked')
    mkdirSync(parent)
    chmodSync(parent, 0o500)
    // Permissions do not hold root back; nobody makes directories in here.
    if (process.getuid?.() === 0) parent = process.platform === 'linux' ? '/sys' : '/dev/null'
    const data = path.join(parent, 'data')
    const daemon = await fleet().create({ data })
    const said = await daemon.refused()
    assert.match(said, /\(DATA_DIR_UNUSABLE\)/)
    assert.ok(said.includes(data))
  })

  it('because another daemon runs on its data directory, whose process it names', async () => {
    const first = await fleet().start()
    const second = await fleet().create({ data: first.data })
    const said = await second.refused()
    assert.match(said, new RegExp(`\\b${first.pid}\\b.*\\(DATA_DIR_LOCKED\\)`))
    await first.client.put(bytes('still'), bytes('there'))
    // A killed one leaves nothing that keeps the next from starting.
    await first.kill()
    await second.start()
    assert.ok((await second.client.get(bytes('still'))).found)
  })

  it('because a later version wrote its store', async () => {
    const daemon = await fleet().start()
    await daemon.stop()
    const format = path.join(daemon.data, 'format')
    writeFileSync(format, 'hearsay-data 99\n')
    assert.match(await daemon.refused(), /99.*\(STORE_FROM_FUTURE\)/)
    assert.equal(readFileSync(format, 'utf8'), 'hearsay-data 99\n')
  })

  it('because its store was begun with another key, or with none', async () => {
    const one = fleet().networkKey('one.key').file
    const other = fleet().networkKey('other.key').file
    const daemon = await fleet().start({ settings: { networkKey: one } })
    await daemon.client.put(bytes('k'), bytes('v'))
    await daemon.stop()
    assert.match(await daemon.refused({ networkKey: other }), /\(STORE_OF_OTHER_CLUSTER\)/)
    await daemon.start({ networkKey: one })
    assert.ok((await daemon.client.get(bytes('k'))).found)
    const local = await fleet().start()
    await local.stop()
    assert.match(await local.refused({ networkKey: one }), /\(STORE_OF_OTHER_CLUSTER\)/)
  })
})

describe('two daemons that must not meet', function () {
  this.timeout(60_000)
  const fleet = useFleet()

  async function strangers(one: TestDaemon, other: TestDaemon): Promise<void> {
    await other.client.put(bytes('k'), bytes('v'))
    assert.equal((await one.client.get(bytes('k'))).found, false)
    assert.equal((await one.client.peers()).length, 0)
    assert.equal((await other.client.peers()).length, 0)
  }

  it('because their network keys differ: the one that dials says so', async () => {
    const a = await fleet().start({ settings: { networkKey: fleet().networkKey('one.key').file } })
    const b = await fleet().start({
      settings: { networkKey: fleet().networkKey('other.key').file, bootstrap: [a.bootstrap] },
    })
    await assert.rejects(b.client.connect(a.bootstrap), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'CONNECT_FAILED')
      assert.match(error.message, /another network key/)
      return true
    })
    await until('the log to say so', () => b.logged('bootstrap peer not reached').length > 0)
    await strangers(a, b)
  })

  it('because one has a network key and the other none', async () => {
    const a = await fleet().start({ settings: { networkKey: fleet().networkKey().file } })
    const b = await fleet().start()
    await assert.rejects(b.client.connect(a.bootstrap), { code: 'CONNECT_FAILED' })
    await assert.rejects(a.client.connect(b.bootstrap), { code: 'CONNECT_FAILED' })
    await strangers(a, b)
  })

  it('because they are of two clusters under one secret: both say WRONG_CLUSTER', async () => {
    const one = fleet().networkKey('one.key')
    const other = fleet().networkKey('other.key', { ...newNetworkKey(), secrets: one.key.secrets })
    const a = await fleet().start({ settings: { networkKey: one.file } })
    const b = await fleet().start({
      settings: { networkKey: other.file, bootstrap: [a.bootstrap] },
    })
    for (const daemon of [a, b]) {
      await until(`${daemon.name} to say WRONG_CLUSTER`, () => {
        return daemon.logged('WRONG_CLUSTER').length > 0
      })
    }
    await until('a count of it', async () => {
      const counts = await Promise.all([a, b].map((one) => one.client.status()))
      return counts.every(({ counters }) => (counters['peersRefused'] ?? 0) > 0)
    })
    await strangers(a, b)
  })
})

describe('a copy of a data directory', function () {
  this.timeout(60_000)
  const fleet = useFleet()

  async function copyOf(original: TestDaemon): Promise<string> {
    await original.stop()
    const copy = path.join(fleet().dir, 'copy')
    cpSync(original.data, copy, { recursive: true })
    await original.start()
    return copy
  }

  /** The run ends by itself, saying why; the others go on. */
  async function refusesToRun(daemon: TestDaemon): Promise<void> {
    const exit = await within(`${daemon.name} to end`, daemon.ended)
    assert.match(daemon.log, /DUPLICATE_IDENTITY/)
    assert.match(daemon.log, /data directory of its own/)
    assert.deepEqual(exit, { code: 1, signal: null })
    assert.equal(existsSync(daemon.socket), false)
    daemon.unexpectedExits.length = 0
  }

  it('in a fleet of three: the copy, which was started later, refuses to run', async () => {
    const daemons = await fleet().startMany(3)
    const [a, b, c] = daemons
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    await a.client.put(bytes('k'), bytes('v'))
    await converged(daemons)
    const data = await copyOf(c)
    await linked(daemons)
    // It knows the others from the address book in its directory, and one from its settings.
    const copy = await fleet().create({ data, settings: { bootstrap: [a.bootstrap] } })
    copy.launch()
    await refusesToRun(copy)
    await c.client.put(bytes('k2'), bytes('v2'))
    await converged(daemons)
    assert.ok((await b.client.get(bytes('k2'))).found)
  })

  it('that dials the original directly refuses to run, and the original goes on', async () => {
    const original = await fleet().start()
    await original.client.put(bytes('k'), bytes('v'))
    const data = await copyOf(original)
    const copy = await fleet().create({ data, settings: { bootstrap: [original.address] } })
    copy.launch()
    await refusesToRun(copy)
    await original.client.put(bytes('k2'), bytes('v2'))
    assert.ok((await original.client.get(bytes('k'))).found)
  })
})
