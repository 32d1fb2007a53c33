/** A store's contents as its tests speak of them: text where it is text, and a plain map as the oracle. */
import assert from 'node:assert/strict'
import { HearsayError } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/errors.ts'
import type { Store, StoreBatch } from '../../src/store/store.ts'

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text))
}

export function textKey(text: string): Uint8Array {
  return bytes(text)
}

export function put(...records: [string, string][]): StoreBatch {
  return {
    puts: records.map(([key, value]) => ({ key: textKey(key), value: bytes(value) })),
    deletes: [],
  }
}

export async function contentOf(
  store: Store,
  damaged: (what: string) => void = undamaged,
): Promise<[string, string][]> {
  const content: [string, string][] = []
  for await (const slice of store.load(damaged)) {
    for (const { key, value } of slice) {
      content.push([Buffer.from(key).toString(), Buffer.from(value).toString()])
    }
  }
  return content
}

/** What a damaged store still gives, and what it says is wrong. Where opening shows it, it must refuse commits. */
export async function salvageOf(
  store: Store,
): Promise<{ content: [string, string][]; damage: string }> {
  const damage: string[] = []
  const content = await contentOf(store, (what) => damage.push(what))
  const commit = store.commit(put(['x', 'y']), { sync: true })
  await assert.rejects(commit, isCode('STORE_FAILED'))
  return { content, damage: damage.join('; ') }
}

/** For `assert.rejects`: the error is one of ours, has this code, and its message says every one of `words`. */
export function isCode(code: ErrorCode, ...words: string[]): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof HearsayError, `not a HearsayError: ${String(error)}`)
    assert.equal(error.code, code, error.message)
    for (const word of words) {
      assert.ok(error.message.includes(word), `"${error.message}" does not say "${word}"`)
    }
    return true
  }
}

/** The oracle: what a store must hold after some batches. */
export class Model {
  readonly #records = new Map<string, string>()

  apply({ puts, deletes }: StoreBatch): void {
    for (const key of deletes) this.#records.delete(Buffer.from(key).toString('hex'))
    for (const { key, value } of puts) {
      this.#records.set(Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex'))
    }
  }

  /** Keys, in hexadecimal, of the records that the store has otherwise, lacks or has beyond. */
  async differences(store: Store): Promise<string[]> {
    const left = new Map(this.#records)
    const differing: string[] = []
    for await (const slice of store.load(undamaged)) {
      for (const record of slice) {
        const key = Buffer.from(record.key).toString('hex')
        if (left.get(key) !== Buffer.from(record.value).toString('hex')) differing.push(key)
        left.delete(key)
      }
    }
    return [...differing, ...left.keys()]
  }
}

/** For a load of a store that is whole. */
export function undamaged(what: string): void {
  assert.fail(`the store is damaged: ${what}`)
}
