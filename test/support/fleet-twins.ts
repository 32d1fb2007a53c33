/**
 * Dots that were given out twice, by a copy of a running process or by one that was put back to an earlier moment (R14). Any of
 * the contents of such a dot is as good as another; that two of them met must be said by somebody.
 */
import type { CoreEffect } from '../../src/core/events.ts'
import { dotText, hashPrefix } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import { decoded } from './batch-account.ts'
import type { StoredItem } from './batch-account.ts'
import { check } from './check-failure.ts'
import type { Fact } from './facts.ts'
import { short } from './fleet.ts'
import type { Fleet, SimNode } from './fleet.ts'

export class Twins {
  readonly #fleet: Fleet
  readonly #originOf: (actor: string) => SimNode | undefined
  readonly #actors = new Set<string>()
  /** Dots that got two contents, with these. */
  readonly #conflicts = new Map<Fact, Item[]>()
  /** Dots of which somebody has said so, and nodes that said so of all of theirs. */
  readonly #told = new Set<string | SimNode>()
  /** Dots with two contents of which a node held one when it was stopped. */
  readonly #heldAtStop = new Map<SimNode, Fact[]>()

  constructor(fleet: Fleet, originOf: (actor: string) => SimNode | undefined) {
    this.#fleet = fleet
    this.#originOf = originOf
  }

  /** Whether any dots were given out twice. */
  get any(): boolean {
    return this.#actors.size > 0
  }

  /** Whether dots of an actor were. */
  has(actor: string): boolean {
    return this.#actors.has(actor)
  }

  add(actor: string): void {
    this.#actors.add(actor)
  }

  /** One of two contents may be gone with a disk. */
  diskLost(): void {
    this.#conflicts.clear()
  }

  stopped(node: SimNode): void {
    this.#heldAtStop.set(
      node,
      [...this.#conflicts.keys()].filter((fact) => isHeld(node, fact)),
    )
  }

  /** What a crash took from a disk is no content any more: where that leaves one, there is nothing to tell. */
  started(node: SimNode): void {
    const facts = this.#heldAtStop.get(node) ?? []
    this.#heldAtStop.delete(node)
    for (const fact of facts) {
      if (isHeld(node, fact)) continue
      const contents = new Set(this.#fleet.nodes.map((one) => this.#contentAt(one, fact)))
      contents.delete(undefined)
      if (contents.size < 2) this.#conflicts.delete(fact)
    }
  }

  /** Of a node that does not run nobody can say which content it is. */
  #contentAt(node: SimNode, fact: Fact): string | undefined {
    const item = node.engine?.replica.held(fact.actor, fact.counter)
    if (item !== undefined) return hashPrefix(item)
    const isUnknown =
      node.engine === undefined && this.#heldAtStop.get(node)?.includes(fact) === true
    return isUnknown ? node.id : undefined
  }

  after(node: SimNode, effect: CoreEffect): void {
    if (effect.type === 'twin') this.#told.add(dotText(effect.kept))
    else if (effect.type === 'log') {
      // Who gave out dots twice, and hears of the first time, says so of all of them.
      const isTold =
        effect.message === 'actor retired' || effect.fields?.['code'] === 'STORE_ROLLED_BACK'
      if (isTold) this.#told.add(node)
    }
  }

  /** A content of a dot of such an actor is about to be stored. */
  stored(fact: Fact, stored: StoredItem): void {
    const { item, dead } = fact
    if (item === undefined || dead) fact.item = decoded(stored)
    else if (this.#fleet.nodes.some((node) => holdsOther(node, stored))) {
      this.#conflicts.set(fact, [...(this.#conflicts.get(fact) ?? [item]), decoded(stored)])
    }
  }

  /**
   * That somebody has said so, when all are as `node` is. Where all contents of a dot were superseded or expired before two of
   * them met, nobody could notice.
   */
  checkTold(node: SimNode, nowWall: number): void {
    for (const [fact, contents] of this.#conflicts) {
      const isGone = fact.dead || contents.every((item) => isPast(item, node, nowWall))
      check(isGone || this.isTold(fact), 'alarm', () => {
        return `${short(fact)} has two contents, and nobody has said so`
      })
    }
  }

  /** Whether somebody has said that the dot has two contents, or that its daemon gave out dots twice. */
  isTold(fact: Fact): boolean {
    const origin = this.#originOf(fact.actor)
    return (origin !== undefined && this.#told.has(origin)) || this.#told.has(dotText(fact))
  }
}

/** It has expired, or another value of its key is shown. */
function isPast(item: Item, { live }: SimNode, nowWall: number): boolean {
  const others = live.replica.siblings(item.key).filter((one) => dotText(one) !== dotText(item))
  return (item.expiry > 0 && item.expiry < nowWall) || others.length > 0
}

function isHeld({ engine }: SimNode, { actor, counter }: Fact): boolean {
  return engine?.replica.held(actor, counter) !== undefined
}

/** Whether a node has another content of the dot. */
function holdsOther({ engine }: SimNode, { actor, counter, envelope }: StoredItem): boolean {
  const held = engine?.replica.held(actor, counter)
  return held !== undefined && Buffer.compare(held.envelope, envelope) !== 0
}
