/** Sizes so small that a message of a repair is full after an item or two, and that pulls are narrowed to buckets. */
import { SIZES } from '../../src/core/repair/sizes.ts'
import type { RepairSizes } from '../../src/core/repair/sizes.ts'
import type { Seeded } from './seeded.ts'

const SMALL: Record<Exclude<keyof RepairSizes, 'compared' | 'fill'>, readonly number[]> = {
  chunkBytes: [1, 100, 1_000],
  chunkRanges: [1, 2],
  actorsInline: [0, 1, 2],
  actorsPerPull: [1, 2],
  listed: [1, 2],
  candidates: [1, 2],
  resolvedBytes: [1, 500],
}

/**
 * Times the items of a list: with fewer, a list that differs by one item would be compared in parts as well, each of them in some
 * session to come, and all of them much later than a daemon's.
 */
const COMPARED_TIMES = [4, 8]

/** Dots: some worlds make a hundred. */
const FILL = 8

/** Each is that of a daemon or a small one. */
export function drawSizes(random: Seeded): RepairSizes {
  const sizes = { ...SIZES }
  for (const [name, values] of Object.entries(SMALL)) {
    if (random.chance(0.5)) sizes[name as keyof typeof SMALL] = random.pick(values)
  }
  if (random.chance(0.5)) sizes.compared = random.pick(COMPARED_TIMES) * sizes.listed
  if (sizes.listed < SIZES.listed) sizes.fill = FILL
  return sizes
}
