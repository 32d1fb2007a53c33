/**
 * Which mutations took the place of which: a replica that is told by a peer what a key holds may let an item go only when
 * something of what replaced it has come, or what replaced that in turn (R5). Else it shows the key without what was
 * written last.
 */
import type { Context } from '../../src/core/context.ts'
import type { Dot } from '../../src/core/item.ts'
import { decodeActors, decodeDots } from '../../src/core/wire/dots.ts'
import { decodeLink } from '../../src/core/wire/link.ts'
import type { BatchAccount } from './batch-account.ts'
import type { Fact, Facts } from './facts.ts'
import { HAVE_ITEMS } from './faulty-peer.ts'

/**
 * The mutations of one commit and what they superseded. Of mutations that made no item nobody can tell which key they were
 * of, so they may have superseded anything, and whatever came after them may have superseded them.
 */
export function recordSuccessors({ own, replaced }: BatchAccount): void {
  const anyKey: Fact[] = []
  const byKey = new Map<string, Fact[]>()
  for (const fact of own) {
    if (fact.item === undefined) {
      anyKey.push(fact)
      fact.replacedBy = 'unknown'
    } else byKey.set(fact.item.key, [...(byKey.get(fact.item.key) ?? []), fact])
  }
  for (const old of replaced) {
    if (old.replacedBy === 'unknown') continue
    const sameKey = old.item === undefined ? undefined : byKey.get(old.item.key)
    old.replacedBy = [...(old.replacedBy ?? []), ...(sameKey ?? []), ...anyKey]
  }
}

/**
 * Whether whoever has seen `context` has a successor of what `fact` made. Where the chain ends in a delete, in what expired,
 * or in what nobody knows of, there need be none.
 */
export function hasSuccessor(fact: Fact, context: Context, passed = new Set<Fact>()): boolean {
  if (fact.item === undefined || fact.item.expiry > 0) return true
  const successors = fact.replacedBy ?? 'unknown'
  if (successors === 'unknown') return true
  passed.add(fact)
  return successors.some((next) => {
    if (next.item === undefined || context.covers(next.actor, next.counter)) return true
    return next.dead && !passed.has(next) && hasSuccessor(next, context, passed)
  })
}

/** The lists of held dots that a message brings, one for each key; none when it is another. */
export function heldAsTold(bytes: Uint8Array): Dot[][] {
  if (!HAVE_ITEMS.has(bytes[0]!)) return []
  const message = decodeLink(bytes)
  if (typeof message === 'string') return []
  if (message.type !== 'chunk' && message.type !== 'resolved') return []
  const actors = decodeActors(message.body.actors) ?? []
  const lone = message.type === 'chunk' ? (decodeDots(message.body.held, actors) ?? []) : []
  const others = message.body.keys.map(({ held }) => decodeDots(held, actors) ?? [])
  return [...lone.map((dot) => [dot]), ...others]
}

/**
 * Whether an item went on the word of peers who all hold something that replaced it, and before that came. A peer that
 * does not hold it yet may say what is removed, and no more.
 */
export function leftBehind(
  fact: Fact,
  told: readonly Dot[][],
  facts: Facts,
  context: Context,
): boolean {
  const key = fact.item?.key
  const ofKey = told.filter((held) => held.some((dot) => facts.get(dot)?.item?.key === key))
  if (ofKey.length === 0) return false
  const successors = successorsOf(fact)
  return ofKey.every((held) =>
    held.some((dot) => {
      const one = facts.get(dot)
      return one !== undefined && successors.has(one) && !context.covers(dot.actor, dot.counter)
    }),
  )
}

/** What took its place, and what took the place of that, as far as it is known. */
export function successorsOf(fact: Fact, found = new Set<Fact>()): Set<Fact> {
  if (fact.replacedBy === undefined || fact.replacedBy === 'unknown') return found
  for (const next of fact.replacedBy) {
    if (found.has(next)) continue
    found.add(next)
    successorsOf(next, found)
  }
  return found
}
