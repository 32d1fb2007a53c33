/**
 * A daemon without network and disk, for tests of what stands in front of one: a register map in memory with dots,
 * tokens, siblings, expiry at reads, grouped commits, and watches that fold and overflow. Daemons that share a
 * `neighbourhood` can be linked under `/memory/NAME` and repair by taking over each other's whole state.
 */
import { createHash, randomBytes } from 'node:crypto'
import type {
  Completeness,
  Converged,
  ConvergedFleet,
  Daemon,
  EntryView,
  Freshness,
  HeldRemovals,
  Mutation,
  PeerStatus,
  RemovalDecision,
  RepairReceipt,
  ScanOptions,
  SiblingView,
  SnapshotPart,
  Status,
  StoreCheck,
  WatchEvent,
  WriteOptions,
  Written,
} from '../../src/daemon-api.ts'
import { HearsayError } from '../../src/errors.ts'
import { zeroCounters } from '../../src/net/transport.ts'
import { MapMembership } from './map-membership.ts'

interface Item extends SiblingView {
  key: string
}

export interface Watcher {
  prefix: string
  dirty: Map<string, true>
  overflown: boolean
  wake: () => void
}

export interface MapDaemonOptions {
  name?: string
  neighbourhood?: Map<string, MapDaemon>
  /** Keys that a watch holds for its reader. */
  watchKeysMax?: number
  valueBytesMax?: number
}

const binary = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const bytesOf = (key: string): Uint8Array => Buffer.from(key, 'latin1')
const dotName = ({ actor, counter }: SiblingView['dot']): string => `${actor}.${counter}`

