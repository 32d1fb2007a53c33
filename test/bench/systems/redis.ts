/** redis: one primary that takes every write, the other nodes replicas of it. */
import path from 'node:path'
import { createClient } from '@redis/client'
import { freePort } from '../../support/daemons.ts'
import { Server, versionOf } from './server.ts'
import { clusterOf, waitFor } from './system.ts'
import type { Cluster, Node, System, Writer } from './system.ts'

const SOCKET = 's'

type Client = ReturnType<typeof connect>

/** Over the unix socket, so that the loopback device counts what the nodes say to each other and nothing else. */
function connect(at: string) {
  const client = createClient({ socket: { path: at, tls: false, reconnectStrategy: false } })
  // What a command meets is told to its caller.
  client.on('error', () => undefined)
  return client
}

class RedisNode implements Node {
  readonly name: string
  readonly writable: boolean
  readonly #server: Server
  #asking: Client | undefined

  constructor(name: string, port: number, primary: number | undefined, fsync: string) {
    this.name = name
    this.writable = primary === undefined
    const replica = primary === undefined ? {} : { '--replicaof': `127.0.0.1 ${primary}` }
    this.#server = new Server('redis-server', (data) => ({
      '--port': String(port),
      '--unixsocket': path.join(data, SOCKET),
      '--bind': '127.0.0.1',
      '--dir': data,
      '--save': '',
      '--appendonly': 'yes',
      '--appendfsync': fsync,
      '--repl-diskless-sync-delay': '0',
      '--notify-keyspace-events': 'K$',
      ...replica,
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
    const client = await connect(this.#socket).connect()
    return {
      async put({ key, value }) {
        await client.set(key, Buffer.from(value.buffer, value.byteOffset, value.byteLength))
      },
      async close() {
        await client.close()
      },
    }
  }

  async watch(changed: (key: string) => void): Promise<() => void> {
    const client = await connect(this.#socket).connect()
    const channel = '__keyspace@0__:'
    await client.pSubscribe(`${channel}*`, (_event, from) => changed(from.slice(channel.length)))
    return () => client.destroy()
  }

  async keys(): Promise<number | undefined> {
    try {
      this.#asking ??= await connect(this.#socket).connect()
      return await this.#asking.dbSize()
    } catch {
      this.#asking = undefined
      return undefined
    }
  }

  /** Whether it follows the primary. */
  async follows(): Promise<boolean> {
    if ((await this.keys()) === undefined) return false
    return this.writable || /master_link_status:up/.test(await this.#asking!.info('replication'))
  }

  async stop(): Promise<void> {
    this.#asking?.destroy()
    this.#asking = undefined
    await this.#server.stop()
  }

  launch(): void {
    this.#server.launch()
  }
}

async function open(count: number, fsync: string): Promise<Cluster> {
  const primary = await freePort()
  const nodes = [new RedisNode('primary', primary, undefined, fsync)]
  for (let i = 1; i < count; i++) {
    nodes.push(new RedisNode(`replica ${i}`, await freePort(), primary, fsync))
  }
  return clusterOf(nodes, async () => {
    for (const node of nodes) await waitFor('redis', () => node.follows(), 30_000)
  })
}

export function redis(): System[] {
  const version = versionOf('redis-server', /v=([\d.]+)/)
  if (version === undefined) return []
  return [
    {
      name: 'redis',
      version,
      durability: 'in the memory of the primary; on its disk within a second (everysec)',
      open: (count) => open(count, 'everysec'),
    },
    {
      name: 'redis, always',
      version,
      durability: 'on the disk of the primary (fsync)',
      open: (count) => open(count, 'always'),
    },
  ]
}
