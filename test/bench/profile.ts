/** Where the time of one process went, from the CPU profiles that Node writes. */
import { readFileSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { windowsOpen } from './meter.ts'
import { PROJECT_ROOT } from '../support/daemons.ts'

interface ProfileNode {
  id: number
  callFrame: { functionName: string; url: string; lineNumber: number }
  children?: number[]
}

interface Profile {
  nodes: ProfileNode[]
  startTime: number
  samples: number[]
  timeDeltas: number[]
}

const ROWS = 30

/** `node_modules/x`, the file of the project, or what the engine does. */
function placeOf({ url }: ProfileNode['callFrame']): string {
  const inModule = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)
  if (inModule !== null) return inModule[1]!
  if (url.startsWith('file://')) return path.relative(PROJECT_ROOT, new URL(url).pathname)
  return url === '' ? 'engine' : url
}

function nameOf({ callFrame }: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  const file = url === '' ? '' : `:${path.basename(url)}:${lineNumber + 1}`
  return `${functionName === '' ? 'anonymous' : functionName} [${placeOf(callFrame)}${file}]`
}

class Times {
  readonly #microseconds = new Map<string, number>()

  add(name: string, microseconds: number): void {
    this.#microseconds.set(name, (this.#microseconds.get(name) ?? 0) + microseconds)
  }

  rows(total: number): string[] {
    const sorted = [...this.#microseconds].toSorted(([, a], [, b]) => b - a).slice(0, ROWS)
    return sorted.map(([name, time]) => {
      const share = ((100 * time) / total).toFixed(1).padStart(5)
      return `${share} %  ${(time / 1000).toFixed(0).padStart(7)} ms  ${name}`
    })
  }
}

function isIdle(node: ProfileNode): boolean {
  return node.callFrame.functionName === '(idle)'
}

/** The samples that fell into a metered window, as tables of self time, time by package, and time with callees. */
export function profileText(directory: string): string {
  const self = new Times()
  const packages = new Times()
  const inclusive = new Times()
  let busy = 0
  for (const name of readdirSync(directory).filter((one) => one.endsWith('.cpuprofile'))) {
    const profile = JSON.parse(readFileSync(path.join(directory, name), 'utf8')) as Profile
    const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
    const parents = new Map(profile.nodes.flatMap((n) => (n.children ?? []).map((c) => [c, n.id])))
    let at = profile.startTime
    profile.samples.forEach((id, i) => {
      const lasted = profile.timeDeltas[i]!
      at += lasted
      const node = nodes.get(id)!
      if (isIdle(node) || !windowsOpen.some(({ from, to }) => at >= from && at <= to)) return
      busy += lasted
      self.add(nameOf(node), lasted)
      packages.add(placeOf(node.callFrame), lasted)
      const seen = new Set<string>()
      for (let up: number | undefined = id; up !== undefined; up = parents.get(up)) {
        seen.add(nameOf(nodes.get(up)!))
      }
      for (const name of seen) inclusive.add(name, lasted)
    })
  }
  const tables: [string, Times][] = [
    ['by itself', self],
    ['by file or package', packages],
    ['with what it called', inclusive],
  ]
  const texts = tables.map(([title, times]) => [`${title}:`, ...times.rows(busy)].join('\n'))
  return [`busy for ${(busy / 1000).toFixed(0)} ms of the metered windows`, ...texts].join('\n\n')
}
