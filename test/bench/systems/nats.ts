/** NATS: a JetStream key-value bucket with a replica on every node. Any node takes writes and hands them to the leader. */
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { StorageType, jetstreamManager } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { connect } from '@nats-io/transport-node'
import type { NatsConnection } from '@nats-io/transport-node'
import { freePort } from '../../support/daemons.ts'
import { Server, versionOf } from './server.ts'
import { clusterOf, waitFor } from './system.ts'
import type { Cluster, Node, System, Writer } from './system.ts'

const BUCKET = 'bench'

interface Ports {
  client: number
  route: number
  monitor: number
}

interface Jsz {
  account_details?: { stream_detail?: { state: { messages: number } }[] }[]
  meta_cluster?: { leader?: string; cluster_size?: number }
}

class NatsNode implements Node {
  readonly name: string
  readonly writable = true
  readonly #ports: Ports
  readonly #server: Server

  constructor(name: string, ports: Ports, routes: readonly number[]) {
    this.name = name
    this.#ports = ports
    const config = path.join(mkdtempSync(path.join(tmpdir(), 'nats-')), 'nats.conf')
    this.#server = new Server('nats-server', (data) => {
      const cluster = {
        name: 'bench',
        listen: `127.0.0.1:${ports.route}`,
        routes: routes.map((port) => `nats://127.0.0.1:${port}`),
      }
      const settings = {
        server_name: name,
        listen: `127.0.0.1:${ports.client}`,
        http: `127.0.0.1:${ports.monitor}`,
        jetstream: { store_dir: data },
        ...(routes.length > 1 ? { cluster } : {}),
      }
      writeFileSync(config, JSON.stringify(settings))
      return { '-c': config }
    })
  }

  get pid(): number {
    return this.#server.pid
  }

  get data(): string {
    return this.#server.data
  }

  connection() {
    return connect({
      servers: `127.0.0.1:${this.#ports.client}`,
      reconnect: false,
      noAsyncTraces: true,
    })
  }

  async #jsz(): Promise<Jsz | undefined> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.#ports.monitor}/jsz?streams=true`)
      return (await answer.json()) as Jsz
    } catch {
      return undefined
    }
  }

  async ready(count: number): Promise<boolean> {
    const jsz = await this.#jsz()
    if (jsz === undefined || count === 1) return jsz !== undefined
    return (jsz.meta_cluster?.leader ?? '') !== '' && jsz.meta_cluster?.cluster_size === count
  }

  async writer(): Promise<Writer> {
    const connection = await this.connection()
    const bucket = await new Kvm(connection).open(BUCKET)
    return {
      async put({ key, value }) {
        await bucket.put(key, value)
      },
      close: () => connection.close(),
    }
  }

  async watch(changed: (key: string) => void): Promise<() => void> {
    const connection = await this.connection()
    const bucket = await new Kvm(connection).open(BUCKET)
    const entries = await bucket.watch({ include: 'updates' })
    const read = async (): Promise<void> => {
      for await (const { key } of entries) changed(key)
    }
    // A watch that broke shows as the keys of which it did not tell.
    read().catch(() => undefined)
    return () => void connection.close()
  }

  /** Each key was put once, so messages are keys. */
  async keys(): Promise<number | undefined> {
    const jsz = await this.#jsz()
    if (jsz === undefined) return undefined
    return jsz.account_details?.[0]?.stream_detail?.[0]?.state.messages ?? 0
  }

  async stop(): Promise<void> {
    await this.#server.stop()
  }

  launch(): void {
    this.#server.launch()
  }
}

async function open(count: number): Promise<Cluster> {
  const ports: Ports[] = []
  for (let i = 0; i < count; i++) {
    ports.push({ client: await freePort(), route: await freePort(), monitor: await freePort() })
  }
  const routes = ports.map(({ route }) => route)
  const nodes = ports.map((own, i) => new NatsNode(`n${i}`, own, routes))
  return clusterOf(nodes, () => prepare(nodes))
}

/** Makes the bucket, with a replica on every node, and waits until all of them follow. */
async function prepare(nodes: readonly NatsNode[]): Promise<void> {
  for (const node of nodes) await waitFor('NATS', () => node.ready(nodes.length), 60_000)
  // The group that makes streams may need a moment more, and so may the port for clients.
  await waitFor('a bucket', () =>
    withConnection(nodes[0]!, async (connection) => {
      await new Kvm(connection).create(BUCKET, {
        replicas: nodes.length,
        storage: StorageType.File,
      })
      return true
    }),
  )
  await waitFor('a leader', () =>
    withConnection(nodes[0]!, async (connection) => {
      const manager = await jetstreamManager(connection)
      const { cluster } = await manager.streams.info(`KV_${BUCKET}`)
      const current = cluster?.replicas?.filter((one) => one.current) ?? []
      return current.length === nodes.length - 1
    }),
  )
}

/** False when the node refuses. */
async function withConnection(
  node: NatsNode,
  work: (connection: NatsConnection) => Promise<boolean>,
): Promise<boolean> {
  let connection: NatsConnection | undefined
  try {
    connection = await node.connection()
    return await work(connection)
  } catch {
    return false
  } finally {
    await connection?.close()
  }
}

export function nats(): System[] {
  const version = versionOf('nats-server', /v([\d.]+)/)
  if (version === undefined) return []
  return [
    {
      name: 'NATS KV',
      version,
      durability: 'in the memory of a majority, handed to their disks (synced every two minutes)',
      open,
    },
  ]
}
