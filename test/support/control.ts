/** A control server over a map in memory, on a socket of its own, and raw requests to it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ControlClient } from '../../src/control/client.ts'
import { startControlServer, type ControlServerOptions } from '../../src/control/server.ts'
import { MapDaemon, type MapDaemonOptions } from './map-daemon.ts'

export const utf8 = (text: string): Uint8Array => Buffer.from(text)

export const silent = { info() {}, error() {} }

export interface Raw {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export interface Control {
  daemon: MapDaemon
  client: ControlClient
  socketPath: string
  directory: string
  raw: (method: string, path: string, options?: RawOptions) => Promise<Raw>
  close: () => Promise<void>
}

export interface RawOptions {
  body?: string | Uint8Array
  headers?: Record<string, string>
}

export async function openControl(
  options: Partial<ControlServerOptions> & { map?: MapDaemonOptions } = {},
): Promise<Control> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hearsay-control-'))
  const socketPath = path.join(directory, 'socket')
  const { map, ...serverOptions } = options
  const daemon = new MapDaemon(map)
  const defaults = { daemon, socketPath, version: '9.9.9-test', log: silent }
  const server = await startControlServer({ ...defaults, ...serverOptions })
  return {
    daemon,
    client: new ControlClient({ socketPath }),
    socketPath,
    directory,
    raw: (method, target, rawOptions) => rawRequest(socketPath, method, target, rawOptions),
    async close() {
      await server.close()
      await rm(directory, { recursive: true })
    },
  }
}

export function rawRequest(
  socketPath: string,
  method: string,
  target: string,
  { body, headers = {} }: RawOptions = {},
): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, method, path: target, headers, agent: false }, (message) => {
      const chunks: Buffer[] = []
      message.on('data', (chunk: Buffer) => chunks.push(chunk))
      message.on('error', reject)
      message.on('end', () =>
        resolve({
          status: message.statusCode ?? 0,
          headers: message.headers,
          body: Buffer.concat(chunks),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Waits for a condition; the failure says what was waited for. */
export async function until(what: string, holds: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
