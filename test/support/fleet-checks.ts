/**
 * What must be true of a fleet, checked from outside while it runs: the checks read commits, broadcasts and answers, and
 * keep their own account in plain sets.
 *
 * At every commit
 * - contents: a dot has one content, whoever stores it
 * - no return: what is stored anew was not covered before; so nothing removed comes back
 * - cover: what is held is covered, and the stored context is the one in memory
 * - growth: contexts only grow
 * - R6: a context never covers a mutation that is not durable at its origin
 *
 * At every start
 * - the replica is the one that was in memory when the batch that is the last on disk had been applied
 *
 * When all has healed (`settle`)
 * - every acknowledged put is held everywhere, or superseded by a mutation that had observed it, or expired
 * - what an acknowledged mutation superseded is held nowhere
 */
import assert from 'node:assert/strict'
import { toBinary } from '../../src/core/bytes.ts'
import type { CoreEffect, CoreEvent } from '../../src/core/events.ts'
import * as intervals from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import { decodeItem } from '../../src/core/item.ts'
import type { Dot, Item } from '../../src/core/item.ts'
import type { RawBatch } from '../../src/core/records.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink } from '../../src/core/wire/link.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { hash, short, stateOf, summaryOf } from './fleet.ts'
import type { Fleet, Observer, SimNode } from './fleet.ts'

interface Account {
  context: Map<string, Intervals>
  /** The commit under way. */
  batch: RawBatch | undefined
  pending: Map<number, LocalMutation[]>
  /** Summary of the state after each batch, by number. */
  states: Map<number, string>
}

