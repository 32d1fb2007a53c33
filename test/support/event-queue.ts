/** What happens when in a simulation: ordered by virtual time, and at one time in the order of scheduling. */

interface Entry {
  at: number
  order: number
  run: () => void
}

/** A binary heap. */
export class EventQueue {
  readonly #heap: Entry[] = []
  #order = 0

  get size(): number {
    return this.#heap.length
  }

  /** Time of the next event; infinite when there is none. */
  get nextAt(): number {
    return this.#heap[0]?.at ?? Infinity
  }

  push(at: number, run: () => void): void {
    const entry = { at, order: this.#order++, run }
    let place = this.#heap.push(entry) - 1
    while (place > 0) {
      const parent = (place - 1) >>> 1
      if (!before(entry, this.#heap[parent]!)) break
      this.#heap[place] = this.#heap[parent]!
      place = parent
    }
    this.#heap[place] = entry
  }

  pop(): (() => void) | undefined {
    const first = this.#heap[0]
    const last = this.#heap.pop()
    if (first === undefined || last === undefined || this.#heap.length === 0) return first?.run
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= this.#heap.length) break
      const right = this.#heap[child + 1]
      if (right !== undefined && before(right, this.#heap[child]!)) child++
      if (!before(this.#heap[child]!, last)) break
      this.#heap[place] = this.#heap[child]!
      place = child
    }
    this.#heap[place] = last
    return first.run
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
