/**
 * The figures as one picture: a panel for each, a bar for each system, its median as the bar and the range of its
 * repetitions as a line across the end; a dashed line is what hearsay shall reach.
 */
import { svg, svgText } from '../support/svg.ts'
import { groupBy } from './bench-run.ts'
import type { Summary } from './bench-run.ts'
import { shown } from './tables.ts'

/** What is worth a picture: figures that every system has, by workload. */
const PICTURED: readonly (readonly [workload: string, figure: string])[] = [
  ['W1', '64 in flight'],
  ['W2', 'p50 to the last'],
  ['W3', 'until all have all'],
  ['W3', 'CPU of all processes'],
  ['W3', 'wire bytes per key per other node'],
  ['W4', 'until it holds all'],
  ['W6', 'memory'],
  ['W6', 'cold start'],
]

const WIDTH = 900
const LEFT = 110
/** Room for the number behind a bar. */
const RIGHT = 190
const TITLE_HEIGHT = 40
const BAR_HEIGHT = 16
const BAR_STEP = 21
const PANEL_GAP = 34
const OWN_COLOR = '#0072b2'
const OTHER_COLOR = '#9aa0a6'
const GOAL_COLOR = '#d55e00'

export function pictureOf(title: string, summaries: readonly Summary[]): string {
  const lines: string[] = []
  let top = TITLE_HEIGHT
  for (const [workload, figure] of PICTURED) {
    const own = summaries.filter((one) => one.workload === workload && one.figure === figure)
    for (const [setting, bars] of groupBy(own, (one) => one.setting)) {
      lines.push(...panel(`${workload} ${setting}: ${figure}, ${bars[0]!.unit}`, bars, top))
      top += PANEL_GAP + bars.length * BAR_STEP
    }
  }
  return svg(WIDTH, top, [svgText(LEFT, 22, title, 'font-size="15"'), ...lines])
}

function panel(title: string, bars: readonly Summary[], top: number): string[] {
  const goal = goalOf(bars)
  const most = Math.max(...bars.map(({ max }) => max), goal ?? 0)
  const x = (value: number): number => LEFT + (value / most) * (WIDTH - LEFT - RIGHT)
  const lines = [svgText(LEFT, top + 12, title, 'font-weight="bold"')]
  const first = top + 20
  for (const [index, { system, median, min, max }] of bars.entries()) {
    const y = first + index * BAR_STEP
    const middle = y + BAR_HEIGHT / 2
    const color = system === 'hearsay' ? OWN_COLOR : OTHER_COLOR
    const width = (x(median) - LEFT).toFixed(1)
    lines.push(
      svgText(LEFT - 8, middle + 4, system, 'text-anchor="end"'),
      `<rect x="${LEFT}" y="${y}" width="${width}" height="${BAR_HEIGHT}" fill="${color}"/>`,
      `<path d="M${x(min).toFixed(1)} ${middle}H${x(max).toFixed(1)}" stroke="black"/>`,
      svgText(Math.round(x(max)) + 8, middle + 4, shown(median)),
    )
  }
  if (goal !== undefined) {
    const bottom = first + bars.length * BAR_STEP
    lines.push(
      `<path d="M${x(goal).toFixed(1)} ${first - 2}V${bottom}" stroke="${GOAL_COLOR}" stroke-dasharray="4"/>`,
    )
  }
  return lines
}

function goalOf(bars: readonly Summary[]): number | undefined {
  const text = bars.find(({ goal }) => goal !== undefined)?.goal
  return text === undefined ? undefined : Number(text.replaceAll(/[^\d.]/g, ''))
}
