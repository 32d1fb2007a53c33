/** A disk that fills up while a daemon writes: it goes on serving reads, says why it does not write, and recovers. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import path from 'node:path'
import { bytes, contents, converged, skipBecause, until, useFleet } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'
import { fill, smallDisk } from '../support/small-disk.ts'

/** Together a quarter of the disk. */
const LARGE = 48
const LARGE_BYTES = 256 * 1024

function tables(store: string): string[] {
  const names = readdirSync(store).filter((name) => name.endsWith('.ldb'))
  return names.map((name) => path.join(store, name))
}

/** One bit in the middle; the file stays the one that is open, and takes no more room. */
function flipInPlace(file: string): void {
  const fd = openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  const at = fstatSync(fd).size >> 1
  readSync(fd, byte, 0, 1, at)
  byte[0]! ^= 0x10
  writeSync(fd, byte, 0, 1, at)
  closeSync(fd)
}

describe('a full disk', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  it('keeps what was acknowledged readable, refuses writes with STORE_FAILED, and recovers', async function () {
    const disk = smallDisk(fleet())
    if ('reason' in disk) skipBecause(this, `no small file system here: ${disk.reason}`)
    const a = await fleet().start({ data: path.join(disk.dir, 'data') })
    const b = await fleet().start({ settings: { bootstrap: [a.bootstrap] } })
    const ledger = new Ledger()
    let left = 100
    await ledger.mixed(a.client, 'before', () => left-- > 0)
    await converged([a, b])

    const filler = path.join(disk.dir, 'filler')
    fill(filler)
    const refusal = await until('a write that is refused', async () => {
      try {
        await a.client.put(bytes('big'), Buffer.alloc(256 * 1024, 'x'))
        fill(filler)
        return undefined
      } catch (error) {
        return error as Error & { code: string }
      }
    })
    assert.equal(refusal.code, 'STORE_FAILED')
    assert.match(refusal.message, /space/i)
    const { store } = await a.client.status()
    assert.ok(store.failing !== undefined, 'status says so')
    await assert.rejects(a.client.put(bytes('small'), bytes('x')), { code: 'STORE_FAILED' })
    // Everything that was acknowledged is still read here, and written elsewhere.
    await a.client.delete(bytes('big')).catch(() => undefined)
    assert.ok((await a.client.get(bytes('before-0'))).found)
    assert.ok((await contents(a.client)).size > 40)
    await ledger.putOwn(b.client, 'meanwhile')

    rmSync(filler)
    await until('a write that is taken again', async () => {
      await a.client.put(bytes('big'), bytes('small again'))
      return true
    })
    assert.equal((await a.client.status()).store.failing, undefined)
    left = 100
    await ledger.mixed(a.client, 'after', () => left-- > 0)
    await converged([a, b])
    for (const daemon of [a, b]) await daemon.client.delete(bytes('big'))
    await converged([a, b])
    await ledger.check(b.client, 'b')
    await a.restart()
    await converged([a, b])
    await ledger.check(a.client, 'a')
  })

  it('puts off the new store that takes the place of a damaged one, and nothing is lost', async function () {
    const disk = smallDisk(fleet())
    if ('reason' in disk) skipBecause(this, `no small file system here: ${disk.reason}`)
    const a = await fleet().start({ data: path.join(disk.dir, 'data') })
    for (let i = 0; i < LARGE; i++) {
      await a.client.put(bytes(`large-${i}`), randomBytes(LARGE_BYTES))
    }
    await a.restart()
    const filler = path.join(disk.dir, 'filler')
    fill(filler)
    // Enough to go on with, too little for a second store.
    truncateSync(filler, statSync(filler).size - (LARGE * LARGE_BYTES) / 3)
    for (const table of tables(path.join(a.data, 'store'))) flipInPlace(table)
    const check = await a.client.verify()
    assert.equal(check.rewritten, false)
    assert.match(check.failure ?? '', /space/i)
    await a.client.put(bytes('small'), bytes('is taken'))
    assert.deepEqual((await a.client.status()).store.check, check)
    assert.ok(!readdirSync(a.data).includes('store.new'), 'nothing is left in the way')
    rmSync(filler)
    assert.equal((await a.client.verify()).rewritten, true)
    await a.restart()
    const { keys, store } = await a.client.status()
    assert.deepEqual([keys, store.loss], [LARGE + 1, undefined])
  })

  it('keeps a daemon from starting, with a clear word, until there is room', async function () {
    const disk = smallDisk(fleet())
    if ('reason' in disk) skipBecause(this, `no small file system here: ${disk.reason}`)
    writeFileSync(path.join(disk.dir, 'filler'), '')
    fill(path.join(disk.dir, 'filler'))
    const daemon = await fleet().create({ data: path.join(disk.dir, 'data') })
    assert.match(await daemon.refused(), /space.*\((DATA_DIR_UNUSABLE|STORE_FAILED)\)/i)
    rmSync(path.join(disk.dir, 'filler'))
    await daemon.start()
    await daemon.client.put(bytes('k'), bytes('v'))
  })
})
