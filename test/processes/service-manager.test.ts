/** What systemd hears of a daemon: ready when it answers, signs of life only while it works. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ServiceManager } from '../../src/cli/service-manager.ts'
import type { Condition } from '../../src/cli/service-manager.ts'
import { bytes, skipBecause, until, useFleet } from '../support/daemons.ts'
import { NotifySocket, notifyUnavailable } from '../support/notify-socket.ts'
import { fill, smallDisk } from '../support/small-disk.ts'

/** The manager's deadline: a sign is given every third of it. */
const WATCHDOG_MS = 1_500

describe('under a service manager', function () {
  this.timeout(120_000)
  const fleet = useFleet()
  let dir: string
  let ear: NotifySocket

  before(function () {
    const reason = notifyUnavailable()
    if (reason !== undefined) skipBecause(this, reason)
  })
  beforeEach(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'hs-'))
    ear = await NotifySocket.listen(path.join(dir, 'notify'))
  })
  afterEach(() => {
    ear.close()
    rmSync(dir, { recursive: true })
  })

  const settings = () => [`NOTIFY_SOCKET=${ear.path}`, `WATCHDOG_USEC=${WATCHDOG_MS * 1000}`]

  it('a daemon is ready when it answers on its socket, then alive, then stopping, and nothing after that', async () => {
    const daemon = await fleet().create({ wrap: ['env', ...settings()] })
    daemon.launch()
    await until('READY', () => ear.count('READY=1') === 1)
    // Not a moment later: who was waiting for it asks now.
    assert.equal((await daemon.client.id()).name, daemon.name)
    await until('signs of life', () => ear.count('WATCHDOG=1') >= 3)
    assert.equal(ear.status, 'complete, 0 peers, 0 agreed when last compared')
    assert.deepEqual(await daemon.stop(), { code: 0, signal: null })
    const last = ear.heard.filter((lines) => !lines.includes('BARRIER=1')).at(-1)
    assert.ok(last?.includes('STOPPING=1'), String(last))
    assert.equal(ear.count('READY=1'), 1)
  })

  it('gives no sign of life while it stands still, and does again afterwards', async () => {
    const daemon = await fleet().create({ wrap: ['env', ...settings()] })
    await daemon.start()
    await until('a sign of life', () => ear.count('WATCHDOG=1') >= 1)
    daemon.pause()
    // One that was on its way when it stopped still arrives; then there is silence for longer than the manager waits.
    let before = -1
    await until('silence', async () => {
      before = ear.count('WATCHDOG=1')
      await new Promise((resolve) => setTimeout(resolve, WATCHDOG_MS))
      return ear.count('WATCHDOG=1') === before
    })
    daemon.resume()
    await until('a sign of life again', () => ear.count('WATCHDOG=1') > before)
  })

  it('gives no sign of life while the store cannot be written, says why, and does again afterwards', async function () {
    const disk = smallDisk(fleet())
    if ('reason' in disk) skipBecause(this, `no small file system here: ${disk.reason}`)
    const data = path.join(disk.dir, 'data')
    const daemon = await fleet().create({ data, wrap: ['env', ...settings()] })
    await daemon.start()
    const filler = path.join(disk.dir, 'filler')
    await until('a write that is refused', async () => {
      fill(filler)
      const refused = daemon.client.put(bytes('big'), Buffer.alloc(256 * 1024, 'x'))
      return refused.then(
        () => false as const,
        ({ code }: { code: string }) => code === 'STORE_FAILED',
      )
    })
    await until('the reason', () => ear.status?.includes('the store has failed'))
    const failed = () =>
      ear.heard.filter((lines) => lines.some((line) => line.includes('the store has failed')))
    await until('several reports of it', () => failed().length >= 3)
    assert.ok(failed().every((lines) => !lines.includes('WATCHDOG=1')))
    const before = ear.count('WATCHDOG=1')
    rmSync(filler)
    await until('a sign of life again', () => ear.count('WATCHDOG=1') > before)
    assert.ok(daemon.logged('WATCHDOG_WITHHELD').length > 0)
  })

  describe('the manager', () => {
    const lines: unknown[] = []
    const note = (fields: object) => void lines.push(fields)
    const log = { debug: note, info: note, warn: note, error: note }
    const well: Condition = { summary: 'well', ailment: undefined }
    let manager: ServiceManager | undefined

    const managerWith = (env: Record<string, string>) =>
      (manager = ServiceManager.of({ PATH: process.env['PATH'], ...env }, log))

    afterEach(async () => {
      await manager?.stopping()
    })

    it('is none when nobody listens, and has no watchdog that is for another process', async () => {
      assert.equal(ServiceManager.of({}, log), undefined)
      const env = { NOTIFY_SOCKET: ear.path, WATCHDOG_USEC: '30000', WATCHDOG_PID: '1' }
      managerWith(env)
      await manager?.ready(() => well)
      await manager?.stopping()
      assert.deepEqual([ear.count('READY=1'), ear.count('STOPPING=1')], [1, 1])
      assert.equal(ear.count('WATCHDOG=1'), 0)
    })

    it('withholds its sign for exactly as long as there is an ailment', async () => {
      const env = { NOTIFY_SOCKET: ear.path, WATCHDOG_USEC: '300000' }
      managerWith(env)
      let condition: Condition = { summary: 'ill', ailment: 'the store has failed' }
      await manager?.ready(() => condition)
      await until('reports', () => ear.count('STATUS=the store has failed') >= 3)
      assert.equal(ear.count('WATCHDOG=1'), 0)
      condition = well
      await until('signs of life', () => ear.count('WATCHDOG=1') >= 2)
    })

    it('says once in the log when it cannot be heard, and goes on', async () => {
      lines.length = 0
      const env = { NOTIFY_SOCKET: path.join(dir, 'nobody'), WATCHDOG_USEC: '300000' }
      managerWith(env)
      await manager?.ready(() => well)
      await manager?.stopping()
      assert.equal(lines.length, 1)
      assert.match(JSON.stringify(lines), /NOTIFY_FAILED/)
    })
  })
})
