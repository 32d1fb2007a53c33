/** Decoders under a short fuzzing, every input that was ever found, and every bit of a valid input flipped. */
import assert from 'node:assert/strict'
import { Seeded } from '../support/seeded.ts'
import { corpusOf } from './corpus.ts'
import { fuzzTargets } from './targets.ts'

/** `npm run fuzz` does more. */
const RUNS = Number(process.env['HEARSAY_FUZZ_RUNS'] ?? 3_000)

describe('decoders', function () {
  // Bounds what hangs; a slow machine must not fail.
  this.timeout(120_000)

  for (const target of fuzzTargets()) {
    it(`${target.name}: takes what is valid, and no input does harm`, () => {
      for (const sample of target.samples) assert.ok(target.run(sample), 'a sample is refused')
      const corpus = corpusOf(target)
      for (const input of corpus) target.run(input)
      const random = new Seeded(1, target.name)
      let accepted = 0
      for (let run = 0; run < RUNS; run++) {
        const input = target.mutate(random.pick(corpus), random.pick(corpus), random)
        if (target.run(input)) accepted++
      }
      assert.ok(accepted > 0 && accepted < RUNS, `${accepted} of ${RUNS} inputs were accepted`)
    })

    it(`${target.name}: any one bit flipped is refused or harmless`, () => {
      for (const sample of target.samples) {
        const input = Uint8Array.from(sample)
        for (let bit = 0; bit < input.length * 8; bit++) {
          input[bit >> 3]! ^= 1 << (bit & 7)
          target.run(input)
          input[bit >> 3]! ^= 1 << (bit & 7)
        }
      }
    })
  }
})
