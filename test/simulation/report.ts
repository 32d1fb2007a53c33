/** Figures of a search, for people. */
import type { Tally } from './tally.ts'

const HOUR_MS = 3_600_000

export function progressLine(tally: Tally, before: number, seeds: number, seconds: number): string {
  const runs = tally.runs - before
  const hours = (tally.simulatedMs / HOUR_MS).toFixed(1)
  const pace = (runs / seconds).toFixed(1)
  return `${runs} of ${seeds} seeds, ${pace} runs/s, ${hours} simulated hours`
}

/** `runs` were done now, in `cpuMs` of processor time; the tally may hold earlier ones too. */
export function report(tally: Tally, runs: number, cpuMs: number): string {
  const perSeed = runs === 0 ? 'none' : `${(cpuMs / runs).toFixed(1)} ms of processor time each`
  const agreed = tally.runs === 0 ? 0 : tally.agreedAfterMs / tally.runs
  const copies = tally.deliveries === 0 ? 0 : tally.copies / tally.deliveries
  return [
    `${tally.runs} runs passed (now ${runs}, ${perSeed}); ${tally.repeated} of them done twice with the same events`,
    `${hours(tally.simulatedMs)} simulated hours, ${hours(tally.nodeMs)} node-hours, ${tally.events} events, ${tally.heavy} heavy worlds`,
    `${tally.acknowledged} acknowledged puts; agreement ${(agreed / 1000).toFixed(1)} s after the faults on average, ${(tally.agreedAfterMsMax / 1000).toFixed(1)} s at most`,
    `${copies.toFixed(3)} copies of a broadcast per delivery`,
    `runs with a fault:  ${counts(tally.kinds)}`,
    `runs of a workload: ${counts(tally.workloads)}`,
    `steps taken:        ${counts(tally.steps)}`,
  ].join('\n')
}

function hours(ms: number): string {
  return (ms / HOUR_MS).toFixed(1)
}

function counts(of: Record<string, number>): string {
  const entries = Object.entries(of).sort(([, a], [, b]) => b - a)
  return entries.map(([name, count]) => `${name} ${count}`).join(', ') || 'none'
}
