/**
 * Every metric, with what it means: what `GET /v1/metrics` gives and `hearsay help metrics` explains. Names follow the
 * conventions of Prometheus: base units, `_total` for what only grows, no unit or type in front.
 */
import type { PeerStatus, Status } from '../daemon-api.ts'

export interface GaugeEntry {
  name: string
  help: string
  read: (status: Status) => number | undefined
}

export interface PeerGaugeEntry {
  name: string
  help: string
  read: (peer: PeerStatus) => number | undefined
}

export interface CounterEntry {
  name: string
  help: string
  /** One source, or one for each value of the label. */
  from: CounterSource | { label: string; values: Record<string, CounterSource> }
}

/** Where the count stands in a status: `counters.x` or `transport.x`. */
export type CounterSource = `counters.${string}` | `transport.${string}`

const SECOND_MS = 1000

function greatest(peers: readonly PeerStatus[], read: (peer: PeerStatus) => number | undefined) {
  return peers.reduce((most, peer) => Math.max(most, read(peer) ?? 0), 0)
}

export const GAUGES: readonly GaugeEntry[] = [
  { name: 'hearsay_keys', help: 'Keys with at least one held item.', read: (s) => s.keys },
  {
    name: 'hearsay_items_held',
    help: 'Held items, siblings and expired ones among them.',
    read: (s) => s.digest.items,
  },
  {
    name: 'hearsay_items_expired',
    help: 'Held items that have expired and wait to be purged.',
    read: (s) => s.itemsExpired,
  },
  {
    name: 'hearsay_context_actors',
    help: 'Actors (runs of daemons that wrote) in the context.',
    read: (s) => s.context.actors,
  },
  { name: 'hearsay_context_dots', help: 'Mutations seen.', read: (s) => s.context.dots },
  {
    name: 'hearsay_context_gaps',
    help: 'Gaps: mutations missing below the greatest seen of their actor.',
    read: (s) => s.context.gaps,
  },
  {
    name: 'hearsay_dots_lost',
    help: 'Mutations that no linked peer has.',
    read: (s) => s.context.dotsLost,
  },
  {
    name: 'hearsay_complete',
    help: '1 while this replica is complete as of now.',
    read: (s) => +(s.completeness.state === 'complete'),
  },
  {
    name: 'hearsay_syncing',
    help: '1 while this replica has never been complete.',
    read: (s) => +(s.completeness.state === 'syncing'),
  },
  {
    name: 'hearsay_clock_in_doubt',
    help: '1 while expired items are not purged because of the clock.',
    read: (s) => +s.clock.doubt,
  },
  {
    name: 'hearsay_store_size_bytes',
    help: 'Size of the store on disk.',
    read: (s) => s.store.sizeBytes,
  },
  {
    name: 'hearsay_store_free_bytes',
    help: 'Free space on the file system of the store.',
    read: (s) => s.store.freeBytes,
  },
  {
    name: 'hearsay_store_failing',
    help: '1 while the store cannot be written.',
    read: (s) => +(s.store.failing !== undefined),
  },
  {
    name: 'hearsay_store_commit_under_way_seconds',
    help: 'Age of the commit that the disk has not answered yet; 0 without one.',
    read: (s) => (s.store.commitMs ?? 0) / SECOND_MS,
  },
  {
    name: 'hearsay_store_loss_open',
    help: '1 while records that were lost to damage are not made up for by peers.',
    read: (s) => +(s.store.loss?.madeUp === false),
  },
  {
    name: 'hearsay_removals_held',
    help: 'Keys whose unproved removal is held back for an operator or a second peer.',
    read: (s) => s.doubts.removalsHeld,
  },
  {
    name: 'hearsay_actors_doubted',
    help: 'Actors of which a peer claims changes that nobody else has heard of.',
    read: (s) => s.doubts.actorsDoubted,
  },
  {
    name: 'hearsay_store_checked_timestamp_seconds',
    help: 'When the whole store was last checked, the start of the daemon included; seconds since 1970.',
    read: (s) => (s.store.check?.at ?? s.startedAt) / SECOND_MS,
  },
  {
    name: 'hearsay_store_damaged',
    help: '1 while the store is damaged and could not be written anew from memory.',
    read: (s) => +(s.store.check?.failure !== undefined),
  },
  {
    name: 'hearsay_heap_limit_bytes',
    help: 'JavaScript heap at which the process ends; see nodejs_heap_size_used_bytes.',
    read: (s) => s.memory.heapLimitBytes,
  },
  { name: 'hearsay_watchers', help: 'Readers of "watch".', read: (s) => s.counters['watchers'] },
  { name: 'hearsay_peers', help: 'Linked peers.', read: (s) => s.peers.length },
  {
    name: 'hearsay_peers_disagreeing',
    help: 'Linked peers whose last comparison differed.',
    read: (s) => s.peers.filter((peer) => peer.lastDigest?.agreed === false).length,
  },
  {
    name: 'hearsay_peers_without_gossip',
    help: 'Linked peers whose gossip streams are not open both ways.',
    read: (s) => s.peers.filter((peer) => !peer.gossip).length,
  },
  {
    name: 'hearsay_dots_behind',
    help: 'Greatest number of mutations that one linked peer has and this daemon lacks.',
    read: (s) => greatest(s.peers, (peer) => peer.dotsBehind),
  },
  {
    name: 'hearsay_behind_seconds',
    help: 'Longest time for which mutations of a linked peer have been missing here without a pause.',
    read: (s) => greatest(s.peers, (peer) => peer.behindMs) / SECOND_MS,
  },
  {
    name: 'hearsay_stuck_seconds',
    help: 'Longest time for which mutations of a linked peer have been missing here without getting fewer.',
    read: (s) => greatest(s.peers, (peer) => peer.stuckMs) / SECOND_MS,
  },
  {
    name: 'hearsay_quiet_seconds',
    help: 'Time since the map last changed here.',
    read: (s) => s.quietMs / SECOND_MS,
  },
]

