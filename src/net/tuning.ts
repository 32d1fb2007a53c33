/** Times and bounds of the libp2p transport, with the values that a daemon uses. */
import type { DialTuning } from './dialler.ts'
import type { LinksTuning } from './links.ts'
import type { NodeTuning } from './node.ts'

export interface Libp2pTransportTuning extends NodeTuning, LinksTuning, DialTuning {
  /** Whether peers tell each other whom they are linked to. */
  exchangePeers: boolean
  /** How often, after the first time on each link. */
  exchangeIntervalMs: number
  /** With more links than this, surplus ones are given up. */
  linksMax: number
  /** A younger link is not. */
  linkSparedMs: number
  /** How often they are looked for. */
  surplusIntervalMs: number
  /** How often others are asked for on the local network. */
  discoveryIntervalMs: number
  /** The watchdog looks at the gossip streams this often. */
  watchdogIntervalMs: number
}

export const TUNING_DEFAULTS: Libp2pTransportTuning = {
  heartbeatIntervalMs: 1_000,
  pingAfterMs: 15_000,
  connectTimeoutMs: 5_000,
  dialTimeoutMs: 30_000,
  addressDialTimeoutMs: 20_000,
  connectionsMax: 300,
  linkSetupMs: 20_000,
  sendStallMs: 30_000,
  settleMs: 1_000,
  reopenMs: 200,
  dialBackoffMinMs: 500,
  dialBackoffMaxMs: 30_000,
  linksWanted: 24,
  linksMax: 40,
  linkSparedMs: 30_000,
  surplusIntervalMs: 5_000,
  exploreIntervalMs: 5 * 60_000,
  exchangeIntervalMs: 60_000,
  exchangePeers: true,
  discoveryIntervalMs: 10_000,
  watchdogIntervalMs: 2_000,
}
