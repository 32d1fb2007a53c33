/** The figures as Markdown. */
import { groupBy } from './bench-run.ts'
import type { Failure, Summary, Workload } from './bench-run.ts'

export function shown(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en', { minimumFractionDigits: 0, maximumFractionDigits: digits })
}

function cell(summary: Summary | undefined): string {
  if (summary === undefined) return ''
  const { median, min, max } = summary
  if (min === max) return shown(median)
  return `${shown(median)} (${shown(min)}–${shown(max)})`
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** One table of a workload: figures down, systems across. */
export function tableOf(workload: Workload, summaries: readonly Summary[]): string {
  const own = summaries.filter((summary) => summary.workload === workload.id)
  const systems = [...new Set(own.map(({ system }) => system))]
  const rows = groupBy(own, ({ setting, figure, unit }) => `${setting}: ${figure}, ${unit}`)
  const lines = [...rows].map(([what, ofRow]) => {
    const cells = systems.map((system) => cell(ofRow.find((one) => one.system === system)))
    return row([what, ...cells, ofRow.find(({ goal }) => goal !== undefined)?.goal ?? ''])
  })
  const head = ['', ...systems, 'goal']
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'))
  return [`### ${workload.id} ${workload.title}`, '', row(head), row(rule), ...lines].join('\n')
}

export function failureText({ workload, setting, system, repetition, reason }: Failure): string {
  return `FAILED: ${workload}, ${setting}, ${system}, repetition ${repetition}: ${reason}`
}
