/** What the core knows of one linked peer, and when to compare with it again. */
import type { Answerer } from './repair/answerer.ts'
import type { Comparison, Digest } from './repair/digest.ts'
import type { Plan, Receipt, RepairSession } from './repair/session.ts'
import type { Now } from './settings.ts'

/** A difference of fingerprints that lasts this long is looked into whatever else goes on. */
const LASTING_MS = 2 * 60_000
/** The range step towards one peer runs at most this often. */
const RANGES_EVERY_MS = 3_000

export interface Hello {
  name: string
  nonce: string
}

export class Peer {
  readonly id: string
  readonly answerer: Answerer
  hello: Hello | undefined
  /** Nonces of the peers to which this one said that it is linked. */
  neighbours: ReadonlySet<string> = new Set()
  session: RepairSession | undefined
  /** Ids of `repair` commands that wait for the session under way, or for the next. */
  waiting: number[] = []
  /** The first pull of a link leaves nothing to gossip. */
  fresh = true
  /** Monotonic milliseconds. */
  nextDigestAt: number
  failures = 0
  lastDigest: { at: number; agreed: boolean } | undefined
  lastReceipt: Receipt | undefined
  dotsBehind: number | undefined
  clockOffset: number | undefined
  complete = false
  /** Monotonic time of the latest pull that brought all this peer could give. */
  pulledAt: number | undefined
  #settledDiffers = 0
  #differsSince: number | undefined
  #rangesAt = -Infinity

  constructor(id: string, answerer: Answerer, nextDigestAt: number) {
    this.id = id
    this.answerer = answerer
    this.nextDigestAt = nextDigestAt
  }

  /** Takes note of a comparison and says what it calls for. */
  compared(theirs: Digest, comparison: Comparison, now: Now): Plan {
    const { contextsEqual, fingerprintsEqual, settledEqual } = comparison
    this.lastDigest = { at: now.wall, agreed: contextsEqual && fingerprintsEqual }
    this.complete = theirs.complete
    this.clockOffset = theirs.clock - now.wall
    if (contextsEqual) this.dotsBehind = 0
    if (fingerprintsEqual) {
      this.#differsSince = undefined
      this.#settledDiffers = 0
    } else {
      this.#differsSince ??= now.mono
      // With equal contexts nothing is under way that could explain a difference anywhere.
      this.#settledDiffers = contextsEqual || !settledEqual ? this.#settledDiffers + 1 : 0
    }
    return { pull: !contextsEqual, ranges: this.#ranges(contextsEqual, now) }
  }

  #ranges(contextsEqual: boolean, now: Now): Plan['ranges'] {
    const lasting = this.#differsSince !== undefined && now.mono - this.#differsSince > LASTING_MS
    if (this.#settledDiffers < 2 && !lasting) return 'none'
    if (now.mono - this.#rangesAt < RANGES_EVERY_MS) return 'none'
    this.#rangesAt = now.mono
    return contextsEqual || lasting ? 'all' : 'settled'
  }

  /** Whether the next comparison should come soon: one that differs is no proof yet. */
  get suspicious(): boolean {
    return this.#settledDiffers > 0
  }
}
