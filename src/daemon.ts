/**
 * The composition root: data directory, engine, transport and control socket become one daemon.
 *
 * Order of start: the data directory with its lock, the replica, the network, the control socket; so a daemon that answers
 * on its socket is whole. Order of stop: the socket (no new work), the engine (what is under way is committed), the
 * network, the store.
 */
import { randomBytes } from 'node:crypto'
import path from 'node:path'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import type { Logger } from 'pino'

import type { DaemonConfig } from './config/config.ts'
import { readKeyFile } from './config/key-file.ts'
import { startControlServer } from './control/server.ts'
import type { ControlServer } from './control/server.ts'
import { toBinary, toHex } from './core/bytes.ts'
import { SIZES } from './core/repair/sizes.ts'
import type { EngineOptions } from './core/settings.ts'
import { decodeGossip } from './core/wire/gossip.ts'
import type { LocalMutation, LocalResult } from './core/writes.ts'
import { adoptStore } from './daemon/adoption.ts'
import { AllowList } from './daemon/allow-list.ts'
import { CoreDriver, loadEngine, nowOfProcess } from './daemon/core-driver.ts'
import { clusterOf, peerHash, serviceName } from './daemon/identity.ts'
import type { Cluster } from './daemon/identity.ts'
import { Health, storeAilment } from './daemon/health.ts'
import { FleetMembership } from './daemon/membership.ts'
import { snapshot } from './daemon/snapshot.ts'
import { StoreChecker } from './daemon/store-check.ts'
import type { Metrics } from './daemon/metrics.ts'
import { removalsView } from './daemon/removals.ts'
import { peersOf, receiptView, statusOf, storeState } from './daemon/status.ts'
import { decodeToken, encodeToken } from './daemon/token.ts'
import { dotView, Views } from './daemon/views.ts'
import { Waits } from './daemon/waits.ts'
import { Watchers } from './daemon/watchers.ts'
import type {
  Completeness,
  Daemon,
  EntryView,
  HeldRemovals,
  Mutation,
  PeerStatus,
  RemovalDecision,
  RepairReceipt,
  ScanOptions,
  SnapshotPart,
  Status,
  StoreCheck,
  WatchEvent,
  WriteOptions,
  Written,
} from './daemon-api.ts'
import { HearsayError } from './errors.ts'
import { AddressBook } from './net/address-book.ts'
import { createLibp2pTransport } from './net/libp2p-transport.ts'
import type { GossipVerdict, PeerId, Transport } from './net/transport.ts'
import { openDataDirectory } from './store/data-dir.ts'
import type { DataDirectory } from './store/data-dir.ts'
import { VERSION } from './version.ts'

const ADDRESS_BOOK_FILE = 'peers.json'
const ALLOW_FILE = 'allow.json'

/** Links beyond this many times those wanted are given up: far enough from it that links do not come and go. */
const LINKS_MAX_FACTOR = 5 / 3

export interface DaemonOptions {
  log: Logger
  /** Called when the daemon must not go on; it has stopped by then. */
  onFatal?: (error: HearsayError) => void
}

