/**
 * The answering side of one pull.
 *
 * `ctx0`, the answerer's context, is fixed when the request arrives and never moves (R2). What the asker lacks of it is
 * then streamed in chunks, each built in one synchronous step from the items held at that moment. A chunk says three
 * things: which dots it speaks of (ranges), which of those are held (their keys are named, with the complete list of the
 * key's held dots), and hence which are dead (all others). A dot that is held is always named in the chunk whose range
 * has it, so that an asker that could not take the item knows to leave its dot out.
 *
 * What is removed while the session goes on is left out of the ranges, for the next pull to tell of (`removed-since.ts`).
 *
 * Dots younger than the pull delay are left to gossip unless the asker says that its link is fresh.
 */
import type { ActorId } from '../bytes.ts'
import type { ContextSnapshot } from '../context.ts'
import * as intervals from '../intervals.ts'
import type { Intervals } from '../intervals.ts'
import { compareDots, Item } from '../item.ts'
import type { Dot } from '../item.ts'
import type { Removal } from '../removal-log.ts'
import { intervalsIn } from '../replica.ts'
import type { ContextPart, Replica } from '../replica.ts'
import { ActorTable, encodeContext, encodeRanges } from '../wire/dots.ts'
import type { DotRange } from '../wire/dots.ts'
import type { Chunk, KeyState as WireKeyState, PullOpen } from '../wire/messages.ts'
import { encodeKeyState, keyStateBytes, loneItemBytes } from './key-state.ts'
import type { KeyStateParts, Proof } from './key-state.ts'
import { encodeLoneItems } from './lone-items.ts'
import type { RemovedSince } from './removed-since.ts'
import type { RepairSizes } from './sizes.ts'

/** What one more proof adds to a chunk, at most. */
const PROOF_BYTES = 18

export interface PullScope {
  /** The asker's intervals of the actors in scope; an actor that is not there has none. */
  theirs: ContextPart
  /** Buckets in scope; all when absent. */
  buckets: ReadonlySet<number> | undefined
}

export class PullAnswer {
  readonly session: number
  readonly #replica: Replica
  readonly #scope: PullScope
  readonly #open = new Map<ActorId, Intervals>()
  #todo: DotRange[] = []
  readonly #removed: RemovedSince
  readonly #sizes: RepairSizes
  #credit: number

  constructor(
    replica: Replica,
    removed: RemovedSince,
    scope: PullScope,
    young: ContextPart,
    windowBytes: number,
    sizes: RepairSizes,
  ) {
    this.session = removed.session
    this.#sizes = sizes
    this.#replica = replica
    this.#removed = removed
    this.#scope = scope
    this.#credit = windowBytes
    const ctx0 = replica.context.snapshot()
    for (const [actor, mine] of actorsInScope(ctx0, scope.buckets)) {
      const theirs = intervalsIn(scope.theirs, actor)
      if (intervals.equals(mine, theirs)) continue
      this.#open.set(actor, mine)
      const missing = intervals.subtract(mine, theirs)
      const due = intervals.subtract(missing, intervalsIn(young, actor))
      for (const range of intervals.rangesOf(due)) this.#todo.push({ actor, ...range })
    }
    for (const actor of scope.theirs.keys()) {
      if (ctx0.get(actor).length === 0) this.#open.set(actor, intervals.EMPTY)
    }
    // Taken from the end.
    this.#todo.reverse()
  }

