/** A daemon that is well, as its status tells. */
import type { PeerStatus, Status } from '../../src/daemon-api.ts'
import { zeroCounters } from '../../src/net/transport.ts'

export const NOW = Date.UTC(2026, 0, 2, 3, 0, 0)
export const HOUR_MS = 3_600_000

export const peer: PeerStatus = {
  peer: '12D3KooWAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABBBBBBBB',
  name: 'edge-8',
  address: '/ip4/10.0.0.8/tcp/4001',
  direction: 'outbound',
  connectedAt: NOW - HOUR_MS,
  gossip: true,
  lastDigest: { at: NOW - 3000, agreed: true },
  dotsBehind: 0,
  clockOffsetMs: 4,
  complete: true,
  repairing: false,
}

export const status: Status = {
  version: '1.2.3',
  name: 'edge-7',
  peerId: '12D3KooWSelf',
  startedAt: NOW - 3 * HOUR_MS,
  dataDir: '/var/lib/hearsay',
  socket: '/run/hearsay/hearsay.sock',
  addresses: ['/ip4/10.0.0.7/tcp/4001/p2p/12D3KooWSelf', '/ip6/::1/tcp/4001/p2p/12D3KooWSelf'],
  bootstrap: [],
  cluster: { id: 'c'.repeat(32), local: false },
  completeness: { state: 'complete' },
  keys: 2503,
  siblingsMax: 64,
  quietMs: 60_000,
  itemsExpired: 12,
  digest: { context: 'a'.repeat(32), fingerprint: 'b'.repeat(32), dots: 2600, items: 2510 },
  context: { actors: 5, dots: 2600, gaps: 0, dotsLost: 0, catchingUp: false },
  clock: { doubt: false },
  store: { sizeBytes: 12_345_678, freeBytes: 50 * 1024 ** 3 },
  doubts: { removalsHeld: 0, actorsDoubted: 0 },
  memory: {
    rssBytes: 88 * 1024 * 1024,
    heapUsedBytes: 40 * 1024 * 1024,
    heapLimitBytes: 2 * 1024 ** 3,
  },
  eventLoop: { stalls: 0, stalledMs: 0 },
  peers: [peer],
  counters: {},
  transport: zeroCounters(),
}
