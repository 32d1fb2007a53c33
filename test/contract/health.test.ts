/** What a daemon observes of itself: stalls and their cause, and for how long things have been so with peers. */
import assert from 'node:assert/strict'
import { freeBytes, storeAilment } from '../../src/daemon/health.ts'
import { LoopWatch } from '../../src/daemon/loop-watch.ts'
import { PeerWatch } from '../../src/daemon/peer-watch.ts'
import type { PeerStatus } from '../../src/daemon-api.ts'
import { peer } from '../support/status-fixture.ts'

/** Stops the event loop without work, as a stopped process does. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

/** Stops the event loop by work, so much processor time of it. */
function work(ms: number): void {
  const before = process.cpuUsage()
  let spent = 0
  while (spent < ms * 1_000) {
    const { user, system } = process.cpuUsage(before)
    spent = user + system
  }
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 5))

describe('the watch over the event loop', function () {
  this.timeout(120_000)
  let lines: { code?: string; ms?: number; cause?: string; processorMs?: number }[]
  let watch: LoopWatch

  beforeEach(() => {
    lines = []
    const note = (fields: object) => void lines.push(fields)
    watch = new LoopWatch({ debug: note, info: note, warn: note, error: note })
  })
  afterEach(() => watch.stop())

  it('names a stall in which the process did not run', async () => {
    sleep(1_500)
    await turn()
    const { count, totalMs, last } = watch.stalls()
    assert.equal(count, 1)
    assert.ok(last !== undefined && last.ms >= 1_000 && Math.abs(totalMs - last.ms) <= 1)
    assert.equal(last.cause, 'not-scheduled')
    assert.equal(lines[0]?.code, 'EVENT_LOOP_STALLED')
    assert.equal(lines[0].cause, 'not-scheduled')
  })

  it('names a stall in which it was busy, by the processor time that it had', async () => {
    work(1_500)
    await turn()
    const [{ ms = 0, processorMs = 0, cause } = {}] = lines
    assert.ok(processorMs >= 1_400, `${processorMs} ms`)
    // On a machine that gives this process less than half a processor it was not that.
    assert.equal(cause, processorMs >= ms / 2 ? 'busy' : 'not-scheduled')
  })

  it('passes over what is shorter than a second', async () => {
    for (let i = 0; i < 5; i++) {
      sleep(100)
      await turn()
    }
    // Not even where other processes made these longer.
    assert.ok(watch.stalls().totalMs === 0 || (watch.stalls().last?.ms ?? 0) >= 1_000)
  })
})

describe('the watch over peers', () => {
  const at = (changes: Partial<PeerStatus>): PeerStatus => ({ ...peer, ...changes })
  const behind = (dotsBehind: number) => at({ dotsBehind, lastDigest: { at: 0, agreed: false } })

  it('tells for how long something has been missing, and since when it did not get less', () => {
    const watch = new PeerWatch()
    const look = (one: PeerStatus, mono: number) => {
      watch.look([one], 1, mono)
      return watch.times(one, mono)
    }
    assert.deepEqual(look(at({}), 0), {})
    assert.deepEqual(look(behind(10), 1_000), { behindMs: 0, stuckMs: 0, differsMs: 0 })
    assert.deepEqual(look(behind(10), 3_000), { behindMs: 2_000, stuckMs: 2_000, differsMs: 2_000 })
    assert.deepEqual(look(behind(4), 4_000), { behindMs: 3_000, stuckMs: 0, differsMs: 3_000 })
    // More is no progress.
    assert.deepEqual(look(behind(40), 6_000), { behindMs: 5_000, stuckMs: 2_000, differsMs: 5_000 })
    assert.deepEqual(look(behind(0), 7_000), { differsMs: 6_000 })
    assert.deepEqual(look(behind(5), 8_000), { behindMs: 0, stuckMs: 0, differsMs: 7_000 })
    assert.deepEqual(look(at({}), 9_000), {})
  })

  it('begins anew with a new link, and forgets who left', () => {
    const watch = new PeerWatch()
    watch.look([behind(1)], 1, 0)
    const again = { ...behind(1), connectedAt: peer.connectedAt + 1 }
    watch.look([again], 1, 5_000)
    assert.equal(watch.times(again, 6_000).behindMs, 1_000)
    watch.look([], 1, 7_000)
    assert.deepEqual(watch.times(again, 8_000), {})
  })

  it('tells for how long the map has not changed', () => {
    const watch = new PeerWatch()
    watch.look([], 5, 1_000)
    watch.look([], 5, 3_000)
    assert.equal(watch.quietMs(4_000), 3_000)
    watch.look([], 6, 5_000)
    assert.equal(watch.quietMs(5_500), 500)
  })
})

describe('what keeps a daemon from its work', () => {
  it('is a store that failed, or that does not answer, and no slow one', () => {
    assert.equal(storeAilment({}), undefined)
    assert.equal(storeAilment({ commitMs: 3_000 }), undefined)
    assert.equal(storeAilment({ failing: 'no space' }), 'the store has failed: no space')
    assert.match(storeAilment({ commitMs: 12_000 }) ?? '', /not answered a commit for 12 seconds/)
  })

  it('knows the room on a disk', async () => {
    assert.ok((await freeBytes('.')) > 0)
  })
})
