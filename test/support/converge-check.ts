/**
 * Holds each yes to "has the fleet converged?" against the replicas themselves. At the moment of the question it takes down
 * what each replica of the fleet has seen and holds; at the moment of a yes each of the daemons that it names must
 * cover all that any of them had seen, and hold nothing that one of them had removed.
 */
import assert from 'node:assert/strict'
import type { Convergence } from '../../src/core/converge.ts'
import type { FleetConvergence } from '../../src/core/fleet-tour.ts'
import type { CoreEffect, CoreEvent } from '../../src/core/events.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { dotText } from '../../src/core/item.ts'
import * as intervals from '../../src/core/intervals.ts'
import { Loader } from '../../src/core/records.ts'
import type { Replica } from '../../src/core/replica.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import { hash, summaryOf } from './fleet.ts'
import type { Fleet, SimNode } from './fleet.ts'

interface Seen {
  context: Map<string, Intervals>
  held: Set<string>
}

export interface Asked {
  result: Convergence | undefined
}

export interface AskedFleet {
  fleetResult: FleetConvergence | undefined
}

interface Question extends Asked, AskedFleet {
  node: SimNode
  run: number
  seen: Map<SimNode, Seen>
  writes: number
  /** No write was under way then. */
  quiet: boolean
}

export class ConvergeCheck {
  readonly #fleet: Fleet
  readonly #questions = new Map<number, Question>()
  #writes = 0
  yes = 0
  no = 0

  constructor(fleet: Fleet) {
    this.#fleet = fleet
    fleet.observers.push({
      after: (node, event, effects) => {
        if (event.type === 'write') this.#writes++
        for (const effect of effects) this.#look(node, effect)
      },
    })
  }

  ask(node: SimNode, withinMs: number): Asked {
    return this.#ask(node, (id) => ({ type: 'converged', id, withinMs }))
  }

  askFleet(node: SimNode, withinMs: number): AskedFleet {
    return this.#ask(node, (id) => ({ type: 'fleetConverged', id, withinMs }))
  }

  #ask(node: SimNode, event: (id: number) => CoreEvent): Question {
    const seen = new Map(
      this.#fleet.nodes
        .filter((one) => one.engine !== undefined)
        .map((one) => [one, seenBy(one)] as const),
    )
    const question: Question = {
      node,
      run: node.run,
      seen,
      writes: this.#writes,
      quiet: [...seen.keys()].every((one) => one.live.idle),
      result: undefined,
      fleetResult: undefined,
    }
    // An answer may come at once, before the number is known.
    this.#beginning = question
    const id = this.#fleet.ask(node, event)
    this.#beginning = undefined
    if (question.result === undefined && question.fleetResult === undefined) {
      this.#questions.set(id, question)
    }
    return question
  }

  #beginning: Question | undefined

  /** As if the payload had come over a way that is not there any more. */
  gossip(node: SimNode, bytes: Uint8Array): void {
    const deltas = decodeGossip(bytes, hash)
    assert.ok(deltas !== undefined)
    this.#fleet.dispatch(node, { type: 'gossip', author: 'n9', deltas, bytes: bytes.length })
  }

  #look(node: SimNode, effect: CoreEffect): void {
    if (effect.type !== 'convergence' && effect.type !== 'fleetConvergence') return
    const question = this.#questions.get(effect.id) ?? this.#beginning
    this.#questions.delete(effect.id)
    if (question === undefined || question.node !== node || question.run !== node.run) return
    if (effect.type === 'convergence') question.result = effect.result
    else question.fleetResult = effect.result
    const named =
      effect.type === 'convergence'
        ? [node.id, ...effect.result.peers.map(({ peer }) => peer)]
        : effect.result.members
    if (effect.result.converged) this.#check(question, new Set(named))
    else this.no++
  }

  #check(question: Question, named: ReadonlySet<string>): void {
    this.yes++
    const members = this.#fleet.nodes.filter((one) => named.has(one.id))
    for (const one of members) {
      for (const other of members) {
        const before = question.seen.get(other)
        if (before !== undefined) checkAgainst(one, other, before)
      }
    }
    // Somebody of whom the answer does not speak may give one of them something new meanwhile.
    const isWhole = this.#fleet.nodes.every((one) => one.engine !== undefined && named.has(one.id))
    if (!isWhole || !question.quiet || this.#writes !== question.writes) return
    const [first, ...others] = members.map(summaryOf)
    assert.ok(
      others.every((summary) => summary === first),
      'yes, and without a write meanwhile the replicas are not the same',
    )
  }
}

/** Of a process that has died since, what its disk holds: a yes speaks of what is durable. */
function replicaOf(node: SimNode): Replica {
  if (node.engine !== undefined) return node.live.replica
  const loader = new Loader(hash)
  loader.add(node.disk.records())
  return loader.finish().replica
}

function seenBy(node: SimNode): Seen {
  const { replica } = node.live
  const held = new Set<string>()
  for (const item of replica.fromDot('', 0)) held.add(dotText(item))
  return { context: new Map(replica.context), held }
}

/** What `node` has now against what `other` had then. */
function checkAgainst(node: SimNode, other: SimNode, before: Seen): void {
  const replica = replicaOf(node)
  for (const [actor, set] of before.context) {
    const missing = intervals.subtract(set, replica.context.get(actor))
    assert.equal(missing.length, 0, `yes, and ${node.id} lacks dots that ${other.id} had`)
  }
  for (const item of replica.fromDot('', 0)) {
    const seen = before.context.get(item.actor)
    if (seen === undefined || !intervals.covers(seen, item.counter)) continue
    assert.ok(
      before.held.has(dotText(item)),
      `yes, and ${node.id} holds an item of ${item.key} that ${other.id} had removed`,
    )
  }
}
