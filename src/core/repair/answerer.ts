/**
 * The answering side of repair towards one peer: stateless but for the one pull that it streams.
 *
 * Pulls are paced by the asker's credit (what it has committed), by the daemon's budget of repair bytes a second, and by
 * the number of pulls answered at a time; past that the answer is "busy", with the time after which to come again.
 */
import { BUCKETS } from '../context.ts'
import type { Item } from '../item.ts'
import type { Replica } from '../replica.ts'
import type { ContextPart } from '../replica.ts'
import { decodeContext } from '../wire/dots.ts'
import type { LinkBodies, LinkMessage, LinkType } from '../wire/link.ts'
import type { PullRequest } from '../wire/messages.ts'
import { packNumbers, unpackNumbers } from '../wire/numbers.ts'
import { keysOf } from './lone-items.ts'
import { PullAnswer } from './pull-answer.ts'
import { answerRanges, decodeRangeClaims, encodeRangeClaims } from './ranges.ts'
import { answerResolve } from './resolve.ts'
import { RemovedSince } from './removed-since.ts'
import type { RepairSizes } from './sizes.ts'

const BUCKET_HASH_BYTES = 8
/** How long a refused asker should wait, milliseconds, before jitter. */
const BUSY_RETRY_MS = 1_000

export interface AnswererHost {
  replica: Replica
  sizes: RepairSizes
  windowBytes: number
  timeoutMs: number
  mono(): number
  send<T extends LinkType>(type: T, body: LinkBodies[T]): number
  /** Dots too young to be missed yet. */
  young(): ContextPart
  /** Whether one more pull may be answered now. */
  mayPull(): boolean
  complete(): boolean
  /** Whether a peer has, or may have, something that is on its way here. */
  isCatchingUp(): boolean
  /** Whether what is dead here by hearsay empties no key elsewhere. */
  keepsHearsay(): boolean
  /** Whoever waits may be served: `Turns`. */
  serve(): void
  violation(what: string): void
}

export class Answerer {
  readonly #host: AnswererHost
  #pull: PullAnswer | undefined
  /** Of the latest session, until nothing was heard of it for so long that it is over. */
  #removed: RemovedSince | undefined
  #progressAt = 0
  /** Place in the order in which askers were served; 0 when it was not. */
  servedAs = 0

  constructor(host: AnswererHost) {
    this.#host = host
  }

  get pulling(): boolean {
    return this.#pull !== undefined
  }

  /** Monotonic time at which the pull under way is given up unless the asker shows a sign of life. */
  get expiresAt(): number {
    return this.#pull === undefined ? Infinity : this.#progressAt + this.#host.timeoutMs
  }

  expire(): void {
    this.#pull = undefined
  }

  /** The wait for the asker begins anew. */
  excuse(): void {
    this.#progressAt = this.#host.mono()
  }

  handle(message: LinkMessage): void {
    this.#progressAt = this.#host.mono()
    if (message.type === 'pullRequest') this.#onPullRequest(message.body)
    else if (message.type === 'credit') this.#onCredit(message.body)
    else if (message.type === 'rangesAsk') this.#onRanges(message.body)
    else if (message.type === 'resolve') this.#onResolve(message.body)
    else if (message.type === 'sessionEnd' && this.#removed?.session === message.body.session) {
      this.#pull = undefined
      this.#removed = undefined
    }
  }

  /** Items were removed here. */
  removed(items: Iterable<Item>): void {
    const isOver = !this.pulling && this.#host.mono() > this.#progressAt + this.#host.timeoutMs
    if (isOver) this.#removed = undefined
    this.#removed?.add(items)
  }

  /** Whether there is something to send, and the asker has room for it. */
  get waits(): boolean {
    return this.#pull !== undefined && !this.#pull.done && this.#pull.ready
  }

