/**
 * What long searches have done, so that they can be stopped and resumed: a file of JSON lines, one for each stretch of runs
 * that passed. A line counts only for the code that it names: after a change of that code the search starts anew, and the
 * old lines stay as a record.
 */
import { createHash } from 'node:crypto'
import { appendFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import * as intervals from '../../src/core/intervals.ts'
import type { Intervals } from '../../src/core/intervals.ts'

/** Runs `from`, …, `from + count - 1`. */
export interface Stretch {
  from: number
  count: number
}

interface Line<Tally> extends Stretch {
  code: string
  tally: Tally
}

const CODE_CHARACTERS = 16

/** Hash of compiled code: by directory below the root of the build, the files that count. */
export function codeHash(root: string, files: Readonly<Record<string, RegExp>>): string {
  const hash = createHash('sha256')
  for (const [directory, counts] of Object.entries(files)) {
    const names = readdirSync(path.join(root, directory), { recursive: true }).map(String)
    for (const name of names.filter((one) => one.endsWith('.js')).sort()) {
      if (!counts.test(name)) continue
      hash.update(name).update(readFileSync(path.join(root, directory, name)))
    }
  }
  return hash.digest('hex').slice(0, CODE_CHARACTERS)
}

export class StretchLedger<Tally> {
  readonly #file: string | undefined
  readonly #code: string
  readonly #add: (a: Tally, b: Tally) => Tally
  #done: Intervals = intervals.EMPTY
  tally: Tally

  /** Without a file nothing is kept. */
  constructor(
    file: string | undefined,
    code: string,
    empty: Tally,
    add: (a: Tally, b: Tally) => Tally,
  ) {
    this.#file = file
    this.#code = code
    this.tally = empty
    this.#add = add
    if (file === undefined || !existsSync(file)) return
    const lines = readFileSync(file, 'utf8').split('\n')
    for (const text of lines) this.#read(text)
    if (lines.at(-1) !== '') appendFileSync(file, '\n')
  }

  /** A line that was cut short when the search was killed is left out. */
  #read(text: string): void {
    let line: Line<Tally>
    try {
      line = JSON.parse(text) as Line<Tally>
    } catch {
      return
    }
    if (line.code !== this.#code) return
    this.#take(line, line.tally)
  }

  #take({ from, count }: Stretch, tally: Tally): void {
    this.#done = intervals.addRange(this.#done, from, from + count - 1)
    this.tally = this.#add(this.tally, tally)
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

  passed({ from, count }: Stretch, tally: Tally): void {
    this.#take({ from, count }, tally)
    if (this.#file === undefined) return
    const line: Line<Tally> = { code: this.#code, from, count, tally }
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`)
  }
}

/** Pieces of at most `most` runs. */
export function cutUp({ from, count }: Stretch, most: number): Stretch[] {
  const parts: Stretch[] = []
  for (let at = from; at < from + count; at += most) {
    parts.push({ from: at, count: Math.min(most, from + count - at) })
  }
  return parts
}
