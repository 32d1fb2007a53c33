/**
 * What is not taken on a peer's word alone: the removal of very many keys (R13), dots far beyond what their actor was
 * heard of (R15), and which content a dot has when there are two (R14). Every doubt is counted and told.
 */
import { toHex } from './bytes.ts'
import type { CoreEffect } from './events.ts'
import { FarRanges } from './far-ranges.ts'
import type { Dot, Item } from './item.ts'
import { RemovalGuard } from './removal-guard.ts'
import type { Claim, HeldKey } from './removal-guard.ts'
import type { Replica } from './replica.ts'
import type { CoreSettings, Now } from './settings.ts'
import type { DotRange } from './wire/dots.ts'

/** What lasts is told again after this, not at every comparison. */
const TELL_AGAIN_MS = 10 * 60_000

export interface TrustHost {
  replica: Replica
  settings: CoreSettings
  now(): Now
  wasComplete(): boolean
  emit(effect: CoreEffect): void
  count(name: string, by: number): void
}

export interface Doubts {
  /** Keys whose removal is held back. */
  removals: number
  /** Actors of which a peer claims more than is believed. */
  actors: number
}

/** What a session asks of one peer's word. */
export interface TrustInPeer {
  mayGo(items: readonly Item[], vouched: (item: Item) => boolean): 'hold' | 'heard' | 'confirmed'
  /** How much of a range to believe, given the greatest counter that is known here of its actor (R15). */
  believed(range: DotRange, seen: number): DotRange | undefined
  /** Of two contents of one dot the first is kept now, the second no more. */
  twin(kept: Item, lost: Item): void
  /** So many mutations are dead there and were missing here, and what they did was not told. */
  untold(mutations: number): void
  /** Keys of which other peers said what is held back, and this one was not asked about (R13). */
  keysToAsk(): Iterable<string>
  /** Items whose removal is held back, whoever said it. */
  itemsHeldBack(): number
}

export class Trust {
  readonly #host: TrustHost
  readonly #guard: RemovalGuard
  readonly #far = new FarRanges()
  readonly #toldAt = new Map<string, number>()

  constructor(host: TrustHost) {
    this.#host = host
    this.#guard = new RemovalGuard(host.replica, host.settings.repair)
  }

  doubts(): Doubts {
    return { removals: this.#guard.keys, actors: this.#far.doubted(this.#host.replica.context) }
  }

  /** Keys whose removal is held back, the longest held first, at most so many. */
  held(most: number): HeldKey[] {
    return this.#guard.held(most)
  }

  /** Items were removed here. */
  removed(items: Iterable<Item>): void {
    this.#guard.removed(items)
  }

  /** A dot that came with its contents, or the writer's own word. */
  heard({ actor, counter }: Dot): void {
    this.#far.heard(actor, counter)
  }

  inPeer(peer: string): TrustInPeer {
    return {
      mayGo: (items, vouched) => this.#mayGo({ peer, items, vouched }),
      believed: (range, seen) => this.#believed(peer, range, seen),
      twin: (kept, lost) => this.#twin(peer, kept, lost),
      untold: (mutations) => this.#untold(mutations),
      keysToAsk: () => this.#guard.toAsk(peer),
      itemsHeldBack: () => this.#guard.size,
    }
  }

  #mayGo(claim: Claim): 'hold' | 'heard' | 'confirmed' {
    const { peer } = claim
    const verdict = this.#guard.judge(claim, this.#host.now().mono)
    if (verdict === 'confirmed') return 'confirmed'
    if (verdict === 'fits') {
      this.#count('removalsUnproven', 1)
      return 'heard'
    }
    if (verdict === 'overdue') {
      this.#count('removalsOverdue', 1)
      this.#tell('error', 'REMOVALS_APPLIED', { peer }, [
        'removals of many keys were held back for as long as they may be (repair.removalHold) and are applied now:',
        'nobody refused them, and no second peer that knows it by itself confirmed them',
      ])
      return 'heard'
    }
    this.#count('removalsHeldBack', 1)
    this.#tell('error', 'REMOVALS_HELD', { peer }, [
      'a peer says that very many keys were removed, and nothing proves it: they are kept until another peer that knows it by',
      'itself says the same, or somebody decides: see "hearsay removals"',
    ])
    return 'hold'
  }

  /** To a replica that never was complete the whole past is untold. */
  #untold(mutations: number): void {
    if (this.#host.wasComplete()) this.#guard.untold(mutations, this.#host.now().mono)
  }

  #believed(peer: string, range: DotRange, seen: number): DotRange | undefined {
    const belief = this.#far.judge(range, seen, peer, this.#host.now().mono)
    const actor = toHex(range.actor)
    if (belief.overdue) {
      this.#count('rangesOverdue', 1)
      this.#tell('error', 'RANGE_BELIEVED', { peer, actor, to: range.to }, [
        'a peer claims mutations far beyond what was heard of their actor; no second peer said the same in time, and it is',
        'believed now: if the claim is false, what this actor writes from now on is not seen; restarting its daemon helps',
      ])
    } else if (belief.range !== range) {
      this.#count('rangesDoubted', 1)
      this.#tell('warn', 'RANGE_DOUBTED', { peer, actor, to: range.to }, [
        'a peer claims mutations far beyond what was heard of their actor: not believed until another peer says the same',
      ])
    }
    return belief.range
  }

  #twin(peer: string, kept: Item, lost: Item): void {
    this.#count('dotConflicts', 1)
    const dot = `${toHex(kept.actor)}:${kept.counter}`
    this.#host.emit({ type: 'twin', peer, kept, lost })
    this.#tell('error', 'DOT_CONFLICT', { peer, dot }, [
      'one mutation has two contents: its daemon was copied while it ran, or put back to an earlier moment. One content is',
      'kept everywhere, the other is in conflicts.jsonl',
    ])
  }

  /** An operator believes what is held back. Gives the keys with the items that are to go. */
  approve(): HeldKey[] {
    return this.#guard.approve(this.#host.now().mono)
  }

  /** An operator does not. Gives the keys with the items that are to be written anew. */
  refuse(): HeldKey[] {
    return this.#guard.refuse()
  }

  #count(name: string, by: number): void {
    this.#host.count(name, by)
  }

  #tell(
    level: 'warn' | 'error',
    code: string,
    fields: Record<string, unknown>,
    words: string[],
  ): void {
    const { mono } = this.#host.now()
    const last = this.#toldAt.get(code)
    if (last !== undefined && mono - last < TELL_AGAIN_MS) return
    this.#toldAt.set(code, mono)
    this.#host.emit({ type: 'log', level, message: words.join(' '), fields: { code, ...fields } })
  }
}
