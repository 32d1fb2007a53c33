import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { clusterOf } from '../../src/daemon/identity.ts'

describe("a cluster's hash of items", () => {
  const key = new Uint8Array(32).map((_, i) => 7 * i)
  const { hash } = clusterOf({ clusterId: new Uint8Array(16), fingerprintKey: key, secrets: [key] })

  /** What is on disk and on the wire depends on it: it may never change. */
  const expected = (bytes: Uint8Array): Buffer =>
    createHash('sha256').update(key).update(bytes).digest().subarray(0, 16)

  it('is SHA-256 of key and bytes, cut to 128 bits, whatever the size', () => {
    for (const size of [0, 1, 15, 300, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 1024 * 1024]) {
      const bytes = new Uint8Array(size).map((_, i) => i * i)
      assert.deepEqual(Buffer.from(hash(bytes)), expected(bytes), `${size} bytes`)
    }
  })

  it('gives each caller bytes of its own', () => {
    const first = hash(new Uint8Array(100))
    const copy = first.slice()
    hash(new Uint8Array(50).fill(1))
    assert.deepEqual(first, copy)
  })
})