export class MapDaemon implements Daemon {
  readonly peerId: string
  readonly actor = randomBytes(16).toString('hex')
  completenessNow: Completeness = { state: 'complete' }
  writesUnderWayMost = 0
  readonly watchers = new Set<Watcher>()
  readonly #options: Required<Omit<MapDaemonOptions, 'neighbourhood'>>
  readonly #neighbourhood: Map<string, MapDaemon>
  readonly #held = new Map<string, Item[]>()
  readonly #seen = new Set<string>()
  readonly #links = new Map<string, PeerStatus>()
  readonly membership = new MapMembership(
    () => [...this.#links.keys()],
    (peer) => this.#links.delete(peer),
  )
  readonly #startedAt = Date.now()
  #sortedKeys: string[] | undefined
  #counter = 0
  #commitGate: Promise<void> = Promise.resolve()
  #lastCommit: Promise<void> = Promise.resolve()
  #writesUnderWay = 0

  constructor(options: MapDaemonOptions = {}) {
    const { name = 'alone', watchKeysMax = 1000, valueBytesMax = 16 * 1024 * 1024 } = options
    this.#options = { name, watchKeysMax, valueBytesMax }
    this.#neighbourhood = options.neighbourhood ?? new Map()
    this.peerId = `12D3Koo-${name}`
    this.#neighbourhood.set(name, this)
  }

  /** Lets no commit begin until the function that it returns is called. */
  holdCommits(): () => void {
    let release: (() => void) | undefined
    this.#commitGate = new Promise((resolve) => {
      release = resolve
    })
    return () => release?.()
  }

  async write(mutations: Mutation[]): Promise<Written[]> {
    for (const mutation of mutations) this.#check(mutation)
    this.writesUnderWayMost = Math.max(this.writesUnderWayMost, ++this.#writesUnderWay)
    const committed = this.#lastCommit.then(() => this.#commitGate)
    this.#lastCommit = committed
    await committed
    this.#writesUnderWay -= 1
    return mutations.map((mutation) => this.#apply(mutation))
  }

  async put(key: Uint8Array, value: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const [written] = await this.write([{ op: 'put', key, value, ...options }])
    return written as Written
  }

  async delete(key: Uint8Array, options: { token?: string } = {}): Promise<Written> {
    const [written] = await this.write([{ op: 'delete', key, ...options }])
    return written as Written
  }

  #check(mutation: Mutation): void {
    if (mutation.key.length === 0) throw new HearsayError('EMPTY_KEY', 'the key is empty')
    if (mutation.key.length > 1024) throw new HearsayError('KEY_TOO_LARGE', 'the key is too large')
    if (mutation.op === 'put' && mutation.value.length > this.#options.valueBytesMax) {
      throw new HearsayError('VALUE_TOO_LARGE', 'the value is too large')
    }
    if (mutation.token !== undefined) observedBy(mutation.token)
  }

  #apply(mutation: Mutation): Written {
    const key = binary(mutation.key)
    const held = this.#held.get(key) ?? []
    const observed = mutation.token === undefined ? undefined : observedBy(mutation.token)
    const kept = held.filter((item) => observed !== undefined && !observed.has(dotName(item.dot)))
    const superseded = held.length - kept.length
    if (mutation.op === 'delete' && superseded === 0) return { token: tokenOf(kept), superseded }
    const dot = { actor: this.actor, counter: ++this.#counter }
    this.#seen.add(dotName(dot))
    if (mutation.op === 'put') {
      const ms = Math.max(
        Date.now(),
        ...held.filter((item) => !kept.includes(item)).map((item) => item.time.ms + 1),
      )
      const expiry = mutation.expiresAt === undefined ? {} : { expiresAt: mutation.expiresAt }
      const time = { ms, tick: 0 }
      kept.push({
        key,
        dot,
        kind: 'register',
        value: mutation.value,
        time,
        writer: this.peerId,
        ...expiry,
      })
    }
    this.#replace(key, kept)
    return { dot, token: tokenOf(kept), superseded }
  }

  #replace(key: string, items: Item[]): void {
    if (!this.#held.has(key) || items.length === 0) this.#sortedKeys = undefined
    if (items.length === 0) this.#held.delete(key)
    else this.#held.set(key, items)
    for (const watcher of this.watchers) {
      if (!key.startsWith(watcher.prefix) || watcher.overflown) continue
      watcher.dirty.set(key, true)
      if (watcher.dirty.size > this.#options.watchKeysMax) {
        watcher.overflown = true
        watcher.dirty.clear()
      }
      watcher.wake()
    }
  }

  get(key: Uint8Array): EntryView | undefined {
    return this.#entry(binary(key))
  }

  #entry(key: string): EntryView | undefined {
    const held = this.#held.get(key) ?? []
    const now = Date.now()
    const visible = held.filter((item) => item.expiresAt === undefined || item.expiresAt > now)
    if (visible.length === 0) return undefined
    visible.sort((a, b) => b.time.ms - a.time.ms || (dotName(a.dot) < dotName(b.dot) ? 1 : -1))
    const siblings = visible.map(({ key: _key, ...sibling }) => sibling)
    return { key: bytesOf(key), siblings, token: tokenOf(held) }
  }

  scan({ prefix, after, limit }: ScanOptions): EntryView[] {
    const keys = (this.#sortedKeys ??= [...this.#held.keys()].sort())
    const start = prefix === undefined ? '' : binary(prefix)
    const behind = after === undefined ? undefined : binary(after)
    const entries: EntryView[] = []
    let at = lowerBound(keys, behind !== undefined && behind > start ? behind : start)
    for (; at < keys.length && entries.length < limit; at++) {
      const key = keys[at] ?? ''
      if (!key.startsWith(start)) break
      const entry = key === behind ? undefined : this.#entry(key)
      if (entry !== undefined) entries.push(entry)
    }
    return entries
  }

  async *watch(prefix: Uint8Array, signal: AbortSignal): AsyncGenerator<WatchEvent> {
    const watcher: Watcher = {
      prefix: binary(prefix),
      dirty: new Map(),
      overflown: false,
      wake() {},
    }
    this.watchers.add(watcher)
    const onAbort = (): void => watcher.wake()
    signal.addEventListener('abort', onAbort)
    try {
      while (!signal.aborted) {
        if (watcher.overflown)
          throw new HearsayError('WATCH_OVERFLOW', 'the reader is too far behind')
        const [key] = watcher.dirty.keys()
        if (key === undefined) {
          await new Promise<void>((resolve) => (watcher.wake = resolve))
          continue
        }
        watcher.dirty.delete(key)
        const entry = this.#entry(key)
        yield { key: bytesOf(key), ...(entry === undefined ? {} : { entry }) }
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      this.watchers.delete(watcher)
    }
  }

  completeness(): Completeness {
    return this.completenessNow
  }

  status(): Promise<Status> {
    const items = [...this.#held.values()].flat()
    return Promise.resolve({
      version: '0.0.0-test',
      name: this.#options.name,
      peerId: this.peerId,
      ...(this.#counter === 0 ? {} : { actor: this.actor }),
      startedAt: this.#startedAt,
      dataDir: '/nowhere',
      addresses: [`/memory/${this.#options.name}`],
      bootstrap: [],
      cluster: { id: hash('test'), local: true },
      completeness: this.completenessNow,
      keys: this.#held.size,
      siblingsMax: 64,
      quietMs: 0,
      itemsExpired: items.filter((item) => (item.expiresAt ?? Infinity) <= Date.now()).length,
      digest: {
        context: hash(String(this.#seen.size)),
        fingerprint: hash(String(items.length)),
        dots: this.#seen.size,
        items: items.length,
      },
      context: { actors: 1, dots: this.#seen.size, gaps: 0, dotsLost: 0, catchingUp: false },
      clock: { doubt: false },
      store: { sizeBytes: 0, freeBytes: 0 },
      doubts: { removalsHeld: this.removals().held, actorsDoubted: 0 },
      memory: { rssBytes: process.memoryUsage.rss(), heapUsedBytes: 0, heapLimitBytes: 0 },
      eventLoop: { stalls: 0, stalledMs: 0 },
      peers: this.peers(),
      counters: { writes: this.#counter },
      transport: zeroCounters(),
    })
  }

  /** Linked peers confirm at once; what `missing` says has not arrived, and `ageMs` is how stale it is. */
  readonly waits = {
    missing: 0,
    ageMs: 0,
    converged: (): Promise<Converged> => {
      const has = { standing: 'has-all', lacking: 0 }
      const peers = this.peers().map(({ peer }) => ({ peer, here: has, there: has }))
      const answer = { converged: true, asOf: Date.now(), durationMs: 0, peers, unlinked: [] }
      return Promise.resolve(answer)
    },
    convergedFleet: (): Promise<ConvergedFleet> => {
      const laggards = [{ peer: 'p', name: '', why: 'behind', lacking: 3, missingMs: 5 }]
      const members = [this.peerId, ...this.#links.keys()]
      const counted = { count: members.length, members, laggards, unreached: [] }
      return Promise.resolve({ converged: false, asOf: Date.now(), durationMs: 0, ...counted })
    },
    confirm: (): Promise<string[]> => Promise.resolve([...this.#links.keys()]),
    arrival: (_key: Uint8Array, token: string): Promise<void> => {
      observedBy(token)
      if (this.waits.missing === 0) return Promise.resolve()
      return Promise.reject(new HearsayError('NOT_HERE_YET', `${this.waits.missing} are missing`))
    },
    freshen: ({ staleMs }: { staleMs: number }): Promise<Freshness> => {
      const { ageMs } = this.waits
      if (ageMs <= staleMs) return Promise.resolve({ ageMs })
      return Promise.reject(new HearsayError('TOO_STALE', `may be ${ageMs} ms old`))
    },
  }

  /** One key is held back until it is decided on. */
  removals(): HeldRemovals {
    if (this.decided !== undefined) return { held: 0, keys: [] }
    const key = Uint8Array.of(0xff, 0x61)
    return { held: 1, keys: [{ key, peer: 'far', since: 1_700_000_000_000, siblings: 2 }] }
  }

  decided: RemovalDecision | undefined

  decideRemovals(decision: RemovalDecision): number {
    const { held } = this.removals()
    this.decided = decision
    return held
  }

  ailment(): undefined {
    return undefined
  }

  peers(): PeerStatus[] {
    return [...this.#links.values()]
  }

  async connect(address: string): Promise<string> {
    const name = /^\/memory\/(.+)$/.exec(address)?.[1]
    if (name === undefined) throw new HearsayError('BAD_ADDRESS', `${address} is not /memory/NAME`)
    const other = this.#neighbourhood.get(name)
    if (other === undefined) throw new HearsayError('CONNECT_FAILED', `nobody is called ${name}`)
    this.#link(other, 'outbound')
    other.#link(this, 'inbound')
    return Promise.resolve(other.peerId)
  }

  #link(other: MapDaemon, direction: 'inbound' | 'outbound'): void {
    const { peerId: peer } = other
    const address = `/memory/${other.#options.name}`
    this.#links.set(peer, {
      peer,
      address,
      direction,
      connectedAt: Date.now(),
      gossip: false,
      repairing: false,
    })
  }

  async repair(peer?: string): Promise<RepairReceipt[]> {
    const links =
      peer === undefined ? this.peers() : this.peers().filter((link) => link.peer === peer)
    if (peer !== undefined && links.length === 0) {
      throw new HearsayError('UNKNOWN_PEER', `no link with ${peer}`)
    }
    return Promise.resolve(links.map((link) => this.#repairWith(link)))
  }

  #repairWith(link: PeerStatus): RepairReceipt {
    const other = [...this.#neighbourhood.values()].find(({ peerId }) => peerId === link.peer)
    const receipt = {
      peer: link.peer,
      messageBytes: 0,
      rounds: 1,
      durationMs: 0,
      keysByRangeStep: 0,
    }
    const counts = { keysChanged: 0, itemsReceived: 0, itemsRemoved: 0 }
    if (other === undefined) {
      return { ...receipt, ...counts, outcome: 'failed', reason: 'the peer has stopped' }
    }
    for (const key of new Set([...this.#held.keys(), ...other.#held.keys()])) {
      const ours = this.#held.get(key) ?? []
      const theirs = other.#held.get(key) ?? []
      const names = new Set(theirs.map((item) => dotName(item.dot)))
      const kept = ours.filter(
        ({ dot }) => names.has(dotName(dot)) || !other.#seen.has(dotName(dot)),
      )
      const taken = theirs.filter(({ dot }) => !this.#seen.has(dotName(dot)))
      if (kept.length === ours.length && taken.length === 0) continue
      counts.keysChanged += 1
      counts.itemsReceived += taken.length
      counts.itemsRemoved += ours.length - kept.length
      this.#replace(key, [...kept, ...taken])
    }
    for (const dot of other.#seen) this.#seen.add(dot)
    const outcome = counts.keysChanged === 0 ? 'equal' : 'repaired'
    const done: RepairReceipt = { ...receipt, ...counts, outcome }
    this.#links.set(link.peer, {
      ...link,
      lastReceipt: done,
      lastDigest: { at: Date.now(), agreed: true },
    })
    return done
  }

  /** There is no disk that could forget. */
  verify(): Promise<StoreCheck> {
    const records = [...this.#held.values()].flat().length
    const found = { records, bytes: 0, damage: [], rewritten: false }
    return Promise.resolve({ at: Date.now(), durationMs: 0, ...found })
  }

  /** Nothing that a store would take: it has none. */
  async *snapshot(): AsyncGenerator<SnapshotPart> {
    const [key, value] = [Buffer.from('k'), Buffer.from('v')]
    yield { records: [{ key, value }] }
    const { name, version, cluster, digest } = await this.status()
    const { context, fingerprint, dots, items } = digest
    const held = { items, dots, actors: 1, context, fingerprint }
    const origin = { version, name, peerId: this.peerId, cluster: cluster.id, map: hash('map') }
    const manifest = { ...origin, ...held, completeness: this.completenessNow }
    const checksum = createHash('sha256').update(key).update(value).digest('hex')
    yield { manifest: { format: 1, at: Date.now(), records: 1, checksum, ...manifest } }
  }

  metrics(): Promise<string> {
    return Promise.resolve(`# TYPE hearsay_keys gauge\nhearsay_keys ${this.#held.size}\n`)
  }

  stop(): Promise<void> {
    this.#neighbourhood.delete(this.#options.name)
    return this.#lastCommit
  }
}

const hash = (text: string): string => Buffer.from(text.padEnd(16)).toString('hex').slice(0, 32)

function tokenOf(items: Item[]): string {
  return items.length === 0 ? '0' : items.map((item) => dotName(item.dot)).join('_')
}

function observedBy(token: string): Set<string> {
  if (!/^(0|[0-9a-f]{32}\.\d+(_[0-9a-f]{32}\.\d+)*)$/.test(token)) {
    throw new HearsayError('BAD_TOKEN', `${JSON.stringify(token)} is no version token`)
  }
  return new Set(token.split('_'))
}

function lowerBound(keys: string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((keys[middle] ?? '') < key) low = middle + 1
    else high = middle
  }
  return low
}
