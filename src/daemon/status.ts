/** What a daemon says of itself: its status, put together from the engine, the network, the store and its health. */
import type { DaemonConfig } from '../config/config.ts'
import { toBinary, toHex } from '../core/bytes.ts'
import { makeDigest } from '../core/repair/digest.ts'
import type { Receipt } from '../core/repair/receipt.ts'
import type { PeerStatus, RepairReceipt, Status } from '../daemon-api.ts'
import type { PeerId, Transport } from '../net/transport.ts'
import type { DataDirectory } from '../store/data-dir.ts'
import { VERSION } from '../version.ts'
import { nowOfProcess } from './core-driver.ts'
import type { CoreDriver } from './core-driver.ts'
import { freeBytes } from './health.ts'
import type { Health } from './health.ts'
import type { Cluster } from './identity.ts'
import { doubtsView } from './removals.ts'
import type { StoreChecker } from './store-check.ts'

export interface StatusSources {
  config: DaemonConfig
  cluster: Cluster
  data: DataDirectory
  transport: Transport
  driver: CoreDriver
  health: Health
  checker: StoreChecker
  /** Wall-clock milliseconds. */
  startedAt: number
  watchers: number
}

export async function statusOf(sources: StatusSources): Promise<Status> {
  const { config, cluster, data, transport, driver, health, checker } = sources
  const { engine } = driver
  const { replica, actor } = engine
  const now = Date.now()
  const self = { writer: undefined, complete: false }
  const digest = makeDigest(replica, self, now, now)
  return {
    version: VERSION,
    name: config.name,
    peerId: transport.self,
    ...(actor === undefined ? {} : { actor: toHex(actor) }),
    startedAt: sources.startedAt,
    dataDir: data.path,
    socket: config.socket.path,
    addresses: transport.addresses(),
    bootstrap: config.bootstrap,
    cluster: { id: toHex(toBinary(cluster.id)), local: cluster.local },
    completeness: engine.completeness(nowOfProcess()),
    keys: replica.keys,
    siblingsMax: config.limits.siblings,
    itemsExpired: engine.itemsExpired(now),
    digest: {
      context: toHex(digest.contextHash),
      fingerprint: toHex(digest.fingerprint),
      dots: digest.dots,
      items: digest.items,
    },
    context: {
      actors: replica.context.actors,
      dots: replica.context.dots,
      gaps: replica.context.gapCount,
      dotsLost: engine.links.dotsLost(),
      catchingUp: engine.links.isCatchingUp(),
    },
    clock: engine.clock(nowOfProcess()),
    store: {
      sizeBytes: await data.store.sizeBytes(),
      freeBytes: await freeBytes(data.path),
      ...storeState(driver),
      ...lossView(driver),
      ...checkView(driver, checker),
    },
    peers: health.withTimes(peersOf(driver, transport)),
    counters: {
      ...engine.counters(),
      ...health.counters(),
      ...checker.counters(),
      watchers: sources.watchers,
    },
    doubts: doubtsView(engine),
    ...health.view(),
    transport: transport.counters(),
  }
}

export function storeState({
  commitMs,
  engine,
}: CoreDriver): Pick<Status['store'], 'failing' | 'commitMs'> {
  const { storeFailed } = engine
  return {
    ...(storeFailed === undefined ? {} : { failing: storeFailed }),
    ...(commitMs === undefined ? {} : { commitMs }),
  }
}

/** Also of a loss that an earlier run found and that is not made up for yet. */
function lossView({ loss, engine }: CoreDriver): Pick<Status['store'], 'loss'> {
  const { lossAt } = engine
  const at = loss?.at ?? lossAt
  if (at === 0) return {}
  const items = loss?.items === undefined ? {} : { items: loss.items }
  const found = loss === undefined ? {} : { ...items, damage: [...loss.damage] }
  return { loss: { at, madeUp: lossAt === 0, ...found } }
}

function checkView(
  { engine }: CoreDriver,
  { latest }: StoreChecker,
): Pick<Status['store'], 'check' | 'rolledBack'> {
  const rolledBack = engine.links.rollback.found
  return {
    ...(latest === undefined ? {} : { check: latest }),
    ...(rolledBack === undefined ? {} : { rolledBack }),
  }
}

/** The linked peers, without for how long things have been so (`health.ts`). */
export function peersOf({ engine }: CoreDriver, transport: Transport): PeerStatus[] {
  const { links, replica } = engine
  const { mono } = nowOfProcess()
  return transport.neighbours().map((neighbour): PeerStatus => {
    const peer = links.peers.get(neighbour.peer)
    if (peer === undefined) return { ...neighbour, repairing: false }
    const { hello, lastDigest, clockOffset, unansweredSince, lastReceipt } = peer
    const dotsBehind = peer.dotsBehind(replica.context)
    return {
      ...neighbour,
      repairing: peer.session !== undefined,
      complete: peer.complete,
      ...(hello === undefined ? {} : { name: hello.name }),
      ...(lastDigest === undefined ? {} : { lastDigest }),
      ...(dotsBehind === undefined ? {} : { dotsBehind }),
      ...(clockOffset === undefined ? {} : { clockOffsetMs: clockOffset }),
      ...(unansweredSince === undefined
        ? {}
        : { unansweredMs: Math.max(0, Math.round(mono - unansweredSince)) }),
      ...(lastReceipt === undefined
        ? {}
        : { lastReceipt: receiptView(neighbour.peer, lastReceipt) }),
    }
  })
}

export function receiptView(peer: PeerId, receipt: Receipt): RepairReceipt {
  const { outcome } = receipt
  return { peer, ...receipt, outcome: outcome === 'postponed' ? 'busy' : outcome }
}
