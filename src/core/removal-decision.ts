/** What an operator's decision on removals that are held back does to the map (R13). */
import type { Change } from './change.ts'
import { KIND_REGISTER } from './item.ts'
import type { HeldKey } from './removal-guard.ts'
import type { Work } from './work.ts'
import type { LocalMutation } from './writes.ts'

/** Removes the items that were held back; their dots stay seen. */
export function approvalWork(held: readonly HeldKey[]): Work {
  return {
    bytes: 0,
    durable: true,
    run: (change) => {
      for (const { items } of held) {
        for (const item of items) {
          if (change.held(item.actor, item.counter) === item) change.remove(item)
        }
      }
    },
    done: () => undefined,
  }
}

/**
 * Writes the items anew: under dots that no peer has seen, so that no peer can have removed them. Each supersedes only its
 * predecessor, and siblings stay siblings. An item of a kind that this version does not know cannot be written by it.
 */
export function refusalMutations(held: readonly HeldKey[]): LocalMutation[] {
  return held.flatMap(({ key, items }) =>
    items
      .filter((item) => item.kind === KIND_REGISTER && item.field === '')
      .map((item): LocalMutation => {
        const observed = [{ actor: item.actor, counter: item.counter }]
        return { op: 'put', key, value: item.value(), expiry: item.expiry, observed }
      }),
  )
}

/** Takes out what would bring back an item that went for another reason meanwhile. */
export function dropOutdated(mutations: LocalMutation[], change: Change): void {
  const current = mutations.filter(({ observed = [] }) =>
    observed.every((dot) => change.held(dot.actor, dot.counter) !== undefined),
  )
  mutations.splice(0, mutations.length, ...current)
}
