/** Slopes of samples whose slope is known. */
import assert from 'node:assert/strict'
import { Seeded } from '../support/seeded.ts'
import { fit } from './slope.ts'

const noisy = (seed: number, perHour: number, noise: number): { at: number; value: number }[] => {
  const random = new Seeded(seed)
  return Array.from({ length: 600 }, (_, i) => {
    const value = 100 + (perHour * i) / 3600 + noise * (random.float() - 0.5)
    return { at: i, value }
  })
}

describe('a slope', () => {
  it('of a line is that of the line, and sure', () => {
    const { value, slope, uncertainty } = fit(noisy(1, 7, 0))
    assert.ok(Math.abs(value - 100) < 1e-6)
    assert.ok(Math.abs(slope - 7) < 1e-6)
    assert.ok(uncertainty < 1e-6)
  })

  it('of noise lies within its uncertainty about as often as is said', () => {
    let within = 0
    for (let seed = 0; seed < 400; seed++) {
      const { slope, uncertainty } = fit(noisy(seed, 5, 10))
      if (Math.abs(slope - 5) <= uncertainty) within++
    }
    assert.ok(within > 360 && within < 396, `${within} of 400`)
  })

  it('is as wide as the textbook says', () => {
    const points = [0, 1, 0, 1, 0].map((value, at) => ({ at, value }))
    // t of three degrees is 3.1824; residuals' sum 1.2, spread 10: 3.1824 * sqrt(1.2 / 3 / 10).
    const { slope, uncertainty } = fit(points)
    assert.ok(Math.abs(slope) < 1e-9)
    const expected = 3.1824 * Math.sqrt(1.2 / 3 / 10) * 3600
    assert.ok(Math.abs(uncertainty / expected - 1) < 0.01, `${uncertainty} is not ${expected}`)
  })

  it('of two samples is none', () => {
    assert.throws(
      () =>
        fit([
          { at: 0, value: 1 },
          { at: 1, value: 2 },
        ]),
      TypeError,
    )
  })
})
