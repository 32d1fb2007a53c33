/** Dots and intervals inside a message: actors stand once in the message's table, dots refer to them by index. */
import { fromBinary, toBinary } from '../bytes.ts'
import type { ActorId } from '../bytes.ts'
import { decodeIntervals, encodeIntervals, fromRanges } from '../intervals.ts'
import type { Intervals, Range } from '../intervals.ts'
import { ACTOR_BYTES, isCounter } from '../item.ts'
import type { Dot } from '../item.ts'
import type { ContextPart } from '../replica.ts'
import { Arena } from './arena.ts'
import type { ActorIntervals } from './messages.ts'
import { packNumbers, unpackNumbers } from './numbers.ts'

type Bytes = Uint8Array<ArrayBuffer>

/** Dots in one list of a message; a longer list is malformed. */
export const DOTS_MAX = 131_072

export class ActorTable {
  readonly actors: Bytes[] = []
  readonly arena = new Arena()
  readonly #indexes = new Map<ActorId, number>()

  index(actor: ActorId): number {
    let index = this.#indexes.get(actor)
    if (index === undefined) {
      index = this.actors.length
      this.#indexes.set(actor, index)
      this.actors.push(fromBinary(actor))
    }
    return index
  }

  dots(dots: readonly Dot[]): Bytes {
    const numbers = new Array<number>(2 * dots.length)
    let at = 0
    for (const dot of dots) {
      numbers[at++] = this.index(dot.actor)
      numbers[at++] = dot.counter
    }
    return packNumbers(numbers, this.arena)
  }
}

export function decodeActors(actors: readonly Uint8Array[]): ActorId[] | undefined {
  if (actors.some((actor) => actor.length !== ACTOR_BYTES)) return undefined
  return actors.map(toBinary)
}

/** Of a field that is absent: none. */
export function decodeDots(
  bytes: Uint8Array | undefined,
  actors: readonly ActorId[],
): Dot[] | undefined {
  if (bytes === undefined) return []
  const numbers = unpackNumbers(bytes, 2 * DOTS_MAX)
  if (numbers === undefined || numbers.length % 2 !== 0) return undefined
  const dots = new Array<Dot>(numbers.length / 2)
  for (let i = 0; i < dots.length; i++) {
    const actor = actors[numbers[2 * i]!]
    const counter = numbers[2 * i + 1]!
    if (actor === undefined || !isCounter(counter)) return undefined
    dots[i] = { actor, counter }
  }
  return dots
}

/** Counters of one actor. */
export interface DotRange extends Range {
  actor: ActorId
}

/** Ranges in whatever order as intervals by actor: sorted once, since to add one after the other to a long set copies all of it. */
export function gather(ranges: Iterable<DotRange>): Map<ActorId, Intervals> {
  const byActor = new Map<ActorId, DotRange[]>()
  for (const range of ranges) {
    const list = byActor.get(range.actor)
    if (list === undefined) byActor.set(range.actor, [range])
    else list.push(range)
  }
  return new Map(Array.from(byActor, ([actor, list]) => [actor, fromRanges(list)]))
}

export function rangeOf({ actor, counter }: Dot): DotRange {
  return { actor, from: counter, to: counter }
}

export function encodeRanges(ranges: readonly DotRange[], table: ActorTable): Bytes {
  return packNumbers(ranges.flatMap(({ actor, from, to }) => [table.index(actor), from, to - from]))
}

export function decodeRanges(
  bytes: Uint8Array,
  actors: readonly ActorId[],
): DotRange[] | undefined {
  const numbers = unpackNumbers(bytes, 3 * DOTS_MAX)
  if (numbers === undefined || numbers.length % 3 !== 0) return undefined
  const ranges: DotRange[] = []
  for (let i = 0; i < numbers.length; i += 3) {
    const actor = actors[numbers[i]!]
    const from = numbers[i + 1]!
    const to = from + numbers[i + 2]!
    if (actor === undefined || !isCounter(from) || !isCounter(to)) return undefined
    ranges.push({ actor, from, to })
  }
  return ranges
}

export function encodeContext(part: ContextPart): ActorIntervals[] {
  return [...part].map(([actor, intervals]) => ({
    actor: fromBinary(actor),
    intervals: encodeIntervals(intervals),
  }))
}

export function decodeContext(
  part: readonly ActorIntervals[],
): Map<ActorId, Intervals> | undefined {
  const context = new Map<ActorId, Intervals>()
  for (const { actor, intervals } of part) {
    const decoded = decodeIntervals(intervals)
    if (actor.length !== ACTOR_BYTES || decoded === undefined) return undefined
    context.set(toBinary(actor), decoded)
  }
  return context
}
