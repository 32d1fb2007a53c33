/**
 * Durations and sizes as people write them: 500ms, 5s, 10m, 24h, 7d; 512B, 64KiB, 16MiB, 1GiB. A number without a unit is
 * refused, since nobody can tell later which unit was meant.
 */

const DURATION_UNITS_MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const SIZE_UNITS_BYTES = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const

/** Milliseconds, or `undefined` if `text` is no duration. */
export function parseDuration(text: string): number | undefined {
  return parse(text, DURATION_UNITS_MS)
}

/** Bytes, or `undefined` if `text` is no size. */
export function parseSize(text: string): number | undefined {
  return parse(text, SIZE_UNITS_BYTES)
}

export function formatDuration(ms: number): string {
  return format(ms, DURATION_UNITS_MS)
}

export function formatSize(bytes: number): string {
  return format(bytes, SIZE_UNITS_BYTES)
}

function parse(text: string, units: Record<string, number>): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text)
  const factor = units[match?.[2] ?? '']
  if (match === null || factor === undefined) return undefined
  const value = Math.round(Number(match[1]) * factor)
  return Number.isSafeInteger(value) ? value : undefined
}

/** In the largest unit that divides it, so that what is shown can be typed back and means the same. */
function format(value: number, units: Record<string, number>): string {
  let best = Object.keys(units)[0] ?? ''
  for (const [unit, factor] of Object.entries(units)) {
    if (value !== 0 && value % factor === 0) best = unit
  }
  return `${value / (units[best] ?? 1)}${best}`
}
