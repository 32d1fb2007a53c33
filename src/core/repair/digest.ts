/**
 * Digests: what two replicas say to find out whether they agree, in under a hundred bytes each way.
 *
 * The asker's clock decides for both sides what is compared:
 * - the *horizon*, the clock rounded down to the minute: items that expire at or before it are left out, so that
 *   replicas which purge at different moments do not differ for ever;
 * - the *settled bound*, some seconds before it: among items without expiry, those with older stamps are settled. Newer
 *   ones may differ only because gossip is still under way.
 *
 * Contexts tell who lacks which mutations; a pull brings those. Fingerprints tell whether the same mutations left the
 * same items; where contexts agree and fingerprints do not, a removal was missed or something rotted, and the range step
 * looks for it.
 */
import { toBinary, fromBinary } from '../bytes.ts'
import type { ActorId } from '../bytes.ts'
import { ACTOR_BYTES, lanesToBytes } from '../item.ts'
import { boundAt } from '../replica.ts'
import type { Bound, Replica } from '../replica.ts'
import type { Digest as WireDigest } from '../wire/messages.ts'

const MINUTE_MS = 60_000
/** Gossip that is later than this was lost. */
const SETTLED_MS = 5_000
/** Bytes of the settled fingerprint: enough to notice, the full fingerprint is there to be sure. */
const SETTLED_BYTES = 8

export interface Digest {
  contextHash: string
  dots: number
  fingerprint: string
  items: number
  settled: string
  /** The sender's own actor and its greatest counter; absent before its first write. */
  writer: { actor: ActorId; head: number } | undefined
  clock: number
  complete: boolean
}

/** The two stretches of the order that a digest speaks of, and where the settled part of the first ends. */
export interface Scope {
  settledEnd: Bound
  persistentEnd: Bound
  expiringStart: Bound
}

export function scopeOf(clock: number): Scope {
  return {
    settledEnd: boundAt(0, clock - SETTLED_MS),
    persistentEnd: boundAt(1, 0),
    expiringStart: boundAt(1, clock - (clock % MINUTE_MS) + 1),
  }
}

export interface Self {
  writer: { actor: ActorId; head: number } | undefined
  complete: boolean
}

/** This replica's digest for the asker's `scopeClock`; `clock` is the sender's own. */
export function makeDigest(
  replica: Replica,
  self: Self,
  scopeClock: number,
  clock: number,
): Digest {
  const scope = scopeOf(scopeClock)
  const settled = replica.sum(undefined, scope.settledEnd)
  const persistent = replica.sum(undefined, scope.persistentEnd)
  const expiring = replica.sum(scope.expiringStart, undefined)
  const lanes = persistent.lanes.map((value, index) => (value + expiring.lanes[index]!) | 0)
  return {
    contextHash: toBinary(replica.context.hash()),
    dots: replica.context.dots,
    fingerprint: toBinary(lanesToBytes(lanes)),
    items: persistent.count + expiring.count,
    settled: toBinary(lanesToBytes(settled.lanes).subarray(0, SETTLED_BYTES)),
    writer: self.writer,
    clock,
    complete: self.complete,
  }
}

export function encodeDigest(digest: Digest, session: number): WireDigest {
  return {
    session,
    context: fromBinary(digest.contextHash),
    dots: digest.dots,
    fingerprint: fromBinary(digest.fingerprint),
    items: digest.items,
    settled: fromBinary(digest.settled),
    actor: digest.writer === undefined ? new Uint8Array(0) : fromBinary(digest.writer.actor),
    head: digest.writer?.head ?? 0,
    clock: digest.clock,
    complete: digest.complete,
  }
}

export function decodeDigest(wire: WireDigest): Digest | undefined {
  const wellFormed =
    wire.context.length === 16 &&
    wire.fingerprint.length === 16 &&
    wire.settled.length === SETTLED_BYTES &&
    (wire.actor.length === 0 || wire.actor.length === ACTOR_BYTES) &&
    [wire.dots, wire.items, wire.head, wire.clock].every(Number.isSafeInteger)
  if (!wellFormed) return undefined
  return {
    contextHash: toBinary(wire.context),
    dots: wire.dots,
    fingerprint: toBinary(wire.fingerprint),
    items: wire.items,
    settled: toBinary(wire.settled),
    writer: wire.actor.length === 0 ? undefined : { actor: toBinary(wire.actor), head: wire.head },
    clock: wire.clock,
    complete: wire.complete,
  }
}

export interface Comparison {
  contextsEqual: boolean
  /** How many dots fewer the peer has. */
  behind: number
  fingerprintsEqual: boolean
  settledEqual: boolean
}

export function compareDigests(theirs: Digest, mine: Digest): Comparison {
  return {
    contextsEqual: theirs.contextHash === mine.contextHash && theirs.dots === mine.dots,
    behind: mine.dots - theirs.dots,
    fingerprintsEqual: theirs.fingerprint === mine.fingerprint && theirs.items === mine.items,
    settledEqual: theirs.settled === mine.settled,
  }
}
