import assert from 'node:assert/strict'

import { stateOf } from '../../src/cli/peer-lines.ts'
import { statusText } from '../../src/cli/status-text.ts'
import { bytesInWords, span } from '../../src/cli/words.ts'
import type { PeerStatus, Status } from '../../src/daemon-api.ts'
import { HOUR_MS, NOW, peer, status } from '../support/status-fixture.ts'

const plain = (changes: Partial<Status> = {}) =>
  statusText({ ...status, ...changes }, NOW, (_format, text) => text)

const verdict = (changes: Partial<Status>) => plain(changes).split('\n\n')[1] ?? ''

describe('status for people', () => {
  it('begins with who it is and the verdict, then has the facts, aligned', () => {
    assert.equal(
      plain(),
      `edge-7  hearsay 1.2.3, up 3h

All is well: complete, and the connected peer agrees.

  answers  complete
  keys     2,503, and 12 expired, not yet removed
  changes  2,600 seen, of 5 writers, no gaps
  digest   context ${'a'.repeat(32)}  fingerprint ${'b'.repeat(32)}
  clock    fine
  data     /var/lib/hearsay, 11.8 MiB
  memory   88.0 MiB
  socket   /run/hearsay/hearsay.sock
  cluster  ${'c'.repeat(32)}
  peer id  12D3KooWSelf
  actor    none yet: nothing written since the start
  address  /ip4/10.0.0.7/tcp/4001/p2p/12D3KooWSelf
           /ip6/::1/tcp/4001/p2p/12D3KooWSelf

1 peer connected
  PEER              STATE   COMPARED  CLOCK  LINK       ADDRESS
  edge-8 …BBBBBBBB  agrees  3s ago    same   to it, 1h  /ip4/10.0.0.8/tcp/4001
`,
    )
  })

  describe('says what is wrong and what to do', () => {
    it('a store that was found damaged', () => {
      const check = { at: NOW, durationMs: 5, records: 9, bytes: 99, damage: ['a record'] }
      const found = (how: { rewritten: boolean; failure?: string }) =>
        verdict({ store: { ...status.store, check: { ...check, ...how } } })
      assert.match(found({ rewritten: true }), /^! The store was found damaged.*nothing is lost/)
      assert.match(
        found({ rewritten: false, failure: 'the disk is full' }),
        /could not be written anew: the disk is full.*before hearsayd is restarted/,
      )
      assert.doesNotMatch(
        verdict({ store: { ...status.store, check: { ...check, damage: [], rewritten: false } } }),
        /damaged/,
      )
    })

    it('a store that failed', () => {
      const text = verdict({ store: { ...status.store, failing: 'no space left on device' } })
      assert.match(
        text,
        /^! The store has failed: no space left on device\. Writes are refused.*restart/,
      )
    })

    it('records that were lost to damage', () => {
      const store = { ...status.store, loss: { at: NOW, madeUp: false, items: 3 } }
      assert.match(
        verdict({ store }),
        /^! 3 values of the store were damaged.*is coming back; .*store\.damaged\.$/,
      )
      const madeUp = { ...store, loss: { at: NOW, madeUp: true } }
      assert.match(verdict({ store: madeUp }), /^! Records of the store.*given all they have since/)
    })

    it('removals that are held back, and claims that are doubted', () => {
      const doubts = { removalsHeld: 1200, actorsDoubted: 1 }
      const [removals, claims] = verdict({ doubts }).split('\n')
      assert.match(removals ?? '', /^! Peers say that 1,200 keys were removed.*hearsay removals/)
      assert.match(claims ?? '', /^! A peer claims changes far beyond.*1 writer/)
    })

    it('syncing without a peer', () => {
      const text = verdict({ completeness: { state: 'syncing' }, peers: [] })
      assert.match(text, /^! Syncing: .*No peer is connected.*hearsay connect.*--first\.$/)
    })

    it('syncing among peers of which none is complete', () => {
      const text = verdict({
        completeness: { state: 'syncing' },
        peers: [{ ...peer, complete: false }],
      })
      assert.match(text, /None of the connected peers is complete.*exactly one daemon with --first/)
    })

    it('syncing from a complete peer needs nobody', () => {
      const text = verdict({
        completeness: { state: 'syncing' },
        peers: [{ ...peer, dotsBehind: 1200 }],
      })
      assert.match(text, /edge-8 …BBBBBBBB is complete; pulling from it, 1,200 changes to go\.$/)
      assert.doesNotMatch(text, /--first/)
    })

    it('complete as of a while ago', () => {
      const completeness = { state: 'complete-as-of', asOf: NOW - 5 * HOUR_MS } as const
      assert.match(
        verdict({ completeness }),
        /^! Complete as of 2026-01-01T22:00:00.000Z \(5h ago\), when a complete peer last confirmed it/,
      )
      assert.match(verdict({ completeness, peers: [] }), /No peer is connected/)
    })

    it('a peer that does not answer', () => {
      const text = verdict({ peers: [{ ...peer, unansweredMs: 9_400 }] })
      assert.match(text, /^! No answer from edge-8 …BBBBBBBB: stopped, overloaded, or cut off/)
    })

    it('peers that are all gone', () => {
      const transport = { ...status.transport, dialsFailed: 4 }
      assert.match(verdict({ peers: [], transport }), /^! No peer is connected, and 4 dials failed/)
      assert.match(verdict({ transport }), /^All is well/)
    })

    it('a clock in doubt, unless it only has not been compared yet', () => {
      const clock = { doubt: true, reason: 'the clock jumped by 90 s' }
      assert.match(verdict({ clock }), /^! The clock is in doubt: the clock jumped by 90 s\. .*NTP/)
      assert.match(verdict({ clock, startedAt: NOW - 60_000 }), /^All is well/)
      const off = [{ ...peer, clockOffsetMs: -90_000 }]
      const text = plain({ clock, startedAt: NOW - 60_000, peers: off })
      assert.match(text, /! The clock is in doubt/)
      assert.match(text, /1m 30s behind/)
    })

    it('changes that are lost', () => {
      const context = { ...status.context, gaps: 2, dotsLost: 3 }
      assert.match(verdict({ context }), /^! 3 changes cannot be had from any connected peer/)
      assert.match(plain({ context }), /of 5 writers, 2 gaps/)
    })

    it('changes that peers told of and that have not come', () => {
      const context = { ...status.context, catchingUp: true }
      assert.match(plain({ context }), /of 5 writers, no gaps; more are on their way/)
    })

    it('a link that stays without gossip', () => {
      assert.match(verdict({ peers: [{ ...peer, gossip: false }] }), /^! No gossip with edge-8 /)
      const fresh = { ...peer, gossip: false, connectedAt: NOW - 1000 }
      assert.match(verdict({ peers: [fresh] }), /^All is well/)
    })

    it('several at once, the worst first', () => {
      const lines = verdict({
        store: { ...status.store, failing: 'broken' },
        completeness: { state: 'syncing' },
        context: { ...status.context, dotsLost: 1 },
      }).split('\n')
      assert.deepEqual(
        lines.map((line) => line.slice(0, 11)),
        ['! The store', '! Syncing: ', '! 1 change '],
      )
    })
  })

  it('tells disagreement that heals by itself from trouble', () => {
    const differing = { ...peer, lastDigest: { at: NOW, agreed: false }, dotsBehind: 7 }
    assert.match(
      verdict({ peers: [peer, differing] }),
      /^Complete, and 7 changes behind: being pulled\. 1 of 2 peers agreed then; the other differed/,
    )
    assert.match(plain({ peers: [differing] }), /differs, we lack 7 changes/)
    const caughtUp = { ...differing, dotsBehind: 0 }
    assert.match(verdict({ peers: [peer, caughtUp] }), /^Complete, and lacking nothing of what/)
  })

  it('cannot be driven by the name of a peer', () => {
    assert.match(plain({ peers: [{ ...peer, name: 'a\u001b[2J' }] }), /a\\x1b\[2J …BBBBBBBB/)
  })

  it('is content alone', () => {
    assert.match(verdict({ peers: [] }), /^All is well: complete, and alone/)
  })

  it('colours the verdict and the state of each peer only where there are colours', () => {
    const marked = statusText(status, NOW, (_format, text) => `<${text}>`)
    assert.match(marked, /<All is well.*>/)
    assert.match(marked, / <agrees> /)
  })
})

describe('state of a peer', () => {
  const cases: [Partial<PeerStatus>, string][] = [
    [{}, 'agrees'],
    [{ complete: false }, 'agrees, syncing itself'],
    [{ repairing: true }, 'repairing'],
    [{ repairing: true, dotsBehind: 1 }, 'repairing, we lack 1 change'],
    [{ lastDigest: { at: NOW, agreed: false } }, 'differed, we lack nothing'],
    [{ lastDigest: { at: NOW, agreed: false }, dotsBehind: 2 }, 'differs, we lack 2 changes'],
  ]
  for (const [changes, words] of cases) {
    it(words, () => assert.equal(stateOf({ ...peer, ...changes }), words))
  }

  it('without an answer, whatever it was before', () => {
    const words = (unansweredMs: number) => stateOf({ ...peer, repairing: true, unansweredMs })
    assert.equal(words(1_500), 'repairing')
    assert.equal(words(9_400), 'no answer for 9s')
  })

  it('not compared', () => {
    const { lastDigest: _, ...fresh } = peer
    assert.equal(stateOf(fresh), 'not compared')
  })
})

describe('quantities in words', () => {
  it('spans', () => {
    const cases = [
      [0, '0ms'],
      [999, '999ms'],
      [59_999, '59s'],
      [60_000, '1m'],
      [90_000, '1m 30s'],
      [3 * HOUR_MS + 12 * 60_000, '3h 12m'],
      [50 * HOUR_MS, '2d 2h'],
      [-5, '0ms'],
    ] as const
    for (const [ms, words] of cases) assert.equal(span(ms), words)
  })

  it('bytes', () => {
    const cases = [
      [0, '0 bytes'],
      [1, '1 byte'],
      [1023, '1023 bytes'],
      [1536, '1.5 KiB'],
      [3 * 1024 ** 3, '3.0 GiB'],
    ] as const
    for (const [bytes, words] of cases) assert.equal(bytesInWords(bytes), words)
  })
})
