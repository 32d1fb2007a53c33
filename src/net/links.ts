/**
 * All links: which connection carries the link to each peer, and what happens when it is lost.
 *
 * Of two peers the one with the smaller id *leads*: it opens its stream first, on a connection of its choice, and the
 * other answers on the same connection. So both agree on the connection without talking about it. The leader also opens
 * a lost link again, with backoff, and after both have dialled each other it alone closes the surplus connection. A
 * follower that is led to nothing within the setup time closes the connection.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { Link } from './link.ts'
import type { LinkTuning } from './link.ts'
import type { Log } from './log.ts'
import { patientTimeout } from './patience.ts'
import type { Lane, PeerId, TransportCounters } from './transport.ts'

export interface LinksTuning extends LinkTuning {
  /** How long two connections to one peer may exist side by side, so that whatever is being opened on them settles. */
  settleMs: number
  /** First wait before a lost link is opened again on the same connection; doubles each time. */
  reopenMs: number
}

/** Failures in a row to open a link after which the connection itself is given up. */
const REOPEN_ATTEMPTS_MAX = 5
/** A link that lived this long counts as a success when the next backoff is chosen. */
const LINK_STABLE_MS = 10_000
/** Two connections begun within this time of each other come from a simultaneous dial. */
const SIMULTANEOUS_DIAL_MS = 5_000

export interface LinksEvents {
  up(peer: PeerId, connection: Connection): void
  /** `stable`: it lived longer than LINK_STABLE_MS. */
  down(peer: PeerId, reason: string, stable: boolean): void
  message(peer: PeerId, bytes: Uint8Array): void
  /** One of several connections to a peer is gone. */
  connectionsChanged(peer: PeerId): void
}

interface PeerState {
  link: Link | undefined
  failures: number
  /** Ends the wait until the link is opened again (leader) or must have been (follower). */
  cancelWait: () => void
  settleTimer: NodeJS.Timeout | undefined
  waiters: Set<Waiter>
}

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

export class Links {
  readonly #self: PeerId
  readonly #connections: (peer: PeerId) => Connection[]
  readonly #tuning: LinksTuning
  readonly #counters: TransportCounters
  readonly #events: LinksEvents
  readonly #log: Log
  readonly #peers = new Map<PeerId, PeerState>()
  #closed = false

  constructor(options: {
    self: PeerId
    /** The connections to a peer, of any status. */
    connections: (peer: PeerId) => Connection[]
    tuning: LinksTuning
    counters: TransportCounters
    events: LinksEvents
    log: Log
  }) {
    this.#self = options.self
    this.#connections = options.connections
    this.#tuning = options.tuning
    this.#counters = options.counters
    this.#events = options.events
    this.#log = options.log
  }

