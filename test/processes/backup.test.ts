/** Backups of real daemons, and what can be done with them, by the commands that an operator types. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { BackupManifest } from '../../src/daemon-api.ts'
import type { Forecast } from '../../src/cli/restore-run.ts'
import { Home } from '../support/cli.ts'
import { bytes, contents, converged, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'

const KEYS = 60

describe('backup and restore', function () {
  this.timeout(120_000)
  const fleet = useFleet()
  let home: Home

  beforeEach(() => {
    home = new Home()
  })
  afterEach(() => home.close())

  async function backup(daemon: TestDaemon, name: string, ...args: string[]) {
    const dir = home.path(name)
    const out = await home.ok('--socket', daemon.socket, '--json', 'backup', dir, ...args)
    return { dir, manifest: JSON.parse(out) as BackupManifest }
  }

  async function dryRun(daemon: TestDaemon, dir: string): Promise<Forecast> {
    const args = ['--socket', daemon.socket, '--json', 'restore', dir, '--dry-run']
    return JSON.parse(await home.ok(...args)) as Forecast
  }

  /** Its daemon must not run. */
  function rejoin(daemon: TestDaemon, dir: string): Promise<string> {
    return home.ok('restore', dir, '--data', daemon.data)
  }

  function revive(daemon: TestDaemon, dir: string, ...args: string[]): Promise<string> {
    return home.ok('--socket', daemon.socket, '--json', 'restore', dir, '--revive', ...args)
  }

  async function deleteAll(daemon: TestDaemon): Promise<void> {
    for (const key of (await contents(daemon.client)).keys()) await daemon.client.delete(bytes(key))
  }

  /** Values of a key, the winner first. */
  async function valuesOf(daemon: TestDaemon, key: string): Promise<string[]> {
    const { entry } = await daemon.client.getAll(bytes(key))
    return entry?.siblings.map(({ value }) => Buffer.from(value).toString()) ?? []
  }

  it('is of one moment, while the daemon is written to', async () => {
    const a = await fleet().start()
    const ledger = new Ledger()
    const end = new AbortController()
    let under = 0
    const writing = (async () => {
      for (; !end.signal.aborted; under++) await ledger.putOwn(a.client, `key-${under}`)
    })()
    await until('some writes', () => under > KEYS)
    const { dir, manifest } = await backup(a, 'b')
    end.abort()
    await writing
    assert.ok(manifest.items >= KEYS && manifest.items <= under, `${manifest.items} of ${under}`)
    assert.equal(statSync(dir).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(dir).sort(), ['manifest.json', 'store'])
    const b = await fleet().create()
    await rejoin(b, dir)
    await b.start()
    const { digest, completeness } = await b.client.status()
    assert.deepEqual(
      [digest.context, digest.fingerprint, digest.items],
      [manifest.context, manifest.fingerprint, manifest.items],
    )
    assert.equal(completeness.state, 'complete')
    assert.notEqual(b.peerId, a.peerId)
    // One writer, one write after the other: a moment of that is a beginning of them.
    const expected = Array.from({ length: manifest.items }, (_, i) => `key-${i}`)
    assert.deepEqual([...(await contents(b.client)).keys()].sort(), expected.sort())
  })

  it('has the private key only where it is asked for', async () => {
    const a = await fleet().start()
    await a.client.put(bytes('k'), bytes('v'))
    const { dir } = await backup(a, 'b', '--with-identity')
    assert.equal(statSync(path.join(dir, 'identity.key')).mode & 0o777, 0o600)
    const { peerId } = a
    await a.kill()
    rmSync(a.data, { recursive: true })
    await home.ok('restore', dir, '--data', a.data, '--with-identity')
    await a.start()
    assert.equal(a.peerId, peerId)
    assert.deepEqual(await valuesOf(a, 'k'), ['v'])
    const other = await fleet().start()
    await other.stop()
    const ran = await home.hearsay('restore', dir, '--data', other.data, '--with-identity')
    assert.equal(ran.code, 2)
    assert.match(ran.err, /has an identity of its own/)
  })

  it('refuses a damaged store, a directory in use, a damaged backup, and leaves no trace', async () => {
    const a = await fleet().start()
    for (let i = 0; i < KEYS; i++) await a.client.put(bytes(`key-${i}`), Buffer.alloc(200, i))
    await a.restart()
    const sound = await backup(a, 'sound')
    riddle(path.join(a.data, 'store'))
    const refused = await home.hearsay('--socket', a.socket, 'backup', home.path('b'))
    assert.equal(refused.code, 1)
    assert.match(refused.err, /"hearsay verify".*\(STORE_DAMAGED\)/)
    assert.equal(existsSync(home.path('b')), false)
    assert.equal((await home.hearsay('--socket', a.socket, 'verify')).code, 1)
    const { dir } = await backup(a, 'b')
    const again = await home.hearsay('--socket', a.socket, 'backup', dir)
    assert.match(again.err, /not empty.*\(BAD_ARGUMENT\)/)

    const nowhere = await home.run('hearsay', ['restore', dir], { env: { HEARSAY_DATA: '' } })
    assert.equal(nowhere.code, 2)
    assert.match(nowhere.err, /name the data directory/)
    const inUse = await home.hearsay('restore', dir, '--data', a.data)
    assert.match(inUse.err, /\(DATA_DIR_LOCKED\)/)
    await a.stop()
    riddle(path.join(dir, 'store'))
    const damaged = await home.hearsay('restore', dir, '--data', a.data)
    assert.match(damaged.err, /the backup .* is damaged.*\(STORE_DAMAGED\)/)
    await a.start()
    const { store, keys } = await a.client.status()
    assert.deepEqual([keys, store.loss], [KEYS, undefined])
    await a.stop()
    await rejoin(a, sound.dir)
    assert.ok(existsSync(path.join(a.data, 'store.replaced')))
    await a.start()
    assert.equal((await a.client.status()).keys, KEYS)
  })

  it('brings back what was deleted by accident, everywhere, when it is revived', async () => {
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    for (let i = 0; i < KEYS; i++) await a.client.put(bytes(`key-${i}`), bytes(`value ${i}`))
    const expiresAt = Date.now() + 3_600_000
    await a.client.put(bytes('expires'), bytes('later'), { expiresAt })
    // Siblings: the second write has not seen the first.
    const { token } = await a.client.delete(bytes('contested'))
    await a.client.put(bytes('contested'), bytes('loser'), { token })
    await a.client.put(bytes('contested'), bytes('winner'), { token })
    const siblings = await valuesOf(a, 'contested')
    assert.equal(siblings.length, 2)
    await a.client.put(bytes('changed'), bytes('then'))
    await converged([a, b])
    const { dir } = await backup(b, 'b')

    await deleteAll(a)
    await a.client.put(bytes('changed'), bytes('now'))
    await converged([a, b])
    const found = await dryRun(a, dir)
    assert.deepEqual([found.items, found.held, found.unknown, found.newer], [KEYS + 4, 0, 0, 1])
    assert.equal(found.replaced, 1)
    assert.equal(found.deleted.length, KEYS + 3)

    // As an old replica it would be told of the deletes.
    await b.stop()
    await rejoin(b, dir)
    await b.start()
    await converged([a, b])
    assert.deepEqual([...(await contents(b.client)).keys()], ['changed'])

    await revive(b, dir, 'key-1')
    await converged([a, b])
    const revived = [...(await contents(a.client)).keys()]
    assert.ok(revived.length > 2 && revived.every((key) => /^(key-1|changed)/.test(key)))
    const done = JSON.parse(await revive(b, dir)) as { keys: number; present: number }
    assert.equal(done.present, revived.length)
    await converged([a, b])
    for (let i = 0; i < KEYS; i++) assert.deepEqual(await valuesOf(a, `key-${i}`), [`value ${i}`])
    assert.deepEqual(await valuesOf(a, 'contested'), siblings)
    assert.deepEqual(await valuesOf(a, 'changed'), ['now'], 'what there is is left alone')
    const { entry } = await a.client.getAll(bytes('expires'))
    assert.equal(entry?.siblings[0]?.expiresAt, expiresAt)
    await revive(b, dir, 'changed', '--overwrite')
    assert.deepEqual(await valuesOf(b, 'changed'), ['then'])
  })

  it('brings a fleet back of which nothing is left but backups of different age', async () => {
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    const ledger = new Ledger()
    for (let i = 0; i < KEYS; i++) await ledger.putOwn(a.client, `key-${i}`)
    await converged([a, b])
    const older = await backup(a, 'older')
    for (let i = 0; i < KEYS; i += 2) {
      await ledger.replace(b.client, `key-${i}`, i % 4 === 0 ? 'put' : 'delete')
    }
    for (let i = 0; i < KEYS; i++) await ledger.putOwn(b.client, `later-${i}`)
    await converged([a, b])
    const newer = await backup(b, 'newer')
    await Promise.all([a.kill(), b.kill()])
    for (const [daemon, { dir }] of [
      [a, older],
      [b, newer],
    ] as const) {
      rmSync(daemon.data, { recursive: true })
      await rejoin(daemon, dir)
    }
    await Promise.all([a.start(), b.start()])
    await converged([a, b])
    for (const daemon of [a, b]) await ledger.check(daemon.client, daemon.name)
    // And goes on from there.
    await ledger.putOwn(a.client, 'afterwards')
    await converged([a, b])
    await ledger.check(b.client, b.name)
  })
})

/** Flips a bit in every kilobyte of every table, but for the index at its end, which a running store read long ago. */
function riddle(store: string): void {
  for (const name of readdirSync(store).filter((one) => /\.(ldb|log)$/.test(one))) {
    const file = path.join(store, name)
    const content = readFileSync(file)
    for (let at = 200; at < content.length - 1500; at += 1024) content[at]! ^= 0x10
    writeFileSync(file, content, { flag: 'r+' })
  }
}
