/** Quantities in plain words, for people. */

const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** A span of time in at most two units: `3h 12m`. */
export function span(ms: number): string {
  if (ms < SECOND_MS) return `${Math.max(0, Math.round(ms))}ms`
  if (ms < MINUTE_MS) return `${Math.floor(ms / SECOND_MS)}s`
  if (ms < HOUR_MS) return two(ms, MINUTE_MS, 'm', SECOND_MS, 's')
  if (ms < DAY_MS) return two(ms, HOUR_MS, 'h', MINUTE_MS, 'm')
  return two(ms, DAY_MS, 'd', HOUR_MS, 'h')
}

function two(ms: number, large: number, largeName: string, small: number, smallName: string) {
  const rest = Math.floor((ms % large) / small)
  return `${Math.floor(ms / large)}${largeName}${rest === 0 ? '' : ` ${rest}${smallName}`}`
}

/** `3.4 MiB` */
export function bytesInWords(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10))
  if (power === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`
  return `${(bytes / 1024 ** power).toFixed(1)} ${units[power]}`
}

export function number(value: number): string {
  return value.toLocaleString('en-US')
}

/** `1 key`, `2,503 keys` */
export function count(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`
}

/** A moment, and how long ago that was. */
export function instant(ms: number, now: number): string {
  return `${new Date(ms).toISOString()} (${span(now - ms)} ago)`
}
