/**
 * W10: a good neighbour: what clients of a daemon feel while a newcomer pulls its whole map.
 *
 * One client puts and gets, one request after the other with a pause between, each a request of its own as applications make
 * them: first on the quiet daemon, then from the start of the newcomer's process until it holds everything, and then on the quiet
 * daemon again. "Ordinary" is the greater of the two quiet p99. The newcomer stands for another machine: the daemon and its
 * client share one core all the time, and the newcomer has the others.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench, Workload } from '../bench-run.ts'
import { besideAnotherMachine } from '../machine.ts'
import { metered, quantile } from '../meter.ts'
import type { TestDaemon } from '../../support/daemons.ts'
import { HearsayNode, hearsay } from '../systems/hearsay.ts'
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

async function measure(bench: Bench, elsewhere: readonly string[]): Promise<void> {
  const keys = bench.size(50_000, 1_000_000)
  const quietMs = bench.size(10_000, 30_000)
  const cluster = await hearsay.open(1)
  try {
    const [old] = cluster.nodes as [HearsayNode]
    bench.progress(`W10  ${keys} keys are written`)
    await fill(old, newPuts('n', keys))
    const quiet = async (): Promise<Waits> =>
      (await touchDuring(old.daemon, () => pause(quietMs)))[0]
    // All are there before anything is measured, so that the map does not grow meanwhile.
    await fill(old, touched())
    await bench.alternate(`${keys} keys`, [hearsay], async ({ note }) => {
      const held = (await old.keys())!
      const before = await quiet()
      const newcomer = new HearsayNode(
        await cluster.fleet.create({ wrap: [...elsewhere], settings: cluster.settings([old]) }),
      )
      const [during, { window }] = await touchDuring(old.daemon, () =>
        metered(cluster.nodes, async () => {
          newcomer.launch()
          await allHold([newcomer], held)
        }),
      )
      await newcomer.stop()
      const after = await quiet()
      for (const kind of ['get', 'put'] as const) {
        const [first, pulled, last] = [before, during, after].map((waits) =>
          quantile(waits[kind], 0.99),
        ) as [number, number, number]
        const ordinary = Math.max(first, last)
        note(`${kind}: ordinary p99`, 'ms', ordinary)
        note(`${kind}: p99 while it pulls`, 'ms', pulled)
        note(`${kind}: times the ordinary`, '', pulled / ordinary, '≤ 2')
        note(`${kind}: longest while it pulls`, 'ms', Math.max(...during[kind]))
      }
      note('until the newcomer holds all', 's', window.seconds)
      note('CPU of the daemon that is pulled from', 's', window.cpuSeconds)
      note('requests while it pulls', '', during.get.length + during.put.length)
    })
  } finally {
    await cluster.close()
  }
}

export const w10: Workload = {
  id: 'W10',
  title: 'clients of a daemon while a newcomer pulls its whole map',
  run: (bench) => besideAnotherMachine((elsewhere) => measure(bench, elsewhere)),
}
