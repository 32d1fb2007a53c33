/** One window of time: how long it took, and what it cost each process and the network. */
import { cpuSeconds, forgetPeak, loopbackBytes, peakMiB } from './machine.ts'

export interface Metered {
  name: string
  pid: number
}

export interface ProcessCost {
  name: string
  cpuSeconds: number
  peakMiB: number
}

export interface Window {
  seconds: number
  processes: ProcessCost[]
  /** Of all processes but the driver. */
  cpuSeconds: number
  driverCpuSeconds: number
  /** Of the one with the most. */
  peakMiB: number
  wireBytes: number
}

/** When windows were open, microseconds of the monotonic clock: what a CPU profile is cut to. */
export const windowsOpen: { from: number; to: number }[] = []

const microseconds = (): number => Number(process.hrtime.bigint() / 1000n)

/**
 * Meters `work`. A process that only starts while the window is open is given as a function, which is called at the end;
 * it is charged from its start.
 */
export async function metered<T>(
  running: readonly Metered[],
  work: () => Promise<T>,
  starting: () => Metered[] = () => [],
): Promise<{ result: T; window: Window }> {
  for (const { pid } of running) forgetPeak(pid)
  const cpuBefore = running.map(({ pid }) => cpuSeconds(pid))
  const driverBefore = cpuSeconds(process.pid)
  const wireBefore = loopbackBytes()
  const from = microseconds()
  const result = await work()
  const to = microseconds()
  const wireBytes = loopbackBytes() - wireBefore
  windowsOpen.push({ from, to })
  const processes = [...running, ...starting()].map(({ name, pid }, i) => ({
    name,
    cpuSeconds: cpuSeconds(pid) - (cpuBefore[i] ?? 0),
    peakMiB: peakMiB(pid),
  }))
  const window = {
    seconds: (to - from) / 1e6,
    processes,
    cpuSeconds: processes.reduce((sum, one) => sum + one.cpuSeconds, 0),
    driverCpuSeconds: cpuSeconds(process.pid) - driverBefore,
    peakMiB: Math.max(0, ...processes.map((one) => one.peakMiB)),
    wireBytes,
  }
  return { result, window }
}

export function quantile(values: readonly number[], fraction: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? NaN
}
