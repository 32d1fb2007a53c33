/** Series over time as an SVG file: a panel for each quantity, a line for each daemon, and the line fitted through it. */
import { svg, svgText } from '../support/svg.ts'
import type { Line, Sample } from './slope.ts'

export interface Series {
  name: string
  samples: readonly Sample[]
  line: Line
}

export interface Panel {
  title: string
  series: readonly Series[]
}

const WIDTH = 900
const PANEL_HEIGHT = 190
const MARGIN = { left: 80, right: 20, top: 34, bottom: 26 }
const COLORS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#56b4e9', '#e69f00']
const MINUTE_S = 60

/** @param from where the lines begin: what comes before is warming up, and not fitted; seconds. */
export function plot(title: string, panels: readonly Panel[], from: number): string {
  return svg(WIDTH, MARGIN.top + panels.length * PANEL_HEIGHT, [
    svgText(MARGIN.left, 20, title, 'font-size="15"'),
    ...panels.flatMap((panel, i) => panelLines(panel, MARGIN.top + i * PANEL_HEIGHT, from)),
  ])
}

function panelLines({ title, series }: Panel, top: number, from: number): string[] {
  const all = series.flatMap(({ samples }) => samples)
  const end = Math.max(1, ...all.map(({ at }) => at))
  const most = Math.max(1, ...all.map(({ value }) => value)) * 1.05
  const bottom = top + PANEL_HEIGHT - MARGIN.bottom
  const x = (at: number): number => MARGIN.left + (at / end) * (WIDTH - MARGIN.left - MARGIN.right)
  const y = (value: number): number => bottom - (value / most) * (bottom - top - MARGIN.top)
  const path = (points: readonly Sample[], style: string): string =>
    `<polyline fill="none" ${style} points="${points.map(({ at, value }) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(' ')}"/>`
  const lines = [
    svgText(MARGIN.left, top + 18, title, 'font-weight="bold"'),
    `<path d="M${MARGIN.left} ${y(most)}V${bottom}H${x(end)}" fill="none" stroke="#888"/>`,
    svgText(MARGIN.left - 8, y(0), '0', 'text-anchor="end"'),
    svgText(MARGIN.left - 8, y(most) + 10, most.toPrecision(3), 'text-anchor="end"'),
    svgText(x(end), bottom + 15, `${(end / MINUTE_S).toFixed(0)} min`, 'text-anchor="end"'),
    path(
      [
        { at: from, value: 0 },
        { at: from, value: most },
      ],
      'stroke="#bbb" stroke-dasharray="4"',
    ),
  ]
  for (const [i, { name, samples, line }] of series.entries()) {
    const color = COLORS[i % COLORS.length]!
    const at = (time: number): Sample => ({
      at: time,
      value: line.value + (line.slope / 3600) * time,
    })
    lines.push(
      path(samples, `stroke="${color}" stroke-opacity="0.6"`),
      path([at(from), at(end)], `stroke="${color}" stroke-width="2"`),
      svgText(MARGIN.left + 300 + 90 * i, top + 18, name, `fill="${color}"`),
    )
  }
  return lines
}
