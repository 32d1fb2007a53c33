/**
 * Runs the engine: hands it events with the time, carries out its effects, keeps its timer, and opens the store anew
 * after a failed commit.
 */
import type { CoreEffect, CoreEvent, WriteOutcome } from '../core/events.ts'
import { Engine } from '../core/engine.ts'
import { encodeAll, encodeBirth, Loader } from '../core/records.ts'
import type { Meta, RawBatch } from '../core/records.ts'
import type { Replica } from '../core/replica.ts'
import type { Receipt } from '../core/repair/receipt.ts'
import type { EngineOptions, Now } from '../core/settings.ts'
import type { LocalMutation, LocalResult } from '../core/writes.ts'
import { HearsayError } from '../errors.ts'
import { ConflictFile } from './conflict-file.ts'
import type { Log } from '../net/log.ts'
import type { Transport } from '../net/transport.ts'
import type { DataDirectory } from '../store/data-dir.ts'
import { clusterOf } from './identity.ts'
import type { Store } from '../store/store.ts'

const REOPEN_MIN_MS = 250
const REOPEN_MAX_MS = 30_000
const STORE_REOPENED = 'the store was opened anew'
const REOPENED_MEANWHILE = 'the store was opened anew meanwhile: try again'
/** The core wants to hear of reads so often. */
const READ_TOLD_MS = 100
/** Node's timers take at most 31 bits of milliseconds. */
const TIMER_MAX_MS = 60_000

export interface CoreDriverHost {
  data: DataDirectory
  options: EngineOptions
  transport: Transport
  log: Log
  publish(bytes: Uint8Array): void
  changed(keys: Iterable<string>): void
  fatal(error: HearsayError): void
}

export function nowOfProcess(): Now {
  return { wall: Date.now(), mono: performance.now() }
}

export const REWRITTEN =
  'the store is damaged: it is written anew from memory, and nothing is lost. The old one is in store.damaged; look at the disk'

const OUTDATED = 'commits that were acknowledged are missing'

/** Records that were found to be lost when the store was read. */
export interface Loss {
  /** Wall-clock milliseconds. */
  at: number
  /** Items that were written and are not there, as far as that can be told. */
  items: number | undefined
  /** What was found, for people. */
  damage: readonly string[]
}

/**
 * Reads the replica from its store. From one with damage it takes what is intact and writes that into a new store (R8);
 * unless `memory` has all that was acknowledged: then that is what the new store gets, and nothing is lost. The same where
 * the store is whole and lacks some of that.
 * Throws STORE_OF_OTHER_CLUSTER, and STORE_DAMAGED where nothing tells of which cluster the store is.
 */
export async function loadEngine(
  data: DataDirectory,
  options: EngineOptions,
  log: Log,
  memory?: { replica: Replica; meta: Meta },
): Promise<{ engine: Engine; loss: Loss | undefined }> {
  const loader = new Loader(options.hash)
  for await (const records of data.store.load((what) => loader.damaged(what))) loader.add(records)
  const loaded = loader.finish()
  const { replica, map } = loaded
  // First: under another cluster's key everything else looks damaged.
  if (map !== undefined && Buffer.compare(map, options.map) !== 0) {
    throw ofOtherCluster(data.path, map)
  }
  const now = nowOfProcess()
  const outdated = memory !== undefined && !replica.context.includes(memory.replica.context)
  if (memory !== undefined && (outdated || loaded.damage.length > 0)) {
    const damage = outdated ? [...loaded.damage, OUTDATED] : loaded.damage
    log.error({ code: 'STORE_DAMAGED', damage }, REWRITTEN)
    await rewrite(data, memory, options)
    return { engine: new Engine(options, memory.replica, memory.meta, now), loss: undefined }
  }
  if (loaded.damage.length === 0) {
    await data.store.releaseMemory()
    if (map === undefined) {
      if (!data.isNew) log.warn({ code: 'STORE_MISSING' }, missing(data.path))
      await data.store.commit(encodeBirth(options.map, options.hash), { sync: true })
    }
    return { engine: new Engine(options, replica, loaded.meta, now), loss: undefined }
  }
  if (loader.strange) throw strange(data.path, loaded.damage)
  const loss = { at: Math.floor(now.wall), items: loaded.itemsLost, damage: loaded.damage }
  const { damage, items } = loss
  log.error(
    { code: 'STORE_DAMAGED', damage, itemsLost: items, itemsIntact: replica.size },
    'the store is damaged: going on with what is intact, in a new store; peers bring back the rest. The old one is in store.damaged',
  )
  const meta = { ...loaded.meta, lossAt: loss.at }
  await rewrite(data, { replica, meta }, options)
  return { engine: new Engine(options, replica, meta, now), loss }
}

async function rewrite(
  data: DataDirectory,
  { replica, meta }: { replica: Replica; meta: Meta },
  { map, hash }: EngineOptions,
): Promise<void> {
  await data.replaceStore(encodeAll(replica, meta, map, hash), 'store.damaged')
}

