/** `hearsay doctor` and the checks that `hearsay status` shows: every sentence, and when it is said. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

import { CHECKS } from '../../src/cli/checks.ts'
import { diagnose, reachAll } from '../../src/cli/doctor.ts'
import type { Finding, Surroundings } from '../../src/cli/doctor.ts'
import type { PeerStatus, Status } from '../../src/daemon-api.ts'
import { zeroCounters } from '../../src/net/transport.ts'
import { VERSION } from '../../src/version.ts'
import { NOW, peer, status } from '../support/status-fixture.ts'

const MINUTE_MS = 60_000
const NOTHING: Surroundings = { reach: [], crowded: [] }
const well: Status = { ...status, version: VERSION }

const examine = (changes: Partial<Status> = {}, around: Partial<Surroundings> = {}): Finding[] =>
  diagnose({ ...well, ...changes }, { ...NOTHING, ...around }, NOW)

/** The one finding that is not ok, and that there is no other. */
function only(level: Finding['level'], findings: Finding[]): Finding {
  const found = findings.filter((finding) => finding.level !== 'ok')
  assert.deepEqual(
    found.map((finding) => finding.level),
    [level],
    JSON.stringify(found),
  )
  return found[0]!
}

const problem = (
  check: string,
  changes: Partial<Status>,
  around?: Partial<Surroundings>,
): string => {
  const found = only('problem', examine(changes, around))
  assert.equal(found.check, check)
  return found.text
}

