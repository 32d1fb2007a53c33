/**
 * Talks to a daemon over its control socket. Used by the command line, and by any program beside a daemon.
 *
 * Every method rejects with a `HearsayError`: with the daemon's own code when the daemon refused; NO_DAEMON when nothing
 * answers at the socket; DAEMON_FAILED when what answers is not hearsay, or the connection broke under way; TIMEOUT.
 *
 * Each stream has a connection of its own. Other requests share some that stay open for a moment: no request waits behind
 * another one, and there is nothing to close; an idle connection does not keep the process from ending. What needs
 * throughput goes through `write`.
 *
 * Streams (`list`, `export`, `watch`, `write`) are read at the caller's pace; leaving a `for await` early ends the
 * request.
 */
import { Agent } from 'node:http'
import type {
  Completeness,
  Converged,
  ConvergedFleet,
  DotView,
  EntryView,
  HeldRemovals,
  Mutation,
  PeerStatus,
  RemovalDecision,
  RepairReceipt,
  SiblingView,
  SnapshotPart,
  Status,
  StoreCheck,
  WatchEvent,
  WriteOptions,
  Written,
} from '../daemon-api.ts'
import type {
  AllowChange,
  AllowView,
  HungUp,
  KnownPeer,
  NetworkKeyView,
} from '../membership-api.ts'
import type { PeerId } from '../net/transport.ts'
import { HearsayError } from '../errors.ts'
import { clientWrites, type WriteAnswer } from './client-writes.ts'
import { answerText, lines, openAnswer, type Answer, type Call as HttpCall } from './client-http.ts'
import * as header from './headers.ts'
import { bytesOf, entryOfJson, listedOfJson, parseObject, snapshotOfJson } from './json.ts'
import type { JsonObject, ListedKey } from './json.ts'
import {
  CLIENT_IDLE_CONNECTIONS_MAX,
  CLIENT_IDLE_MS,
  CLIENT_NETWORK_TIMEOUT_MS,
  CLIENT_TIMEOUT_MS,
  WAIT_TIMEOUT_MS,
} from './limits.ts'
import { percentEncode } from './percent.ts'

export type { WriteAnswer } from './client-writes.ts'
export type { ListedKey } from './json.ts'

/** A stream of answers, and how far they can be trusted. Can be iterated once. */
export interface Stream<T> extends AsyncIterable<T> {
  completeness: Completeness
}

export interface Readiness {
  /** False only while syncing. */
  ready: boolean
  completeness: Completeness
}

export interface Identity {
  peerId: PeerId
  name: string
  version: string
  addresses: string[]
  cluster: { id: string; local: boolean }
}

/** The winner of a key, or that there is none; `message` then says what that means at this completeness. */
export type Found =
  | { found: false; completeness: Completeness; message: string }
  | {
      found: true
      completeness: Completeness
      value: Uint8Array
      token: string
      siblingCount: number
      kind: SiblingView['kind']
      dot: DotView
      time: { ms: number; tick: number }
      writer: string
      expiresAt?: number
    }

export interface ListOptions {
  prefix?: Uint8Array
  /** Only keys after this one. */
  after?: Uint8Array
  /** All when absent. */
  limit?: number
  values?: boolean
}

export interface ConfirmOptions {
  /** Answer when so many peers have it on their disks. Throws TOO_FEW_PEERS; the write is done all the same. */
  wait?: number
  /** For how long other daemons are waited for. */
  timeoutMs?: number
}

export interface GetOptions {
  /** Wait until the write that gave this token, on whatever daemon, has arrived. Throws NOT_HERE_YET. */
  after?: string
  /** Answer only when the daemon is known to be no staler than so many milliseconds. Throws TOO_STALE. */
  staleMs?: number
  /** For how long other daemons are waited for. */
  timeoutMs?: number
}

export interface PutOptions extends WriteOptions, ConfirmOptions {
  /** Time to live from now on by the daemon's clock, milliseconds. Not together with `expiresAt`. */
  ttlMs?: number
}

type Call = Omit<HttpCall, 'timeoutMs'> & { timeoutMs?: number }

