/**
 * Randomness for simulations. One seed gives any number of named streams that do not depend on each other: what is drawn
 * from one never shifts another, so a history from which a step was taken away stays as it was elsewhere.
 */
import type { Random } from '../../src/core/settings.ts'

const WARM_UP_ROUNDS = 12

export class Seeded implements Random {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, stream = '') {
    const state = mix(`${seed}/${stream}`)
    this.#a = state[0]
    this.#b = state[1]
    this.#c = state[2]
    for (let round = 0; round < WARM_UP_ROUNDS; round++) this.#next()
  }

  /** sfc32: 128 bits of state, so that a million streams do not meet. */
  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  float(): number {
    return this.#next() / 2 ** 32
  }

  bytes(count: number): Uint8Array {
    const bytes = new Uint8Array(count)
    for (let i = 0; i < count; i++) bytes[i] = this.#next() >>> 24
    return bytes
  }

  /** A whole number in [low, high]. */
  int(low: number, high: number): number {
    return low + Math.floor(this.float() * (high - low + 1))
  }

  chance(probability: number): boolean {
    return this.float() < probability
  }

  pick<T>(from: readonly T[]): T {
    const at = this.int(0, from.length - 1)
    if (from.length === 0) throw new TypeError('nothing to pick from')
    return from[at]!
  }

  /** `count` different ones, in random order; all when there are fewer. */
  some<T>(from: readonly T[], count: number): T[] {
    const rest = [...from]
    const taken: T[] = []
    while (taken.length < count && rest.length > 0) {
      taken.push(...rest.splice(this.int(0, rest.length - 1), 1))
    }
    return taken
  }
}

/** Three words that each depend on every character. */
function mix(text: string): [number, number, number] {
  let [x, y, z] = [0x9e3779b9, 0x243f6a88, 0xb7e15162]
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    x = y ^ Math.imul(x ^ code, 0x23_ba_93_85)
    y = z ^ Math.imul(y ^ code, 0x49_d0_b1_93)
    z = x ^ Math.imul(z ^ code, 0x6f_1c_3a_71)
  }
  return [Math.imul(x ^ (z >>> 15), 0x2c1b3c6d), Math.imul(y ^ (x >>> 13), 0x297a2d39), z ^ y]
}
