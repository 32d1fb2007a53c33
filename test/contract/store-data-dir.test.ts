import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { openDataDirectory } from '../../src/store/data-dir.ts'
import { openLevelStore } from '../../src/store/level-store.ts'
import { contentOf, isCode, put } from './store-model.ts'

const CHILD = fileURLToPath(new URL('./store-child.js', import.meta.url))

describe('data directory', () => {
  let parent: string
  let directory: string

  beforeEach(async () => {
    parent = await mkdtemp(path.join(tmpdir(), 'hearsay-data-'))
    directory = path.join(parent, 'nested', 'replica')
  })

  afterEach(() => rm(parent, { recursive: true }))

  async function modeOf(...names: string[]): Promise<string> {
    return ((await stat(path.join(directory, ...names))).mode & 0o777).toString(8)
  }

  /** Opens, closes, and tells the peer id. */
  async function visit(): Promise<string> {
    const data = await openDataDirectory(directory)
    await data.close()
    return data.identity.publicKey.toString()
  }

  it('is created for its owner alone, and keeps identity and data', async () => {
    const data = await openDataDirectory(directory)
    await data.store.commit(put(['a', '1']), { sync: true })
    await data.close()
    await data.close()
    assert.equal(await modeOf(), '700')
    assert.equal(await modeOf('store'), '700')
    assert.equal(await modeOf('identity.key'), '600')
    assert.deepEqual((await readdir(directory)).sort(), ['format', 'identity.key', 'store'])

    const again = await openDataDirectory(directory)
    assert.ok(again.identity.equals(data.identity))
    assert.equal(again.identity.type, 'Ed25519')
    assert.deepEqual(await contentOf(again.store), [['a', '1']])
    await again.close()
  })

  it('gives each directory an identity of its own', async () => {
    const first = await visit()
    directory = path.join(parent, 'other')
    assert.notEqual(await visit(), first)
  })

  it('opens its store anew', async () => {
    const data = await openDataDirectory(directory)
    const { store } = data
    await store.commit(put(['a', '1']), { sync: true })
    const anew = await data.reopenStore()
    assert.equal(data.store, anew)
    await assert.rejects(store.commit(put(['b', '1']), { sync: true }), isCode('STORE_FAILED'))
    await anew.commit(put(['c', '1']), { sync: true })
    assert.equal((await contentOf(data.store)).length, 2)
    await data.close()
  })

  it('may open its store again after that failed', async () => {
    const data = await openDataDirectory(directory)
    const store = path.join(directory, 'store')
    await data.store.close()
    await rename(store, path.join(directory, 'elsewhere'))
    await writeFile(store, 'a file')
    await assert.rejects(data.reopenStore(), isCode('DATA_DIR_UNUSABLE'))
    await rm(store)
    await rename(path.join(directory, 'elsewhere'), store)
    await (await data.reopenStore()).commit(put(['a', '1']), { sync: true })
    await data.close()
  })

  describe('with a store to put in the place of the other', () => {
    const replacement = [put(['new', '1']), put(['new', '2'], ['more', '3'])]
    const before = [['old', '1']]
    const after = [
      ['more', '3'],
      ['new', '2'],
    ]

    beforeEach(async () => {
      const data = await openDataDirectory(directory)
      await data.store.commit(put(['old', '1']), { sync: true })
      await data.close()
    })

    async function found(): Promise<[string, string][]> {
      const data = await openDataDirectory(directory)
      const content = await contentOf(data.store)
      await data.close()
      return content
    }

    it('keeps the old one aside', async () => {
      const data = await openDataDirectory(directory)
      const store = await data.replaceStore(replacement, 'store.damaged')
      assert.equal(data.store, store)
      assert.deepEqual(await contentOf(store), after)
      await data.close()
      assert.deepEqual(await found(), after)
      const aside = await openLevelStore(path.join(directory, 'store.damaged'))
      assert.deepEqual(await contentOf(aside), before)
      await aside.close()
    })

    it('has the old one after a crash before the new one was whole', async () => {
      const fresh = await openLevelStore(path.join(directory, 'store.new'))
      await fresh.commit(replacement[0]!, { sync: true })
      await fresh.close()
      assert.deepEqual(await found(), before)
      assert.ok(!(await readdir(directory)).includes('store.new'))
    })

    it('has the new one after a crash between the two moves', async () => {
      const fresh = await openLevelStore(path.join(directory, 'store.new'))
      for (const batch of replacement) await fresh.commit(batch, { sync: true })
      await fresh.close()
      await rename(path.join(directory, 'store'), path.join(directory, 'store.damaged'))
      assert.deepEqual(await found(), after)
    })

    it('has the old one when the new one cannot be written', async () => {
      const data = await openDataDirectory(directory)
      const broken = (function* () {
        yield replacement[0]!
        throw new Error('no more')
      })()
      await assert.rejects(data.replaceStore(broken, 'store.damaged'), /no more/)
      await data.store.commit(put(['still', 'here']), { sync: true })
      await data.close()
      assert.deepEqual(await found(), [...before, ['still', 'here']])
    })
  })

  it('refuses a second process and names the first, which may be killed at any time', async () => {
    const holder = spawn(process.execPath, [CHILD, 'hold', directory], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const closed = once(holder, 'close')
    assert.equal(String((await once(holder.stdout, 'data'))[0]), 'open\n')
    await assert.rejects(
      openDataDirectory(directory),
      isCode(
        'DATA_DIR_LOCKED',
        directory,
        `process ${holder.pid} on host ${hostname()}`,
        'since 20',
      ),
    )
    holder.kill('SIGKILL')
    await closed
    // The name of the killed process is still there, and hinders nothing.
    assert.match(
      await readFile(path.join(directory, 'owner.json'), 'utf8'),
      new RegExp(`${holder.pid}`),
    )
    const data = await openDataDirectory(directory)
    await assert.rejects(
      openDataDirectory(directory),
      isCode('DATA_DIR_LOCKED', `process ${process.pid}`),
    )
    await data.close()
    assert.ok(!(await readdir(directory)).includes('owner.json'))
  })

  it('says that it is locked when the holder left no name, or a dead one', async () => {
    const data = await openDataDirectory(directory)
    const owner = path.join(directory, 'owner.json')
    await rm(owner)
    await assert.rejects(
      openDataDirectory(directory),
      isCode('DATA_DIR_LOCKED', 'another process, which left no name'),
    )
    await writeFile(owner, JSON.stringify({ pid: 2 ** 30, host: hostname(), startedAt: 'once' }))
    await assert.rejects(
      openDataDirectory(directory),
      isCode('DATA_DIR_LOCKED', 'another process, which left no name'),
    )
    await data.close()
  })

  it('refuses the format of a later version, untouched', async () => {
    await visit()
    const format = path.join(directory, 'format')
    await writeFile(format, 'hearsay-data 7\n')
    await assert.rejects(
      openDataDirectory(directory),
      isCode('STORE_FROM_FUTURE', directory, 'format 7', 'up to 1'),
    )
    assert.equal(await readFile(format, 'utf8'), 'hearsay-data 7\n')
  })

  it('refuses a format file that does not read', async () => {
    await visit()
    for (const line of ['', 'hearsay-data', 'hearsay-data 0\n', 'hearsay-data 1', 'x'.repeat(99)]) {
      await writeFile(path.join(directory, 'format'), line)
      await assert.rejects(
        openDataDirectory(directory),
        isCode('STORE_DAMAGED', 'format', 'hearsay-data 1'),
      )
    }
  })

  it('refuses a damaged identity, and takes a new one when it was moved away', async () => {
    const peer = await visit()
    const file = path.join(directory, 'identity.key')
    const good = await readFile(file)
    const flips = good.map((_, at) => at)
    for (const at of flips) {
      const flipped = Buffer.from(good)
      flipped[at]! ^= 0x10
      await writeFile(file, flipped)
      await assert.rejects(
        openDataDirectory(directory),
        isCode('STORE_DAMAGED', file),
        `byte ${at}`,
      )
    }
    for (const length of [0, 1, 20, good.length - 1]) {
      await writeFile(file, good.subarray(0, length))
      await assert.rejects(openDataDirectory(directory), isCode('STORE_DAMAGED', file), `${length}`)
    }
    await writeFile(file, good)
    assert.equal(await visit(), peer)
    await rm(file)
    assert.notEqual(await visit(), peer)
  })

  it('tightens permissions that were too wide', async () => {
    await visit()
    await chmod(directory, 0o755)
    await chmod(path.join(directory, 'identity.key'), 0o644)
    await visit()
    assert.equal(await modeOf(), '700')
    assert.equal(await modeOf('identity.key'), '600')
    directory = path.join(parent, 'empty')
    await mkdir(directory)
    await chmod(directory, 0o777)
    await visit()
    assert.equal(await modeOf(), '700')
  })

  it('refuses to take over an open directory with other files in it', async () => {
    await mkdir(directory, { recursive: true })
    await chmod(directory, 0o755)
    await writeFile(path.join(directory, 'letters.txt'), 'dear')
    await assert.rejects(
      openDataDirectory(directory),
      isCode('DATA_DIR_UNUSABLE', directory, 'letters.txt', 'chmod 700'),
    )
    assert.equal(await modeOf(), '755')
    assert.deepEqual(await readdir(directory), ['letters.txt'])
    await chmod(directory, 0o700)
    await visit()
  })

  it('sweeps what interrupted writes left, and nothing else', async () => {
    await visit()
    for (const name of ['identity.key.tmp-12345', 'owner.json.tmp-1', 'mine.tmp-x', 'tmp-1.txt']) {
      await writeFile(path.join(directory, name), 'half')
    }
    await visit()
    const left = (await readdir(directory)).filter((name) => name.includes('tmp'))
    assert.deepEqual(left.sort(), ['mine.tmp-x', 'tmp-1.txt'])
  })

  it('refuses a path that cannot be a directory', async () => {
    const file = path.join(parent, 'file')
    await writeFile(file, '')
    for (const at of [file, path.join(file, 'below'), '/proc/replica']) {
      await assert.rejects(openDataDirectory(at), isCode('DATA_DIR_UNUSABLE', at))
    }
  })
})