/** Starts a daemon. Throws a `HearsayError` that says what keeps it from starting. */
export async function createDaemon(config: DaemonConfig, options: DaemonOptions): Promise<Daemon> {
  const key = config.networkKey === undefined ? undefined : readKeyFile(config.networkKey)
  const cluster = clusterOf(key)
  if (config.adopt && key === undefined) {
    const message =
      'adopt: there is no network key, so there is no cluster to take the store into; name the key file of the fleet with --network-key FILE'
    throw new HearsayError('BAD_CONFIG', message)
  }
  if (config.discovery.mdns && key === undefined) {
    const message =
      'discovery.mdns: without a network key a daemon is reached from its own machine alone, so nobody on the network could connect to what it found; set networkKey, or turn it off'
    throw new HearsayError('BAD_CONFIG', message)
  }
  const data = await openDataDirectory(config.data)
  try {
    const allow = await AllowList.open(path.join(data.path, ALLOW_FILE), config.allow)
    if (config.adopt) await adoptStore(data, cluster, options.log)
    const book = await AddressBook.open(path.join(data.path, ADDRESS_BOOK_FILE), options.log)
    const hasPeers = config.bootstrap.length > 0 || book.size > 0 || config.discovery.mdns
    await book.close()
    const peerId = peerIdFromPrivateKey(data.identity).toString()
    const engineOptions = engineOptionsOf(config, cluster, peerId, hasPeers)
    const loaded = await loadEngine(data, engineOptions, options.log)
    const transport = createLibp2pTransport({
      privateKey: data.identity,
      listen: config.listen,
      announce: config.announce,
      bootstrap: config.bootstrap,
      ...(config.discovery.mdns ? { discovery: serviceName(cluster.id) } : {}),
      topic: `/hearsay/1/${toHex(toBinary(cluster.map))}`,
      admission: key?.secrets ?? [],
      allows: (peer) => allow.allows(peer),
      log: options.log,
      addressBookFile: path.join(data.path, ADDRESS_BOOK_FILE),
      tuning: {
        heartbeatIntervalMs: config.gossip.heartbeat,
        connectionsMax: config.connections.max,
        ...linkBounds(config.connections),
        dialBackoffMaxMs: config.connections.dialBackoffMax,
      },
    })
    const membership = new FleetMembership({
      transport,
      allow,
      key: key && { file: config.networkKey ?? '', key },
      log: options.log,
    })
    const parts = { config, options, cluster, data, engineOptions, transport, membership }
    const daemon = new RunningDaemon(parts)
    await daemon.start(loaded)
    return daemon
  } catch (error) {
    await data.close()
    throw error
  }
}

/** Room for those who come must be left below the bound at which connections are refused. */
function linkBounds({ max, wanted }: DaemonConfig['connections']): {
  linksWanted: number
  linksMax: number
} {
  const linksWanted = Math.min(wanted, max)
  return { linksWanted, linksMax: Math.min(max, Math.ceil(linksWanted * LINKS_MAX_FACTOR)) }
}

function engineOptionsOf(
  config: DaemonConfig,
  cluster: Cluster,
  peerId: string,
  hasPeers: boolean,
): EngineOptions {
  return {
    settings: config,
    sizes: SIZES,
    hash: cluster.hash,
    random: {
      bytes: (count) => randomBytes(count),
      float: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
    },
    map: cluster.map,
    peerHash: peerHash(peerId),
    peerId,
    name: config.name,
    hasPeers,
    first: config.first,
  }
}

interface Parts {
  config: DaemonConfig
  options: DaemonOptions
  cluster: Cluster
  data: DataDirectory
  engineOptions: EngineOptions
  transport: Transport
  membership: FleetMembership
}

