/**
 * A change: everything that one commit does to the replica, worked out before the disk is asked.
 *
 * It is a view over the replica in which later steps see earlier ones, so that many mutations, deltas and chunks share
 * one atomic batch. The replica itself stays as it is until the batch is in the store; then `apply` brings it there. A
 * commit that fails leaves nothing to undo.
 */
import type { ActorId } from './bytes.ts'
import { GrowingDots } from './growing-set.ts'
import * as intervals from './intervals.ts'
import { invariant } from './invariant.ts'
import type { Intervals } from './intervals.ts'
import { winnerFirst } from './item.ts'
import type { Dot, Item } from './item.ts'
import type { Removal } from './removal-log.ts'
import type { Replica } from './replica.ts'

export class Change {
  readonly replica: Replica
  readonly added = new Set<Item>()
  readonly removed = new Set<Item>()
  readonly #seen = new GrowingDots()
  /** Dead on a peer's word alone. */
  readonly hearsay = new GrowingDots()
  readonly #addedByKey = new Map<string, Item[]>()
  readonly #addedByDot = new Map<ActorId, Map<number, Item>>()
  readonly #removals: Removal[] = []
  readonly #dropped = new Set<Item>()
  readonly #takenBack = new Set<Item>()
  #touched = false
  #seenAfter: ReadonlyMap<ActorId, Intervals> | undefined

  constructor(replica: Replica) {
    this.replica = replica
  }

  get empty(): boolean {
    const { added, removed } = this
    return !this.#touched && added.size === 0 && removed.size === 0 && this.#seen.size === 0
  }

  /** Asks for a batch although nothing of the map changes: every batch carries the replica's meta record. */
  touch(): void {
    this.#touched = true
  }

  covers(actor: ActorId, counter: number): boolean {
    return this.#seen.covers(actor, counter) || this.replica.context.covers(actor, counter)
  }

  /** Greatest counter seen of an actor; 0 when there is none. */
  head(actor: ActorId): number {
    const before = intervals.head(this.replica.context.get(actor))
    return Math.max(before, this.#seen.head(actor))
  }

  held(actor: ActorId, counter: number): Item | undefined {
    const added = this.#addedByDot.get(actor)?.get(counter)
    if (added !== undefined) return added
    const item = this.replica.held(actor, counter)
    return item !== undefined && !this.removed.has(item) ? item : undefined
  }

  /** Held items of a key as of this change, the winner first. */
  siblings(key: string): Item[] {
    const before = this.replica.siblings(key)
    const added = this.#addedByKey.get(key)
    if (added === undefined && this.removed.size === 0) return before
    const kept = before.length === 0 ? before : before.filter((item) => !this.removed.has(item))
    if (added === undefined) return kept
    return kept.length === 0 && added.length <= 1
      ? [...added]
      : [...kept, ...added].sort(winnerFirst)
  }

  /** Marks dots as seen. By itself this removes nothing (R3). */
  see(actor: ActorId, from: number, to = from): void {
    this.#seen.addRange(actor, from, to)
  }

  /** All that is seen, after this change, of the actors that it has seen dots of. Asked for when nothing is added to it any more. */
  get seenAfter(): ReadonlyMap<ActorId, Intervals> {
    const { context } = this.replica
    return (this.#seenAfter ??= new Map(
      Array.from(this.#seen, ([actor, seen]) => [actor, intervals.union(context.get(actor), seen)]),
    ))
  }

  /** Those of the dots `from`..`to` that neither the replica nor this change has seen. */
  unseen(actor: ActorId, from: number, to: number): Intervals {
    const rest = intervals.subtract([from, to], this.replica.context.get(actor))
    return this.#seen.missingOf(actor, rest)
  }

  /** Dots that are seen, and not held, because a peer says so and nothing else does (R13). */
  hear(actor: ActorId, dots: Intervals): void {
    for (const { from, to } of intervals.rangesOf(dots)) this.hearsay.addRange(actor, from, to)
  }

  /** Adds an item whose dot is not covered, and marks the dot seen: held implies seen. */
  add(item: Item): void {
    invariant(!this.covers(item.actor, item.counter), 'R3', 'a dot that was seen is added')
    this.#insert(item)
    this.see(item.actor, item.counter)
  }

  #insert(item: Item): void {
    this.added.add(item)
    const byKey = this.#addedByKey.get(item.key)
    if (byKey === undefined) this.#addedByKey.set(item.key, [item])
    else byKey.push(item)
    let byDot = this.#addedByDot.get(item.actor)
    if (byDot === undefined) this.#addedByDot.set(item.actor, (byDot = new Map()))
    byDot.set(item.counter, item)
  }

  /** Removes a held item. Its dot stays seen: that is what a removal is. */
  remove(item: Item): void {
    if (!this.added.delete(item)) {
      this.removed.add(item)
      return
    }
    const byKey = this.#addedByKey.get(item.key)!
    byKey.splice(byKey.indexOf(item), 1)
    this.#addedByDot.get(item.actor)!.delete(item.counter)
  }

  /** Puts another content of the same dot in the place of a held item (R14). */
  replace(own: Item, other: Item): void {
    invariant(own.actor === other.actor && own.counter === other.counter, 'R14', 'two dots')
    this.remove(own)
    this.#insert(other)
  }

  /** Removes a held item though no mutation is known that did: another content of its dot is still told from it. */
  drop(item: Item): void {
    this.remove(item)
    this.#dropped.add(item)
  }

  /** Takes a content of a dot that was dropped with it or with another one (R14). */
  takeBack(item: Item): void {
    invariant(this.held(item.actor, item.counter) === undefined, 'R14', 'two contents are held')
    this.#insert(item)
    this.#takenBack.add(item)
  }

  /** Remembers which key a delete touched. */
  log(mutation: Dot, item: Item): void {
    this.#removals.push({
      actor: mutation.actor,
      counter: mutation.counter,
      removed: { actor: item.actor, counter: item.counter },
      key: item.key,
    })
  }

  /** Brings the replica to this change. Only once its batch is in the store. */
  apply(): void {
    for (const item of this.removed) this.replica.remove(item)
    for (const item of this.added) this.replica.insert(item)
    for (const [actor, after] of this.seenAfter) this.replica.context.grow(actor, after)
    for (const [actor, dots] of this.hearsay) this.replica.hearsay.add(actor, dots)
    for (const item of this.#dropped) this.replica.dropped.add(item)
    for (const item of this.#takenBack) this.replica.dropped.delete(item)
    for (const removal of this.#removals) this.replica.removals.add(removal)
  }

  /** Keys whose held items differ after this change. */
  keysChanged(): Set<string> {
    const keys = new Set<string>()
    for (const item of this.removed) keys.add(item.key)
    for (const item of this.added) keys.add(item.key)
    return keys
  }
}
