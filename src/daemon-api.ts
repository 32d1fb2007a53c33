/**
 * What one running daemon offers to the code beside it: the control server, and programs that embed hearsay.
 *
 * Keys and values are bytes. Times are wall-clock milliseconds since 1970 unless a name says otherwise. Every promise
 * rejects with a `HearsayError`.
 */
import type { Membership } from './membership-api.ts'
import type { Neighbour, PeerId, TransportCounters } from './net/transport.ts'

/**
 * How far an answer about the map can be trusted. `absent` is not `deleted`: while `syncing`, what is missing may only
 * not have arrived yet. `complete-as-of` holds everything that was known to the fleet at `asOf`, and maybe not what
 * came later.
 */
export type Completeness =
  { state: 'complete' } | { state: 'complete-as-of'; asOf: number } | { state: 'syncing' }

/** The name of one mutation. */
export interface DotView {
  /** 32 hexadecimal digits. */
  actor: string
  counter: number
}

/** One of the concurrent values of a key, as a reader sees it. */
export interface SiblingView {
  dot: DotView
  /** `unknown` is an item whose kind this version cannot interpret; it is kept and forwarded as it is. */
  kind: 'register' | 'unknown'
  value: Uint8Array
  /** The writer's timestamp: milliseconds, and the tie-breaking tick within them. A display, not an order of events. */
  time: { ms: number; tick: number }
  expiresAt?: number
  /** Peer id of the writer where this daemon knows it, else 16 hexadecimal digits of its hash. */
  writer: string
}

/** A key with its visible siblings, the winner first. Never empty. */
export interface EntryView {
  key: Uint8Array
  siblings: SiblingView[]
  /** Names exactly these siblings (and the hidden, expired ones) as observed; hand it to `put` or `delete`. Opaque, URL-safe. */
  token: string
}

export interface WriteOptions {
  /** Absolute expiry. */
  expiresAt?: number
  /** Supersede what this token observed instead of what the daemon holds now. Throws BAD_TOKEN. */
  token?: string
}

export type Mutation =
  | { op: 'put'; key: Uint8Array; value: Uint8Array; expiresAt?: number; token?: string }
  | { op: 'delete'; key: Uint8Array; token?: string }

export interface Written {
  /** Absent when a delete found nothing to remove: then nothing was written. */
  dot?: DotView
  /** Token of the key right after this write. */
  token: string
  /** Held items this write superseded. */
  superseded: number
  /** Peers on whose disks it is; only where a client asked to wait for that. */
  durableOn?: PeerId[]
}

/** A change of one key, told as the state after it. `entry` is absent when nothing of the key is visible any more. */
export interface WatchEvent {
  key: Uint8Array
  entry?: EntryView
}

/** What one repair session did. */
export interface RepairReceipt {
  peer: PeerId
  outcome: 'equal' | 'repaired' | 'busy' | 'failed'
  /** Present when `failed`. */
  reason?: string
  keysChanged: number
  itemsReceived: number
  itemsRemoved: number
  /** Encoded messages, both directions. */
  messageBytes: number
  rounds: number
  durationMs: number
  /** Keys that the range step named, because contexts agreed and fingerprints did not. */
  keysByRangeStep: number
}

export interface DigestView {
  /** 32 hexadecimal digits each. */
  context: string
  fingerprint: string
  dots: number
  items: number
}

export interface PeerStatus extends Neighbour {
  name?: string
  /** Absent before the first comparison of this link. */
  lastDigest?: { at: number; agreed: boolean }
  /** Dots which that peer has and this one lacks, by the last comparison; absent while unknown. */
  dotsBehind?: number
  /** The peer's clock minus ours, milliseconds, by its last digest. */
  clockOffsetMs?: number
  complete?: boolean
  repairing: boolean
  /** For how long the peer was asked in vain, milliseconds; absent when it owes no answer. */
  unansweredMs?: number
  /** For how long dots of that peer have been missing here, and since when they did not get fewer; absent while none are. */
  behindMs?: number
  stuckMs?: number
  /** For how long every comparison with that peer has differed; absent when the last one agreed. */
  differsMs?: number
  /** Of the latest session of this link that changed something here, or failed. */
  lastReceipt?: RepairReceipt
}

/** Records of the store were lost to damage. */
export interface StoreLoss {
  /** When it was found, wall-clock milliseconds. */
  at: number
  /** Whether every connected peer has given what it had since; what none of them had stays lost. */
  madeUp: boolean
  /** Items that were written and were not there; absent where that cannot be told, or an earlier run found the loss. */
  items?: number
  /** What was found, for people. */
  damage?: string[]
}

