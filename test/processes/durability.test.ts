/**
 * An acknowledged write is on disk. Killing a process does not show that, since what it wrote survives in the page cache:
 * this looks at the system calls of a real daemon.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { bytes, skipBecause, until, useFleet } from '../support/daemons.ts'
import { STRACE, traceSyncs } from '../support/sync-trace.ts'

const MARKER = /mark-\d{6}/

describe('durability', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  it('every acknowledgement follows the fdatasync that covers it', async function () {
    const probe = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' })
    if (probe.status !== 0) {
      skipBecause(this, `no strace here: ${probe.error?.message ?? probe.stderr.trim()}`)
    }
    const file = path.join(fleet().dir, 'trace')
    const daemon = await fleet().start({ wrap: [...STRACE, '-o', file] })
    const names: string[] = []
    const put = () => {
      const name = `mark-${String(names.length).padStart(6, '0')}`
      names.push(name)
      // Twice, since a block of the log may end in the middle of one.
      return {
        op: 'put' as const,
        key: bytes(name),
        value: bytes(`${name} ${'.'.repeat(40)} ${name}`),
      }
    }
    const one = async (): Promise<void> => {
      const { key, value } = put()
      await daemon.client.put(key, value)
    }

    for (let i = 0; i < 40; i++) await one()
    for (let i = 0; i < 5; i++) await Promise.all(Array.from({ length: 20 }, one))
    const streamed = Array.from({ length: 300 }, put)
    for await (const answer of daemon.client.write(streamed)) assert.ok('written' in answer)
    await daemon.stop()
    const text = await until('the whole trace', () => {
      const found = readFileSync(file, 'utf8')
      return found.endsWith('+++ exited with 0 +++\n') && found
    })

    const trace = traceSyncs(text, MARKER)
    assert.deepEqual(trace.early.slice(0, 5), [])
    assert.deepEqual([...trace.answered].sort(), names)
    // Writers that wait share a commit.
    assert.ok(trace.syncs >= 40 && trace.syncs < names.length, `${trace.syncs} fdatasyncs`)

    // The same trace as it would be if the daemon did not wait for them.
    const careless = traceSyncs(text.replaceAll('fdatasync', 'lseek'), MARKER)
    assert.equal(careless.early.length, names.length)
  })
})
