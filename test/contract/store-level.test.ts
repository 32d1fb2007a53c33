/** What the durable store promises beyond the common contract: to other processes, after a kill, to the disk. */
import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import {
  cp,
  mkdir,
  mkdtemp,
  open,
  readFile,
  readdir,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { openLevelStore } from '../../src/store/level-store.ts'
import { until } from '../support/daemons.ts'
import { PowerLoss, traced } from '../support/power-loss.ts'
import { Seeded } from '../support/seeded.ts'
import { isBeingWritten } from '../support/strace.ts'
import { batchOf, randomOf } from './store-batches.ts'
import { contentOf, isCode, Model, put, salvageOf, textKey } from './store-model.ts'
import { unsyncedAcknowledgements } from './store-trace.ts'

const run = promisify(execFile)
const CHILD = fileURLToPath(new URL('./store-child.js', import.meta.url))
const SEED = Number(process.env['HEARSAY_SEED'] ?? Math.floor(Math.random() * 2 ** 31))

/** How much of a store's tables is in the memory of this process, in KiB. */
async function tablesResidentKiB(directory: string): Promise<number> {
  let resident = 0
  let isTable = false
  for (const line of (await readFile('/proc/self/smaps', 'utf8')).split('\n')) {
    if (/^[0-9a-f]+-/.test(line)) isTable = line.includes(directory) && line.endsWith('.ldb')
    else if (isTable) resident += Number(/^Rss: +(\d+)/.exec(line)?.[1] ?? 0)
  }
  return resident
}

/** The name of the table into which LevelDB puts a store's log. */
async function tableWrittenByOpening(directory: string): Promise<string> {
  const tables = async (): Promise<string[]> =>
    (await readdir(directory)).filter((name) => name.endsWith('.ldb'))
  const before = await tables()
  await (await openLevelStore(directory)).close()
  const [written] = (await tables()).filter((name) => !before.includes(name))
  assert.ok(written !== undefined, 'opening it wrote no table')
  return written
}

describe('level store', () => {
  let parent: string
  let directory: string

  beforeEach(async () => {
    parent = await mkdtemp(path.join(tmpdir(), 'hearsay-level-'))
    directory = path.join(parent, 'store')
  })

  afterEach(() => rm(parent, { recursive: true }))

  async function committedAndClosed(...entries: [string, string][]): Promise<void> {
    const store = await openLevelStore(directory)
    await store.commit(put(...entries), { sync: true })
    await store.close()
  }

  it(`is a prefix of its batches, with every acknowledged one, after a kill at any moment (seed ${SEED})`, async function () {
    this.timeout(120_000)
    const random = randomOf(SEED)
    const model = new Model()
    let batches = 0
    let killedInside = 0
    for (let round = 0; round < 12; round++) {
      const { asked, acknowledged } = await writeUntilKilled(directory, batches, random() % 120)
      const store = await openLevelStore(directory)
      const found = Number(new Map(await contentOf(store)).get('number') ?? 0)
      assert.ok(
        found >= acknowledged,
        `round ${round}: ${acknowledged} acknowledged, ${found} there`,
      )
      assert.ok(found <= asked, `round ${round}: ${asked} asked for, ${found} there`)
      while (batches < found) model.apply(batchOf(SEED, ++batches))
      assert.deepEqual(await model.differences(store), [], `round ${round}, batch ${found}`)
      if (asked > acknowledged) killedInside++
      await store.close()
    }
    assert.ok(killedInside > 0, 'no kill hit a commit')
  })

  it('acknowledges a synced commit after the fdatasync that covers it and all before it', async function () {
    this.timeout(60_000)
    if (spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status !== 0) {
      this.test!.title += ' (skipped: strace cannot trace here)'
      this.skip()
    }
    const log = path.join(parent, 'trace')
    const calls = 'trace=write,writev,pwrite64,fdatasync,fsync'
    const traced = [process.execPath, CHILD, 'trace', directory, '5']
    await run('strace', ['-f', '-y', '-s', '16', '-e', calls, '-o', log, ...traced])
    const trace = unsyncedAcknowledgements(await readFile(log, 'utf8'))
    assert.deepEqual(trace.early, [])
    assert.equal(trace.acknowledged, 8)
    assert.ok(trace.logFiles.size >= 2, 'the trace saw no change of log files')
  })

  it('keeps what was acknowledged right after it began another log when the power goes', async function () {
    this.timeout(600_000)
    if (spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status !== 0) {
      this.test!.title += ' (skipped: strace cannot trace here)'
      this.skip()
    }
    const log = path.join(parent, 'trace')
    let logs = 0
    // Commit 17 is the first in another log; soon after it the names are synced in any case.
    for (let attempt = 0; attempt < 8 && logs < 2; attempt++) {
      await rm(directory, { recursive: true, force: true })
      const power = new PowerLoss(directory)
      const [strace, ...options] = traced(log) as [string, ...string[]]
      const program = [process.execPath, CHILD, 'trace', directory, '1']
      const child = spawn(strace, [...options, ...program], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const said = await killedWhen(child, (text) => lastOf(text, 'ack', 0) >= 17)
      const acknowledged = lastOf(said, 'ack', 0)
      await until('strace to have written all', () => !isBeingWritten(log))
      power.take(await readFile(log, 'latin1'))
      assert.deepEqual(power.differences(), [])
      logs = (await readdir(directory)).filter((name) => name.endsWith('.log')).length
      for (let seed = 0; seed < 6; seed++) {
        power.lose(new Seeded(seed, 'power'))
        const store = await openLevelStore(directory)
        // It may be told to be damaged where its list names a table whose name is gone: then it was put together anew.
        const found = (await contentOf(store, () => undefined)).length
        await store.close()
        assert.ok(found >= acknowledged, `of ${acknowledged} acknowledged ${found} are there`)
      }
    }
    assert.equal(logs, 2, 'no kill came when there were two logs')
  })

  describe('a large store whose memory is released', () => {
    beforeEach(async () => {
      const store = await openLevelStore(directory)
      for (let i = 0; i < 10; i++) {
        const puts = Array.from({ length: 256 }, (_, n) => ({
          key: textKey(`${i} ${n}`),
          value: randomBytes(4096),
        }))
        await store.commit({ puts, deletes: [] }, { sync: true })
      }
      await store.close()
    })

    it('keeps no table in memory, is locked as before, and takes commits', async function () {
      if (process.platform !== 'linux') this.skip()
      const store = await openLevelStore(directory)
      await contentOf(store)
      assert.ok((await tablesResidentKiB(directory)) > 4096, 'there is nothing to release')
      await store.releaseMemory()
      const kept = await tablesResidentKiB(directory)
      assert.ok(kept < 1024, `${kept} KiB`)
      const child = spawnSync(process.execPath, [CHILD, 'write', directory], { encoding: 'utf8' })
      assert.match(child.stderr, /DATA_DIR_LOCKED/)
      await store.commit(put(['x', 'y']), { sync: true })
      await store.close()
      const again = await openLevelStore(directory)
      assert.equal((await contentOf(again)).length, 2561)
      await again.close()
    })

    it('is refused when another process has changed it meanwhile', async () => {
      const copy = path.join(parent, 'copy')
      await cp(directory, copy, { recursive: true })
      const store = await openLevelStore(copy)
      const other = await openLevelStore(directory)
      await other.commit(put(['x', 'y']), { sync: true })
      await other.close()
      await rm(copy, { recursive: true })
      await cp(directory, copy, { recursive: true })
      await assert.rejects(store.releaseMemory(), isCode('DATA_DIR_LOCKED', 'another process'))
      await store.close()
    })
  })

  it('keeps out a second store of this process, by whichever path it comes', async () => {
    const store = await openLevelStore(directory)
    const other = path.join(parent, 'link')
    await symlink(directory, other)
    await assert.rejects(openLevelStore(directory), isCode('DATA_DIR_LOCKED', 'this process'))
    await assert.rejects(openLevelStore(other), isCode('DATA_DIR_LOCKED', 'this process'))
    // The refused attempts must not have lifted the lock that keeps out other processes.
    const child = spawnSync(process.execPath, [CHILD, 'write', directory], { encoding: 'utf8' })
    assert.match(child.stderr, /DATA_DIR_LOCKED/)
    await store.close()
    await (await openLevelStore(other)).close()
  })

  /** Batch 1 in a table, batch 2 in the log, the store closed. */
  async function twoFiles(): Promise<void> {
    const store = await openLevelStore(directory)
    await store.commit(put(['a', 'an old value']), { sync: true })
    await store.close()
    const again = await openLevelStore(directory)
    await again.commit(put(['b', 'a new value']), { sync: true })
    await again.close()
  }

  it('gives what is there when CURRENT is gone, and says so', async () => {
    await twoFiles()
    await rm(path.join(directory, 'CURRENT'))
    const store = await openLevelStore(directory)
    const { content, damage } = await salvageOf(store)
    assert.match(damage, /CURRENT is missing/)
    assert.deepEqual(content, [
      ['a', 'an old value'],
      ['b', 'a new value'],
    ])
    await store.close()
  })

  it('gives what is there when its lists are nonsense, and says so', async () => {
    await twoFiles()
    const manifest = (await readdir(directory)).find((name) => name.startsWith('MANIFEST'))
    await writeFile(path.join(directory, manifest!), 'nonsense')
    const store = await openLevelStore(directory)
    const { content, damage } = await salvageOf(store)
    assert.notEqual(damage, '')
    assert.equal(content.length, 2)
    await store.close()
  })

  it('gives what is there when a table is missing, and says so', async () => {
    await twoFiles()
    const tables = (await readdir(directory)).filter((name) => name.endsWith('.ldb'))
    for (const table of tables) await rm(path.join(directory, table))
    const store = await openLevelStore(directory)
    const { content, damage } = await salvageOf(store)
    assert.notEqual(damage, '')
    assert.deepEqual(content, [['b', 'a new value']])
    await store.close()
  })

  it('passes over a record with a flipped bit, and says so', async () => {
    const marker = 'a value that is easily found, being incompressible: 0123456789abcdef'
    const store = await openLevelStore(directory)
    await store.commit(put(['a', marker], ['b', 'another']), { sync: true })
    await store.close()
    await (await openLevelStore(directory)).close()
    const flipped = await flipAt(directory, 'easily found')
    assert.ok(flipped.endsWith('.ldb'), `flipped in ${flipped}`)
    const again = await openLevelStore(directory)
    const { content, damage } = await salvageOf(again)
    assert.match(
      damage,
      /\.ldb: the checksum of the block at 0 is wrong.*checksum of record 61 is wrong/,
    )
    assert.deepEqual(content, [['b', 'another']])
    await again.close()
  })

  it('passes over a block that cannot be read, and says so', async () => {
    const store = await openLevelStore(directory)
    const value = 'compressible '.repeat(80)
    const names = Array.from({ length: 3000 }, (_, i) => `key ${String(i).padStart(5, '0')}`)
    await store.commit(put(...names.map((name): [string, string] => [name, value])), { sync: true })
    await store.close()
    await (await openLevelStore(directory)).close()
    // The first table has the first link of the chain, and is small.
    const table = (await readdir(directory)).filter((name) => name.endsWith('.ldb')).at(-1)!
    const handle = await open(path.join(directory, table), 'r+')
    // The beginning of a block is the length that its decompression must give.
    await handle.write(Buffer.alloc(64, 0xff), 0, 64, 0)
    await handle.close()
    const again = await openLevelStore(directory)
    const { content, damage } = await salvageOf(again)
    assert.match(damage, /corrupt/i)
    assert.equal(content.at(-1)?.[0], names.at(-1), 'what is behind the block is read')
    assert.ok(content.length > 2900 && content.length < 3000, `${content.length} are left`)
    await again.close()
  })

  it('is refused, in words, where LevelDB would end the process over it', async () => {
    // LevelDB merges tables as soon as there are four, and the fourth is the log of the latest run.
    for (let run = 0; run < 3; run++) {
      const store = await openLevelStore(directory)
      const batch = put()
      for (const name of ['a', 'b', 'c']) {
        batch.puts.push({ key: textKey(`${name} of run ${run}`), value: randomBytes(500) })
      }
      await store.commit(batch, { sync: true })
      await store.close()
    }
    const flipped = await flipAt(directory, 'a of run 0')
    assert.ok(flipped.endsWith('.ldb'), `flipped in ${flipped}`)
    const refusal = isCode('STORE_DAMAGED', flipped, 'SIGABRT', directory)
    await assert.rejects(openLevelStore(directory), refusal)
  })

  it('is told of a damaged table at every inspection, not of one that is still being written', async () => {
    const store = await openLevelStore(directory)
    await store.commit(put(['a', 'a value that is easily found']), { sync: true })
    const inspect = async (): Promise<string[]> => {
      const damage: string[] = []
      for await (const _bytes of store.inspect((what) => damage.push(what))) continue
      return damage
    }
    assert.deepEqual(await inspect(), [])
    await writeFile(path.join(directory, '000100.ldb'), randomBytes(5_000))
    assert.deepEqual(await inspect(), [])
    const flipped = await flipAt(directory, 'easily found')
    assert.ok(flipped.endsWith('.ldb'), `flipped in ${flipped}`)
    for (let pass = 0; pass < 2; pass++) {
      const [what, ...others] = await inspect()
      assert.match(what ?? 'nothing', /\.ldb: the checksum of the block at 0 is wrong/)
      assert.deepEqual(others, [])
    }
    await store.close()
  })

  it('takes a table that its writer was killed over for no damage', async () => {
    const store = await openLevelStore(directory)
    await store.commit(put(['a', '1']), { sync: true })
    await store.close()
    await writeFile(path.join(directory, '000100.ldb'), randomBytes(5_000))
    const again = await openLevelStore(directory)
    assert.deepEqual(await contentOf(again), [['a', '1']])
    await again.commit(put(['b', '2']), { sync: true })
    await again.close()
  })

  it('nor one whose number LevelDB gives out again, for what it puts together from its log', async () => {
    await committedAndClosed(['a', '1'])
    const copy = path.join(parent, 'copy')
    await cp(directory, copy, { recursive: true })
    const written = await tableWrittenByOpening(copy)
    const table = await readFile(path.join(copy, written))
    await writeFile(path.join(directory, written), table.subarray(0, table.length / 2))
    const again = await openLevelStore(directory)
    assert.deepEqual(await contentOf(again), [['a', '1']])
    await again.commit(put(['b', '2']), { sync: true })
    await again.close()
  })

  it('nor one that was whole, and is of a merge that closing ended', async () => {
    await committedAndClosed(['a', '1'])
    const copy = path.join(parent, 'copy')
    await cp(directory, copy, { recursive: true })
    const written = await tableWrittenByOpening(copy)
    const next = `${String(Number.parseInt(written, 10) + 1).padStart(6, '0')}.ldb`
    const longer = await openLevelStore(copy)
    await longer.commit(put(['b', 'longer '.repeat(100)]), { sync: true })
    await longer.close()
    // LevelDB gives both numbers out again: one was finished, one was not.
    await cp(path.join(copy, await tableWrittenByOpening(copy)), path.join(directory, written))
    await writeFile(path.join(directory, next), randomBytes(5_000))
    const again = await openLevelStore(directory)
    assert.deepEqual(await contentOf(again), [['a', '1']])
    for await (const _bytes of again.inspect(assert.fail)) continue
    await again.commit(put(['b', '2']), { sync: true })
    await again.close()
  })

  it('notices commits that are missing in the middle of its log', async () => {
    const store = await openLevelStore(directory)
    // LevelDB skips a damaged block of 32 KiB in its log and reads on behind it.
    for (let i = 0; i < 10; i++) {
      const batch = put([`marker ${i}`, 'small'])
      batch.puts.push({ key: textKey(`filler ${i}`), value: Buffer.alloc(20_000, randomText(i)) })
      await store.commit(batch, { sync: true })
    }
    await store.close()
    const flipped = await flipAt(directory, 'marker 4')
    assert.ok(flipped.endsWith('.log'), `flipped in ${flipped}`)
    const again = await openLevelStore(directory)
    const { content, damage } = await salvageOf(again)
    assert.match(damage, /missing in the middle/)
    assert.equal(content.at(-1)?.[0], 'marker 9')
    await again.close()
  })

  it('forgives a torn last commit, which nobody was told of', async () => {
    const store = await openLevelStore(directory)
    await store.commit(put(['a', '1']), { sync: true })
    await store.commit(put(['b', '2']), { sync: true })
    await store.close()
    const log = (await readdir(directory)).find((name) => name.endsWith('.log'))
    const handle = await open(path.join(directory, log!), 'r+')
    await handle.truncate((await handle.stat()).size - 1)
    await handle.close()
    const again = await openLevelStore(directory)
    assert.deepEqual(await contentOf(again), [['a', '1']])
    await again.close()
  })

  it('refuses to open what the disk does not give', async () => {
    await twoFiles()
    const [table] = (await readdir(directory)).filter((name) => name.endsWith('.ldb'))
    // The one thing in place of a table that cannot be read and needs no broken disk.
    await rm(path.join(directory, table!))
    await mkdir(path.join(directory, table!))
    await assert.rejects(
      openLevelStore(directory),
      isCode('STORE_DAMAGED', table!, 'cannot be read', 'Move'),
    )
  })

  it('refuses a file in place of its directory', async () => {
    await mkdir(parent, { recursive: true })
    await writeFile(directory, 'a file')
    await assert.rejects(openLevelStore(directory), isCode('DATA_DIR_UNUSABLE', directory))
    await assert.rejects(openLevelStore('/proc/nowhere'), isCode('DATA_DIR_UNUSABLE', '/proc'))
  })
})

type Child = ChildProcessByStdio<null, Readable, null>

/** Runs a writing process and kills it after some acknowledgements; what it said until then. */
async function writeUntilKilled(
  directory: string,
  first: number,
  acknowledgements: number,
): Promise<{ asked: number; acknowledged: number }> {
  const args = [CHILD, 'write', directory, String(SEED), String(first)]
  const child: Child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const enough = first + acknowledgements
  const said = await killedWhen(child, (text) => lastOf(text, 'ack', first) >= enough)
  return { asked: lastOf(said, 'ask', first), acknowledged: lastOf(said, 'ack', first) }
}

/** Kills it when it has said enough; what it said. */
async function killedWhen(child: Child, isEnough: (said: string) => boolean): Promise<string> {
  let said = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => {
    said += text
    if (isEnough(said)) child.kill('SIGKILL')
  })
  const [, signal] = (await once(child, 'close')) as [number | null, string | null]
  assert.equal(signal, 'SIGKILL', 'it ended by itself')
  return said
}

function lastOf(said: string, word: string, otherwise: number): number {
  const all = [...said.matchAll(new RegExp(`^${word} (\\d+)\\n`, 'gm'))]
  return Number(all.at(-1)?.[1] ?? otherwise)
}

/** Flips one bit where `text` stands in the store's files; the name of the file. */
async function flipAt(directory: string, text: string): Promise<string> {
  for (const name of await readdir(directory)) {
    const file = path.join(directory, name)
    const contents = await readFile(file)
    const at = contents.indexOf(text)
    if (at < 0 || !/\.(ldb|log)$/.test(name)) continue
    contents[at]! ^= 0x04
    await writeFile(file, contents)
    return name
  }
  throw new Error(`"${text}" is in no file`)
}

function randomText(seed: number): string {
  const random = randomOf(seed)
  return Array.from({ length: 3000 }, () => random().toString(36)).join('')
}
