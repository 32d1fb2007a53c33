/**
 * W10: a good neighbour: what clients of a daemon feel while a newcomer pulls its whole map.
 *
 * One client puts and gets, one request after the other with a pause between, each a request of its own as applications make
 * them: first on the quiet daemon, then while a newcomer, from the start of its process until it holds everything, pulls the
 * same keys from a daemon of another fleet, then while one pulls them from this daemon, and then on the quiet daemon again.
 * "Ordinary" is the greater of the two quiet p99.
 *
 * The newcomer stands for another machine: the daemon and its client share one core all the time, and the newcomer has the
 * others. The machine is one all the same, and busy, and its disk too. What that alone does to clients the pull from the other
 * fleet shows, "beside": only what is more than that comes from being pulled from.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Workload } from '../bench-run.ts'
import { besideAnotherMachine } from '../machine.ts'
import { metered, quantile } from '../meter.ts'
import type { Window } from '../meter.ts'
import type { TestDaemon } from '../../support/daemons.ts'
import { HearsayNode, hearsay } from '../systems/hearsay.ts'
import type { HearsayCluster } from '../systems/hearsay.ts'
import { KEY_BYTES, allHold, fill, newPuts, value } from '../systems/system.ts'
import type { Put } from '../systems/system.ts'

const PAUSE_MS = 4
const KEYS_TOUCHED = 1_000

const keyOf = (i: number): string => `t${String(i).padStart(KEY_BYTES - 1, '0')}`

function* touched(): Generator<Put> {
  for (let i = 0; i < KEYS_TOUCHED; i++) yield { key: keyOf(i), value: value(i) }
}

interface Waits {
  get: number[]
  put: number[]
}

/** Puts and gets until told to stop; milliseconds that each took. */
async function touch({ client }: TestDaemon, over: AbortSignal): Promise<Waits> {
  const waits: Waits = { get: [], put: [] }
  for (let i = 0; !over.aborted; i++) {
    const key = Buffer.from(keyOf(i % KEYS_TOUCHED))
    const from = performance.now()
    if (i % 2 === 0) await client.put(key, value(i))
    else await client.get(key)
    waits[i % 2 === 0 ? 'put' : 'get'].push(performance.now() - from)
    await pause(PAUSE_MS)
  }
  return waits
}

async function touchDuring<T>(daemon: TestDaemon, work: () => Promise<T>): Promise<[Waits, T]> {
  const over = new AbortController()
  const touching = touch(daemon, over.signal)
  try {
    const result = await work()
    over.abort()
    return [await touching, result]
  } finally {
    over.abort()
  }
}

async function prepare({ nodes }: HearsayCluster, keys: number): Promise<void> {
  const [node] = nodes as [HearsayNode]
  await fill(node, newPuts('n', keys))
  // All are there before anything is measured, so that the map does not grow meanwhile.
  await fill(node, touched())
}

/** What clients of `daemon` feel while a newcomer pulls from `source`. */
async function touchDuringPull(
  daemon: HearsayNode,
  source: HearsayCluster,
  elsewhere: readonly string[],
): Promise<[Waits, Window]> {
  const keys = (await source.nodes[0]!.keys())!
  const settings = source.settings(source.nodes)
  const newcomer = new HearsayNode(await source.fleet.create({ wrap: [...elsewhere], settings }))
  const [waits, { window }] = await touchDuring(daemon.daemon, () =>
    metered([daemon], async () => {
      newcomer.launch()
      await allHold([newcomer], keys)
    }),
  )
  await newcomer.stop()
  return [waits, window]
}

async function measure(
  bench: Bench,
  here: HearsayCluster,
  other: HearsayCluster,
  elsewhere: readonly string[],
): Promise<void> {
  const keys = bench.size(50_000, 1_000_000)
  const quietMs = bench.size(10_000, 30_000)
  const [daemon] = here.nodes as [HearsayNode]
  bench.progress(`W10  ${keys} keys are written, twice`)
  await prepare(other, keys)
  await prepare(here, keys)
  const quiet = async (): Promise<Waits> =>
    (await touchDuring(daemon.daemon, () => pause(quietMs)))[0]
  await bench.alternate(`${keys} keys`, [hearsay], async ({ note }) => {
    const before = await quiet()
    const [beside, besideWindow] = await touchDuringPull(daemon, other, elsewhere)
    const [during, window] = await touchDuringPull(daemon, here, elsewhere)
    const after = await quiet()
    for (const kind of ['get', 'put'] as const) {
      const p99 = (waits: Waits): number => quantile(waits[kind], 0.99)
      const ordinary = Math.max(p99(before), p99(after))
      note(`${kind}: ordinary p99`, 'ms', ordinary)
      note(`${kind}: p99 beside a pull`, 'ms', p99(beside))
      note(`${kind}: p99 while it is pulled from`, 'ms', p99(during))
      note(`${kind}: times the ordinary`, '', p99(during) / ordinary, '≤ 2')
      note(`${kind}: times that beside a pull`, '', p99(during) / p99(beside))
      note(`${kind}: longest while it is pulled from`, 'ms', Math.max(...during[kind]))
    }
    note('until the newcomer beside holds all', 's', besideWindow.seconds)
    note('until the newcomer holds all', 's', window.seconds)
    note('CPU of the daemon that is pulled from', 's', window.cpuSeconds)
    note('requests while it is pulled from', '', during.get.length + during.put.length)
  })
}

/** Each of one daemon, the second elsewhere. */
async function withTwoFleets(
  elsewhere: readonly string[],
  work: (here: HearsayCluster, other: HearsayCluster) => Promise<void>,
): Promise<void> {
  const here = await hearsay.open(1)
  try {
    const other = await hearsay.open(1, {}, elsewhere)
    try {
      await work(here, other)
    } finally {
      await other.close()
    }
  } finally {
    await here.close()
  }
}

export const w10: Workload = {
  id: 'W10',
  title: 'clients of a daemon while a newcomer pulls its whole map',
  run: (bench) =>
    besideAnotherMachine((elsewhere) =>
      withTwoFleets(elsewhere, (here, other) => measure(bench, here, other, elsewhere)),
    ),
}