export class ControlClient {
  readonly #socketPath: string
  readonly #kept = new Agent({
    keepAlive: true,
    maxFreeSockets: CLIENT_IDLE_CONNECTIONS_MAX,
    timeout: CLIENT_IDLE_MS,
  })
  readonly #timeoutMs: number

  /** `timeoutMs`: how long to wait for answers that need no other machine. */
  constructor(options: { socketPath: string; timeoutMs?: number }) {
    this.#socketPath = options.socketPath
    this.#timeoutMs = options.timeoutMs ?? CLIENT_TIMEOUT_MS
  }

  async ready(): Promise<Readiness> {
    return (await this.#json({
      method: 'GET',
      path: '/v1/ready',
      accept: [503],
    })) as unknown as Readiness
  }

  async status(): Promise<Status> {
    return (await this.#json({ method: 'GET', path: '/v1/status' })) as unknown as Status
  }

  async id(): Promise<Identity> {
    return (await this.#json({ method: 'GET', path: '/v1/id' })) as unknown as Identity
  }

  async peers(): Promise<PeerStatus[]> {
    return (await this.#json({ method: 'GET', path: '/v1/peers' })).peers as PeerStatus[]
  }

  /** Dials a multiaddr and waits for the link. Throws BAD_ADDRESS, CONNECT_FAILED. */
  async connect(address: string): Promise<PeerId> {
    const body = JSON.stringify({ address })
    const timeoutMs = CLIENT_NETWORK_TIMEOUT_MS
    return (await this.#json({ method: 'POST', path: '/v1/peers', body, timeoutMs })).peer as PeerId
  }

  /** The address book. */
  async knownPeers(): Promise<KnownPeer[]> {
    return (await this.#json({ method: 'GET', path: '/v1/peers/known' })).peers as KnownPeer[]
  }

  /** Ends the link with a peer and drops it from the address book. Throws UNKNOWN_PEER. */
  async forget(peer: PeerId): Promise<void> {
    await this.#json({ method: 'DELETE', path: `/v1/peers/${encodeURIComponent(peer)}` })
  }

  async allowList(): Promise<AllowView> {
    return (await this.#json({ method: 'GET', path: '/v1/allow' })) as unknown as AllowView
  }

  /** Throws BAD_ARGUMENT, ALLOW_LIST_NOT_IN_FORCE. */
  async changeAllowList(change: AllowChange): Promise<AllowView & HungUp> {
    const call: Call =
      'off' in change
        ? { method: 'DELETE', path: '/v1/allow' }
        : { method: 'POST', path: '/v1/allow', body: JSON.stringify(change) }
    return (await this.#json(call)) as unknown as AllowView & HungUp
  }

  async networkKey(): Promise<NetworkKeyView> {
    const answer = await this.#json({ method: 'GET', path: '/v1/network-key' })
    return answer as unknown as NetworkKeyView
  }

  /** Lets the daemon read its key file anew. Throws BAD_KEY_FILE. */
  async reloadNetworkKey(): Promise<NetworkKeyView & HungUp> {
    const answer = await this.#json({ method: 'POST', path: '/v1/network-key/reload' })
    return answer as unknown as NetworkKeyView & HungUp
  }

  /** Runs one repair now, with one peer or with every connected one. Throws UNKNOWN_PEER. */
  async repair(peer?: PeerId): Promise<RepairReceipt[]> {
    const body = JSON.stringify(peer === undefined ? {} : { peer })
    const timeoutMs = CLIENT_NETWORK_TIMEOUT_MS
    const answer = await this.#json({ method: 'POST', path: '/v1/repair', body, timeoutMs })
    return answer.receipts as RepairReceipt[]
  }

  /** Whether all that was written before this call is on every linked peer; `timeoutMs`: for the peers to answer. */
  async converged({ timeoutMs }: { timeoutMs: number }): Promise<Converged> {
    const path = `/v1/converged${queryOf({ timeout: timeoutMs })}`
    const call: Call = { method: 'GET', path, timeoutMs: this.#timeoutMs + timeoutMs }
    return (await this.#json(call)) as unknown as Converged
  }

  /** The same of every daemon that can be reached over links. */
  async convergedFleet({ timeoutMs }: { timeoutMs: number }): Promise<ConvergedFleet> {
    const path = `/v1/converged/fleet${queryOf({ timeout: timeoutMs })}`
    const call: Call = { method: 'GET', path, timeoutMs: this.#timeoutMs + timeoutMs }
    return (await this.#json(call)) as unknown as ConvergedFleet
  }

  async removals(): Promise<HeldRemovals> {
    const answer = await this.#json({ method: 'GET', path: '/v1/removals' })
    const { held, keys } = answer as unknown as { held: number; keys: JsonObject[] }
    return {
      held,
      keys: keys.map((one) => {
        const { peer, since, siblings } = one as unknown as HeldRemovals['keys'][number]
        return { key: bytesOf(one, 'key') ?? new Uint8Array(0), peer, since, siblings }
      }),
    }
  }

  /** How many keys were held back. */
  async decideRemovals(decision: RemovalDecision): Promise<number> {
    const body = JSON.stringify({ decision })
    const answer = await this.#json({ method: 'POST', path: '/v1/removals', body })
    return answer.keys as number
  }

  /** Reads the whole store and checks it; a damaged one is written anew from memory. */
  async verify(): Promise<StoreCheck> {
    const timeoutMs = CLIENT_NETWORK_TIMEOUT_MS
    return (await this.#json({
      method: 'POST',
      path: '/v1/verify',
      timeoutMs,
    })) as unknown as StoreCheck
  }

  /** A consistent copy of the store; the manifest comes last. Throws STORE_DAMAGED in its place. */
  async snapshot(): Promise<AsyncIterable<SnapshotPart>> {
    return this.#stream({ method: 'GET', path: '/v1/snapshot' }, snapshotOfJson)
  }

  /** Prometheus text exposition. */
  async metrics(): Promise<string> {
    return (await this.#text({ method: 'GET', path: '/v1/metrics' })).toString('utf8')
  }

  async openapi(): Promise<JsonObject> {
    return this.#json({ method: 'GET', path: '/v1/openapi.json' })
  }

  /** The key's winner, as raw bytes. */
  async get(key: Uint8Array, options: GetOptions = {}): Promise<Found> {
    const answer = await this.#openKey(key, options)
    const body = await answerText(answer)
    const completeness = completenessOf(answer)
    if (answer.status === 404) return { found: false, completeness, message: messageOf(body) }
    const expiresAt = answer.header(header.EXPIRES_HEADER)
    return {
      found: true,
      completeness,
      value: body,
      ...stampOf(answer),
      token: header.tokenOfIfMatch(answer.header('etag')).token ?? '',
      siblingCount: Number(answer.header(header.SIBLINGS_HEADER)),
      ...(expiresAt === undefined ? {} : { expiresAt: Number(expiresAt) }),
    }
  }

  /** The key with every sibling; `entry` is absent when nothing of the key is visible. */
  async getAll(
    key: Uint8Array,
    options: GetOptions = {},
  ): Promise<{ completeness: Completeness; entry?: EntryView; message?: string }> {
    const answer = await this.#openKey(key, options, true)
    const body = await answerText(answer)
    const completeness = completenessOf(answer)
    if (answer.status === 404) return { completeness, message: messageOf(body) }
    const { entry } = entryOfJson(parseObject(body.toString('utf8')))
    return entry === undefined ? { completeness } : { completeness, entry }
  }

  async put(key: Uint8Array, value: Uint8Array, options: PutOptions = {}): Promise<Written> {
    const { wait, timeoutMs: timeout } = options
    const expiry = { ttl: options.ttlMs, 'expires-at': options.expiresAt }
    const path = keyPath(key) + queryOf({ ...expiry, wait, timeout })
    const timeoutMs = this.#waitMs(options)
    const headers = { 'content-type': header.BYTES, ...ifMatch(options.token) }
    const call: Call = { method: 'PUT', path, headers, body: value, timeoutMs }
    return (await this.#json(call)) as unknown as Written
  }

  /** `dot` of the answer is absent when there was nothing to remove. */
  async delete(
    key: Uint8Array,
    options: { token?: string } & ConfirmOptions = {},
  ): Promise<Written> {
    const headers = ifMatch(options.token)
    const { wait, timeoutMs: timeout } = options
    return (await this.#json({
      method: 'DELETE',
      path: keyPath(key) + queryOf({ wait, timeout }),
      headers,
      timeoutMs: this.#waitMs(options),
    })) as unknown as Written
  }

  /** Visible keys in byte order. */
  async list(options: ListOptions = {}): Promise<Stream<ListedKey>> {
    const { prefix, after, limit, values } = options
    const path = `/v1/keys${queryOf({ prefix, after, limit, values })}`
    return this.#stream({ method: 'GET', path }, listedOfJson)
  }

  /** Every key with all its siblings, as lines of JSON without their line feeds, ready to be written to a file. */
  async export(): Promise<Stream<string>> {
    return this.#stream({ method: 'GET', path: '/v1/export' }, (text) => text)
  }

  /**
   * Changes from the moment this resolves until `signal` aborts or the loop is left. Ends with WATCH_OVERFLOW when the
   * reader is too far behind, and with STOPPING when the daemon stops.
   */
  async watch(
    prefix: Uint8Array,
    options: { signal?: AbortSignal } = {},
  ): Promise<Stream<WatchEvent>> {
    const path = `/v1/watch${queryOf({ prefix })}`
    const { signal } = options
    return this.#stream(
      { method: 'GET', path, ...(signal === undefined ? {} : { signal }) },
      (text) => entryOfJson(parseObject(text)),
    )
  }

  /**
   * Sends mutations as they come and answers each, in order, after its commit; many are under way at once. A refused
   * mutation is an answer with `error`, and the stream goes on. Rejects only when the stream itself breaks: what was not
   * answered then may be written or not.
   *
   * Mutations are taken from the iterable while the answers are being read: a caller that stops reading stops writing.
   */
  write(mutations: AsyncIterable<Mutation> | Iterable<Mutation>): AsyncIterable<WriteAnswer> {
    return clientWrites(this.#socketPath, this.#timeoutMs, mutations)
  }

  #openKey(key: Uint8Array, options: GetOptions, all = false): Promise<Answer> {
    const { after, staleMs, timeoutMs: timeout } = options
    const query = { all, after, 'max-staleness': staleMs, timeout }
    const path = keyPath(key) + queryOf(query)
    return this.#open({ method: 'GET', path, accept: [404], timeoutMs: this.#waitMs(options) })
  }

  /** What the daemon may take, and the time that its answer may take besides. */
  #waitMs({ timeoutMs = WAIT_TIMEOUT_MS }: { timeoutMs?: number }): number {
    return this.#timeoutMs + timeoutMs
  }

  #open(call: Call): Promise<Answer> {
    const kept = call.stream === true ? undefined : this.#kept
    return openAnswer(this.#socketPath, { timeoutMs: this.#timeoutMs, ...call }, kept)
  }

  async #text(call: Call): Promise<Buffer> {
    return answerText(await this.#open(call))
  }

  async #json(call: Call): Promise<JsonObject> {
    const json = typeof call.body === 'string' ? { 'content-type': 'application/json' } : {}
    const text = await this.#text({ ...call, headers: { ...json, ...call.headers } })
    return parseAnswer(text)
  }

  async #stream<T>(call: Call, decode: (line: string) => T): Promise<Stream<T>> {
    const answer = await this.#open({ ...call, stream: true }).catch((error: unknown) => {
      call.signal?.throwIfAborted()
      throw error
    })
    return {
      completeness: completenessOf(answer),
      async *[Symbol.asyncIterator]() {
        try {
          for await (const line of lines(answer)) yield decode(line)
        } catch (error) {
          // The caller ended it, so that it broke off is no news.
          if (call.signal?.aborted !== true) throw error
        }
      },
    }
  }
}

function parseAnswer(body: Buffer): JsonObject {
  try {
    return parseObject(body.toString('utf8'))
  } catch (cause) {
    throw new HearsayError('DAEMON_FAILED', 'the daemon answered with something that is not JSON', {
      cause,
    })
  }
}

function messageOf(body: Buffer): string {
  return String(parseAnswer(body).message)
}

function keyPath(key: Uint8Array): string {
  return `/v1/keys/${percentEncode(key)}`
}

function queryOf(
  parameters: Record<string, Uint8Array | number | boolean | string | undefined>,
): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === false) continue
    const text = value instanceof Uint8Array ? percentEncode(value) : encodeURIComponent(value)
    parts.push(`${name}=${text}`)
  }
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}

function ifMatch(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { 'if-match': header.etag(token) }
}

function completenessOf(answer: Answer): Completeness {
  const text = answer.header(header.COMPLETENESS_HEADER)
  const completeness = header.completenessOfHeader(text)
  if (completeness !== undefined) return completeness
  throw new HearsayError(
    'DAEMON_FAILED',
    `the daemon's answer does not say how complete it is (${header.COMPLETENESS_HEADER}: ${text}); are client and daemon of the same version?`,
  )
}

/** What the headers of a raw answer say of the winner. */
function stampOf(answer: Answer): Pick<SiblingView, 'dot' | 'kind' | 'time' | 'writer'> {
  const [ms, tick] = (answer.header(header.TIME_HEADER) ?? '').split('.')
  const [actor = '', counter] = (answer.header(header.DOT_HEADER) ?? '').split(':')
  return {
    dot: { actor, counter: Number(counter) },
    kind: answer.header(header.KIND_HEADER) === 'register' ? 'register' : 'unknown',
    time: { ms: Number(ms), tick: Number(tick) },
    writer: answer.header(header.WRITER_HEADER) ?? '',
  }
}
