/** A daemon that is killed, paused or stopped while it is written to, judged by the kept list of acknowledged writes. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { converged, linked, until, useFleet } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'

/** Kills of one daemon under load: HEARSAY_TEST_KILLS=200 for a long run. */
const KILLS = Number(process.env['HEARSAY_TEST_KILLS'] ?? 20)
const KILL_WAIT_MS = 20_000
/** Together 22 MiB; each below gossip.inlineBytes, so that it travels in gossip. */
const LARGE_VALUES = 1_500
const LARGE_VALUE_BYTES = 15 * 1024

/** True so many times. */
function times(count: number): () => boolean {
  let left = count
  return () => left-- > 0
}

describe('a process under load', function () {
  const fleet = useFleet()

  it(`loses nothing acknowledged through ${KILLS} kills`, async function () {
    this.timeout(60_000 + KILLS * KILL_WAIT_MS)
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    const ledger = new Ledger()
    for (let i = 0; i < KILLS; i++) {
      let writing = true
      const load = Promise.all([
        ledger.stream(a.client, `stream-${i}-`, () => writing),
        ledger.mixed(a.client, `a${i}`, () => writing),
        ledger.mixed(b.client, `b${i}`, () => writing),
      ])
      // Somewhere within a run: before the first commit, in the middle of one, with many behind it.
      const target = ledger.acknowledged + Math.floor(Math.random() ** 3 * 1500)
      await until('writes before the kill', () => ledger.acknowledged >= target)
      await a.kill()
      writing = false
      await load
      await a.start()
      // Alone it holds what it acknowledged in this run, whatever the other has of it.
      await ledger.checkOwn(a.client, `a after kill ${i + 1}`)
    }
    await converged([a, b])
    await ledger.check(a.client, 'a')
    await ledger.check(b.client, 'b')
  })

  it('stops cleanly on SIGTERM: exit code 0, no socket file, nothing acknowledged lost', async function () {
    this.timeout(120_000)
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    const ledger = new Ledger()
    const load = Promise.all([
      ledger.stream(a.client, 'stream-', () => true),
      ledger.mixed(a.client, 'a', () => true),
    ])
    await until('a load', () => ledger.acknowledged > 500)
    const exit = await a.stop()
    await load
    assert.deepEqual(exit, { code: 0, signal: null })
    assert.equal(existsSync(a.socket), false, 'the socket file is still there')
    await a.start()
    await converged([a, b])
    await ledger.check(a.client, 'a')
    await ledger.check(b.client, 'b')
  })

  /**
   * gossipsub keeps a message for mcacheLength (6) heartbeats and offers it for mcacheGossip (4) of them, here of 100 ms:
   * after 0.6 s it cannot bring what was missed. Its other memory, seenTTL (2 min), only suppresses repetitions. What was
   * on its way waits in buffers, of at most 16 MiB a peer at the sender: more than that is written meanwhile.
   */
  it('catches up after a pause for longer than gossip remembers', async function () {
    this.timeout(120_000)
    const heartbeatMs = 100
    const forgottenMs = 10 * heartbeatMs
    const daemons = await fleet().startMany(3, { gossip: { heartbeat: `${heartbeatMs}ms` } })
    const [a, b, c] = daemons
    assert.ok(a !== undefined && b !== undefined && c !== undefined)
    const ledger = new Ledger()
    await ledger.mixed(a.client, 'before', times(20))
    await converged(daemons)
    c.pause()
    await Promise.all([
      ledger.stream(a.client, 'large-', times(LARGE_VALUES), LARGE_VALUE_BYTES),
      ledger.mixed(b.client, 'b', times(50)),
    ])
    const writtenAt = Date.now()
    await until('gossip to have forgotten', () => Date.now() - writtenAt > forgottenMs)
    c.resume()
    await converged(daemons)
    for (const one of daemons) await ledger.check(one.client, one.name)
    const { counters } = await c.client.status()
    assert.ok((counters['repairItemsReceived'] ?? 0) > 0, 'repair carried nothing')

    // Afterwards gossip flows again: a change is there without a repair that brought it.
    await linked(daemons)
    let later = 0
    await until('a change that came by gossip', async () => {
      const before = (await c.client.status()).counters
      await ledger.putOwn(a.client, `later-${later++}`)
      await converged(daemons)
      const after = (await c.client.status()).counters
      return (
        after['deltasReceived']! > (before['deltasReceived'] ?? 0) &&
        after['repairItemsReceived'] === before['repairItemsReceived']
      )
    })
  })
})