export const PEER_GAUGES: readonly PeerGaugeEntry[] = [
  {
    name: 'hearsay_peer_dots_behind',
    help: 'Mutations that this peer has and this daemon lacks, by the last comparison.',
    read: (p) => p.dotsBehind,
  },
  {
    name: 'hearsay_peer_behind_seconds',
    help: 'For how long mutations of this peer have been missing here.',
    read: (p) => (p.dotsBehind === undefined ? undefined : (p.behindMs ?? 0) / SECOND_MS),
  },
  {
    name: 'hearsay_peer_differs_seconds',
    help: 'For how long every comparison with this peer has differed.',
    read: (p) => (p.lastDigest === undefined ? undefined : (p.differsMs ?? 0) / SECOND_MS),
  },
  {
    name: 'hearsay_peer_unanswered_seconds',
    help: 'For how long this peer was asked in vain.',
    read: (p) => (p.unansweredMs ?? 0) / SECOND_MS,
  },
  {
    name: 'hearsay_peer_clock_offset_seconds',
    help: "This peer's clock minus ours.",
    read: (p) => (p.clockOffsetMs === undefined ? undefined : p.clockOffsetMs / SECOND_MS),
  },
]

export const COUNTERS: readonly CounterEntry[] = [
  { name: 'hearsay_writes_total', help: 'Writes that were acknowledged.', from: 'counters.writes' },
  {
    name: 'hearsay_writes_refused_total',
    help: 'Writes refused because too much waited for the disk (OVERLOADED).',
    from: 'counters.writesRefused',
  },
  {
    name: 'hearsay_commits_total',
    help: 'Batches committed to the store.',
    from: 'counters.commits',
  },
  {
    name: 'hearsay_store_checks_total',
    help: 'Complete checks of the store, by "hearsay verify" and in the background.',
    from: 'counters.storeChecks',
  },
  {
    name: 'hearsay_store_checks_damaged_total',
    help: 'Checks that found damage.',
    from: 'counters.storeChecksDamaged',
  },
  {
    name: 'hearsay_store_rewrites_total',
    help: 'Times that a damaged store was written anew from memory.',
    from: 'counters.storeRewrites',
  },
  {
    name: 'hearsay_store_rolled_back_total',
    help: 'Times that the store was found older than what this daemon has acknowledged.',
    from: 'counters.storeRolledBack',
  },
  {
    name: 'hearsay_actors_retired_total',
    help: 'Times that this daemon went on under a new actor.',
    from: 'counters.actorsRetired',
  },
  {
    name: 'hearsay_gossip_deltas_received_total',
    help: 'Mutations taken from gossip.',
    from: 'counters.deltasReceived',
  },
  {
    name: 'hearsay_gossip_deltas_dropped_total',
    help: 'Mutations from gossip dropped because too much waited; repair brings them.',
    from: 'counters.gossipDropped',
  },
  {
    name: 'hearsay_gossip_messages_published_total',
    help: 'Broadcasts of this daemon.',
    from: 'transport.gossipPublished',
  },
  {
    name: 'hearsay_gossip_messages_received_total',
    help: 'Broadcasts of others that came, each once.',
    from: 'transport.gossipReceived',
  },
  {
    name: 'hearsay_gossip_duplicates_total',
    help: 'Further copies of broadcasts that had come already.',
    from: 'transport.gossipDuplicates',
  },
  {
    name: 'hearsay_gossip_messages_rejected_total',
    help: 'Broadcasts that did not decode; they do not travel on.',
    from: 'transport.gossipRejected',
  },
  {
    name: 'hearsay_gossip_published_bytes_total',
    help: 'Payload of broadcasts of this daemon.',
    from: 'transport.gossipBytesPublished',
  },
  {
    name: 'hearsay_gossip_received_bytes_total',
    help: 'Payload of broadcasts of others.',
    from: 'transport.gossipBytesReceived',
  },
  {
    name: 'hearsay_gossip_streams_reopened_total',
    help: 'Gossip streams that the watchdog opened again.',
    from: 'transport.gossipStreamsReopened',
  },
  {
    name: 'hearsay_repair_sessions_total',
    help: 'Repair sessions of this daemon as asker, by outcome.',
    from: {
      label: 'outcome',
      values: {
        equal: 'counters.sessions.equal',
        repaired: 'counters.sessions.repaired',
        busy: 'counters.sessions.busy',
        postponed: 'counters.sessions.postponed',
        failed: 'counters.sessions.failed',
      },
    },
  },
  {
    name: 'hearsay_repair_items_received_total',
    help: 'Items that repair brought.',
    from: 'counters.repairItemsReceived',
  },
  {
    name: 'hearsay_repair_items_removed_total',
    help: 'Items that repair removed.',
    from: 'counters.repairItemsRemoved',
  },
  {
    name: 'hearsay_repair_bytes_total',
    help: 'Messages of the repair sessions of this daemon as asker, both directions.',
    from: 'counters.repairMessageBytes',
  },
  {
    name: 'hearsay_repair_range_step_keys_total',
    help: 'Keys that differed although contexts agreed, found by comparing fingerprints.',
    from: 'counters.repairKeysByRangeStep',
  },
  {
    name: 'hearsay_items_refused_total',
    help: 'Items from peers that break a bound or do not decode; skipped.',
    from: 'counters.itemsRefused',
  },
  {
    name: 'hearsay_dot_conflicts_total',
    help: 'Mutations of one name with two contents: a data directory was copied or restored.',
    from: 'counters.dotConflicts',
  },
  {
    name: 'hearsay_removals_held_back_total',
    help: 'Times that unproved removals of very many keys were held back.',
    from: 'counters.removalsHeldBack',
  },
  {
    name: 'hearsay_removals_unproven_total',
    help: 'Keys that lost a value because a peer said so, within the limit for what nothing proves.',
    from: 'counters.removalsUnproven',
  },
  {
    name: 'hearsay_removals_overdue_total',
    help: 'Times that removals held back were applied because their time was up.',
    from: 'counters.removalsOverdue',
  },
  {
    name: 'hearsay_ranges_doubted_total',
    help: 'Claims of changes far beyond what was heard of an actor that were not believed at once.',
    from: 'counters.rangesDoubted',
  },
  {
    name: 'hearsay_ranges_overdue_total',
    help: 'Claims in doubt that were believed because their time was up.',
    from: 'counters.rangesOverdue',
  },
  {
    name: 'hearsay_peers_refused_total',
    help: 'Peers refused in the greeting: another cluster, version, or a copied identity.',
    from: 'counters.peersRefused',
  },
  {
    name: 'hearsay_messages_unknown_total',
    help: 'Messages of a kind that this version does not know; passed over.',
    from: 'counters.messagesUnknown',
  },
  {
    name: 'hearsay_protocol_violations_total',
    help: 'Links ended because the peer broke the protocol, by layer.',
    from: {
      label: 'layer',
      values: { message: 'counters.protocolViolations', frame: 'transport.protocolViolations' },
    },
  },
  {
    name: 'hearsay_link_messages_sent_total',
    help: 'Messages sent over links.',
    from: 'transport.messagesSent',
  },
  {
    name: 'hearsay_link_messages_received_total',
    help: 'Messages received over links.',
    from: 'transport.messagesReceived',
  },
  {
    name: 'hearsay_link_messages_dropped_total',
    help: 'Messages dropped because a link ended or its queue was full; repair heals.',
    from: 'transport.messagesDropped',
  },
  {
    name: 'hearsay_link_sent_bytes_total',
    help: 'Payload sent over links.',
    from: 'transport.bytesSent',
  },
  {
    name: 'hearsay_link_received_bytes_total',
    help: 'Payload received over links.',
    from: 'transport.bytesReceived',
  },
  {
    name: 'hearsay_links_given_up_total',
    help: 'Links given up because there were more than enough.',
    from: 'transport.linksGivenUp',
  },
  {
    name: 'hearsay_dials_failed_total',
    help: 'Dials that led to no link.',
    from: 'transport.dialsFailed',
  },
  {
    name: 'hearsay_inbound_connections_total',
    help: "Connections that came in, strangers' among them.",
    from: 'transport.connectionsInbound',
  },
  {
    name: 'hearsay_inbound_handshakes_total',
    help: 'Connections that came in and proved to hold a secret of the fleet.',
    from: 'transport.handshakesInbound',
  },
  {
    name: 'hearsay_peers_turned_away_total',
    help: 'Connections of peers that the allow list does not name.',
    from: 'transport.peersTurnedAway',
  },
  {
    name: 'hearsay_gossip_turned_away_total',
    help: 'Broadcasts of peers that the allow list does not name.',
    from: 'transport.gossipTurnedAway',
  },
  {
    name: 'hearsay_event_loop_stalls_total',
    help: 'Times that the event loop stood still for a second or more.',
    from: 'counters.eventLoopStalls',
  },
  {
    name: 'hearsay_event_loop_stalled_seconds_total',
    help: 'Time for which the event loop stood still, in stalls of a second or more.',
    from: 'counters.eventLoopStalledSeconds',
  },
]

/** Sources of all counters that have an entry. */
export function describedSources(): Set<string> {
  return new Set(
    COUNTERS.flatMap(({ from }) =>
      typeof from === 'string' ? [from] : Object.values(from.values),
    ),
  )
}
