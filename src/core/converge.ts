/**
 * "Has the fleet converged?", asked of one daemon about itself and the peers it is linked with.
 *
 * Under constant writes no two digests are ever equal, so the answer names a moment T, the one at which it was asked: all
 * that was acknowledged before T at any of these peers is held or superseded at every one of them, and what was removed
 * before T at any of them is held by none.
 *
 * 1. *Gather.* This replica proves, with each peer in a session begun after T, that it has all that the peer has
 *    (`repair/session.ts`). When that is done for all, it has all that any of them had at T, removals as well; a commit that
 *    is synced makes that durable.
 * 2. *Spread.* Only then each peer is asked (`convergeAsk`) to prove the same towards this replica, in a session begun
 *    after it was asked. It answers when its own proof is durable: a yes, or what keeps it from one.
 *
 * All yes is the answer yes, and needs besides: no link was lost or made meanwhile, and no store has a loss to make up for.
 * In whatever is in doubt the answer is no: it is asked again soon, and a wrong no costs a second, a wrong yes trust. A
 * peer that does not know the question (an earlier version ignores it) does not answer, which is a no.
 *
 * Bounds: questions of operators and of each peer at a time, the time that each may take.
 */
import type { CoreEffect } from './events.ts'
import type { Peer, ProofOutcome } from './peer.ts'
import type { Proofs } from './proofs.ts'
import type { Replica } from './replica.ts'
import type { Now } from './settings.ts'
import type { LinkBodies, LinkType } from './wire/link.ts'
import { barrier } from './work.ts'
import type { Work } from './work.ts'

/** Questions of operators at a time: they are cheap together, since those of one moment share their sessions. */
export const QUERIES_MAX = 64
/** Those of one peer that wait for a session; past it the peer hears that this daemon is busy. */
const PROOFS_MAX = 64
/** Nobody waits longer for one answer. */
export const WITHIN_MS_MAX = 60_000
/** Of the time that there is: after this part it is clear that gathering fails, and peers are asked to know who lags. */
const GATHER_PART = 0.5
/** Of what is left then: the rest is for the way back. */
const ANSWER_PART = 0.8

/** What one side has of the other. The words of `ProofOutcome`, and what only a question can meet. */
export type Standing =
  | ProofOutcome
  /** The peer owes an answer. */
  | 'no-answer'
  | 'not-asked'
  /** Its store lost records that are not made up for yet (R8). */
  | 'loss'
  | 'store-failed'
  | 'busy'
  /** A reason of a later version. */
  | 'other'

const STANDINGS: ReadonlySet<string> = new Set<Standing>([
  'has-all',
  'behind',
  'held-removals',
  'unsettled',
  'late',
  'link-lost',
  'loss',
  'store-failed',
  'busy',
])

export interface Side {
  standing: Standing
  /** Dots of the other side that are missing; absent while unknown. */
  lacking?: number
  /** For how long the one missing longest has been known to be missing. */
  missingMs?: number
}

export interface PeerConvergence {
  peer: string
  name?: string
  /** What this replica has of the peer. */
  here: Side
  /** What the peer has of this replica. */
  there: Side
}

export interface Convergence {
  /** Whether everything is everywhere among `peers` and this daemon. */
  converged: boolean
  /** Of which moment that is said: when it was asked, by the wall clock of this daemon. */
  asOf: number
  durationMs: number
  peers: PeerConvergence[]
  /** Why the answer is no although every peer says yes. */
  reason?: 'linked-meanwhile' | 'loss' | 'store-failed' | 'busy'
}

export interface ConvergeHost {
  replica: Replica
  peers: ReadonlyMap<string, Peer>
  proofs: Proofs
  now(): Now
  /** Whether records were lost that are not made up for yet. */
  hasLoss(): boolean
  emit(effect: CoreEffect): void
  submit(work: Work): void
  send<T extends LinkType>(peer: Peer, type: T, body: LinkBodies[T]): void
}

interface Row {
  peer: Peer
  here: Side | undefined
  there: Side | undefined
}

interface Query {
  id: number
  asOf: number
  startedAt: number
  /** Monotonic time by which gathering must be done, and by which all must be. */
  gatherBy: number
  by: number
  rows: Row[]
  spreading: boolean
  storeFailed: boolean
}

export class Converge {
  readonly #host: ConvergeHost
  readonly #queries = new Map<number, Query>()

  constructor(host: ConvergeHost) {
    this.#host = host
  }

  // The question.

