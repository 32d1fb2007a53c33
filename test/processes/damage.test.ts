/** Daemons whose store was damaged while they were stopped: they heal from their peers, and no peer loses anything (R8). */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { converged, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { DamageWorld } from '../damage/world.ts'
import { Ledger } from '../support/ledger.ts'

const KEYS = 300

function storeFiles(daemon: TestDaemon, suffix: string): string[] {
  const store = path.join(daemon.data, 'store')
  const names = readdirSync(store).filter((name) => name.endsWith(suffix))
  return names.map((name) => path.join(store, name))
}

function sizeOf(file: string): number {
  return readFileSync(file).length
}

/** Flips a bit in every kilobyte of a file, in place: a running store may have it open. */
function riddle(file: string, sparedAtEndBytes = 0): void {
  const bytes = readFileSync(file)
  for (let at = 500; at < bytes.length - sparedAtEndBytes; at += 1024) bytes[at]! ^= 0x10
  writeFileSync(file, bytes, { flag: 'r+' })
}

describe('a damaged store', () => {
  const fleet = useFleet()

  async function damage(daemon: TestDaemon, spoil: () => void): Promise<void> {
    await daemon.stop()
    // Opened and closed once more, its log is a table.
    await daemon.start()
    await daemon.stop()
    spoil()
    await daemon.start()
  }

  it('is healed by the peers, which lose nothing', async function () {
    this.timeout(120_000)
    const daemons = await fleet().startMany(3)
    const [a, b, c] = daemons
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    const ledger = new Ledger()
    for (let i = 0; i < KEYS; i++) await ledger.putOwn(a.client, `key-${i}`)
    await converged(daemons)
    await damage(a, () => storeFiles(a, '.ldb').forEach(riddle))
    await until('the loss to be made up for', async () => {
      return (await a.client.status()).store.loss?.madeUp === true
    })
    await converged(daemons)
    for (const daemon of daemons) await ledger.check(daemon.client, daemon.name)
    const { store, completeness } = await a.client.status()
    assert.ok((store.loss?.damage ?? []).length > 0, 'nothing was damaged')
    assert.equal(completeness.state, 'complete')
    // It is whole again on disk.
    await a.stop()
    await a.start()
    assert.equal((await a.client.status()).store.loss, undefined)
    await converged(daemons)
  })

  it('says that it is not complete as long as no peer has made up for it', async function () {
    this.timeout(120_000)
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    const ledger = new Ledger()
    for (let i = 0; i < KEYS; i++) await ledger.putOwn(b.client, `key-${i}`)
    await converged([a, b])
    await b.stop()
    await damage(a, () => storeFiles(a, '.ldb').forEach((file) => rmSync(file)))
    const { completeness, store } = await a.client.status()
    assert.equal(completeness.state, 'syncing')
    assert.equal(store.loss?.madeUp, false)
    await ledger.putOwn(a.client, 'written meanwhile')
    await b.start()
    await converged([a, b])
    await until('the end of the loss', async () => {
      return (await a.client.status()).store.loss?.madeUp === true
    })
    for (const daemon of [a, b]) await ledger.check(daemon.client, daemon.name)
  })

  it('is written anew from memory when that finds it while the daemon runs', async function () {
    this.timeout(120_000)
    const a = await fleet().start({})
    const ledger = new Ledger()
    for (let i = 0; i < KEYS; i++) await ledger.putOwn(a.client, `key-${i}`)
    await a.restart()
    assert.equal((await a.client.verify()).damage.length, 0)
    for (const file of storeFiles(a, '.ldb')) riddle(file, 2048)
    let verified = false
    const writer = ledger.mixed(a.client, 'meanwhile', () => !verified)
    const check = await a.client.verify()
    assert.ok(check.damage.length > 0, 'nothing was damaged')
    assert.equal(check.rewritten, true)
    verified = true
    await writer
    assert.deepEqual((await a.client.status()).store.check, check)
    assert.ok(a.logged('STORE_DAMAGED').length > 0)
    await ledger.check(a.client, a.name)
    // Everything is in the new store, what was written meanwhile as well.
    await a.kill()
    await a.start()
    assert.equal((await a.client.status()).store.loss, undefined)
    await ledger.check(a.client, a.name)
    assert.equal((await a.client.verify()).damage.length, 0)
  })

  it('is told of when it is whole and older than what was acknowledged', async function () {
    this.timeout(120_000)
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    const ledger = new Ledger()
    for (let i = 0; i < 5; i++) await ledger.putOwn(a.client, `early-${i}`)
    await a.stop()
    const copy = path.join(a.dir, 'copy')
    cpSync(a.data, copy, { recursive: true })
    await a.start()
    for (let i = 0; i < 5; i++) await ledger.putOwn(a.client, `late-${i}`)
    await converged([a, b])
    await a.stop()
    rmSync(a.data, { recursive: true })
    cpSync(copy, a.data, { recursive: true })
    await a.start()
    const { rolledBack } = await until('the roll back to be noticed', async () => {
      const { store } = await a.client.status()
      return store.rolledBack === undefined ? undefined : store
    })
    assert.equal(rolledBack?.dots, 5)
    assert.equal(a.logged('STORE_ROLLED_BACK').length, 1)
    await converged([a, b])
    for (const daemon of [a, b]) await ledger.check(daemon.client, daemon.name)
    assert.equal((await b.client.status()).store.rolledBack, undefined)
    await a.restart()
    await converged([a, b])
    assert.equal((await a.client.status()).store.rolledBack, undefined)
  })

  it('is told of when it is gone, and only then', async function () {
    this.timeout(60_000)
    const a = await fleet().start({})
    await a.restart()
    assert.equal(a.logged('STORE_MISSING').length, 0)
    await damage(a, () => rmSync(path.join(a.data, 'store'), { recursive: true }))
    assert.equal(a.logged('STORE_MISSING').length, 1)
    assert.equal((await a.client.status()).keys, 0)
    await a.restart()
    assert.equal(a.logged('STORE_MISSING').length, 1)
  })

  it('without peers is told, and the daemon goes on with what is left', async function () {
    this.timeout(60_000)
    const a = await fleet().start({})
    for (let i = 0; i < KEYS; i++) await a.client.put(Buffer.from(`key-${i}`), randomBytes(200))
    await damage(a, () => {
      const largest = storeFiles(a, '.ldb').toSorted((x, y) => sizeOf(y) - sizeOf(x))[0]!
      const bytes = readFileSync(largest)
      bytes[bytes.length >> 1]! ^= 0x10
      writeFileSync(largest, bytes)
    })
    await until('the end of the loss', async () => {
      return (await a.client.status()).store.loss?.madeUp === true
    })
    const { store, keys, completeness } = await a.client.status()
    const lost = store.loss?.items ?? 0
    assert.ok(lost > 0 && lost < KEYS, `${lost} lost`)
    assert.equal(keys, KEYS - lost)
    assert.equal(completeness.state, 'complete')
  })
})

describe('damage to any file of a data directory', () => {
  const fleet = useFleet()

  // A sixth of the kinds each: `npm run damage` has them all.
  const SEEDS = [0, 6, 11, 19, 25, 76]

  it('heals, or refuses the start in one line that says what to do, and no daemon loses anything', async function () {
    this.timeout(300_000)
    const world = await DamageWorld.start(fleet())
    for (const seed of SEEDS) {
      const outcome = await world.run(seed)
      assert.ok(outcome.done !== undefined || outcome.damage.kind === 'roll back')
    }
  })
})
