/**
 * Deadlines that a peer has to keep, in time during which this process was awake.
 *
 * After a stall of our own (a long computation, a stopped process, a machine without processor time) timers run before
 * sockets are read: a plain timer would blame the peer although its answer lies unread in the kernel. So a deadline is
 * waited for in slices, and a slice that ends late does not count: after a stall of any length the peer has at least one
 * slice in which it is heard.
 */

/** Longest slice: how much more time than asked for a peer may get from each stall. */
const SLICE_MS_MAX = 1_000
/** Garbage collection and a large batch take tens of milliseconds; what is later than this was a stall. */
const LATE_MS = 500

/** Calls `expired` after `ms` awake milliseconds, unless the function that it returns is called before. */
export function patientTimeout(ms: number, expired: () => void): () => void {
  let leftMs = ms
  let timer: NodeJS.Timeout
  const wait = (): void => {
    const sliceMs = Math.min(leftMs, SLICE_MS_MAX)
    const dueAt = performance.now() + sliceMs
    timer = setTimeout(() => {
      if (performance.now() - dueAt < LATE_MS) leftMs -= sliceMs
      if (leftMs > 0) wait()
      else expired()
    }, sliceMs)
  }
  wait()
  return () => clearTimeout(timer)
}

/** A signal that aborts with a TimeoutError after `ms` awake milliseconds. Whoever asked for it must call `clear`. */
export function patientSignal(ms: number): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController()
  const clear = patientTimeout(ms, () =>
    controller.abort(new DOMException('no answer in time', 'TimeoutError')),
  )
  return { signal: controller.signal, clear }
}