  /** Sends the next chunk to an asker that waits; its size. */
  sendChunk(): { bytes: number; keys: number } {
    const pull = this.#pull!
    const chunk = pull.nextChunk()
    const bytes = this.#host.send('chunk', chunk)
    pull.spend(bytes)
    this.#endIfDone()
    return { bytes, keys: keysOf(chunk) }
  }

  #endIfDone(): void {
    const pull = this.#pull
    if (pull?.done !== true) return
    this.#pull = undefined
    if (pull.isWhole) this.#removed = undefined
    this.#host.send('pullEnd', { session: pull.session, complete: this.#host.complete() })
  }

  #onPullRequest(wire: PullRequest): void {
    const theirs = decodeContext(wire.context)
    const list = unpackNumbers(wire.buckets, BUCKETS)
    const hasSummary = wire.summary.length === BUCKETS * BUCKET_HASH_BYTES
    if (
      theirs === undefined ||
      list === undefined ||
      list.some((bucket) => bucket >= BUCKETS) ||
      (wire.summary.length > 0 && !hasSummary)
    ) {
      return this.#host.violation('pull request')
    }
    if (!this.pulling && !this.#host.mayPull()) return this.#refuse(wire.session)
    const buckets = list.length === 0 ? undefined : new Set(list)
    const { replica, sizes, windowBytes } = this.#host
    const { session } = wire
    if (this.#removed?.session !== session) {
      // What happened since the buckets were compared is not known any more.
      if (buckets !== undefined) return this.#refuse(session)
      this.#removed = new RemovedSince(session)
    }
    if (hasSummary || (buckets === undefined && replica.context.actors > sizes.actorsPerPull)) {
      return this.#sendBuckets(wire)
    }
    const young = wire.fresh ? new Map() : this.#host.young()
    const scope = { theirs, buckets }
    this.#pull = new PullAnswer(replica, this.#removed, scope, young, windowBytes, sizes)
    this.#host.send('pullOpen', this.#pull.opening())
    this.#endIfDone()
    // In the same step, and most pulls are over with it: nothing that they tell of is removed between the two.
    this.#host.serve()
  }

  #refuse(session: number): void {
    const retryMs = BUSY_RETRY_MS
    this.#host.send('sessionEnd', { session, code: 'BUSY', retryMs, fromAsker: false })
  }

  #sendBuckets(wire: PullRequest): void {
    const { context } = this.#host.replica
    const mine = context.bucketHashes()
    const differing: number[] = []
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const at = bucket * BUCKET_HASH_BYTES
      const differs =
        wire.summary.length === 0
          ? context.actorsIn(bucket) > 0
          : mine
              .subarray(at, at + BUCKET_HASH_BYTES)
              .some((byte, i) => byte !== wire.summary[at + i])
      if (differs) differing.push(bucket)
    }
    this.#host.send('pullBuckets', {
      session: wire.session,
      buckets: packNumbers(differing),
      actorCounts: packNumbers(differing.map((bucket) => context.actorsIn(bucket))),
    })
  }

  #onCredit(wire: LinkBodies['credit']): void {
    if (this.#pull?.session !== wire.session) return
    this.#pull.addCredit(wire.bytes)
  }

  #onRanges(wire: LinkBodies['rangesAsk']): void {
    const claims = decodeRangeClaims(wire)
    if (claims === undefined) return this.#host.violation('ranges')
    const answer = answerRanges(this.#host.replica, claims, this.#host.sizes)
    this.#host.send('rangesAnswer', encodeRangeClaims(answer, wire.session, wire.clock))
  }

  #onResolve(wire: LinkBodies['resolve']): void {
    const { replica, sizes } = this.#host
    const answer = answerResolve(replica, wire, {
      catchingUp: this.#host.isCatchingUp(),
      keepsHearsay: this.#host.keepsHearsay(),
      bytesMax: sizes.resolvedBytes,
    })
    if (answer === undefined) return this.#host.violation('resolve')
    this.#host.send('resolved', answer)
  }
}
