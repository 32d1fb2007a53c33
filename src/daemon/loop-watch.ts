/**
 * Sees when this process stood still, and names it.
 *
 * While the event loop is stalled nothing is read, answered or decided, and all that is known afterwards is that it was
 * so. Two causes call for different help, and processor time tells them apart: the loop was busy (a large batch, garbage
 * collection), or the process was not given the processor (stopped, swapped out, an overloaded or paused machine).
 *
 * That a stall of our own is not held against peers is not decided here: `net/patience.ts`, and `Links.tick` in the core.
 */
import type { Log } from '../net/log.ts'

const TICK_MS = 200
/** Ten times what a large batch takes; users notice it, and peers begin to show this daemon as silent at twice that. */
const STALL_MS_MIN = 1_000
/** Of a stall, the share of processor time above which the loop itself was busy. */
const BUSY_SHARE_MIN = 0.5

export type StallCause = 'busy' | 'not-scheduled'

export interface Stalls {
  /** Since start. */
  count: number
  totalMs: number
  last?: { at: number; ms: number; cause: StallCause }
}

const EXPLAINED: Record<StallCause, string> = {
  busy: 'the event loop stood still: it was busy',
  'not-scheduled':
    'the event loop stood still: the process was paused, swapped out, or not given the processor',
}

export class LoopWatch {
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #dueAt: number
  #cpuMs: number
  #count = 0
  #totalMs = 0
  #last: Stalls['last']

  constructor(log: Log) {
    this.#log = log
    this.#dueAt = performance.now() + TICK_MS
    this.#cpuMs = processorMs()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  stalls(): Stalls {
    return {
      count: this.#count,
      totalMs: Math.round(this.#totalMs),
      ...(this.#last === undefined ? {} : { last: this.#last }),
    }
  }

  #tick(): void {
    const now = performance.now()
    const cpuMs = processorMs()
    const lateMs = now - this.#dueAt
    if (lateMs >= STALL_MS_MIN) this.#stalled(lateMs, cpuMs - this.#cpuMs)
    this.#dueAt = now + TICK_MS
    this.#cpuMs = cpuMs
  }

  #stalled(lateMs: number, cpuMs: number): void {
    const cause: StallCause = cpuMs >= lateMs * BUSY_SHARE_MIN ? 'busy' : 'not-scheduled'
    const ms = Math.round(lateMs)
    this.#count++
    this.#totalMs += lateMs
    this.#last = { at: Date.now(), ms, cause }
    const fields = { code: 'EVENT_LOOP_STALLED', ms, cause, processorMs: Math.round(cpuMs) }
    this.#log.warn(fields, EXPLAINED[cause])
  }
}

/** Of all threads of this process. */
function processorMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
