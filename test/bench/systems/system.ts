/** What the benchmark asks of a system, so that the same work runs on each. */
import type { Metered } from '../meter.ts'

export const KEY_BYTES = 16
export const VALUE_BYTES = 256
/** What one key and its value have by themselves. */
export const PAIR_BYTES = KEY_BYTES + VALUE_BYTES

export interface Put {
  /** Text of KEY_BYTES bytes. */
  key: string
  value: Uint8Array
}

/** A connection for writing that stays open. */
export interface Writer {
  /** Resolves when the system has acknowledged it. Many may be under way. */
  put(put: Put): Promise<void>
  close(): Promise<void>
}

export interface Node extends Metered {
  /** Whether writes may be given to this node. */
  readonly writable: boolean
  writer(): Promise<Writer>
  /** Tells of each changed key from the moment this resolves until the returned function is called. */
  watch(changed: (key: string) => void): Promise<() => void>
  /** How many keys this node itself holds; undefined while it does not answer. */
  keys(): Promise<number | undefined>
  /** A clean end. */
  stop(): Promise<void>
  /** Begins to run again, without waiting for anything. */
  launch(): void
  readonly data: string
}

export interface Cluster<N extends Node = Node> {
  readonly nodes: N[]
  close(): Promise<void>
}

export interface System {
  readonly name: string
  readonly version: string
  /** What an acknowledged write has survived. */
  readonly durability: string
  /** A running fleet in which every node knows every other. */
  open(count: number): Promise<Cluster>
}

/** A fleet of these nodes once it is ready; when that fails, none of them is left running. */
export async function clusterOf<N extends Node>(
  nodes: N[],
  ready: () => Promise<void>,
): Promise<Cluster<N>> {
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    await ready()
  } catch (error) {
    await close()
    throw error
  }
  return { nodes, close }
}

const POLL_MS = 5
/** To ask is work too, for who asks and for who answers: the longer it takes, the more seldom. */
const POLL_SHARE = 0.01

/** Waits until `holds` says so; what is found is late by a hundredth of the wait, or by 5 ms. */
export async function waitFor(
  what: string,
  holds: () => Promise<boolean>,
  waitMs = 10 * 60_000,
): Promise<void> {
  const begun = performance.now()
  while (!(await holds())) {
    const waited = performance.now() - begun
    if (waited > waitMs) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, Math.max(POLL_MS, waited * POLL_SHARE)))
  }
}

export async function allHold(nodes: readonly Node[], keys: number): Promise<void> {
  await Promise.all(
    nodes.map((node) => waitFor(`${keys} keys`, async () => (await node.keys()) === keys)),
  )
}

/** Puts of new keys; `prefix` is what tells them from those of others, and comes first in the order. */
export function* newPuts(prefix: string, count: number): Generator<Put> {
  for (let i = 0; i < count; i++) {
    yield { key: `${prefix}${String(i).padStart(KEY_BYTES - prefix.length, '0')}`, value: value(i) }
  }
}

const POOL_BYTES = 1 << 20
/** Half of it text, half of it noise: what a value with an identity or a signature in it compresses like. */
const pool = Buffer.alloc(POOL_BYTES)
for (let i = 0, state = 1; i < POOL_BYTES; i++) {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
  // Letters throughout, so that every protocol may take it for text.
  pool[i] = i % 64 < 32 ? 33 + ((state >>> 24) % 94) : 97 + (i % 7)
}

export function value(number: number): Uint8Array {
  const from = (Math.imul(number, 7919) >>> 0) % (POOL_BYTES - VALUE_BYTES)
  return pool.subarray(from, from + VALUE_BYTES)
}

/** Does all of the work, at most so many at a time. */
export async function inFlight<T>(
  most: number,
  work: Iterable<T>,
  run: (one: T) => Promise<void>,
): Promise<void> {
  const rest = work[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (let next = rest.next(); next.done !== true; next = rest.next()) await run(next.value)
  }
  await Promise.all(Array.from({ length: most }, lane))
}

/** Writes with so many under way that are not acknowledged; milliseconds that each took. */
export async function writeAll(
  writer: Writer,
  puts: Iterable<Put>,
  most: number,
): Promise<number[]> {
  const waits: number[] = []
  await inFlight(most, puts, async (put) => {
    const from = performance.now()
    await writer.put(put)
    waits.push(performance.now() - from)
  })
  return waits
}

/** Writes through a connection of its own. */
export async function fill(node: Node, puts: Iterable<Put>, most = 64): Promise<void> {
  const writer = await node.writer()
  await writeAll(writer, puts, most)
  await writer.close()
}
