/** Each mutation of a rule finds the place that it changes: one that does not would count as caught by nobody. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { RULE_MUTATIONS } from './rules.ts'

const CORE = new URL('../../src/core/', import.meta.url)

describe('mutations of the rules', () => {
  for (const mutation of RULE_MUTATIONS) {
    it(`${mutation.name}: ${mutation.what}`, () => {
      for (const { file, find } of [mutation, ...(mutation.also ?? [])]) {
        const code = readFileSync(new URL(file, CORE), 'utf8')
        assert.equal(code.split(find).length - 1, 1, `${file} has the place once`)
      }
    })
  }
})