  ask(id: number, withinMs: number): void {
    const { mono, wall } = this.#host.now()
    const within = Math.min(Math.max(withinMs, 0), WITHIN_MS_MAX)
    const query: Query = {
      id,
      asOf: wall,
      startedAt: mono,
      gatherBy: mono + within * GATHER_PART,
      by: mono + within,
      rows: [],
      spreading: false,
      storeFailed: false,
    }
    if (this.#queries.size >= QUERIES_MAX) return this.#answer(query, 'busy')
    this.#queries.set(id, query)
    for (const peer of this.#host.peers.values()) {
      const row: Row = { peer, here: undefined, there: undefined }
      query.rows.push(row)
      this.#host.proofs.want(peer, query.gatherBy, (outcome) => {
        row.here = this.#side(peer, outcome)
        if (outcome === 'link-lost') row.there = { standing: 'link-lost' }
        this.#gathered(query)
      })
    }
    this.#gathered(query)
  }

  #gathered(query: Query): void {
    if (!this.#queries.has(query.id) || query.rows.some((row) => row.here === undefined)) return
    if (query.spreading) return this.#spread(query)
    query.spreading = true
    this.#durably((committed) => {
      query.storeFailed = !committed
      for (const [index, row] of query.rows.entries()) this.#askPeer(query, index, row)
      this.#spread(query)
    })
  }

  /** Also where gathering failed: then to know who lags. */
  #askPeer(query: Query, index: number, row: Row): void {
    if (row.there !== undefined || this.#host.peers.get(row.peer.id) !== row.peer) return
    if (row.peer.hello === undefined) return
    const left = Math.max(query.by - this.#host.now().mono, 0)
    const withinMs = Math.ceil(left * ANSWER_PART)
    this.#host.send(row.peer, 'convergeAsk', { id: wireId(query.id, index), withinMs })
  }

  onAnswer(peer: Peer, wire: LinkBodies['convergeAnswer']): void {
    for (const query of this.#queries.values()) {
      for (const [index, row] of query.rows.entries()) {
        if (row.peer !== peer || wireId(query.id, index) !== wire.id || !query.spreading) continue
        row.there ??= sideOf(wire)
        return this.#spread(query)
      }
    }
  }

  #spread(query: Query): void {
    if (query.rows.every((row) => row.there !== undefined)) this.#end(query)
  }

  #end(query: Query): void {
    if (this.#queries.delete(query.id)) this.#answer(query)
  }

  #answer(query: Query, refusal?: 'busy'): void {
    const { mono } = this.#host.now()
    const peers = query.rows.map((row) => this.#view(row))
    const reason = refusal ?? this.#objection(query)
    const all = peers.every(
      ({ here, there }) => here.standing === 'has-all' && there.standing === 'has-all',
    )
    const result: Convergence = {
      converged: all && reason === undefined,
      asOf: query.asOf,
      durationMs: Math.round(mono - query.startedAt),
      peers,
      ...(reason === undefined ? {} : { reason }),
    }
    this.#host.emit({ type: 'convergence', id: query.id, result })
  }

  #objection(query: Query): Convergence['reason'] {
    if (query.storeFailed) return 'store-failed'
    if (this.#host.hasLoss()) return 'loss'
    const { peers } = this.#host
    const linkedThen = new Set(query.rows.map((row) => row.peer))
    return [...peers.values()].every((peer) => linkedThen.has(peer))
      ? undefined
      : 'linked-meanwhile'
  }

  #view({ peer, here, there }: Row): PeerConvergence {
    const lost = this.#host.peers.get(peer.id) !== peer
    const name = peer.hello?.name
    const unasked: Side = { standing: here === undefined ? 'not-asked' : 'no-answer' }
    return {
      peer: peer.id,
      ...(name === undefined ? {} : { name }),
      here: lost ? { standing: 'link-lost' } : (here ?? this.#side(peer, 'late')),
      there: lost ? { standing: 'link-lost' } : (there ?? unasked),
    }
  }

  // The answer to a peer.

  onAsk(peer: Peer, { id, withinMs }: LinkBodies['convergeAsk']): void {
    if (peer.proofs.length >= PROOFS_MAX) return this.#tell(peer, id, 'busy')
    const by = this.#host.now().mono + Math.min(withinMs, WITHIN_MS_MAX)
    this.#host.proofs.want(peer, by, (outcome) => {
      if (outcome !== 'has-all') return this.#tell(peer, id, outcome)
      this.#durably((committed) => this.#tell(peer, id, committed ? outcome : 'store-failed'))
    })
  }

  #tell(peer: Peer, id: number, standing: Standing): void {
    if (this.#host.peers.get(peer.id) !== peer) return
    const hasLoss = standing === 'has-all' && this.#host.hasLoss()
    const { standing: why, missingMs = 0, ...rest } = this.#side(peer, hasLoss ? 'loss' : standing)
    const proven = why === 'has-all'
    this.#host.send(peer, 'convergeAnswer', { id, proven, why, missingMs, ...rest })
  }

  tick(): void {
    const { mono } = this.#host.now()
    for (const query of this.#queries.values()) if (query.by <= mono) this.#end(query)
  }

  deadline(): number {
    let deadline = Infinity
    for (const query of this.#queries.values()) deadline = Math.min(deadline, query.by)
    return deadline
  }

  #side(peer: Peer, standing: Standing): Side {
    if (standing === 'has-all') return { standing, lacking: 0 }
    const { mono } = this.#host.now()
    const { context } = this.#host.replica
    const lacking = peer.dotsBehind(context)
    const since = peer.behindSince(context)
    const silent = standing === 'late' && peer.unansweredSince !== undefined
    const behind = standing === 'late' && (lacking ?? 0) > 0
    return {
      standing: silent ? 'no-answer' : behind ? 'behind' : standing,
      ...(lacking === undefined ? {} : { lacking }),
      ...(since === undefined ? {} : { missingMs: Math.round(mono - since) }),
    }
  }

  /** Calls back when all that this replica has now would survive the loss of power. */
  #durably(done: (committed: boolean) => void): void {
    this.#host.submit(barrier(done))
  }
}

/** Numbers of the wire have 32 bits, and one query asks each of its peers under a number of its own. */
function wireId(query: number, index: number): number {
  return (query * 65_537 + index) >>> 0
}

function sideOf(wire: LinkBodies['convergeAnswer']): Side {
  const standing = wire.proven ? 'has-all' : wire.why
  const known = STANDINGS.has(standing) && (wire.proven || standing !== 'has-all')
  const told = wire.lacking
  const lacking = wire.proven ? 0 : Number.isSafeInteger(told) ? told : undefined
  const missingMs = Number.isSafeInteger(wire.missingMs) ? wire.missingMs : 0
  return {
    standing: known ? (standing as Standing) : 'other',
    ...(lacking === undefined ? {} : { lacking }),
    ...(lacking === undefined || lacking === 0 ? {} : { missingMs }),
  }
}
