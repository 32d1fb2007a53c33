/**
 * A daemon that is stopped, or killed, while its store merges tables, again and again. LevelDB leaves behind what it was
 * writing, and its next opening gives those names to other tables: none of that is damage, and nothing is lost.
 *
 * Only values that do not compress fill tables fast enough for merges: so the load is one of its own.
 */
import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Mutation } from '../../src/daemon-api.ts'
import { bytes, until } from '../support/daemons.ts'
import type { Fleet, TestDaemon } from '../support/daemons.ts'
import { Seeded } from '../support/seeded.ts'
import { undamaged } from './world.ts'

const KEYS = 300
const VALUE_BYTES = 150_000
/** A merge of all that is held takes longer. */
const INTO_MERGE_MS = 200
const NUMBER_BYTES = 6

interface Writes {
  asked: number
  acknowledged: number
}

/** The value of the n-th write. */
function valueOf(n: number): Buffer {
  const value = randomFillSync(Buffer.allocUnsafe(VALUE_BYTES))
  value.writeUIntBE(n, 0, NUMBER_BYTES)
  return value
}

/** Overwrites keys until told to stop, or until the daemon ends. */
async function overwrite(
  { client }: TestDaemon,
  keys: Writes[],
  random: Seeded,
  over: AbortSignal,
): Promise<void> {
  const sent: { key: Writes; n: number }[] = []
  function* mutations(): Generator<Mutation> {
    while (!over.aborted) {
      const at = random.int(0, keys.length - 1)
      const key = keys[at]!
      const n = ++key.asked
      sent.push({ key, n })
      yield { op: 'put', key: bytes(`key-${at}`), value: valueOf(n) }
    }
  }
  try {
    for await (const answer of client.write(mutations())) {
      assert.ok('written' in answer, 'a write was refused')
      const { key, n } = sent[answer.line - 1]!
      key.acknowledged = n
    }
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'HearsayError') throw error
  }
}

/** Whether LevelDB's log of this run ends in the middle of a merge. */
function isMerging({ data }: TestDaemon): boolean {
  const file = path.join(data, 'store', 'LOG')
  const log = existsSync(file) ? readFileSync(file, 'utf8') : ''
  return log.lastIndexOf(' Compacting ') > log.lastIndexOf(' compacted to: ')
}

async function check({ client, name }: TestDaemon, keys: readonly Writes[]): Promise<void> {
  for (const [at, { asked, acknowledged }] of keys.entries()) {
    const held = await client.get(bytes(`key-${at}`))
    const n = held.found ? Buffer.from(held.value).readUIntBE(0, NUMBER_BYTES) : 0
    assert.ok(n >= acknowledged, `lost: write ${acknowledged} of key-${at}, ${name} holds ${n}`)
    assert.ok(n <= asked, `${name} holds write ${n} of key-${at}, and ${asked} were asked for`)
  }
}

/** @param ends how often the daemon is stopped or killed; how many writes it acknowledged */
export async function endDuringMerges(fleet: Fleet, seed: number, ends: number): Promise<number> {
  const random = new Seeded(seed, 'merges')
  const keys = Array.from({ length: KEYS }, (): Writes => ({ asked: 0, acknowledged: 0 }))
  const daemon = await fleet.start()
  for (let end = 0; end < ends; end++) {
    const over = new AbortController()
    const writing = overwrite(daemon, keys, random, over.signal)
    await until('tables to be merged', () => isMerging(daemon))
    await wait(random.float() * INTO_MERGE_MS)
    await (random.chance(0.5) ? daemon.stop() : daemon.kill())
    over.abort()
    await writing
    await daemon.start()
    await undamaged(daemon)
    await check(daemon, keys)
  }
  assert.deepEqual(daemon.logged('STORE_DAMAGED'), [])
  return keys.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
}
