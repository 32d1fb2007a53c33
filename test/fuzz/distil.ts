/**
 * Distils a corpus: of many mutated inputs those under which code ran that had not run before, as V8's coverage by blocks
 * shows. Fuzzing then begins with inputs that reach everything that was ever reached.
 */
import { Session } from 'node:inspector'
import type { Profiler } from 'node:inspector'
import { Seeded } from '../support/seeded.ts'
import type { Target } from './targets.ts'

/** Looking at the coverage costs as much as some hundred inputs. */
const LOOK_EVERY = 500
const UNDER_TEST = '/dist/src/'

export class Distillery {
  readonly #session = new Session()
  /** By function: which of its characters ever ran. */
  readonly #ran = new Map<string, Uint8Array>()

  constructor() {
    this.#session.connect()
    this.#session.post('Profiler.enable')
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  }

  /** Inputs that reached something new, in the order in which they were found, behind those that are there already. */
  distil(target: Target, corpus: readonly Uint8Array[], runs: number): Uint8Array[] {
    this.#ran.clear()
    const kept: Uint8Array[] = []
    for (const input of corpus) kept.push(...this.#reachNew(target, [input]))
    const random = new Seeded(1, `${target.name}, distilled`)
    for (let done = 0; done < runs; done += LOOK_EVERY) {
      const pool = [...corpus, ...kept]
      const inputs = Array.from({ length: LOOK_EVERY }, () =>
        target.mutate(random.pick(pool), random.pick(pool), random),
      )
      kept.push(...this.#reachNew(target, inputs))
    }
    return kept
  }

  end(): void {
    this.#session.disconnect()
  }

  /** Halves again and again what reaches something new. */
  #reachNew(target: Target, inputs: readonly Uint8Array[]): Uint8Array[] {
    this.#look()
    for (const input of inputs) target.run(input)
    const fresh = this.#look().filter(([name, ran]) => {
      const before = this.#ran.get(name)
      return ran.some((one, at) => one === 1 && before?.[at] !== 1)
    })
    if (fresh.length === 0) return []
    if (inputs.length > 1) {
      const half = inputs.length >> 1
      return [
        ...this.#reachNew(target, inputs.slice(0, half)),
        ...this.#reachNew(target, inputs.slice(half)),
      ]
    }
    for (const [name, ran] of fresh) {
      const before = this.#ran.get(name)
      this.#ran.set(name, before === undefined ? ran : ran.map((one, at) => one | before[at]!))
    }
    return [...inputs]
  }

  /** What ran since the last look. */
  #look(): [name: string, ran: Uint8Array][] {
    let found: Profiler.ScriptCoverage[] = []
    // The answer comes before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, { result }) => {
      if (error !== null) throw error
      found = result
    })
    return found
      .filter(({ url }) => url.includes(UNDER_TEST))
      .flatMap(({ scriptId, functions }) =>
        functions
          .filter(({ ranges }) => ranges[0]!.count > 0)
          .map(({ ranges }): [string, Uint8Array] => {
            const { startOffset, endOffset } = ranges[0]!
            const ran = new Uint8Array(endOffset - startOffset)
            // Outer ranges come before those within them.
            for (const range of ranges) {
              const [from, to] = [range.startOffset - startOffset, range.endOffset - startOffset]
              ran.fill(range.count > 0 ? 1 : 0, from, to)
            }
            return [`${scriptId}:${startOffset}`, ran]
          }),
      )
  }
}
