/** What the checks know of every mutation that was made in a fleet, by dot. */
import type { ActorId } from '../../src/core/bytes.ts'
import type { Dot, Item } from '../../src/core/item.ts'

/** A mutation that superseded another one, and which content of that it had observed. */
export interface Superseded extends Dot {
  content: number | undefined
}

export interface Fact extends Dot {
  /** What it added, if it was a put and its item came to the disk of its origin. */
  item: Item | undefined
  /** Durable at its origin. */
  executed: boolean
  acknowledged: boolean
  /** Its item may be missing where the dot is covered: a mutation that may be executed superseded it, or it was purged. */
  dead: boolean
  /** The acknowledged mutations that superseded it: its item must be nowhere in the end. */
  goneBy: Superseded[] | undefined
  /** The mutations that may have superseded it, acknowledged or not, once they are durable; or nobody can tell. */
  replacedBy: Fact[] | 'unknown' | undefined
}

/** Of actors that were closed before the run began, and whose items were all removed. */
const CLOSED: Omit<Fact, keyof Dot> = {
  item: undefined,
  executed: true,
  acknowledged: false,
  dead: true,
  goneBy: undefined,
  replacedBy: undefined,
}

export class Facts {
  readonly #byActor = new Map<ActorId, (Fact | undefined)[]>()
  readonly #closed = new Map<ActorId, number>()
  /** Greatest durable counter of each actor at its origin. */
  readonly heads = new Map<ActorId, number>()

  get({ actor, counter }: Dot): Fact | undefined {
    const fact = this.#byActor.get(actor)?.[counter]
    if (fact !== undefined || counter > (this.#closed.get(actor) ?? 0)) return fact
    return { actor, counter, ...CLOSED }
  }

  add({ actor, counter }: Dot): Fact {
    let facts = this.#byActor.get(actor)
    if (facts === undefined) this.#byActor.set(actor, (facts = []))
    const fresh = { item: undefined, executed: false, acknowledged: false, dead: false }
    const superseded = { goneBy: undefined, replacedBy: undefined }
    return (facts[counter] = { actor, counter, ...fresh, ...superseded })
  }

  drop({ actor, counter }: Dot): void {
    const facts = this.#byActor.get(actor)
    if (facts !== undefined) facts[counter] = undefined
  }

  executed(fact: Fact): void {
    fact.executed = true
    const head = this.heads.get(fact.actor) ?? 0
    if (fact.counter > head) this.heads.set(fact.actor, fact.counter)
  }

  /** Dots 1..head of an actor that no longer writes, all of them dead. */
  close(actor: ActorId, head: number): void {
    this.#closed.set(actor, head)
    this.heads.set(actor, head)
  }

  *all(): Generator<Fact> {
    for (const facts of this.#byActor.values()) {
      for (const fact of facts) if (fact !== undefined) yield fact
    }
  }
}