  opening(): PullOpen {
    return { session: this.session, context: encodeContext(this.#open) }
  }

  /** Whether it tells of all actors, so that no other pull of the session tells of the rest. */
  get isWhole(): boolean {
    return this.#scope.buckets === undefined
  }

  get done(): boolean {
    return this.#todo.length === 0
  }

  /** Whether the asker has room for another chunk. */
  get ready(): boolean {
    return this.#credit > 0
  }

  addCredit(bytes: number): void {
    this.#credit += bytes
  }

  spend(bytes: number): void {
    this.#credit -= bytes
  }

  nextChunk(): Chunk {
    const chunk = new ChunkBuilder(this.#replica, (item) => this.#lacks(item), this.#sizes)
    while (this.#todo.length > 0 && !chunk.full) {
      const range = this.#nextRange()
      const rest = range && chunk.addRange(range)
      if (rest !== undefined) {
        this.#todo.push(rest)
        break
      }
    }
    return chunk.build(this.session)
  }

  /** Only what is told next is rid of what was removed meanwhile: there can be very many ranges, and removals at each chunk. */
  #nextRange(): DotRange | undefined {
    const { actor, from, to } = this.#todo.pop()!
    const [first, ...later] = intervals.rangesOf(this.#removed.missingOf(actor, from, to))
    for (const range of later.reverse()) this.#todo.push({ actor, ...range })
    return first && { actor, ...first }
  }

  /** Whether the asker said that it lacks this item. Of actors out of scope it said nothing: they are not sent. */
  #lacks(item: Item): boolean {
    const { theirs, buckets } = this.#scope
    if (buckets !== undefined && !buckets.has(item.actor.charCodeAt(0))) return false
    return !intervals.covers(intervalsIn(theirs, item.actor), item.counter)
  }
}

function* actorsInScope(
  context: ContextSnapshot,
  buckets: ReadonlySet<number> | undefined,
): Generator<readonly [ActorId, Intervals]> {
  if (buckets === undefined) yield* context
  else for (const bucket of buckets) yield* context.bucket(bucket)
}

interface NamedKey extends KeyStateParts {
  proofs: Proof[]
}

function proofOf({ actor, counter, removed }: Removal): Proof {
  return { mutation: { actor, counter }, removed }
}

class ChunkBuilder {
  readonly #replica: Replica
  readonly #lacks: (item: Item) => boolean
  readonly #sizes: RepairSizes
  readonly #table = new ActorTable()
  readonly #ranges: DotRange[] = []
  /** Items of whose keys nothing else is to be told: all that a pull brings, nearly always, and so not in the map. */
  readonly #lone: Item[] = []
  readonly #keys = new Map<string, NamedKey>()
  /** What the first key was named for. */
  #first: Dot | undefined
  #bytes = 0

  constructor(replica: Replica, lacks: (item: Item) => boolean, sizes: RepairSizes) {
    this.#replica = replica
    this.#lacks = lacks
    this.#sizes = sizes
  }

  get full(): boolean {
    const { chunkBytes, chunkRanges } = this.#sizes
    return this.#bytes >= chunkBytes || this.#ranges.length >= chunkRanges
  }

  /** Adds as much of a range as fits; what is left over is the result. */
  addRange(range: DotRange): DotRange | undefined {
    const { actor, from, to } = range
    const stop = this.#nameKeysOf(range)
    if (stop === undefined) {
      this.#ranges.push(range)
      return undefined
    }
    if (stop > from) this.#ranges.push({ actor, from, to: stop - 1 })
    return { actor, from: stop, to }
  }

  build(session: number): Chunk {
    const keys: WireKeyState[] = []
    for (const named of this.#keys.values()) keys.push(encodeKeyState(named, this.#table))
    return {
      session,
      ranges: encodeRanges(this.#ranges, this.#table),
      keys,
      ...encodeLoneItems(this.#lone, this.#table),
      actors: this.#table.actors,
    }
  }

  /** Names every key that the range touches; the counter at which it had to stop, if it did. */
  #nameKeysOf({ actor, from, to }: DotRange): number | undefined {
    const removals = this.#replica.removals.inRange(actor, from, to)
    let removal = removals.next()
    const items = this.#replica.fromDot(actor, from)
    for (let item = items.take(); item !== undefined; item = items.take()) {
      if (item.actor !== actor || item.counter > to) break
      while (removal.done !== true && removal.value.counter < item.counter) {
        if (!this.#nameKey(removal.value.key, removal.value)) return removal.value.counter
        removal = removals.next()
      }
      if (!this.#nameKey(item.key, item)) return item.counter
    }
    while (removal.done !== true) {
      if (!this.#nameKey(removal.value.key, removal.value)) return removal.value.counter
      removal = removals.next()
    }
    return undefined
  }

  /**
   * False when it does not fit. The first key of a chunk always fits, with at least the item it is named for, and so does every
   * other key of that dot (one with two contents may have several): a chunk that stops where it began would come again for ever.
   */
  #nameKey(key: string, cause: Item | Removal): boolean {
    const named = this.#keys.get(key) ?? this.#loneToo(key, cause)
    if (named !== undefined) return this.#nameAgain(named, cause)
    const isLone = cause instanceof Item && this.#replica.isAlone(cause)
    const parts = isLone ? cause : this.#keyParts(key, cause)
    const bytes = parts instanceof Item ? loneItemBytes(parts) : keyStateBytes(parts)
    this.#first ??= cause
    if (compareDots(cause, this.#first) !== 0 && this.#bytes + bytes > this.#sizes.chunkBytes) {
      return false
    }
    if (parts instanceof Item) this.#lone.push(parts)
    else this.#keys.set(key, parts)
    this.#bytes += bytes
    return true
  }

  /** Of a key of which an item was named, and now a removal is: what is told of the key. No other item of it is held. */
  #loneToo(key: string, cause: Item | Removal): NamedKey | undefined {
    if (cause instanceof Item) return undefined
    const at = this.#lone.findIndex((item) => item.key === key)
    if (at < 0) return undefined
    const items = this.#lone.splice(at, 1)
    const named = { key, held: items, items, proofs: [] }
    this.#keys.set(key, named)
    return named
  }

  #nameAgain(named: NamedKey, cause: Item | Removal): boolean {
    if (cause instanceof Item) return named.items.includes(cause)
    named.proofs.push(proofOf(cause))
    this.#bytes += PROOF_BYTES
    return true
  }

  #keyParts(key: string, cause: Item | Removal): NamedKey {
    const held = this.#replica.siblings(key)
    if (!(cause instanceof Item)) {
      return { key, held, items: this.#thoseThatFit(held, 0), proofs: [proofOf(cause)] }
    }
    const others = held.filter((item) => item !== cause)
    const items = [cause, ...this.#thoseThatFit(others, cause.envelopeBytes)]
    return { key, held, items, proofs: [] }
  }

  #thoseThatFit(items: readonly Item[], bytesBefore: number): Item[] {
    let bytes = bytesBefore
    return items.filter((item) => {
      if (!this.#lacks(item) || bytes + item.envelopeBytes > this.#sizes.chunkBytes) return false
      bytes += item.envelopeBytes
      return true
    })
  }
}
