/**
 * etcd: a raft group, spoken to over its HTTP/JSON gateway, which costs it more than gRPC would. Writes go to the first node,
 * which hands them to the leader when it is not the leader itself; W3 writes to all. Counts are of the node asked
 * alone (serializable reads).
 */
import { Agent, request } from 'node:http'
import type { IncomingMessage } from 'node:http'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { freePort } from '../../support/daemons.ts'
import { Server, versionOf } from './server.ts'
import { clusterOf, waitFor } from './system.ts'
import type { Cluster, Node, System, Writer } from './system.ts'

const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64')
/** As the start and the end of a range: everything. */
const ALL = base64('\0')

/** etcd makes a socket of the name of host and port, in its working directory. */
const SOCKET = 'client:1'

interface Ports {
  client: number
  peer: number
}

function post(
  socketPath: string,
  to: string,
  body: object,
  agent?: Agent,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const method = 'POST'
    const options = { socketPath, path: to, method }
    const sent = request(agent === undefined ? options : { ...options, agent }, resolve)
    sent.on('error', reject)
    sent.end(JSON.stringify(body))
  })
}

async function answerOf(answer: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  const text = Buffer.concat(chunks).toString()
  if (answer.statusCode !== 200) throw new Error(`etcd answered ${answer.statusCode}: ${text}`)
  return JSON.parse(text) as Record<string, unknown>
}

class EtcdNode implements Node {
  readonly name: string
  readonly writable = true
  readonly #server: Server
  readonly #agent = new Agent({ keepAlive: true })

  constructor(name: string, ports: Ports, initialCluster: string) {
    this.name = name
    const client = `http://127.0.0.1:${ports.client}`
    const peer = `http://127.0.0.1:${ports.peer}`
    this.#server = new Server('etcd', (data) => ({
      '--name': name,
      '--data-dir': data,
      '--log-level': 'error',
      '--listen-client-urls': `${client},unix://${SOCKET}`,
      '--advertise-client-urls': client,
      '--listen-peer-urls': peer,
      '--initial-advertise-peer-urls': peer,
      '--initial-cluster': initialCluster,
      '--initial-cluster-state': 'new',
    }))
  }

  get pid(): number {
    return this.#server.pid
  }

  get #socket(): string {
    return path.join(this.data, SOCKET)
  }

  get data(): string {
    return this.#server.data
  }

  async writer(): Promise<Writer> {
    const agent = new Agent({ keepAlive: true, noDelay: true })
    const socket = this.#socket
    return {
      async put({ key, value }) {
        const body = { key: base64(key), value: base64(value) }
        await answerOf(await post(socket, '/v3/kv/put', body, agent))
      },
      async close() {
        agent.destroy()
      },
    }
  }

  async watch(changed: (key: string) => void): Promise<() => void> {
    const asked = { create_request: { key: ALL, range_end: ALL } }
    const answer = await post(this.#socket, '/v3/watch', asked)
    const lines = createInterface({ input: answer })
    await new Promise<void>((created) => {
      lines.on('line', (line) => {
        const { result } = JSON.parse(line) as {
          result: { created?: boolean; events?: { kv: { key: string } }[] }
        }
        if (result.created === true) created()
        for (const { kv } of result.events ?? []) changed(Buffer.from(kv.key, 'base64').toString())
      })
      // The end of the watch, which its owner asked for.
      answer.on('error', () => undefined)
      lines.on('error', () => undefined)
    })
    return () => answer.destroy()
  }

  async keys(): Promise<number | undefined> {
    const asked = { key: ALL, range_end: ALL, count_only: true, serializable: true }
    try {
      const answer = await answerOf(await post(this.#socket, '/v3/kv/range', asked, this.#agent))
      return Number(answer['count'] ?? 0)
    } catch {
      return undefined
    }
  }

  /** Whether it takes part in a group that has a leader. */
  async ready(): Promise<boolean> {
    try {
      const status = await answerOf(await post(this.#socket, '/v3/maintenance/status', {}))
      return status['leader'] !== undefined && status['leader'] !== '0'
    } catch {
      return false
    }
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  launch(): void {
    this.#server.launch()
  }
}

export function etcd(): System[] {
  const version = versionOf('etcd', /etcd Version: ([\d.]+)/)
  if (version === undefined) return []
  return [
    {
      name: 'etcd',
      version,
      durability: 'on the disks of a majority (fsync)',
      async open(count): Promise<Cluster> {
        const ports: Ports[] = []
        for (let i = 0; i < count; i++) {
          ports.push({ client: await freePort(), peer: await freePort() })
        }
        const peers = ports.map(({ peer }, i) => `n${i}=http://127.0.0.1:${peer}`).join()
        const nodes = ports.map((own, i) => new EtcdNode(`n${i}`, own, peers))
        return clusterOf(nodes, async () => {
          for (const node of nodes) await waitFor('etcd', () => node.ready(), 60_000)
        })
      },
    },
  ]
}
