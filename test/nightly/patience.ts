/** Waiting on a machine that does other things besides, or over a bad line: only a failure ever takes so long. */
import { until } from '../support/daemons.ts'

export const PATIENCE_MS = 300_000

export function patiently<T>(
  what: string,
  attempt: Parameters<typeof until<T>>[1],
  onFailure: () => string = () => '',
): Promise<T> {
  return until<T>(what, attempt, { waitMs: PATIENCE_MS, onFailure })
}