export class FleetChecks implements Observer {
  readonly #fleet: Fleet
  readonly #accounts = new Map<SimNode, Account>()
  readonly #items = new Map<string, Item>()
  /** Greatest durable counter of each actor at its origin. */
  readonly #durable = new Map<string, number>()
  readonly #acknowledged = new Map<string, Item>()
  /** Dots superseded by acknowledged mutations, and by which. */
  readonly #superseded = new Map<string, string>()
  /** Dots superseded by mutations whose fate is not known. */
  readonly #maybe = new Set<string>()
  constructor(fleet: Fleet) {
    this.#fleet = fleet
    fleet.observers.push(this)
  }
  get acknowledged(): number {
    return this.#acknowledged.size
  }
  // Observer.
  started(node: SimNode, batch: number): void {
    const account = this.#account(node)
    const expected = account.states.get(batch)
    if (expected !== undefined) {
      assert.equal(summaryOf(node), expected, `${node.id} is not as it was after batch ${batch}`)
    }
    account.context = new Map(node.live.replica.context)
    // A batch that was under way at the crash may have reached the disk.
    for (const [actor, set] of account.context) {
      if (this.#originOf(actor) === node) this.#durable.set(actor, intervals.head(set))
    }
    account.states = new Map([[batch, summaryOf(node)]])
  }
  stopped(node: SimNode): void {
    const account = this.#account(node)
    this.#fateUnknown(node, account)
    account.batch = undefined
    account.pending.clear()
  }
  before(node: SimNode, event: CoreEvent): void {
    const account = this.#account(node)
    if (event.type === 'write') account.pending.set(event.id, event.mutations)
    if (event.type === 'commitFailed') this.#fateUnknown(node, account)
    if (event.type !== 'committed' || account.batch === undefined) return
    for (const item of itemsOf(account.batch)) {
      const covered = node.live.replica.context.covers(item.actor, item.counter)
      assert.ok(!covered, `${node.id} stores ${short(item)}, which it covers already`)
    }
  }
  after(node: SimNode, event: CoreEvent, effects: readonly CoreEffect[]): void {
    if (event.type === 'committed') this.#onCommitted(node)
    for (const effect of effects) {
      if (effect.type === 'commit') this.#onCommit(node, effect.batch)
      else if (effect.type === 'publish') this.#onPublish(effect.bytes)
      else if (effect.type === 'send') this.#onSend(node, effect.bytes)
      else if (effect.type === 'written') this.#account(node).pending.delete(effect.id)
    }
  }
  committed(node: SimNode, sync: boolean): void {
    if (!sync) return
    for (const [actor, set] of contextOf(this.#account(node).batch!)) {
      if (this.#originOf(actor) === node) this.#durable.set(actor, intervals.head(set))
    }
  }
  // Checks while it runs.
  #onCommit(node: SimNode, batch: RawBatch): void {
    this.#account(node).batch = batch
    for (const item of itemsOf(batch)) {
      const known = this.#items.get(dotOf(item))
      this.#items.set(dotOf(item), item)
      const same = known === undefined || toBinary(known.envelope) === toBinary(item.envelope)
      assert.ok(same, `${short(item)} has two contents`)
    }
    for (const [actor, set] of contextOf(batch)) {
      if (this.#originOf(actor) === node) continue
      const durable = this.#durable.get(actor) ?? 0
      const dot = { actor, counter: intervals.head(set) }
      assert.ok(dot.counter <= durable, `${node.id} saw ${short(dot)} before it was durable (R6)`)
    }
  }
  #onCommitted(node: SimNode): void {
    const account = this.#account(node)
    const { replica } = node.live
    for (const [actor, set] of account.batch === undefined ? [] : contextOf(account.batch)) {
      assert.deepEqual(replica.context.get(actor), set, `${node.id}: context in memory and on disk`)
      const before = account.context.get(actor) ?? intervals.EMPTY
      assert.deepEqual(intervals.subtract(before, set), [], `${node.id}: its context shrank`)
      account.context.set(actor, set)
    }
    for (const item of replica.fromDot('', 0)) {
      assert.ok(replica.context.covers(item.actor, item.counter), 'held implies covered')
    }
    account.batch = undefined
    account.states.set(node.disk.batches, summaryOf(node))
  }
  #onSend(node: SimNode, bytes: Uint8Array): void {
    const message = decodeLink(bytes)
    if (typeof message === 'string') assert.fail(`${node.id} sends what is ${message}`)
    if (message.type !== 'digestAsk' && message.type !== 'digestAnswer') return
    const { actor, head } = message.body
    const durable = this.#durable.get(toBinary(actor)) ?? 0
    assert.ok(
      head <= durable,
      `${node.id} tells of its counter ${head}, ${durable} is durable (R6)`,
    )
  }
  /** What an origin broadcasts, it has acknowledged in the same step. */
  #onPublish(bytes: Uint8Array): void {
    const deltas = decodeGossip(bytes, hash)
    if (deltas === undefined) assert.fail('a broadcast does not decode')
    for (const { dot, item, announcedBytes, supersedes } of deltas) {
      const durable = this.#durable.get(dot.actor) ?? 0
      assert.ok(dot.counter <= durable, `${short(dot)} was broadcast before it was durable (R6)`)
      const put = item ?? (announcedBytes > 0 ? this.#items.get(dotOf(dot)) : undefined)
      if (put !== undefined) this.#acknowledged.set(dotOf(dot), put)
      for (const gone of supersedes) this.#superseded.set(dotOf(gone), short(dot))
    }
  }
  /** Whatever the writes under way would supersede may be gone, or not. */
  #fateUnknown(node: SimNode, account: Account): void {
    for (const { observed } of [...account.pending.values()].flat()) {
      for (const dot of observed ?? []) this.#maybe.add(dotOf(dot))
    }
    if (account.batch === undefined) return
    const stays = new Set(itemsOf(account.batch).map(dotOf))
    for (const key of account.batch.deletes) this.#maybe.add(dotOf(dotOfKey(key)))
    for (const [actor, set] of contextOf(account.batch)) {
      const fresh = intervals.subtract(set, node.live.replica.context.get(actor))
      for (let i = 0; i < fresh.length; i += 2) {
        for (let counter = fresh[i]!; counter <= fresh[i + 1]!; counter++) {
          if (!stays.has(dotOf({ actor, counter }))) this.#maybe.add(dotOf({ actor, counter }))
        }
      }
    }
  }
  // The end.
  /** Why the fleet does not agree yet. */
  difference(): string | undefined {
    const down = this.#fleet.nodes.find((node) => node.engine === undefined)
    if (down !== undefined) return `${down.id} does not run`
    const [first, ...others] = this.#fleet.nodes
    const expected = summaryOf(first!)
    for (const node of others) {
      if (summaryOf(node) !== expected)
        return `${first!.id}:\n${stateOf(first!)}\n${node.id}:\n${stateOf(node)}`
    }
    return undefined
  }
  settle(): void {
    for (const node of this.#fleet.nodes.slice(1)) {
      assert.equal(
        stateOf(node),
        stateOf(this.#fleet.nodes[0]!),
        'equal summaries, different states',
      )
    }
    const nowWall = Math.min(...this.#fleet.nodes.map((node) => this.#fleet.now(node).wall))
    for (const node of this.#fleet.nodes) {
      const { replica } = node.live
      for (const [dot, item] of this.#acknowledged) {
        if (replica.held(item.actor, item.counter) !== undefined) continue
        if (this.#superseded.has(dot) || this.#maybe.has(dot)) continue
        const expired = item.expiry > 0 && item.expiry < nowWall
        assert.ok(expired, `${node.id} lost ${short(item)} of ${item.key}`)
      }
      for (const item of replica.fromDot('', 0)) {
        const by = this.#superseded.get(dotOf(item))
        assert.equal(by, undefined, `${node.id} still holds ${short(item)}, superseded by ${by}`)
      }
    }
  }
  #account(node: SimNode): Account {
    let account = this.#accounts.get(node)
    if (account === undefined) {
      account = { context: new Map(), batch: undefined, pending: new Map(), states: new Map() }
      this.#accounts.set(node, account)
    }
    return account
  }
  #originOf(actor: string): SimNode | undefined {
    return this.#fleet.nodes.find((node) => actor.endsWith(this.#fleet.peerHashOf(node)))
  }
}
function dotOf(dot: Dot): string {
  return `${dot.actor}${dot.counter}`
}

const CONTEXT = 'c'.charCodeAt(0)
const ITEM = 'i'.charCodeAt(0)

function itemsOf(batch: RawBatch): Item[] {
  return batch.puts
    .filter(({ key }) => key[0] === ITEM)
    .map(({ value }) => {
      const item = decodeItem(value.subarray(16), hash)
      return item ?? assert.fail('a stored item does not decode')
    })
}

function contextOf(batch: RawBatch): [string, Intervals][] {
  return batch.puts
    .filter(({ key }) => key[0] === CONTEXT)
    .map(({ key, value }) => {
      const set = intervals.decodeIntervals(value)
      return [toBinary(key.subarray(1)), set ?? assert.fail('a stored context does not decode')]
    })
}

function dotOfKey(key: Uint8Array): Dot {
  const view = new DataView(key.buffer, key.byteOffset + 17)
  return {
    actor: toBinary(key.subarray(1, 17)),
    counter: view.getUint32(0) * 2 ** 32 + view.getUint32(4),
  }
}