/** One reading of the whole store against its checksums, hashes, sums and count. */
export interface StoreCheck {
  /** When it ended, wall-clock milliseconds. */
  at: number
  durationMs: number
  records: number
  /** Of keys and values. */
  bytes: number
  /** What was wrong, for people; empty for a store that is whole. */
  damage: string[]
  /** Whether the store was then written anew from memory, so that nothing is lost. */
  rewritten: boolean
  /** Why it could not be; the damaged store goes on. */
  failure?: string
}

/** What a backup says of itself. Identifiers and hashes are hexadecimal digits. */
export interface BackupManifest {
  /** Of the backup's layout. */
  format: 1
  /** Wall clock, milliseconds, at which the copy was begun: it is of that moment. */
  at: number
  /** Of hearsay. */
  version: string
  /** The daemon that it was made of. */
  name: string
  peerId: PeerId
  cluster: string
  map: string
  completeness: Completeness
  /** Of the store; held items are some of them. */
  records: number
  items: number
  dots: number
  actors: number
  /** Hash of the context. */
  context: string
  /** Of all held items, expired ones too. */
  fingerprint: string
  /** SHA-256 over all records. */
  checksum: string
}

/** Records of a consistent copy of the store, as they lie in it; the manifest comes last. */
export type SnapshotPart =
  { records: { key: Uint8Array; value: Uint8Array }[] } | { manifest: BackupManifest }

/** Times that the daemon stood still for a second or more, since its start. */
export interface EventLoop {
  stalls: number
  stalledMs: number
  /** `busy`: by its own work; `not-scheduled`: it was paused, swapped out or not given the processor. */
  last?: { at: number; ms: number; cause: 'busy' | 'not-scheduled' }
}

/** What peers say and this daemon does not believe (yet). */
export interface Doubts {
  /** Keys whose removal is held back: see `removals`. */
  removalsHeld: number
  /** Actors of which a peer claims mutations far beyond what was heard of them. */
  actorsDoubted: number
}

export interface HeldRemovals {
  /** Keys in all. */
  held: number
  /** The longest held ones, at most a thousand. */
  keys: {
    key: Uint8Array
    /** Who said first that it is removed. */
    peer: PeerId
    /** Wall-clock milliseconds. */
    since: number
    siblings: number
  }[]
}

export type RemovalDecision = 'approve' | 'refuse'

export interface Status {
  version: string
  name: string
  peerId: PeerId
  /** Absent until the first write of this run. */
  actor?: string
  startedAt: number
  dataDir: string
  socket?: string
  addresses: string[]
  /** Addresses that are dialled for as long as the daemon runs, as configured. */
  bootstrap: string[]
  cluster: { id: string; local: boolean }
  completeness: Completeness
  keys: number
  /** Concurrent values of one key that a local write may make. */
  siblingsMax: number
  /** Time since the map last changed here, milliseconds. */
  quietMs: number
  itemsExpired: number
  digest: DigestView
  context: {
    actors: number
    dots: number
    gaps: number
    dotsLost: number
    /** Peers told of changes that are not here; for two minutes at most where nobody turns out to have them. */
    catchingUp: boolean
  }
  clock: { doubt: boolean; reason?: string }
  store: {
    sizeBytes: number
    /** Of the file system that the data directory is on. */
    freeBytes: number
    failing?: string
    /** Age of the commit that the disk has not answered yet. */
    commitMs?: number
    loss?: StoreLoss
    /** The store was found older than what this daemon has acknowledged, lacking so many of its own mutations. */
    rolledBack?: { at: number; dots: number }
    /** The latest complete check of this run; absent before the first. At start everything is checked as well. */
    check?: StoreCheck
  }
  doubts: Doubts
  memory: { rssBytes: number; heapUsedBytes: number; heapLimitBytes: number }
  eventLoop: EventLoop
  peers: PeerStatus[]
  counters: Record<string, number>
  transport: TransportCounters
}

export interface WaitOptions {
  /** For how long other daemons are waited for, milliseconds. */
  timeoutMs: number
}

export interface Freshness {
  /** What peers wrote in so many milliseconds before the question may be missing. */
  ageMs: number
}

/** What one side has of the other. */
export interface ConvergedSide {
  /**
   * `has-all`; `behind`: mutations are missing; `held-removals`: removals are held back; `unsettled`: a difference was
   * found that one comparison could not settle; `late`, `no-answer`, `not-asked`, `link-lost`, `loss`, `store-failed`, `busy`;
   * `other`: a reason that this version does not know.
   */
  standing: string
  /** Mutations of the other side that are missing; absent while unknown. */
  lacking?: number
  /** For how long the one missing longest has been known to be missing: by no clock of its writer. */
  missingMs?: number
}

export interface ConvergedPeer {
  peer: PeerId
  name?: string
  /** What this daemon has of the peer. */
  here: ConvergedSide
  /** What the peer has of this daemon. */
  there: ConvergedSide
}

