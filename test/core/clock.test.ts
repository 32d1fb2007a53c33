/** When a wall clock is doubted, and for how long (R12). */
import assert from 'node:assert/strict'
import { ClockWatch } from '../../src/core/clock.ts'

const SKEW = 5_000
const START = { wall: 1_700_000_000_000, mono: 0 }
const HOUR = 3_600_000

function watchOf({ configured = true, committedAt = 0 } = {}): ClockWatch {
  return new ClockWatch(SKEW, configured, START, committedAt)
}

/** So long after the start, on a clock that was moved by `drift` meanwhile. */
function after(ms: number, drift = 0): { wall: number; mono: number } {
  return { wall: START.wall + ms + drift, mono: ms }
}

describe('core: clock', () => {
  it('is doubted from the start until a peer agrees', () => {
    const watch = watchOf()
    assert.ok(watch.state(after(HOUR)).doubt)
    watch.peerClock('a', SKEW)
    assert.ok(!watch.state(after(HOUR)).doubt)
  })

  it('that runs unevenly is doubted when its errors add up to the skew, however slowly', () => {
    const watch = watchOf()
    watch.peerClock('a', 0)
    const step = SKEW / 10
    for (let i = 1; i <= 10; i++) watch.observe(after(i * HOUR, i * step))
    assert.ok(!watch.state(after(11 * HOUR)).doubt)
    watch.observe(after(11 * HOUR, 11 * step))
    const { doubt, reason } = watch.state(after(11 * HOUR))
    assert.ok(doubt)
    assert.match(reason ?? '', /moved by 6 s/)
  })

  it('is not doubted when its errors cancel out', () => {
    const watch = watchOf()
    watch.peerClock('a', 0)
    for (let i = 1; i <= 100; i++) watch.observe(after(i * HOUR, i % 2 === 0 ? SKEW : -SKEW))
    assert.ok(!watch.state(after(101 * HOUR)).doubt)
  })

  it('that jumped is believed again when a peer tells the same time, and not on what it told before', () => {
    const watch = watchOf()
    watch.peerClock('a', 0)
    watch.observe(after(1, HOUR))
    assert.ok(watch.state(after(1)).doubt)
    watch.peerClock('a', -HOUR)
    assert.ok(watch.state(after(2)).doubt)
    watch.observe(after(3, 0))
    watch.peerClock('a', 0)
    assert.ok(!watch.state(after(4)).doubt)
  })

  it('needs more than half of those that told theirs', () => {
    const watch = watchOf()
    watch.peerClock('a', 0)
    watch.peerClock('b', HOUR)
    assert.ok(!watch.state(after(1)).doubt)
    watch.peerClock('c', HOUR)
    assert.ok(watch.state(after(1)).doubt)
    assert.equal(watch.state(after(1)).reason, '2 of 3 peers have another time')
  })

  it('is believed when it ran steadily for ten minutes with nobody to ask, and never while peers are away', () => {
    const [alone, cutOff] = [watchOf({ configured: false }), watchOf()]
    assert.ok(alone.state(after(599_999)).doubt)
    assert.ok(!alone.state(after(600_000)).doubt)
    assert.ok(cutOff.state(after(24 * HOUR)).doubt)
  })

  it('says why it is doubted when it stands before what the store has', () => {
    const watch = watchOf({ committedAt: START.wall + SKEW + 1 })
    assert.match(watch.state(after(0)).reason ?? '', /before the latest commit/)
  })

  it('keeps the word of peers that agreed and left', () => {
    const watch = watchOf()
    watch.peerClock('a', 0)
    watch.peerGone('a')
    assert.ok(!watch.state(after(HOUR)).doubt)
  })
})
