/** What the core knows of one linked peer, and when to compare with it again. */
import type { ActorId } from './bytes.ts'
import type { Context } from './context.ts'
import * as intervals from './intervals.ts'
import type { Intervals } from './intervals.ts'
import type { Answerer } from './repair/answerer.ts'
import type { Comparison, Digest } from './repair/digest.ts'
import type { Receipt } from './repair/receipt.ts'
import type { Plan, RepairSession } from './repair/session.ts'
import type { Now } from './settings.ts'

/** Somebody waits to hear whether this replica has all that a peer has. */
export interface Proof {
  /** Monotonic time at which it waits no longer. */
  by: number
  done(outcome: ProofOutcome): void
}

export type ProofOutcome =
  /** It has. */
  | 'has-all'
  /** Some of the peer's dots are still missing. */
  | 'behind'
  /** Removals that the peer says are held back (R13). */
  | 'held-removals'
  /** A difference was found that one session could not settle. */
  | 'unsettled'
  | 'late'
  | 'link-lost'

/** A difference that lasts this long is looked into, and no longer waited for, whatever else goes on. */
export const LASTING_MS = 2 * 60_000
/** The range step towards one peer runs at most this often. */
const RANGES_EVERY_MS = 3_000
/** The same while it only brings what is held back already. */
const RANGES_EVERY_WHEN_HELD_BACK_MS = 60_000
/**
 * After a comparison that differed, or with a peer that is not complete yet, the next comes this soon: what was on its way has arrived by then, or was lost and is no
 * longer left to gossip. It doubles while differences go on, up to the usual interval: writes without a pause cost no
 * more comparisons than silence.
 */
const PROVISIONAL_RETRY_MS = 1_000

export interface Hello {
  name: string
  nonce: string
}

/** Monotonic milliseconds. */
export interface PeerTimes {
  linkedAt: number
  nextDigestAt: number
  helloBy: number
}

export class Peer {
  readonly id: string
  readonly answerer: Answerer
  hello: Hello | undefined
  /** Monotonic time by which it must have said hello. */
  helloBy: number
  readonly #linkedAt: number
  /** Nonces of the peers to which this one said that it is linked. */
  neighbours: ReadonlySet<string> = new Set()
  session: RepairSession | undefined
  /** Ids of `repair` commands that wait for the session under way, or for the next. */
  waiting: number[] = []
  /** Proofs for the next session, and those for the session under way. */
  proofs: Proof[] = []
  proving: Proof[] = []
  /** Monotonic beginning of the latest session that showed that this replica had all that the peer had then. */
  provenAt: number | undefined
  /** The first pull of a link leaves nothing to gossip. */
  fresh = true
  /** While a session was under way something showed that calls for another right after it. */
  askAgain = false
  /** Monotonic milliseconds. */
  nextDigestAt: number
  /** Monotonic time at which the peer was asked something, if it has said nothing since. */
  unansweredSince: number | undefined
  failures = 0
  /** It had something for this replica while another peer was pulled from. */
  postponed = false
  /** Its latest session only said removals that were held back already (R13): it will say them at every range step. */
  onlyHeldBack = false
  lastDigest: { at: number; agreed: boolean } | undefined
  lastReceipt: Receipt | undefined
  clockOffset: number | undefined
  complete = false
  /** Monotonic time of the latest pull that brought all this peer could give. */
  pulledAt: number | undefined
  /** What this replica lacked of the peer's context when that was last told; absent before the first comparison. */
  #lacked: ReadonlyMap<ActorId, Intervals> | undefined
  #lackedAt = 0
  /** The same as it was told earlier, as long as some of that is still missing. */
  #lackedFirst: { missing: ReadonlyMap<ActorId, Intervals>; at: number } | undefined
  /** What it told last was a part of its context: a session that takes several pulls is told of one part after the other. */
  #toldPart = false
  /** Monotonic time of the first comparison that showed that the contexts differ, and after which it has not told of its own. */
  #untoldSince: number | undefined
  #gaveAll = false
  /** Comparisons in a row that will be told otherwise soon. */
  #provisional = 0
  #settledDiffers = 0
  #differsSince: number | undefined
  /** How many dots fewer than this replica it had when the range step was due last. */
  #behind = Infinity
  #rangesAt = -Infinity

  constructor(id: string, answerer: Answerer, times: PeerTimes) {
    this.id = id
    this.answerer = answerer
    this.nextDigestAt = times.nextDigestAt
    this.helloBy = times.helloBy
    this.#linkedAt = times.linkedAt
  }

