/**
 * W10: a good neighbour: what clients of a daemon feel while a newcomer pulls its whole map.
 *
 * One client puts and gets, one request after the other with a pause between, each a request of its own as applications make
 * them: from the start of the newcomer's process until it holds everything; then with nothing to do but to tell the newcomer,
 * which is a peer now, of the puts; then while another newcomer pulls the same keys from a daemon of another fleet; and then
 * quietly again. "Ordinary" is the p99 of both quiet phases together: a daemon has peers, and what it costs to tell them is
 * ordinary.
 *
 * The newcomers stand for other machines: the daemon and its client share one core all the time, and the newcomers have the
 * others. The machine is one all the same, and busy, and so is its disk. What that alone does to clients the pull from the other
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

/** A newcomer that is going to pull from the daemon of a fleet. */
async function newcomerOf(
  cluster: HearsayCluster,
  elsewhere: readonly string[],
): Promise<HearsayNode> {
  const settings = cluster.settings(cluster.nodes)
  return new HearsayNode(await cluster.fleet.create({ wrap: [...elsewhere], settings }))
}

/** What clients of `daemon` feel until a newcomer, which goes on running, holds so many keys. */
async function touchDuringPull(
  { daemon }: HearsayNode,
  newcomer: HearsayNode,
  keys: number,
): Promise<[Waits, Window]> {
  const [waits, { window }] = await touchDuring(daemon, () =>
    metered([daemon], async () => {
      newcomer.launch()
      await allHold([newcomer], keys)
    }),
  )
  return [waits, window]
}

function together(a: Waits, b: Waits): Waits {
  return { get: [...a.get, ...b.get], put: [...a.put, ...b.put] }
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
    const held = (await daemon.keys())!
    const newcomer = await newcomerOf(here, elsewhere)
    const [during, window] = await touchDuringPull(daemon, newcomer, held)
    const quietFirst = await quiet()
    const newcomerBeside = await newcomerOf(other, elsewhere)
    const [beside, windowBeside] = await touchDuringPull(daemon, newcomerBeside, held)
    await newcomerBeside.stop()
    const ordinary = together(quietFirst, await quiet())
    await newcomer.stop()
    for (const kind of ['get', 'put'] as const) {
      const [usual, withOther, pulled] = [ordinary, beside, during].map((waits) =>
        quantile(waits[kind], 0.99),
      ) as [number, number, number]
      note(`${kind}: ordinary p99`, 'ms', usual)
      note(`${kind}: p99 beside a pull`, 'ms', withOther)
      note(`${kind}: p99 while it is pulled from`, 'ms', pulled)
      note(`${kind}: times the ordinary`, '', pulled / usual, '≤ 2')
      note(`${kind}: times that beside a pull`, '', pulled / withOther)
      note(`${kind}: longest while it is pulled from`, 'ms', Math.max(...during[kind]))
    }
    note('until the newcomer holds all', 's', window.seconds)
    note('until the one beside holds all', 's', windowBeside.seconds)
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
