/** Frames of `hearsay top`. */
import assert from 'node:assert/strict'

import { frame } from '../../src/cli/top/frame.ts'
import type { Look } from '../../src/cli/top/frame.ts'
import type { PeerStatus, Status } from '../../src/daemon-api.ts'
import { zeroCounters } from '../../src/net/transport.ts'
import { NOW, peer, status } from '../support/status-fixture.ts'

const plain = (_format: unknown, text: string) => text

const look = (changes: Partial<Status> = {}, at = NOW): Look => ({
  status: { ...status, ...changes },
  at,
})

function draw(now: Look, before?: Look, size: { columns?: number; rows?: number } = {}): string[] {
  return frame(now, before, { columns: 80, rows: 24, style: plain, footer: 'q ends', ...size })
}

const peerNamed = (name: string, changes: Partial<PeerStatus> = {}): PeerStatus => ({
  ...peer,
  name,
  ...changes,
})

describe('a frame of top', () => {
  it('fits 80 columns and 24 rows, with everything that matters', () => {
    const lines = draw(look())
    assert.deepEqual(lines, [
      'edge-7  hearsay 1.2.3  up 3h  complete  03:00:00Z',
      'map     2,503 keys, 2,600 changes of 5 writers',
      'host    store 11.8 MiB, 50.0 GiB free; memory 88.0 MiB; stalls none',
      'writes  - here; - changes by gossip; - commits',
      'gossip  in -, out -; dropped 0',
      'links   in -, out -; dropped 0, dials failed 0',
      'repair  - equal; repaired 0, busy 0, failed 0; items in 0, removed 0',
      '',
      'PEER              STATE   LACK  FOR  COMPARED  CLOCK  GOSSIP  LAST REPAIR',
      'edge-8 …BBBBBBBB  agrees  0     -    3s ago    same   open    -',
      'q ends',
    ])
  })

  it('tells rates between two looks, also over a restart of the daemon', () => {
    const before = look({
      counters: { writes: 10 },
      transport: { ...zeroCounters(), bytesSent: 5000 },
    })
    const counters = { writes: 16, 'sessions.repaired': 3 }
    const transport = { ...zeroCounters(), bytesSent: 5000 + 4096 }
    const lines = draw(look({ counters, transport }, NOW + 2000), before)
    assert.match(lines[3]!, /^writes {2}3\.0\/s here/)
    assert.match(lines[5]!, /^links {3}in 0 bytes\/s, out 2\.0 KiB\/s/)
    assert.match(lines[6]!, /repaired 3/)
    const anew = draw(look({ counters: { writes: 1 } }, NOW + 2000), before)
    assert.match(anew[3]!, /^writes {2}0\.0\/s here/)
  })

  it('puts the peers that need attention first, with what is missing and for how long', () => {
    const peers = [
      peerNamed('a'),
      peerNamed('b', { lastDigest: { at: NOW, agreed: false }, dotsBehind: 40, behindMs: 65_000 }),
      peerNamed('c', { unansweredMs: 9_000 }),
      peerNamed('d', { lastDigest: { at: NOW, agreed: false } }),
    ]
    const rows = draw(look({ peers })).filter((line) => /^[abcd] …/.test(line))
    assert.deepEqual(
      rows.map((row) => row[0]),
      ['c', 'b', 'd', 'a'],
    )
    assert.match(rows[0]!, /silent/)
    assert.match(rows[1]!, /differs +40 +1m 5s/)
  })

  it('never exceeds the screen, whatever there is and however small it is', () => {
    const peers = Array.from({ length: 100 }, (_, i) =>
      peerNamed(`a-very-long-name-of-a-peer-${i}`, { lastDigest: { at: NOW, agreed: false } }),
    )
    const store = { ...status.store, failing: 'x'.repeat(300) }
    for (const columns of [20, 40, 80, 200]) {
      for (const rows of [5, 12, 24, 50]) {
        const lines = draw(look({ peers, store }), undefined, { columns, rows })
        assert.ok(lines.length <= rows, `${lines.length} of ${rows} rows`)
        assert.ok(lines.every((line) => line.length <= columns))
      }
    }
    const lines = draw(look({ peers, store }), undefined)
    assert.match(lines.join('\n'), /! The store has failed/)
    assert.match(lines.at(-2)!, /^… and \d+ more peers$/)
    assert.equal(lines.at(-1), 'q ends')
  })
})