  /** Links that are up, by peer. */
  *entries(): Generator<[PeerId, Link]> {
    for (const [peer, { link }] of this.#peers) if (link?.state === 'up') yield [peer, link]
  }

  isUp(peer: PeerId): boolean {
    return this.#peers.get(peer)?.link?.state === 'up'
  }

  /** The connection that carries the link to a peer, if it is up. */
  connectionTo(peer: PeerId): Connection | undefined {
    const link = this.#peers.get(peer)?.link
    return link?.state === 'up' ? link.connection : undefined
  }

  /** Of these connections those over which no link has brought anything for so long. */
  silent(connections: readonly Connection[], forMs: number): Connection[] {
    const since = performance.now() - forMs
    return connections.filter((connection) => {
      const link = this.#peers.get(connection.remotePeer.toString())?.link
      return link?.connection !== connection || link.heardAt < since
    })
  }

  count(): number {
    let count = 0
    for (const { link } of this.#peers.values()) if (link?.state === 'up') count++
    return count
  }

  send(peer: PeerId, lane: Lane, bytes: Uint8Array): boolean {
    return this.#peers.get(peer)?.link?.send(lane, bytes) ?? false
  }

  /** Settles when the link to a connected peer is up, or cannot come up. */
  whenUp(peer: PeerId): Promise<void> {
    const state = this.#peers.get(peer)
    if (state?.link?.state === 'up') return Promise.resolve()
    if (state === undefined) return Promise.reject(new Error('the connection closed'))
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: () => {
          cancel()
          resolve()
        },
        reject: (error) => {
          cancel()
          reject(error)
        },
      }
      const cancel = patientTimeout(this.#tuning.linkSetupMs, () => {
        state.waiters.delete(waiter)
        reject(new Error(`no link within ${this.#tuning.linkSetupMs / 1000} seconds`))
      })
      state.waiters.add(waiter)
    })
  }

  connectionOpened(connection: Connection): void {
    if (this.#closed) return
    const peer = connection.remotePeer.toString()
    const state = this.#stateOf(peer)
    if (state.link === undefined) {
      if (this.#leads(peer)) this.#start(peer, state, connection).open()
      else this.#expectLeader(peer, state)
    }
    if (this.#leads(peer) && this.#open(peer).length > 1) {
      state.settleTimer ??= setTimeout(() => {
        state.settleTimer = undefined
        this.#settle(peer, state)
      }, this.#tuning.settleMs)
    }
  }

  connectionClosed(connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const state = this.#peers.get(peer)
    if (state === undefined || this.#closed) return
    if (state.link?.connection === connection) state.link.end('the connection closed')
    if (this.#open(peer).length > 0) {
      this.#events.connectionsChanged(peer)
      return
    }
    this.#forget(peer, state, 'the connection closed')
  }

  streamOpened(stream: Stream, connection: Connection): void {
    const peer = connection.remotePeer.toString()
    const state = this.#stateOf(peer)
    if (this.#closed || connection.status !== 'open') {
      stream.abort(new Error('the connection is closing'))
    } else if (this.#leads(peer)) {
      const { link } = state
      if (link?.connection === connection && !link.hasInbound) link.accept(stream)
      else stream.abort(new Error('not the stream that was waited for'))
    } else {
      state.link?.end('the peer opened the link anew')
      const link = this.#start(peer, state, connection)
      link.accept(stream)
      link.open()
    }
  }

  /** Ends the link and every connection to a peer. */
  hangUp(peer: PeerId, reason: string): void {
    this.#peers.get(peer)?.link?.end(reason)
    this.abortConnections(peer, reason)
  }

  /** Closes every connection to a peer at once. */
  abortConnections(peer: PeerId, reason: string): void {
    for (const connection of this.#connections(peer)) connection.abort(new Error(reason))
  }

  /** Ends everything, silently. */
  close(): void {
    this.#closed = true
    for (const [peer, state] of this.#peers) {
      state.link?.end('closing')
      this.#forget(peer, state, 'the transport is closing')
    }
  }

  #leads(peer: PeerId): boolean {
    return this.#self < peer
  }

  #open(peer: PeerId): Connection[] {
    return this.#connections(peer).filter((connection) => connection.status === 'open')
  }

  #stateOf(peer: PeerId): PeerState {
    let state = this.#peers.get(peer)
    if (state === undefined) {
      state = {
        link: undefined,
        failures: 0,
        cancelWait: () => {},
        settleTimer: undefined,
        waiters: new Set(),
      }
      this.#peers.set(peer, state)
    }
    return state
  }

  #forget(peer: PeerId, state: PeerState, reason: string): void {
    state.cancelWait()
    clearTimeout(state.settleTimer)
    this.#peers.delete(peer)
    for (const waiter of state.waiters) waiter.reject(new Error(reason))
  }

  #start(peer: PeerId, state: PeerState, connection: Connection): Link {
    state.cancelWait()
    const link: Link = new Link(connection, this.#tuning, this.#counters, {
      up: () => {
        this.#events.up(peer, connection)
        for (const waiter of state.waiters) waiter.resolve()
        state.waiters.clear()
      },
      message: (bytes) => this.#events.message(peer, bytes),
      down: (reason, violation) => this.#lost(peer, state, link, reason, violation),
    })
    state.link = link
    return link
  }

  #lost(peer: PeerId, state: PeerState, link: Link, reason: string, violation: boolean): void {
    if (state.link !== link) return
    state.link = undefined
    const wasUp = link.upAt > 0
    const stable = wasUp && Date.now() - link.upAt >= LINK_STABLE_MS
    state.failures = stable ? 0 : state.failures + 1
    if (violation) {
      this.#counters.protocolViolations++
      this.#log.warn({ peer, address: String(link.connection.remoteAddr), reason }, 'bad frame')
    }
    if (this.#closed) return
    if (wasUp) this.#events.down(peer, reason, stable)
    else this.#log.debug({ peer, reason }, 'link not opened')
    if (violation || state.failures > REOPEN_ATTEMPTS_MAX) {
      link.connection.abort(new Error(reason))
    }
    if (this.#leads(peer)) this.#reopenLater(peer, state)
    else this.#expectLeader(peer, state)
  }

  #reopenLater(peer: PeerId, state: PeerState): void {
    const delayMs =
      this.#tuning.reopenMs * 2 ** Math.max(0, state.failures - 1) * (0.5 + Math.random())
    state.cancelWait()
    const timer = setTimeout(() => {
      const connection = this.#open(peer).at(-1)
      if (state.link === undefined && connection !== undefined) {
        this.#start(peer, state, connection).open()
      }
    }, delayMs)
    state.cancelWait = () => clearTimeout(timer)
  }

  #expectLeader(peer: PeerId, state: PeerState): void {
    state.cancelWait()
    // Longer than the leader's last backoff.
    const delayMs = this.#tuning.linkSetupMs + this.#tuning.reopenMs * 2 ** REOPEN_ATTEMPTS_MAX
    state.cancelWait = patientTimeout(delayMs, () => {
      if (state.link === undefined) this.abortConnections(peer, 'the peer opened no link')
    })
  }

  /** Leaves one of several connections to a peer. Only the leader does this, so that never both are closed. */
  #settle(peer: PeerId, state: PeerState): void {
    const connections = this.#open(peer).sort((a, b) => a.timeline.open - b.timeline.open)
    const newest = connections.at(-1)
    if (newest === undefined || connections.length < 2) return
    const carrier = state.link?.connection
    let keep = newest
    if (carrier !== undefined && carrier.status === 'open') {
      // A peer dials while it is linked only if it dialled at the same time as we did. One that dials much later has
      // lost the old connection, whatever that looks like from here.
      const anew = newest.timeline.open - carrier.timeline.open > SIMULTANEOUS_DIAL_MS
      if (anew) state.link?.end('the peer connected anew')
      else keep = carrier
    }
    for (const connection of connections) {
      if (connection === keep) continue
      this.#log.debug({ peer, address: String(connection.remoteAddr) }, 'surplus connection closed')
      connection.close().catch((error: unknown) => {
        connection.abort(error instanceof Error ? error : new Error(String(error)))
      })
    }
  }
}
