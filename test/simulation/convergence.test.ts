/** Random fleets under random faults: safety while they last, agreement when they are over. */
import assert from 'node:assert/strict'
import { runSeed } from './batch.ts'
import { draw } from './draw.ts'
import { describeStep, describeWorld } from './scenario.ts'

const SEEDS = 400

describe('convergence', () => {
  it(`${SEEDS} fleets agree after any faults, and lose nothing acknowledged`, function () {
    this.timeout(0)
    for (let seed = 1; seed <= SEEDS; seed++) {
      const result = runSeed(seed)
      if (!('failure' in result)) continue
      const { world, steps } = draw(seed)
      const scenario = [describeWorld(world), ...steps.map(describeStep)].join('\n')
      assert.fail(
        `seed ${seed}: ${result.message}\n${scenario}\nnpm run simulate -- --from ${seed} --seeds 1`,
      )
    }
  })
})
