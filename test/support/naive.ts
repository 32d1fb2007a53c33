/** The replica again, as plainly as it can be said: a set of dots and a map of items, and no index. */
import type { Dot, Item } from '../../src/core/item.ts'
import { compareDots, winnerFirst } from '../../src/core/item.ts'
import type { KeyState } from '../../src/core/repair/key-state.ts'
import type { Replica } from '../../src/core/replica.ts'
import type { Delta } from '../../src/core/wire/gossip.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { short } from './fleet.ts'

export function textOf(dot: Dot): string {
  return `${dot.actor}${dot.counter}`
}

export class Naive {
  readonly seen = new Map<string, Dot>()
  readonly held = new Map<string, Item>()

  see(dot: Dot): void {
    this.seen.set(textOf(dot), { actor: dot.actor, counter: dot.counter })
  }

  siblings(key: string): Item[] {
    return [...this.held.values()].filter((item) => item.key === key).sort(winnerFirst)
  }

  /** What a local mutation has observed, each dot once. */
  observed({ key, observed }: LocalMutation): Dot[] {
    const dots = observed ?? this.siblings(key)
    const distinct = new Map(dots.map((dot) => [textOf(dot), dot]))
    return [...distinct.values()].filter(
      (dot) => this.held.has(textOf(dot)) || !this.seen.has(textOf(dot)),
    )
  }

  delta({ dot, item, supersedes, announcedBytes }: Delta): void {
    if (announcedBytes > 0) return
    if (!this.seen.has(textOf(dot))) {
      this.see(dot)
      if (item !== undefined) this.held.set(textOf(dot), item)
    }
    for (const gone of supersedes) {
      this.see(gone)
      this.held.delete(textOf(gone))
    }
  }

  keyState(state: KeyState, isDead: (dot: Dot) => boolean): void {
    for (const item of state.items) {
      if (this.seen.has(textOf(item))) continue
      this.see(item)
      this.held.set(textOf(item), item)
    }
    if (state.held.some((dot) => !this.seen.has(textOf(dot)))) return
    const survivors = new Set(state.held.map(textOf))
    for (const item of this.siblings(state.key)) {
      if (!survivors.has(textOf(item)) && isDead(item)) this.held.delete(textOf(item))
    }
  }

  /** The same text as `textOfReplica` gives for an equal replica. */
  text(): string {
    const seen = [...this.seen.values()].sort(compareDots).map(short)
    const keys = [...new Set([...this.held.values()].map((item) => item.key))].sort()
    const items = keys.flatMap((key) => this.siblings(key).map((item) => `${key} ${short(item)}`))
    let lanes = [0, 0, 0, 0]
    for (const { lane0, lane1, lane2, lane3 } of this.held.values()) {
      const own = [lane0, lane1, lane2, lane3]
      lanes = lanes.map((sum, index) => (sum + own[index]!) | 0)
    }
    const alone = keys.filter((key) => this.siblings(key).length === 1).length
    return [seen.join(' '), keysText(keys.length, alone), ...items, lanes.join()].join('\n')
  }
}

export function textOfReplica(replica: Replica): string {
  const seen: Dot[] = []
  for (const [actor, set] of replica.context) {
    for (let i = 0; i < set.length; i += 2) {
      for (let counter = set[i]!; counter <= set[i + 1]!; counter++) seen.push({ actor, counter })
    }
  }
  const keys = [...new Set(Array.from(replica.fromKey(''), (item) => item.key))]
  const items = keys.flatMap((key) => replica.siblings(key).map((item) => `${key} ${short(item)}`))
  const { lanes } = replica.sum(undefined, undefined)
  const dots = seen.sort(compareDots).map(short).join(' ')
  const alone = Array.from(replica.fromKey('')).filter((item) => replica.isAlone(item)).length
  return [dots, keysText(replica.keys, alone), ...items, lanes.join()].join('\n')
}

function keysText(keys: number, alone: number): string {
  return `${keys} keys, ${alone} of one item`
}
