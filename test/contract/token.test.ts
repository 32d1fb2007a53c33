/** Version tokens: what they name, and that nothing else is taken for one. */
import assert from 'node:assert/strict'
import { decodeToken, encodeToken, readToken } from '../../src/daemon/token.ts'

const dot = (letter: string, counter: number) => ({ actor: letter.repeat(16), counter })
const OBSERVED = [dot('a', 1), dot('b', 300), dot('c', 2 ** 40)]
const BAD = { code: 'BAD_TOKEN' }

describe('a version token', () => {
  it('names what was observed', () => {
    for (const dots of [[], OBSERVED.slice(0, 1), OBSERVED]) {
      assert.deepEqual(decodeToken('k', encodeToken('k', dots)), dots)
      assert.deepEqual(readToken('k', encodeToken('k', dots)), {
        observed: dots,
        made: [],
        gone: [],
      })
    }
  })

  it('of a delete also names the delete and what it removed, and observes neither', () => {
    const made = dot('d', 7)
    for (const gone of [[], [dot('e', 8), dot('f', 2 ** 33)]]) {
      for (const observed of [[], OBSERVED]) {
        const token = encodeToken('k', observed, { made, gone })
        assert.deepEqual(readToken('k', token), { observed, made: [made], gone })
        assert.deepEqual(decodeToken('k', token), observed)
      }
    }
  })

  it('is refused for another key, changed, cut, or of a later format', () => {
    const tokens = [
      encodeToken('k', OBSERVED),
      encodeToken('k', OBSERVED, { made: dot('d', 7), gone: [dot('e', 8)] }),
    ]
    for (const token of tokens) {
      assert.throws(() => readToken('other', token), BAD)
      const bytes = Buffer.from(token, 'base64url')
      for (let length = 0; length < bytes.length; length++) {
        assert.throws(() => readToken('k', bytes.subarray(0, length).toString('base64url')), BAD)
      }
      for (let at = 1; at < bytes.length; at++) {
        const changed = Buffer.from(bytes)
        changed[at]! ^= 1
        assert.throws(() => readToken('k', changed.toString('base64url')), BAD)
      }
      const later = Buffer.from(bytes)
      later[0] = 3
      assert.throws(() => readToken('k', later.toString('base64url')), BAD)
    }
  })
})