function ofOtherCluster(path: string, map: Uint8Array): HearsayError {
  const local = Buffer.compare(map, clusterOf(undefined).map) === 0
  const message = local
    ? `the map in ${path} was begun without a network key: start once with --adopt to take it into the cluster of this one, ` +
      'or use another data directory'
    : `${path} holds the map of another cluster than the network key names; use the key file it was begun with, or another data directory`
  return new HearsayError('STORE_OF_OTHER_CLUSTER', message)
}

function missing(path: string): string {
  return (
    `${path} was in use before, and there is no store in it: the map begins empty and comes back from the peers. ` +
    'What no peer has is lost, unless there is a backup to restore'
  )
}

function strange(path: string, damage: readonly string[]): HearsayError {
  return new HearsayError(
    'STORE_DAMAGED',
    `the store in ${path} is damaged (${damage.slice(0, 3).join('; ')}), and nothing in it reads under this network key, so that it may be another cluster's. Start with the key file that it was begun with; if this is it, move ${path}/store away: a daemon without a store takes the map from its peers`,
  )
}

type Answer = Extract<
  CoreEffect,
  { type: 'convergence' | 'fleetConvergence' | 'confirmed' | 'awaited' | 'freshness' }
>

function isOf<T extends Answer['type']>(
  type: T,
  answer: Answer,
): answer is Extract<Answer, { type: T }> {
  return answer.type === type
}

interface Waiting<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

export class CoreDriver {
  readonly #host: CoreDriverHost
  readonly #writes = new Map<number, Waiting<LocalResult[]>>()
  readonly #repairs = new Map<number, Waiting<Receipt>>()
  readonly #questions = new Map<number, Waiting<Answer>>()
  readonly #idle: (() => void)[] = []
  /** For gossip, in order. */
  #payloads: Uint8Array[] = []
  #engine: Engine
  #loss: Loss | undefined
  readonly #conflicts: ConflictFile
  #nextId = 1
  #timer: NodeJS.Timeout | undefined
  #timerAt = Infinity
  #readToldAt = -Infinity
  #stopped = false
  /** Monotonic time at which the commit under way was handed to the store. */
  #commitSince: number | undefined
  #reopening: Promise<void> | undefined
  /** Settles when the latest commit has been answered and the engine has heard of it. */
  #handled: Promise<void> = Promise.resolve()
  /** Commits wait for it. Never rejects. */
  #gate: Promise<void> = Promise.resolve()

  constructor(host: CoreDriverHost, loaded: { engine: Engine; loss: Loss | undefined }) {
    this.#host = host
    this.#conflicts = new ConflictFile(host.data.path, host.log)
    this.#engine = loaded.engine
    this.#loss = loaded.loss
    this.#arm()
  }

  get engine(): Engine {
    return this.#engine
  }

  /** The latest loss that this run has found; whether it is made up for, the engine tells. */
  get loss(): Loss | undefined {
    return this.#loss
  }

