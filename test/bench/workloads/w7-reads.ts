/** W7: reads of single keys (a connection each, and over connections that stay open), and listings. */
import { Agent, request } from 'node:http'
import type { Workload } from '../bench-run.ts'
import { metered } from '../meter.ts'
import { hearsay } from '../systems/hearsay.ts'
import type { HearsayNode } from '../systems/hearsay.ts'
import { VALUE_BYTES, fill, newPuts } from '../systems/system.ts'

type Read = (key: string) => Promise<number>

/** Bytes of the value. */
function readOver(node: HearsayNode, agent: Agent): Read {
  const socketPath = node.daemon.socket
  return (key) =>
    new Promise((resolve, reject) => {
      const sent = request({ socketPath, agent, path: `/v1/keys/${key}` }, (answer) => {
        let bytes = 0
        answer.on('data', (chunk: Buffer) => (bytes += chunk.length))
        answer.on('end', () => resolve(bytes))
        answer.on('error', reject)
      })
      sent.on('error', reject)
      sent.end()
    })
}

async function readAll(read: Read, keys: string[], inFlight: number): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < keys.length) {
      const bytes = await read(keys[next++]!)
      if (bytes !== VALUE_BYTES) throw new Error(`a read brought ${bytes} bytes`)
    }
  }
  await Promise.all(Array.from({ length: inFlight }, lane))
}

async function count(all: AsyncIterable<unknown>): Promise<number> {
  let entries = 0
  for await (const _ of all) entries++
  return entries
}

export const w7: Workload = {
  id: 'W7',
  title: 'reads and scans of one daemon',
  async run(bench) {
    const keys = bench.size(20_000, 100_000)
    const reads = bench.size(3_000, 50_000)
    const cluster = await hearsay.open(1)
    try {
      const node = cluster.nodes[0]!
      const { client } = node.daemon
      const puts = [...newPuts('r', keys)]
      await fill(node, puts)
      // A stride that is prime to the number of keys reaches every key, in no order that helps.
      const wanted = Array.from({ length: reads }, (_, i) => puts[(i * 7919) % keys]!.key)
      await bench.alternate(`${keys} keys`, [hearsay], async ({ note }) => {
        const agent = new Agent({ keepAlive: true, maxSockets: 64 })
        const kept = readOver(node, agent)
        const fresh: Read = async (key) => {
          const found = await client.get(Buffer.from(key))
          return found.found ? found.value.length : 0
        }
        const ways: [string, Read, number][] = [
          ['one at a time', kept, 1],
          ['64 at a time', kept, 64],
          ['64 at a time, a connection each', fresh, 64],
        ]
        for (const [what, read, inFlight] of ways) {
          const { window } = await metered([node], () => readAll(read, wanted, inFlight))
          note(`reads, ${what}`, 'reads/s', reads / window.seconds)
          note(`reads, ${what}, CPU per 10,000`, 's', (window.cpuSeconds / reads) * 10_000)
        }
        agent.destroy()
        const scans: [string, () => Promise<AsyncIterable<unknown>>][] = [
          ['list', () => client.list()],
          ['list with values', () => client.list({ values: true })],
          ['export', () => client.export()],
        ]
        for (const [what, scan] of scans) {
          const { window, result } = await metered([node], async () => count(await scan()))
          if (result !== keys) throw new Error(`${what} told of ${result} keys`)
          note(what, 'keys/s', keys / window.seconds)
          note(`${what}, CPU per 100,000`, 's', (window.cpuSeconds / keys) * 100_000)
        }
      })
    } finally {
      await cluster.close()
    }
  },
}
