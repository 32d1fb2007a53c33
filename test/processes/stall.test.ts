/** A daemon that stood still: it says so, and does not take it for a failure of its peers. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { bytes, PROJECT_ROOT, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'

/** A peer that shows no progress for so long has failed. Longer than a busy machine keeps one waiting. */
const SESSION_TIMEOUT_MS = 4_000
/** Well above it, and below the time after which a silent connection is closed. */
const STALL_MS = 7_000

const settings = { repair: { sessionTimeout: `${SESSION_TIMEOUT_MS}ms` } }

async function failed(daemon: TestDaemon): Promise<number> {
  return (await daemon.client.status()).counters['sessions.failed'] ?? 0
}

describe('a daemon that stood still', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  it('says in log, status and doctor that it was, for how long, and that it was not given the processor', async () => {
    const a = await fleet().start()
    a.pause()
    await pause(STALL_MS)
    a.resume()
    // A busy machine may have made it stand still before, for less.
    const { eventLoop } = await until('a stall', async () => {
      const status = await a.client.status()
      return (status.eventLoop.last?.ms ?? 0) > STALL_MS / 2 && status
    })
    assert.equal(eventLoop.last?.cause, 'not-scheduled')
    assert.ok(eventLoop.stalls >= 1 && eventLoop.stalledMs >= eventLoop.last.ms)
    assert.ok(Math.abs(eventLoop.last.at - Date.now()) < 60_000)
    assert.ok(a.logged('"code":"EVENT_LOOP_STALLED"').length >= 1)
    assert.match(await a.client.metrics(), /^hearsay_event_loop_stalls_total [1-9]/m)
    const run = promisify(execFile)
    const bin = path.join(PROJECT_ROOT, 'bin/hearsay')
    const ran = await run(process.execPath, [bin, '--socket', a.socket, 'doctor']).catch(
      (error: { code: number; stdout: string }) => error,
    )
    assert.match(
      ran.stdout,
      /^!! +event loop +The daemon stood still for \ds, .*not given the processor/m,
    )
    assert.equal((ran as { code?: number }).code, 1)
  })

  it('does not blame the peer whose answer lay unread meanwhile', async () => {
    const [a, b] = await fleet().startMany(2, settings)
    const since = (await b!.peer(a!))!.connectedAt
    // b asks a peer that does not answer yet, and stops while it waits.
    a!.pause()
    await until('b to wait for a', async () => ((await b!.peer(a!))?.unansweredMs ?? 0) > 0)
    const before = await failed(b!)
    b!.pause()
    // Now the answer comes, and lies in b's socket for far longer than b waits for anything.
    a!.resume()
    await pause(STALL_MS)
    b!.resume()
    await until('b to agree with a', async () => {
      const peer = await b!.peer(a!)
      return peer?.lastDigest?.agreed === true && peer.unansweredMs === undefined
    })
    assert.equal(await failed(b!), before, 'no session was given up')
    assert.equal((await b!.peer(a!))!.connectedAt, since, 'nor the link')
    assert.deepEqual(b!.logged('link down'), [])
    await b!.client.put(bytes('k'), bytes('v'))
    await until('a to have it', async () => (await a!.client.get(bytes('k'))).found)
  })

  it('is told from a peer that does not answer: that one has failed', async () => {
    const [a, b] = await fleet().startMany(2, settings)
    const before = await failed(b!)
    a!.pause()
    await until('a session that b gives up', async () => (await failed(b!)) > before)
    a!.resume()
  })
})