  /** Age of the commit that the store has not answered yet, milliseconds. */
  get commitMs(): number | undefined {
    return this.#commitSince === undefined
      ? undefined
      : Math.round(performance.now() - this.#commitSince)
  }

  /** The map as it is, for a client that reads it. */
  read(): Replica {
    const mono = performance.now()
    if (mono >= this.#readToldAt + READ_TOLD_MS) {
      this.#readToldAt = mono
      this.handle({ type: 'read' })
    }
    return this.#engine.replica
  }

  write(mutations: LocalMutation[]): Promise<LocalResult[]> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#writes.set(id, { resolve, reject })
      this.handle({ type: 'write', id, mutations })
    })
  }

  repair(peer: string): Promise<Receipt> {
    const id = this.#nextId++
    return new Promise((resolve, reject) => {
      this.#repairs.set(id, { resolve, reject })
      this.handle({ type: 'repair', id, peer })
    })
  }

  /** Hands a question to the core and gives its answer, an effect of that type. */
  async ask<T extends Answer['type']>(
    type: T,
    event: (id: number) => CoreEvent,
  ): Promise<Extract<Answer, { type: T }>> {
    const id = this.#nextId++
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#questions.set(id, { resolve, reject })
      this.handle(event(id))
    })
    if (isOf(type, answer)) return answer
    throw new TypeError(`a question that is answered by ${answer.type}, not by ${type}`)
  }

  handle(event: CoreEvent): void {
    if (this.#stopped && event.type !== 'committed' && event.type !== 'commitFailed') return
    const effects = this.#engine.handle(event, nowOfProcess())
    for (const effect of effects) this.#carryOut(effect)
    this.#arm()
    if (this.#engine.idle) for (const wake of this.#idle.splice(0)) wake()
  }

  /** Takes no more events, and resolves when what was under way is committed and handed to the network. */
  async stop(): Promise<void> {
    this.#stopped = true
    clearTimeout(this.#timer)
    if (!this.#engine.idle) await new Promise<void>((resolve) => this.#idle.push(resolve))
    await this.#reopening
    this.#payloads.push(...this.#engine.unsent())
    this.#publish()
    await this.#conflicts.flushed()
    await this.#gate
    const stopping = new HearsayError('STOPPING', 'the daemon is stopping')
    for (const waiting of this.#writes.values()) waiting.reject(stopping)
    this.#failQuestions(stopping)
  }

  #carryOut(effect: CoreEffect): void {
    const { transport, log } = this.#host
    switch (effect.type) {
      case 'commit':
        return this.#commit(effect.batch, effect.sync)
      case 'send':
        transport.send(effect.peer, effect.lane, effect.bytes)
        return undefined
      case 'publish':
        return this.#publishSoon(effect.bytes)
      case 'disconnect':
        log.warn({ peer: effect.peer, reason: effect.reason }, 'peer disconnected')
        return transport.disconnect(effect.peer, effect.reason, effect.retryMs)
      case 'written':
        return this.#written(effect.id, effect.outcome)
      case 'repaired':
        this.#repairs.get(effect.id)?.resolve(effect.receipt)
        this.#repairs.delete(effect.id)
        return undefined
      case 'convergence':
      case 'fleetConvergence':
      case 'confirmed':
      case 'awaited':
      case 'freshness':
        this.#questions.get(effect.id)?.resolve(effect)
        this.#questions.delete(effect.id)
        return undefined
      case 'changed':
        return this.#host.changed(effect.keys)
      case 'twin':
        return this.#conflicts.add(effect.peer, effect.kept, effect.lost)
      case 'fatal':
        return this.#host.fatal(new HearsayError(effect.code, effect.message))
      case 'log':
        return log[effect.level](effect.fields, effect.message)
    }
  }

  /** Behind the answers to whoever wrote: to sign, seal and send a payload takes longer than what they wait for. */
  #publishSoon(bytes: Uint8Array): void {
    if (this.#payloads.push(bytes) === 1) setImmediate(() => this.#publish())
  }

  #publish(): void {
    for (const bytes of this.#payloads.splice(0)) this.#host.publish(bytes)
  }

  #written(id: number, outcome: WriteOutcome): void {
    const waiting = this.#writes.get(id)
    this.#writes.delete(id)
    if (outcome.ok) waiting?.resolve(outcome.results)
    else waiting?.reject(new HearsayError(outcome.refusal.code, outcome.refusal.message))
  }

  #commit(batch: RawBatch, sync: boolean): void {
    this.#handled = this.#gate
      .then(() => {
        this.#commitSince = performance.now()
        return this.#host.data.store.commit(batch, { sync })
      })
      .then(
        () => {
          this.#commitSince = undefined
          this.handle({ type: 'committed' })
        },
        (error: unknown) => {
          this.#commitSince = undefined
          this.#commitFailed(error)
        },
      )
  }

  /**
   * Writes the store anew from memory, which has everything that is durable: for a store that was found to be damaged
   * while it was in use. False, and nothing is done, when that one is not in use any more.
   *
   * The replica changes only when a commit was answered. So the one under way is waited for and the next ones wait: what
   * is written is exactly what the store was told.
   */
  async rewriteStore(damaged: Store): Promise<boolean> {
    const [gate, handled] = [this.#gate, this.#handled]
    let open = (): void => undefined
    this.#gate = new Promise((resolve) => (open = resolve))
    try {
      await gate
      await handled
      const { data, options } = this.#host
      const { replica, meta, storeFailed } = this.#engine
      if (data.store !== damaged || storeFailed !== undefined) return false
      await rewrite(data, { replica, meta }, options)
      return true
    } finally {
      open()
    }
  }

  #commitFailed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#host.log.error({ err: error }, 'the store failed; opening it anew')
    this.handle({ type: 'commitFailed', message })
    this.#reopening ??= this.#reopen().finally(() => (this.#reopening = undefined))
  }

  /** What is on disk is known only by reading it: the engine starts over from there. */
  async #reopen(): Promise<void> {
    const { data, options, log, transport } = this.#host
    for (let wait = REOPEN_MIN_MS; !this.#stopped; wait = Math.min(wait * 2, REOPEN_MAX_MS)) {
      await new Promise((resolve) => setTimeout(resolve, wait))
      try {
        await data.reopenStore()
        // After a failed commit memory is as it was before it: all that was acknowledged, and nothing that is in doubt.
        const { engine, loss } = await loadEngine(data, options, log, this.#engine)
        this.#failQuestions(new HearsayError('STORE_FAILED', REOPENED_MEANWHILE))
        this.#engine = engine
        this.#loss = loss ?? this.#loss
        // Peers take the engine for the one that they have greeted, and would break the protocol towards the new one.
        for (const { peer } of transport.neighbours()) transport.disconnect(peer, STORE_REOPENED, 0)
        log.info({ items: engine.replica.size }, 'the store is open again')
        return
      } catch (error) {
        log.error({ err: error }, 'the store cannot be opened yet')
      }
    }
  }

  #failQuestions(error: HearsayError): void {
    for (const questions of [this.#repairs, this.#questions]) {
      for (const waiting of questions.values()) waiting.reject(error)
      questions.clear()
    }
  }

  #arm(): void {
    if (this.#stopped) return
    const at = this.#engine.deadline()
    if (at === this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = at
    const wait = Math.min(Math.max(Math.ceil(at - performance.now()), 0), TIMER_MAX_MS)
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity
      this.handle({ type: 'tick' })
    }, wait)
  }
}