export interface Converged {
  /**
   * Whether all that was acknowledged before `asOf` at this daemon or one of `peers` is held or superseded at every one of
   * them, and what was removed is held by none.
   */
  converged: boolean
  /** Wall clock of this daemon when it was asked. */
  asOf: number
  durationMs: number
  /** Every linked peer. */
  peers: ConvergedPeer[]
  /** Known, and not linked: away, or neighbours of others. The answer does not speak of them. */
  unlinked: PeerId[]
  reason?: 'alone' | 'linked-meanwhile' | 'loss' | 'store-failed' | 'busy'
}

/** Who keeps the answer for a whole fleet from being yes. */
export interface FleetLaggard {
  peer: PeerId
  /** Empty while unknown. */
  name: string
  /** As `ConvergedSide.standing`, or `linked-meanwhile`. */
  why: string
  lacking?: number
  missingMs?: number
}

/** As `Converged`, of all daemons that can be reached over links from one to the next. */
export interface ConvergedFleet {
  converged: boolean
  asOf: number
  durationMs: number
  /** Daemons that the answer speaks of, this one included. */
  count: number
  /** Their peer ids, as far as one answer names them: all when they are as many as `count`. */
  members: PeerId[]
  laggards: FleetLaggard[]
  /** Known to this daemon, and not reached. The answer does not speak of them. */
  unreached: PeerId[]
  reason?: 'alone'
}

export interface ScanOptions {
  prefix?: Uint8Array
  /** Only keys after this one. */
  after?: Uint8Array
  limit: number
}

export interface Daemon {
  readonly peerId: PeerId
  /** Who belongs to the fleet. */
  readonly membership: Membership
  /** What needs other daemons, and how far they are. */
  readonly waits: {
    /** Whether what was written before this call is on every linked peer. */
    converged(options: WaitOptions): Promise<Converged>
    /** The same of all daemons that can be reached over links, by way of those between. */
    convergedFleet(options: WaitOptions): Promise<ConvergedFleet>
    /**
     * The peers on whose disks a write of this daemon is, as soon as they are `peers`, or those that are when the time is
     * over: it stays written here either way.
     */
    confirm(
      key: Uint8Array,
      written: Written,
      options: WaitOptions & { peers: number },
    ): Promise<PeerId[]>
    /** Resolves when what a token of another daemon names can be read here. Throws BAD_TOKEN, NOT_HERE_YET. */
    arrival(key: Uint8Array, token: string, options: WaitOptions): Promise<void>
    /**
     * Resolves when this daemon is known to have all that every known peer had `staleMs` before this call, or later. Throws
     * TOO_STALE.
     */
    freshen(options: WaitOptions & { staleMs: number }): Promise<Freshness>
  }
  /** One atomic step on the local map, in the order of calls; resolves when it is durable. */
  write(mutations: Mutation[]): Promise<Written[]>
  put(key: Uint8Array, value: Uint8Array, options?: WriteOptions): Promise<Written>
  delete(key: Uint8Array, options?: { token?: string }): Promise<Written>
  get(key: Uint8Array): EntryView | undefined
  /** Visible keys in byte order, at most `limit` of them. */
  scan(options: ScanOptions): EntryView[]
  /**
   * Changes of keys under `prefix` from now on, until `signal` aborts. Changes of one key that the reader has not yet
   * taken are folded into its latest state. A reader too far behind ends with WATCH_OVERFLOW and must read anew.
   */
  watch(prefix: Uint8Array, signal: AbortSignal): AsyncIterable<WatchEvent>
  completeness(): Completeness
  status(): Promise<Status>
  peers(): PeerStatus[]
  /** What keeps this daemon from doing its work, for whoever might restart it; undefined while nothing does. */
  ailment(): string | undefined
  connect(address: string): Promise<PeerId>
  /** Runs one repair session now, with the given peer or with every connected one. Throws UNKNOWN_PEER. */
  repair(peer?: PeerId): Promise<RepairReceipt[]>
  /** Removals of very many keys that are held back because nothing proves them (R13). */
  removals(): HeldRemovals
  /** Lets them go, or writes the items anew. How many keys that are. */
  decideRemovals(decision: RemovalDecision): number
  /** Reads the whole store and checks it. A damaged one is written anew from memory. */
  verify(): Promise<StoreCheck>
  /** A consistent copy of the store, checked on the way. Throws STORE_DAMAGED in place of its end. */
  snapshot(): AsyncIterable<SnapshotPart>
  /** Prometheus text exposition. */
  metrics(): Promise<string>
  /** Commits what is under way, leaves the fleet, closes the store. */
  stop(): Promise<void>
}
