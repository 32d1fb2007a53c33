/**
 * The contract of the store port: one suite, run for every implementation.
 *
 * What only a process can show (a kill, a lock between processes, the calls that reach the kernel) is in
 * `store-level.test.ts`.
 */
import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import type { Store, StoreBatch, StoreRecord } from '../../src/store/store.ts'
import { bytes, contentOf, isCode, Model, put, textKey, undamaged } from './store-model.ts'

export interface StoreFixture {
  /** Opens the store; after a `close`, opens the same contents anew. */
  open(): Promise<Store>
  dispose(): Promise<void>
}

export interface BreakableFixture extends StoreFixture {
  /** From now on commits fail, at the latest after some hundred KiB. */
  break(): Promise<void>
  heal(): Promise<void>
}

export interface StoreFeatures {
  /** Whether the contents have a size on a disk. */
  sized: boolean
}

export function storeContract(
  name: string,
  features: StoreFeatures,
  create: () => Promise<StoreFixture>,
  createBreakable: () => Promise<BreakableFixture | { unavailable: string }>,
): void {
  describe(`store contract: ${name}`, () => {
    let fixture: StoreFixture
    let store: Store

    beforeEach(async () => {
      fixture = await create()
      store = await fixture.open()
    })

    afterEach(async () => {
      await store.close()
      await fixture.dispose()
    })

    async function reopen(): Promise<void> {
      await store.close()
      store = await fixture.open()
    }

    it('loads nothing from a new store', async () => {
      assert.deepEqual(await contentOf(store), [])
      await reopen()
      assert.deepEqual(await contentOf(store), [])
    })

    it('is the same store when it has given back the memory that a load took', async () => {
      await store.commit(put(['a', 'one'], ['b', 'two']), { sync: true })
      await reopen()
      const content = await contentOf(store)
      await store.releaseMemory()
      assert.deepEqual(await contentOf(store), content)
      await store.commit(put(['b', 'three']), { sync: true })
      await reopen()
      assert.deepEqual(await contentOf(store), [
        ['a', 'one'],
        ['b', 'three'],
      ])
    })

    it('gives back what was committed, before and after it was opened anew', async () => {
      await store.commit(put(['b', 'two'], ['a', 'one']), { sync: true })
      const expected = [
        ['a', 'one'],
        ['b', 'two'],
      ]
      assert.deepEqual(await contentOf(store), expected)
      await reopen()
      assert.deepEqual(await contentOf(store), expected)
    })

    it('keeps unsynced commits when it is closed', async () => {
      await store.commit(put(['a', 'one']), { sync: false })
      await reopen()
      assert.deepEqual(await contentOf(store), [['a', 'one']])
    })

    it('loads keys in ascending byte order, whatever bytes they are', async () => {
      const keys = ['', '00', '0000', '01', '7f', '80', '8000', 'c3a9', 'fe', 'ff', 'ff00', 'ffff']
      const shuffled = [7, 2, 11, 0, 9, 4, 1, 10, 3, 8, 6, 5].map((index) => keys[index]!)
      const puts = shuffled.map((hex) => ({ key: Buffer.from(hex, 'hex'), value: bytes('v') }))
      await store.commit({ puts, deletes: [] }, { sync: true })
      const loaded: string[] = []
      for await (const slice of store.load(undamaged)) {
        loaded.push(...slice.map(({ key }) => Buffer.from(key).toString('hex')))
      }
      assert.deepEqual(loaded, keys)
    })

    it('applies deletes before puts, and the later of two puts', async () => {
      await store.commit(put(['a', '1'], ['b', '1'], ['c', '1']), { sync: true })
      const batch = put(['a', '2'], ['d', '1'], ['d', '2'])
      batch.deletes.push(textKey('a'), textKey('b'), textKey('never there'))
      await store.commit(batch, { sync: true })
      assert.deepEqual(await contentOf(store), [
        ['a', '2'],
        ['c', '1'],
        ['d', '2'],
      ])
    })

    it('takes an empty batch', async () => {
      await store.commit({ puts: [], deletes: [] }, { sync: true })
      await store.commit({ puts: [], deletes: [] }, { sync: false })
      assert.deepEqual(await contentOf(store), [])
    })

    it('keeps empty and 16 MiB values', async () => {
      const large = Buffer.alloc(16 * 1024 * 1024)
      for (let i = 0; i < large.length; i += 4)
        large.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i)
      const puts = [
        { key: textKey('empty'), value: new Uint8Array(0) },
        { key: textKey('large'), value: large },
      ]
      await store.commit({ puts, deletes: [] }, { sync: true })
      await reopen()
      const found: StoreRecord[] = []
      for await (const slice of store.load(undamaged)) found.push(...slice)
      assert.deepEqual(
        found.map(({ value }) => value.length),
        [0, large.length],
      )
      assert.ok(Buffer.from(found[1]!.value).equals(large))
    })

    it('loads in slices of bounded size', async () => {
      const value = Buffer.alloc(1000, 'x')
      const puts = Array.from({ length: 5000 }, (_, i) => ({ key: textKey(String(i)), value }))
      await store.commit({ puts, deletes: [] }, { sync: true })
      let records = 0
      for await (const slice of store.load(undamaged)) {
        const size = slice.reduce((sum, record) => sum + record.key.length + record.value.length, 0)
        assert.ok(slice.length > 0 && slice.length <= 1024, `${slice.length} records`)
        assert.ok(size <= 256 * 1024 + 1100, `${size} bytes`)
        records += slice.length
      }
      assert.equal(records, 5000)
    })

    it('lets a reader stop in the middle of a load', async () => {
      const value = Buffer.alloc(1000, 'x')
      const puts = Array.from({ length: 2000 }, (_, i) => ({ key: textKey(String(i)), value }))
      await store.commit({ puts, deletes: [] }, { sync: true })
      for await (const slice of store.load(undamaged)) {
        assert.ok(slice.length < 2000)
        break
      }
      await store.commit(put(['after', 'it']), { sync: true })
      await reopen()
      assert.equal((await contentOf(store)).length, 2001)
    })

    it('has let go of the batch when commit has returned', async () => {
      const key = Buffer.from('key')
      const value = Buffer.from('value')
      const blocking = store.commit(put(['first', '1']), { sync: true })
      const done = store.commit({ puts: [{ key, value }], deletes: [] }, { sync: true })
      key.fill(0)
      value.fill(0)
      await blocking
      await done
      assert.deepEqual(await contentOf(store), [
        ['first', '1'],
        ['key', 'value'],
      ])
    })

    it('applies concurrent commits in the order of the calls', async () => {
      const settled: number[] = []
      const commits = Array.from({ length: 300 }, async (_, i) => {
        const batch = put(['last', String(i)], [`own ${i % 7}`, String(i)])
        if (i > 0) batch.deletes.push(textKey(`mark ${i - 1}`))
        batch.puts.push({ key: textKey(`mark ${i}`), value: bytes('') })
        await store.commit(batch, { sync: i % 3 === 0 })
        settled.push(i)
      })
      await Promise.all(commits)
      assert.deepEqual(
        settled,
        Array.from({ length: 300 }, (_, i) => i),
      )
      const content = new Map(await contentOf(store))
      assert.equal(content.get('last'), '299')
      for (let own = 0; own < 7; own++) {
        const last = 299 - ((299 - own) % 7)
        assert.equal(content.get(`own ${own}`), String(last))
      }
      assert.deepEqual(
        [...content.keys()].filter((key) => key.startsWith('mark')),
        ['mark 299'],
      )
    })

    it('may be inspected at any time, which changes nothing of what it holds', async () => {
      const inspect = async (): Promise<void> => {
        for await (const bytes of store.inspect(undamaged)) assert.ok(bytes > 0)
      }
      await store.commit(put(['a', '1']), { sync: true })
      const underWay = store.commit(put(['b', '1']), { sync: false })
      await inspect()
      await underWay
      await inspect()
      await store.commit(put(['c', '1']), { sync: true })
      assert.deepEqual(await contentOf(store), [
        ['a', '1'],
        ['b', '1'],
        ['c', '1'],
      ])
    })

    it('refuses commits and loads after close; close may be repeated', async () => {
      await store.commit(put(['a', '1']), { sync: true })
      const underWay = store.commit(put(['b', '1']), { sync: true })
      await store.close()
      await store.close()
      await underWay
      await assert.rejects(store.commit(put(['c', '1']), { sync: true }), isCode('STORE_FAILED'))
      await assert.rejects(contentOf(store), isCode('STORE_FAILED'))
      store = await fixture.open()
      assert.deepEqual(await contentOf(store), [
        ['a', '1'],
        ['b', '1'],
      ])
    })

    it('is opened once at a time', async () => {
      await assert.rejects(fixture.open(), isCode('DATA_DIR_LOCKED'))
      await store.commit(put(['a', '1']), { sync: true })
      await reopen()
      assert.deepEqual(await contentOf(store), [['a', '1']])
    })

    it('knows its size', async () => {
      const before = await store.sizeBytes()
      const puts = [{ key: textKey('a'), value: Buffer.alloc(1024 * 1024, 'x') }]
      await store.commit({ puts, deletes: [] }, { sync: true })
      const grown = (await store.sizeBytes()) - before
      assert.ok(features.sized ? grown >= 1024 * 1024 : grown === 0, `grown by ${grown}`)
    })

    it('equals a map under random batches and reopenings', async () => {
      const key = fc.uint8Array({ maxLength: 3 })
      const batch = fc.record({
        puts: fc.array(fc.record({ key, value: fc.uint8Array({ maxLength: 20 }) }), {
          maxLength: 6,
        }),
        deletes: fc.array(key, { maxLength: 4 }),
      })
      const step = fc.oneof(
        { weight: 8, arbitrary: batch },
        { weight: 1, arbitrary: fc.constant('reopen' as const) },
      )
      const model = new Model()
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          for (const each of steps) {
            if (each === 'reopen') await reopen()
            else {
              await store.commit(each, { sync: each.puts.length % 2 === 0 })
              model.apply(each)
            }
          }
          assert.deepEqual(await model.differences(store), [])
        }),
        { numRuns: 40, endOnFailure: true },
      )
    })

    it('after a failed commit rejects all, keeps what it acknowledged, and works when opened anew', async function () {
      const breakable = await createBreakable()
      if ('unavailable' in breakable) {
        this.test!.title += ` (skipped: ${breakable.unavailable})`
        this.skip()
      }
      try {
        await failAndRecover(breakable)
      } finally {
        await breakable.dispose()
      }
    })
  })
}