class RunningDaemon implements Daemon {
  readonly peerId: PeerId
  readonly membership: FleetMembership
  readonly waits: Waits
  readonly #parts: Parts
  readonly #views = new Views()
  #metrics: Promise<Metrics> | undefined
  readonly #watchers: Watchers
  readonly #startedAt = Date.now()
  #driver!: CoreDriver
  #health!: Health
  #checker!: StoreChecker
  #control: ControlServer | undefined
  #stopping: Promise<void> | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.peerId = parts.transport.self
    this.membership = parts.membership
    this.waits = new Waits({
      driver: () => this.#driver,
      known: () => parts.membership.known(),
      expectsPeers: parts.config.bootstrap.length > 0,
    })
    this.#views.knowPeer(this.peerId)
    this.#watchers = new Watchers(parts.config.limits, (key) => this.#read(key))
  }

  async start(loaded: ConstructorParameters<typeof CoreDriver>[1]): Promise<void> {
    const { config, options, data, engineOptions, transport } = this.#parts
    const { log } = options
    this.#driver = new CoreDriver(
      {
        data,
        options: engineOptions,
        transport,
        log,
        publish: (bytes) => {
          if (config.gossip.enabled) transport.publish(bytes)
        },
        changed: (keys) => this.#watchers.changed(keys),
        fatal: (error) => this.#fatal(error),
      },
      loaded,
    )
    this.#health = new Health({
      log,
      peers: () => peersOf(this.#driver, transport),
      dots: () => this.#driver.engine.replica.context.dots,
    })
    this.#checker = new StoreChecker({
      store: () => data.store,
      hash: engineOptions.hash,
      rewrite: (damaged) => this.#driver.rewriteStore(damaged),
      log,
      intervalMs: config.store.scrubInterval,
      random: () => engineOptions.random.float(),
    })
    try {
      await transport.start({
        linkUp: (peer) => {
          this.#views.knowPeer(peer)
          this.#driver.handle({ type: 'linkUp', peer })
        },
        linkDown: (peer) => this.#driver.handle({ type: 'linkDown', peer }),
        message: (peer, bytes) => this.#driver.handle({ type: 'message', peer, bytes }),
        gossip: (author, bytes) => this.#gossip(author, bytes),
        // The one that was there before goes on: it is the later one that must find an identity of its own.
        duplicateIdentity: (address, startedLater) => {
          if (startedLater) this.#fatal(duplicateIdentity(this.peerId, address))
        },
      })
      this.#control = await startControlServer({
        daemon: this,
        socketPath: config.socket.path,
        mode: config.socket.mode,
        ...(config.socket.group === undefined ? {} : { group: config.socket.group }),
        version: VERSION,
        log,
      })
    } catch (error) {
      this.#health.stop()
      await this.#checker.stop()
      await this.#driver.stop()
      await transport.close()
      throw error
    }
  }

  async write(mutations: Mutation[]): Promise<Written[]> {
    const results = await this.#driver.write(mutations.map(localMutation))
    return results.map((result, index) => written(mutations[index]!.key, result))
  }

  async put(key: Uint8Array, value: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const [result] = await this.write([{ op: 'put', key, value, ...options }])
    return result!
  }

  async delete(key: Uint8Array, options: { token?: string } = {}): Promise<Written> {
    const [result] = await this.write([{ op: 'delete', key, ...options }])
    return result!
  }

  get(key: Uint8Array): EntryView | undefined {
    return this.#views.get(this.#driver.read(), toBinary(key), Date.now())
  }

  scan(options: ScanOptions): EntryView[] {
    return [...this.#views.scan(this.#driver.read(), options, Date.now())]
  }

  watch(prefix: Uint8Array, signal: AbortSignal): AsyncIterable<WatchEvent> {
    return this.#watchers.watch(toBinary(prefix), signal)
  }

  completeness(): Completeness {
    return this.#driver.engine.completeness(nowOfProcess())
  }

  status(): Promise<Status> {
    const { config, cluster, data, transport } = this.#parts
    return statusOf({
      config,
      cluster,
      data,
      transport,
      driver: this.#driver,
      health: this.#health,
      checker: this.#checker,
      startedAt: this.#startedAt,
      watchers: this.#watchers.count,
    })
  }

  ailment(): string | undefined {
    return storeAilment(storeState(this.#driver))
  }

  peers(): PeerStatus[] {
    return this.#health.withTimes(peersOf(this.#driver, this.#parts.transport))
  }

  connect(address: string): Promise<PeerId> {
    return this.#parts.transport.connect(address)
  }

  async repair(peer?: PeerId): Promise<RepairReceipt[]> {
    const linked = [...this.#driver.engine.links.peers.keys()]
    if (peer !== undefined && !linked.includes(peer)) {
      const message = `there is no connection to peer ${peer}; \`peers\` lists those there are`
      throw new HearsayError('UNKNOWN_PEER', message)
    }
    const receipts: RepairReceipt[] = []
    for (const one of peer === undefined ? linked : [peer]) {
      receipts.push(receiptView(one, await this.#driver.repair(one)))
    }
    return receipts
  }

  removals(): HeldRemovals {
    const { mono, wall } = nowOfProcess()
    return removalsView(this.#driver.engine, { mono, wall })
  }

  decideRemovals(decision: RemovalDecision): number {
    const { removals } = this.#driver.engine.doubts()
    this.#driver.handle({ type: 'removals', decision })
    return removals
  }

  verify(): Promise<StoreCheck> {
    return this.#checker.verify()
  }

  snapshot(): AsyncIterable<SnapshotPart> {
    const { config, cluster, data } = this.#parts
    return snapshot(data.store, cluster.hash, {
      version: VERSION,
      name: config.name,
      peerId: this.peerId,
      cluster: toHex(toBinary(cluster.id)),
      map: toHex(toBinary(cluster.map)),
      completeness: this.completeness(),
    })
  }

  async metrics(): Promise<string> {
    this.#metrics ??= newMetrics()
    return (await this.#metrics).render(await this.status())
  }

  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop())
  }

  async #stop(): Promise<void> {
    const { data, transport } = this.#parts
    await this.#checker.stop()
    await this.#control?.close()
    this.#health.stop()
    await this.#driver.stop()
    await transport.close()
    await data.close()
  }

  #read(key: string): EntryView | undefined {
    return this.#views.get(this.#driver.engine.replica, key, Date.now())
  }

  #gossip(author: PeerId, bytes: Uint8Array): GossipVerdict {
    const { cluster, config } = this.#parts
    if (!config.gossip.enabled) return 'ignore'
    const deltas = decodeGossip(bytes, cluster.hash)
    if (deltas === undefined) return 'reject'
    this.#driver.handle({ type: 'gossip', author, deltas, bytes: bytes.length })
    return this.#driver.engine.links.needsForwarding(author) ? 'forward' : 'ignore'
  }

  #fatal(error: HearsayError): void {
    const { log, onFatal } = this.#parts.options
    log.fatal({ code: error.code }, error.message)
    void this.stop().then(() => onFatal?.(error))
  }
}

/** Loaded when first asked for: it is a tenth of what a start would have to load. What it counts itself begins then. */
async function newMetrics(): Promise<Metrics> {
  const { Metrics: Loaded } = await import('./daemon/metrics.ts').catch((cause: unknown) => {
    const message =
      'the files of the program were replaced since this daemon was started: restart it'
    throw new HearsayError('PROGRAM_REPLACED', message, { cause })
  })
  return new Loaded()
}

function duplicateIdentity(peerId: PeerId, address: string): HearsayError {
  return new HearsayError(
    'DUPLICATE_IDENTITY',
    `another process at ${address} runs under this daemon's peer id ${peerId}, from a copy of its data directory: start this one with a data directory of its own`,
  )
}

function localMutation(mutation: Mutation): LocalMutation {
  const key = toBinary(mutation.key)
  const observed =
    mutation.token === undefined ? {} : { observed: decodeToken(key, mutation.token) }
  if (mutation.op === 'delete') return { op: 'delete', key, ...observed }
  const { value, expiresAt } = mutation
  return { op: 'put', key, value, expiry: expiresAt ?? 0, ...observed }
}

function written(key: Uint8Array, result: LocalResult): Written {
  const { dot, superseded } = result
  const token = tokenOf(toBinary(key), result)
  return dot === undefined ? { token, superseded } : { dot: dotView(dot), token, superseded }
}

/** Of a delete also what it is known by elsewhere: nothing that is held names it. */
function tokenOf(key: string, { dot, held, removed }: LocalResult): string {
  const isHeld = held.some((one) => one.actor === dot?.actor && one.counter === dot.counter)
  if (dot === undefined || isHeld) return encodeToken(key, held)
  return encodeToken(key, held, { made: dot, gone: removed })
}
