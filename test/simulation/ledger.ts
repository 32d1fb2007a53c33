/**
 * What long searches have done, so that they can be stopped and resumed: a file of JSON lines, one for each stretch of seeds
 * that passed. A line counts only for the code that it names, the compiled core and simulator: after a change of either the
 * search starts anew, and the old lines stay as a record.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as intervals from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'
import type { Stretch, StretchResult } from './batch.ts'
import { add, emptyTally } from './tally.ts'
import type { Tally } from './tally.ts'

interface Line extends Stretch {
  code: string
  tally: Tally
}

const CORE = 'src/core'
const CODE_DIRECTORIES = [CORE, 'test/support', 'test/simulation']
/** What decides what a seed does; tests, and tools around the simulator, do not. */
const SIMULATOR_FILES =
  /^(?:sim-|fleet|facts|batch-account|check-failure|draw|event-|faulty-|quick-|run|scenario|seeded)/
const CODE_CHARACTERS = 16

/** Hash of the compiled code; `root` is the directory of the build. */
export function codeHash(root: string): string {
  const hash = createHash('sha256')
  for (const directory of CODE_DIRECTORIES) {
    const names = readdirSync(path.join(root, directory), { recursive: true }).map(String)
    for (const name of names.filter((one) => one.endsWith('.js')).sort()) {
      if (directory !== CORE && !SIMULATOR_FILES.test(name)) continue
      hash.update(name).update(readFileSync(path.join(root, directory, name)))
    }
  }
  return hash.digest('hex').slice(0, CODE_CHARACTERS)
}

export class Ledger {
  readonly #file: string | undefined
  readonly #code: string
  #done: Intervals = intervals.EMPTY
  tally: Tally = emptyTally()

  /** Without a file nothing is kept. */
  constructor(file: string | undefined, code: string) {
    this.#file = file
    this.#code = code
    if (file === undefined || !existsSync(file)) return
    const lines = readFileSync(file, 'utf8').split('\n')
    for (const text of lines) this.#read(text)
    if (lines.at(-1) !== '') appendFileSync(file, '\n')
  }

  /** A line that was cut short when the search was killed is left out. */
  #read(text: string): void {
    let line: Line
    try {
      line = JSON.parse(text) as Line
    } catch {
      return
    }
    if (line.code !== this.#code) return
    this.#take(line)
  }

  #take({ from, count, tally }: Line | StretchResult): void {
    this.#done = intervals.addRange(this.#done, from, from + count - 1)
    this.tally = add(this.tally, tally)
  }

  /** What is left to do of a stretch. */
  rest({ from, count }: Stretch): Stretch[] {
    const left = intervals.subtract([from, from + count - 1], this.#done)
    const stretches: Stretch[] = []
    for (let i = 0; i < left.length; i += 2) {
      stretches.push({ from: left[i]!, count: left[i + 1]! - left[i]! + 1 })
    }
    return stretches
  }

  passed(result: StretchResult): void {
    this.#take(result)
    if (this.#file === undefined) return
    const { from, count, tally } = result
    const line: Line = { code: this.#code, from, count, tally }
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`)
  }
}