  /** Takes note of a comparison and says what it calls for; `fill` is that of the sizes. */
  compared(theirs: Digest, comparison: Comparison, now: Now, fill: number): Plan {
    const { contextsEqual, fingerprintsEqual, settledEqual } = comparison
    const agreed = contextsEqual && fingerprintsEqual
    this.lastDigest = { at: now.wall, agreed }
    this.#provisional = agreed && theirs.complete ? 0 : this.#provisional + 1
    this.complete = theirs.complete
    this.clockOffset = theirs.clock - now.wall
    if (contextsEqual) {
      this.#lacked = new Map()
      this.#toldPart = false
      this.#untoldSince = undefined
      this.#lackedFirst = undefined
    } else {
      this.#untoldSince ??= now.mono
    }
    if (fingerprintsEqual) {
      this.#differsSince = undefined
      this.#settledDiffers = 0
    } else {
      this.#differsSince ??= now.mono
      // With equal contexts nothing is under way that could explain a difference anywhere.
      this.#settledDiffers = contextsEqual || !settledEqual ? this.#settledDiffers + 1 : 0
    }
    const ranges = this.#ranges(contextsEqual, now)
    const isPutOff = ranges !== 'none' && this.#isFilling(comparison.behind, fill)
    if (isPutOff) this.#rangesAt = now.mono
    return { pull: !contextsEqual, ranges: isPutOff ? 'none' : ranges }
  }

  /** This cannot go on for ever: it holds at most once, and once for every `fill` dots that the peer lacked at first. */
  #isFilling(behind: number, fill: number): boolean {
    const before = this.#behind
    this.#behind = behind
    return behind >= fill && before - behind >= fill
  }

  #ranges(contextsEqual: boolean, now: Now): Plan['ranges'] {
    const lasting = this.#differsSince !== undefined && now.mono - this.#differsSince > LASTING_MS
    if (this.#settledDiffers < 2 && !lasting) return 'none'
    const every = this.onlyHeldBack ? RANGES_EVERY_WHEN_HELD_BACK_MS : RANGES_EVERY_MS
    if (now.mono - this.#rangesAt < every) return 'none'
    return contextsEqual || lasting ? 'all' : 'settled'
  }

  /** The range step begins: a session that was put off before it took nobody's turn. */
  rangesBegin(mono: number): void {
    this.#rangesAt = mono
  }

  /** The peer told its context, or the first parts of it, and this is what was missing here. */
  lacked(
    missing: ReadonlyMap<ActorId, Intervals>,
    context: Context,
    { mono, isPart = false }: { mono: number; isPart?: boolean },
  ): void {
    const first = this.#lackedFirst
    if (first === undefined || stillMissing(first.missing, context) === 0) {
      this.#lackedFirst = { missing, at: mono }
    }
    this.#lacked = missing
    this.#lackedAt = mono
    this.#toldPart = isPart
    this.#untoldSince = undefined
  }

  /** The session that begins now is for whoever waits for a proof; whether anybody does. */
  takeProofs(): boolean {
    this.proving.push(...this.proofs.splice(0))
    return this.proving.length > 0
  }

  /** Whatever it is waited for counts from now on. */
  excuse(mono: number): void {
    if (this.session !== undefined) this.session.progressAt = mono
    this.answerer.excuse()
    if (this.unansweredSince !== undefined) this.unansweredSince = mono
  }

  /** Dots that the peer had when it last told, and that have not come since, by whatever way; undefined while unknown. */
  dotsBehind(context: Context): number | undefined {
    return this.#lacked && stillMissing(this.#lacked, context)
  }

  /** Monotonic time since which one of those dots is known to be missing; undefined while none is. */
  behindSince(context: Context): number | undefined {
    if ((this.dotsBehind(context) ?? 0) === 0) return undefined
    const first = this.#lackedFirst
    const lasts = first !== undefined && stillMissing(first.missing, context) > 0
    return lasts ? first.at : this.#lackedAt
  }

  /**
   * Whether it has something that is still on its way here, or may have before it has told; what does not come for long is not
   * waited for (R16).
   */
  isAhead(context: Context, mono: number): boolean {
    const since = this.#aheadSince(context)
    return since !== undefined && mono - since <= LASTING_MS
  }

  #aheadSince(context: Context): number | undefined {
    if (this.#lacked === undefined) return this.#linkedAt
    const toldPartAt = this.#toldPart ? this.#lackedAt : undefined
    // Most pulls are put off while another peer is pulled from: what this one has, it tells when its turn comes.
    return this.behindSince(context) ?? toldPartAt ?? this.#untoldSince
  }

  /** Whether all that the peer had at some comparison of this link has come. */
  hasGivenAll(context: Context): boolean {
    return (this.#gaveAll ||= !this.#toldPart && this.dotsBehind(context) === 0)
  }

  /** Whether it told of something that has not come, or of a part of what it has, or has not told what it has. */
  hasMore(context: Context): boolean {
    const isUntold = this.#toldPart || this.#untoldSince !== undefined
    return isUntold || (this.dotsBehind(context) ?? 0) > 0
  }

  /** How long to wait for the next comparison when the usual time between two is `interval`. */
  nextIn(interval: number): number {
    // One settled difference is no proof yet, and the second starts the range step.
    if (this.#settledDiffers > 0) return Math.min(PROVISIONAL_RETRY_MS, interval)
    if (this.#provisional === 0) return interval
    return Math.min(PROVISIONAL_RETRY_MS * 2 ** (this.#provisional - 1), interval)
  }
}

function stillMissing(missing: ReadonlyMap<ActorId, Intervals>, context: Context): number {
  let dots = 0
  for (const [actor, set] of missing) {
    dots += intervals.count(intervals.subtract(set, context.get(actor)))
  }
  return dots
}
