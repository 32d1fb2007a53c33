/** A daemon whose program is replaced while it runs, as an upgrade of the package does. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Fleet, PROJECT_ROOT } from '../support/daemons.ts'

describe('an upgrade under a running daemon', function () {
  this.timeout(120_000)

  const fleet = new Fleet()
  const installed = mkdtempSync(path.join(tmpdir(), 'hearsay-installed-'))
  const bundle = path.join('dist', 'program')

  before(() => {
    for (const part of ['bin', bundle]) {
      cpSync(path.join(PROJECT_ROOT, part), path.join(installed, part), { recursive: true })
    }
    for (const part of ['package.json', 'node_modules']) {
      symlinkSync(path.join(PROJECT_ROOT, part), path.join(installed, part))
    }
  })

  after(async () => {
    await fleet.close()
    rmSync(installed, { recursive: true })
  })

  it('leaves it serving, and what needs a file that is gone says that it must be restarted', async () => {
    const program = path.join(installed, 'bin', 'hearsayd')
    const daemon = await fleet.start({ program })
    rmSync(path.join(installed, bundle), { recursive: true })
    await assert.rejects(daemon.client.metrics(), { code: 'PROGRAM_REPLACED' })
    const key = Buffer.from('key')
    await daemon.client.put(key, Buffer.from('value'))
    assert.ok(await daemon.client.get(key))
  })
})