async function failAndRecover(fixture: BreakableFixture): Promise<void> {
  const value = Buffer.alloc(64 * 1024, 'x')
  const batchOf = (i: number): StoreBatch => ({
    puts: [
      { key: textKey(`batch ${String(i).padStart(4, '0')}`), value },
      { key: textKey(`mate ${String(i).padStart(4, '0')}`), value: bytes(String(i)) },
    ],
    deletes: [],
  })
  const store = await fixture.open()
  let acknowledged = 0
  for (; acknowledged < 5; acknowledged++) await store.commit(batchOf(acknowledged), { sync: true })
  await fixture.break()
  let failure: unknown
  for (let i = acknowledged; i < 200 && failure === undefined; i++) {
    try {
      await store.commit(batchOf(i), { sync: true })
      acknowledged = i + 1
    } catch (error) {
      failure = error
    }
  }
  isCode('STORE_FAILED')(failure)
  const rest = await Promise.allSettled(
    Array.from({ length: 5 }, (_, i) => store.commit(batchOf(500 + i), { sync: i % 2 === 0 })),
  )
  await fixture.heal()
  rest.push(...(await Promise.allSettled([store.commit(put(['x', 'y']), { sync: true })])))
  rest.push(...(await Promise.allSettled([store.commit(put(), { sync: false })])))
  for (const each of rest) {
    assert.equal(each.status, 'rejected')
    isCode('STORE_FAILED')(each.reason)
  }
  await store.close()

  const again = await fixture.open()
  const content = new Map(await contentOf(again))
  const kept = [...content.keys()].filter((key) => key.startsWith('batch')).length
  // The one that failed may be there or not; nothing behind it may.
  assert.ok(kept === acknowledged || kept === acknowledged + 1, `${kept} of ${acknowledged}`)
  assert.equal(content.size, 2 * kept)
  for (let i = 0; i < kept; i++) {
    assert.equal(content.get(`mate ${String(i).padStart(4, '0')}`), String(i))
  }
  await again.commit(put(['again', 'yes']), { sync: true })
  assert.equal((await contentOf(again)).length, 2 * kept + 1)
  await again.close()
}