describe('hearsay doctor', () => {
  it('has a word on every check when all is well, and no name twice', () => {
    const findings = examine()
    assert.ok(findings.every(({ level, text }) => level === 'ok' && text.length > 4))
    assert.equal(new Set(findings.map(({ check }) => check)).size, findings.length)
    assert.ok(findings.length > CHECKS.length)
    // Alone and without anything, too.
    const alone = examine({ peers: [], clock: { doubt: true, reason: 'x' }, startedAt: NOW })
    assert.ok(
      alone.every(({ level }) => level === 'ok'),
      JSON.stringify(alone),
    )
  })

  it('a disk that does not answer', () => {
    const store = { ...status.store, commitMs: 7_000 }
    assert.match(problem('store', { store }), /has not answered a commit for 7s; .*iostat/)
    assert.equal(examine({ store: { ...status.store, commitMs: 900 } })[0]?.level, 'ok')
  })

  it('a disk that is nearly full, for the size of the store', () => {
    const MiB = 1024 ** 2
    const space = (sizeBytes: number, freeBytes: number) => ({
      store: { ...status.store, sizeBytes, freeBytes },
    })
    assert.match(problem('disk space', space(MiB, 10 * MiB)), /Only 10\.0 MiB are free .*df -h/)
    assert.match(problem('disk space', space(4096 * MiB, 1024 * MiB)), /needs 2\.0 GiB/)
    for (const enough of [space(MiB, 64 * MiB), space(4096 * MiB, 2048 * MiB)]) {
      assert.ok(examine(enough).every(({ level }) => level === 'ok'))
    }
  })

  it('repair that is stuck, and not one that only takes long', () => {
    const behind = { ...peer, lastDigest: { at: NOW, agreed: false }, dotsBehind: 1_200 }
    const stuck = {
      ...behind,
      behindMs: 20 * MINUTE_MS,
      stuckMs: 4 * MINUTE_MS,
      lastReceipt: { peer: peer.peer, outcome: 'failed', reason: 'no progress' } as never,
    }
    const text = problem('lag', { peers: [stuck] })
    assert.match(text, /1,200 changes of edge-8 …BBBBBBBB missing for 20m, none came for 4m/)
    assert.match(text, /\(no progress\)\. Run "hearsay repair"/)
    const busy = { ...behind, behindMs: 20 * MINUTE_MS, stuckMs: 500 }
    const findings = examine({ peers: [busy] })
    assert.ok(findings.every(({ level }) => level === 'ok'))
    assert.ok(findings.some(({ text: said }) => said === '1,200 changes behind: being pulled'))
  })

  it('digests that differ though nothing is missing: soon when it is quiet, late while there are writes', () => {
    const differs = (minutes: number) => [
      {
        ...peer,
        lastDigest: { at: NOW, agreed: false },
        dotsBehind: 0,
        differsMs: minutes * MINUTE_MS,
      },
    ]
    const quietMs = 10 * MINUTE_MS
    assert.match(problem('agreement', { peers: differs(3), quietMs }), /Digests differ .* for 3m\./)
    assert.ok(examine({ peers: differs(1), quietMs }).every(({ level }) => level === 'ok'))
    assert.ok(examine({ peers: differs(30), quietMs: 100 }).every(({ level }) => level === 'ok'))
    assert.match(
      problem('agreement', { peers: differs(61), quietMs: 100 }),
      /"hearsay repair" on both/,
    )
  })

  it('a stall that was long and not long ago, with its cause', () => {
    const stalled = (ms: number, agoMs: number, cause: 'busy' | 'not-scheduled') => ({
      eventLoop: { stalls: 3, stalledMs: 2 * ms, last: { at: NOW - agoMs, ms, cause } },
    })
    assert.match(
      problem('event loop', stalled(9_000, MINUTE_MS, 'not-scheduled')),
      /stood still for 9s, .*\(1m ago\); 3 times and 18s in all.*not given the processor/,
    )
    assert.match(
      problem('event loop', stalled(9_000, MINUTE_MS, 'busy')),
      /It was busy: with very large/,
    )
    for (const harmless of [stalled(1_500, 1, 'busy'), stalled(9_000, 11 * MINUTE_MS, 'busy')]) {
      const loop = examine(harmless).find(({ check }) => check === 'event loop')
      assert.equal(loop?.level, 'ok')
      assert.match(loop?.text ?? '', /stood still 3 times since the start/)
    }
  })

  it('a heap that is nearly full, and what to set', () => {
    const GiB = 1024 ** 3
    const memory = { rssBytes: 4 * GiB, heapUsedBytes: 3.6 * GiB, heapLimitBytes: 4 * GiB }
    assert.match(problem('memory', { memory }), /3\.6 GiB of 4\.0 GiB.*--max-old-space-size=8192/)
  })

  it('bootstrap addresses: one that is down is a note, none to be reached and nobody connected a problem', () => {
    const down = { address: '/ip4/10.0.0.1/tcp/4001', failure: 'nobody listens there' }
    const up = { address: '/ip4/10.0.0.2/tcp/4001', failure: undefined }
    const both = { bootstrap: [down.address, up.address] }
    const one = { bootstrap: [down.address] }
    const note = only('note', examine(both, { reach: [down, up] }))
    assert.match(
      note.text,
      /10\.0\.0\.1\/tcp\/4001: nobody listens there\. The others can be reached/,
    )
    assert.equal(only('note', examine(one, { reach: [down] })).check, 'bootstrap')
    assert.match(
      problem('bootstrap', { ...one, peers: [] }, { reach: [down] }),
      /is the network up, a firewall/,
    )
    assert.ok(examine(both, { reach: [up] }).every(({ level }) => level === 'ok'))
  })

  it('keys full of siblings', () => {
    const crowded = Array.from({ length: 7 }, (_, i) => ({ key: `k${i}`, siblings: 64 - i }))
    const text = problem('siblings', {}, { crowded })
    assert.match(text, /^7 keys .*, 64: k0 \(64\), .*k4 \(60\), and 2 more\..*--all/)
  })

  it('a data directory that was copied', () => {
    assert.match(
      problem('copies', { counters: { dotConflicts: 2 } }),
      /2 changes of one name .*copied/,
    )
  })

  it('what was dropped or refused, as a note', () => {
    const transport = { ...zeroCounters(), messagesDropped: 4, protocolViolations: 1 }
    const counters = { gossipDropped: 9, protocolViolations: 2, 'sessions.failed': 1 }
    const { check, text } = only('note', examine({ transport, counters }))
    assert.equal(check, 'dropped')
    assert.match(
      text,
      /9 changes from gossip dropped.*; 4 messages dropped.*; 3 links ended.*; 1 repair/,
    )
  })

  it('a daemon that was not restarted after an update', () => {
    const { check, text } = only('note', examine({ version: '0.0.1' }))
    assert.equal(check, 'version')
    assert.match(text, /runs 0\.0\.1, this command is .*restart hearsayd/)
  })

  it('tries the bootstrap addresses by itself', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const open = `/ip4/127.0.0.1/tcp/${port}/p2p/12D3KooWEG6WPEnFL4Mgu44Kw7rPg2Te3bmgFq6zGhkv8DJfr8CD`
    const reach = (...bootstrap: string[]) => reachAll({ ...status, peers: [], bootstrap })
    assert.deepEqual(await reach(open), [{ address: open, failure: undefined }])
    await new Promise((resolve) => server.close(resolve))
    const [closed, name, any] = await reach(
      open,
      '/dns4/nowhere.invalid/tcp/1',
      '/dnsaddr/nowhere.invalid',
    )
    assert.equal(closed?.failure, 'nobody listens there')
    assert.match(name?.failure ?? '', /name/)
    assert.equal(any?.failure, undefined)
  })

  it('leaves those alone whose peer is linked, since they count connections of strangers', async () => {
    const tried = async (bootstrap: string, linked: Partial<PeerStatus>) =>
      (await reachAll({ ...status, bootstrap: [bootstrap], peers: [{ ...peer, ...linked }] }))
        .length
    const at = '/ip4/127.0.0.1/tcp/9'
    const inbound = { direction: 'inbound', address: '/ip4/10.0.0.8/tcp/50123' } as const
    assert.equal(await tried(`${at}/p2p/${peer.peer}`, {}), 0, 'known by its id')
    assert.equal(await tried(at, { address: at }), 0, 'dialled at that address')
    assert.equal(await tried('/ip4/10.0.0.8/tcp/4001', inbound), 0, 'dialled from that machine')
    assert.equal(await tried(at, { ...inbound, address: '/ip4/127.0.0.1/tcp/50123' }), 1)
    assert.equal(await tried(at, {}), 1)
  })
})
