/** Straight lines through samples, and how sure their slopes are. */

export interface Sample {
  /** Seconds. */
  at: number
  value: number
}

export interface Line {
  /** At time 0. */
  value: number
  /** Per hour. */
  slope: number
  /** Half the width of the 95 % confidence interval of the slope, per hour. */
  uncertainty: number
  mean: number
}

/**
 * Samples that follow each other closely are alike, and would make a slope look surer than it is: the line goes through the
 * means of so many equal spans of time.
 */
const BLOCKS_MAX = 24
const HOUR_S = 3600
/** Of the normal distribution, two-sided 95 %. */
const Z = 1.959964

/** Least squares. At least three samples, at different times. */
export function fit(samples: readonly Sample[]): Line {
  const points = blocks(samples)
  const count = points.length
  if (count < 3) throw new TypeError(`${count} samples are no line with a confidence`)
  const meanAt = mean(points.map(({ at }) => at))
  const meanValue = mean(points.map(({ value }) => value))
  const spread = sum(points.map(({ at }) => (at - meanAt) ** 2))
  const slope = sum(points.map(({ at, value }) => (at - meanAt) * (value - meanValue))) / spread
  const value = meanValue - slope * meanAt
  const rest = sum(points.map((one) => (one.value - value - slope * one.at) ** 2))
  const freedom = count - 2
  const error = Math.sqrt(rest / freedom / spread)
  return {
    value,
    slope: slope * HOUR_S,
    uncertainty: studentT(freedom) * error * HOUR_S,
    mean: meanValue,
  }
}

function blocks(samples: readonly Sample[]): Sample[] {
  const sorted = samples.toSorted((a, b) => a.at - b.at)
  const count = Math.min(BLOCKS_MAX, sorted.length)
  return Array.from({ length: count }, (_, i) => {
    const part = sorted.slice((i * sorted.length) / count, ((i + 1) * sorted.length) / count)
    return { at: mean(part.map(({ at }) => at)), value: mean(part.map((one) => one.value)) }
  })
}

/** The 97.5 % quantile of Student's distribution, by the expansion of Cornish and Fisher; good to a percent from 3 on. */
function studentT(freedom: number): number {
  const first = (Z ** 3 + Z) / 4 / freedom
  const second = (5 * Z ** 5 + 16 * Z ** 3 + 3 * Z) / 96 / freedom ** 2
  const third = (3 * Z ** 7 + 19 * Z ** 5 + 17 * Z ** 3 - 15 * Z) / 384 / freedom ** 3
  return Z + first + second + third
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length
}
