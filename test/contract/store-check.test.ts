/** A running daemon's store is checked, and written anew from memory when it is damaged. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { defaultConfig } from '../../src/config/config.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { CoreDriver, loadEngine } from '../../src/daemon/core-driver.ts'
import { createDaemon } from '../../src/daemon.ts'
import { clusterOf, peerHash } from '../../src/daemon/identity.ts'
import { StoreChecker } from '../../src/daemon/store-check.ts'
import type { Transport } from '../../src/net/transport.ts'
import { openDataDirectory } from '../../src/store/data-dir.ts'
import type { DataDirectory } from '../../src/store/data-dir.ts'
import type { Store } from '../../src/store/store.ts'
import { until } from '../support/control.ts'

const KEYS = 300
const silent = pino({ level: 'silent' })
const alone = { neighbours: () => [] } as unknown as Transport

function options() {
  const { map, hash } = clusterOf(undefined)
  return {
    settings: defaultConfig(),
    sizes: SIZES,
    hash,
    random: { bytes: (count: number) => randomBytes(count), float: () => Math.random() },
    map,
    peerHash: peerHash('alone'),
    peerId: 'alone',
    name: 'alone',
    hasPeers: false,
    first: true,
  }
}

describe('the check of a running store', () => {
  let directory: string
  let data: DataDirectory
  let driver: CoreDriver

  async function open(): Promise<void> {
    data = await openDataDirectory(directory)
    const host = { data, options: options(), transport: alone, log: silent }
    const never = (): never => assert.fail('not expected')
    driver = new CoreDriver(
      { ...host, publish: () => undefined, changed: () => undefined, fatal: never },
      await loadEngine(data, host.options, silent),
    )
  }

  async function close(): Promise<void> {
    await driver.stop()
    await data.close()
  }

  function write(key: string): Promise<unknown> {
    return driver.write([{ op: 'put', key, value: randomBytes(200), expiry: 0 }])
  }

  function checker(changes: Partial<ConstructorParameters<typeof StoreChecker>[0]> = {}) {
    return new StoreChecker({
      store: () => data.store,
      hash: options().hash,
      rewrite: (damaged) => driver.rewriteStore(damaged),
      log: silent,
      intervalMs: 0,
      random: () => 0,
      ...changes,
    })
  }

  async function tables(): Promise<string[]> {
    const names = await readdir(path.join(directory, 'store'))
    return names.filter((name) => name.endsWith('.ldb'))
  }

  async function riddleTables(names?: string[]): Promise<void> {
    const store = path.join(directory, 'store')
    for (const name of names ?? (await tables())) {
      const bytes = await readFile(path.join(store, name))
      // The last kilobytes are the index, which is read only once.
      for (let at = 200; at < bytes.length - 2048; at += 1024) bytes[at]! ^= 0x10
      // In place: the running store has the file open.
      await writeFile(path.join(store, name), bytes, { flag: 'r+' })
    }
  }

  async function emptyLog(): Promise<void> {
    const store = path.join(directory, 'store')
    const logs = (await readdir(store)).filter((name) => name.endsWith('.log'))
    for (const name of logs) await truncate(path.join(store, name))
  }

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hearsay-check-'))
    await open()
    for (let i = 0; i < KEYS; i++) await write(`key-${i}`)
    // What was in the log is in a table after opening the store anew.
    await close()
    await open()
  })

  afterEach(async () => {
    await close()
    await rm(directory, { recursive: true })
  })

  it('finds a whole store whole', async () => {
    const check = await checker().verify()
    assert.deepEqual(check.damage, [])
    assert.equal(check.rewritten, false)
    assert.ok(check.records > KEYS && check.bytes > KEYS * 200)
  })

  it('writes a damaged one anew from memory, with what is committed meanwhile', async function () {
    this.timeout(30_000)
    await riddleTables()
    const end = new AbortController()
    let written = 0
    const writer = (async () => {
      for (; !end.signal.aborted; written++) await write(`meanwhile-${written}`)
    })()
    const check = await checker().verify()
    assert.ok(check.damage.length > 0)
    assert.equal(check.rewritten, true)
    const seen = written
    await until('a write came after it', () => written > seen + 1)
    end.abort()
    await writer
    assert.deepEqual((await checker().verify()).damage, [])
    await close()
    await open()
    assert.equal(driver.loss, undefined)
    assert.equal(driver.engine.replica.keys, KEYS + written)
  })

  it('also finds damage to what was written lately', async () => {
    for (let i = 0; i < KEYS; i++) await write(`lately-${i}`)
    const before = await tables()
    assert.deepEqual((await checker().verify()).damage, [])
    const [added] = (await tables()).filter((name) => !before.includes(name))
    assert.ok(added !== undefined, 'it is in a table')
    await riddleTables([added])
    assert.equal((await checker().verify()).rewritten, true)
  })

  it('is not ended by a table that became shorter', async () => {
    for (const name of await tables()) await truncate(path.join(directory, 'store', name), 100)
    const check = await checker().verify()
    assert.match(check.damage.join(), /\.ldb: it has 100 bytes, and had/)
    assert.equal(check.rewritten, true)
    await write('afterwards')
    await close()
    await open()
    assert.equal(driver.engine.replica.keys, KEYS + 1)
  })

  it('also finds damage to the list of tables', async () => {
    const store = path.join(directory, 'store')
    const manifest = (await readFile(path.join(store, 'CURRENT'), 'utf8')).trimEnd()
    const list = await readFile(path.join(store, manifest))
    list[10]! ^= 1
    await writeFile(path.join(store, manifest), list)
    const check = await checker().verify()
    assert.deepEqual(check.damage, [`${manifest}: the checksum of the record at 0 is wrong`])
    assert.equal(check.rewritten, true)
  })

  it('goes on with the damaged one when it cannot be written anew, and says so', async () => {
    await riddleTables()
    const check = await checker({ rewrite: () => Promise.reject(new Error('no space')) }).verify()
    assert.equal(check.rewritten, false)
    assert.equal(check.failure, 'no space')
    await write('still taken')
    assert.equal((await checker().verify()).rewritten, true)
  })

  it('turns to the store that took the place of the one it was reading', async () => {
    const checks = checker()
    const verifying = checks.verify()
    await data.reopenStore()
    assert.deepEqual((await verifying).damage, [])
    assert.equal(checks.counters()['storeChecks'], 1)
  })

  it('ends with its daemon', async () => {
    const config = { ...defaultConfig(path.join(directory, 'other')), store: { scrubInterval: 1 } }
    const daemon = await createDaemon(config, { log: silent })
    assert.deepEqual((await daemon.verify()).damage, [])
    const underWay = daemon.verify()
    await daemon.stop()
    await assert.rejects(underWay, { code: 'STOPPING' })
    await assert.rejects(daemon.verify(), { code: 'STOPPING' })
  })

  it('scrubs by itself, and ends when it is told to', async () => {
    await riddleTables()
    const checks = checker({ intervalMs: 10 })
    await until('a scrub has mended the store', () => checks.counters()['storeRewrites'] === 1)
    await until('a scrub has found it whole', () => checks.latest?.damage.length === 0)
    await checks.stop()
    await assert.rejects(checks.verify(), { code: 'STOPPING' })
  })

  for (const [what, spoil] of [
    ['damaged', () => riddleTables()],
    ['without its latest commits', () => emptyLog()],
    ['gone', () => rm(path.join(directory, 'store'), { recursive: true })],
  ] as const) {
    it(`and memory is what a store gets that is ${what} when it is opened after a failed commit`, async () => {
      await write('lately')
      const fail = (): Promise<void> => Promise.reject(new Error('the disk said no'))
      data.store.commit = fail satisfies Store['commit']
      await spoil()
      await assert.rejects(write('in doubt'), { code: 'STORE_FAILED' })
      await until('the store is open again', () => driver.engine.storeFailed === undefined)
      assert.equal(driver.loss, undefined)
      assert.equal(driver.engine.replica.keys, KEYS + 1)
      await write('afterwards')
      await close()
      await open()
      assert.equal(driver.loss, undefined)
      assert.equal(driver.engine.replica.keys, KEYS + 2)
    })
  }
})
