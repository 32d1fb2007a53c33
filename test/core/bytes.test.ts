import assert from 'node:assert/strict'
import * as fc from 'fast-check'
import { fromBinary, fromHex, toBinary, toHex } from '../../src/core/bytes.ts'

describe('binary strings', () => {
  // Around the sizes with a path of their own: an actor's, and the longest that is converted in one go.
  const lengths = [0, 1, 15, 16, 17, 1024, 8191, 8192, 8193, 20_000]

  it('keep every byte, whatever the length', () => {
    for (const length of lengths) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 7 + length) & 255)
      const text = toBinary(bytes)
      assert.equal(text, Buffer.from(bytes).toString('latin1'))
      assert.deepEqual(fromBinary(text), bytes)
    }
  })

  it('compare as their bytes do', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        const [x, y] = [toBinary(a), toBinary(b)]
        const order = x < y ? -1 : x > y ? 1 : 0
        assert.equal(order, Buffer.compare(a, b))
      }),
    )
  })

  it('convert from a view into a larger buffer', () => {
    const bytes = Uint8Array.from({ length: 40 }, (_, i) => 200 + i)
    assert.equal(toBinary(bytes.subarray(3, 19)), toBinary(bytes.slice(3, 19)))
    assert.equal(toBinary(bytes.subarray(3, 8)), toBinary(bytes.slice(3, 8)))
  })

  it('go to hexadecimal and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const hex = toHex(toBinary(bytes))
        assert.equal(hex, Buffer.from(bytes).toString('hex'))
        assert.equal(fromHex(hex), toBinary(bytes))
        assert.equal(fromHex(hex.toUpperCase()), toBinary(bytes))
      }),
    )
  })

  it('refuse what is not hexadecimal', () => {
    for (const text of ['0', 'abc', '0x00', 'g0', '00 11', '00\n', '-1', 'é0']) {
      assert.equal(fromHex(text), undefined, JSON.stringify(text))
    }
  })
})
