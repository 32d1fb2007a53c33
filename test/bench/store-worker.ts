/** One process of the store benchmark: takes a task as JSON, prints one JSON value a line. */
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import path from 'node:path'
import type { StoreRecord } from '../../src/store/store.ts'
import { randomOf } from '../contract/store-batches.ts'
import { spoil } from './store-damage.ts'
import type { DamageKind } from './store-damage.ts'
import { ContentHash, openEngine, recordOf } from './store-engines.ts'
import type { Engine, EngineName } from './store-engines.ts'

export type Task =
  | { task: 'rate'; engine: EngineName; at: string; batch: number; sync: boolean; ms: number }
  | { task: 'fill'; engine: EngineName; at: string; records: number; keys: number; sync: boolean }
  | { task: 'load'; engine: EngineName; at: string }
  | { task: 'reads'; engine: EngineName; at: string; records: number; ms: number }
  | { task: 'sample'; engine: EngineName; at: string }
  | {
      task: 'damage'
      engine: EngineName
      at: string
      file: string
      kind: DamageKind
      from: number
      to: number
      states: string[]
    }

export type Outcome = 'correct' | 'clean error' | 'earlier state' | 'wrong'

const BATCH = 1000
const SAMPLE_KEYS = 3000
const SAMPLE_BATCHES = 60
const SAMPLE_BATCH = 64

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}

function batchFrom(first: number, count: number, keys: number): StoreRecord[] {
  return Array.from({ length: count }, (_, i) =>
    recordOf((first + i) % keys, Math.floor((first + i) / keys)),
  )
}

async function rate(task: Task & { task: 'rate' }): Promise<void> {
  const engine = await openEngine(task.engine, task.at, task.sync)
  let written = 0
  const start = performance.now()
  while (performance.now() - start < task.ms) {
    await engine.batch(batchFrom(written, task.batch, 2 ** 31))
    written += task.batch
  }
  print(written / ((performance.now() - start) / 1000))
  await engine.close()
}

async function fill(task: Task & { task: 'fill' }): Promise<void> {
  const engine = await openEngine(task.engine, task.at, task.sync)
  const start = performance.now()
  for (let i = 0; i < task.records; i += BATCH) await engine.batch(batchFrom(i, BATCH, task.keys))
  const perSecond = task.records / ((performance.now() - start) / 1000)
  await engine.close()
  print({ perSecond, bytes: sizeOf(task.at) })
}

async function load(task: Task & { task: 'load' }): Promise<void> {
  const start = performance.now()
  const engine = await openEngine(task.engine, task.at, true)
  let records = 0
  let bytes = 0
  await engine.scan((slice) => {
    for (const { key, value } of slice) {
      records++
      bytes += key.length + value.length
    }
  })
  const ms = performance.now() - start
  print({ records, bytes, ms, ...memory() })
  await engine.close()
}

async function reads(task: Task & { task: 'reads' }): Promise<void> {
  const engine = await openEngine(task.engine, task.at, true)
  const random = randomOf(1)
  let count = 0
  const start = performance.now()
  while (performance.now() - start < task.ms) {
    for (let i = 0; i < 100; i++) {
      const { key } = recordOf(random() % task.records)
      if (engine.get!(key) === undefined) throw new Error('a record is missing')
    }
    count += 100
  }
  print(count / ((performance.now() - start) / 1000))
  await engine.close()
}

/** Of this process, in MiB: what it allocated, and what it has mapped of files. */
function memory(): { anonymousMiB: number; fileMiB: number } {
  const status = readFileSync('/proc/self/status', 'utf8')
  const of = (name: string): number =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024)
  return { anonymousMiB: of('RssAnon'), fileMiB: of('RssFile') }
}

function sizeOf(at: string): number {
  // Blocks, since lmdb's file is sparse.
  return readdirSync(at).reduce((sum, name) => sum + statSync(path.join(at, name)).blocks * 512, 0)
}

/** Makes a small store, part of it in tables and part in the log, and tells every state it went through. */
async function sample(task: Task & { task: 'sample' }): Promise<void> {
  const held = new Map<string, StoreRecord>()
  const states: string[] = []
  let engine = await openEngine(task.engine, task.at, true)
  states.push(stateOf(held))
  for (let i = 0; i < SAMPLE_BATCHES; i++) {
    if (i === Math.floor((SAMPLE_BATCHES * 2) / 3)) {
      await engine.close()
      engine = await openEngine(task.engine, task.at, true)
    }
    const puts = batchFrom(i * SAMPLE_BATCH, SAMPLE_BATCH, SAMPLE_KEYS)
    await engine.batch(puts)
    for (const record of puts) held.set(Buffer.from(record.key).toString('hex'), record)
    states.push(stateOf(held))
  }
  await engine.close()
  print(states)
}

function stateOf(held: Map<string, StoreRecord>): string {
  const hash = new ContentHash()
  hash.add([...held.keys()].sort().map((key) => held.get(key)!))
  return hash.digest()
}

async function damage(task: Task & { task: 'damage' }): Promise<void> {
  for (let number = task.from; number < task.to; number++) {
    const copy = `${task.at}-damaged-${process.pid}-${number}`
    cpSync(task.at, copy, { recursive: true })
    spoil(path.join(copy, task.file), task.kind, number)
    print({ begin: number })
    print({ number, outcome: await outcomeOf(task, copy) })
    rmSync(copy, { recursive: true })
  }
}

async function outcomeOf(task: Task & { task: 'damage' }, at: string): Promise<Outcome> {
  let engine: Engine | undefined
  try {
    engine = await openEngine(task.engine, at, true)
    const hash = new ContentHash()
    await engine.scan((records) => hash.add(records))
    const state = task.states.indexOf(hash.digest())
    if (state === task.states.length - 1) return 'correct'
    return state >= 0 ? 'earlier state' : 'wrong'
  } catch {
    return 'clean error'
  } finally {
    await engine?.close()
  }
}

const task = JSON.parse(process.argv[2]!) as Task
mkdirSync(path.dirname(task.at), { recursive: true })
switch (task.task) {
  case 'rate':
    await rate(task)
    break
  case 'fill':
    await fill(task)
    break
  case 'load':
    await load(task)
    break
  case 'reads':
    await reads(task)
    break
  case 'sample':
    await sample(task)
    break
  case 'damage':
    await damage(task)
    break
}
