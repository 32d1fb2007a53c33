/** The connections of a client: which requests share one, and what becomes of a request whose connection had gone. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ControlClient } from '../../src/control/client.ts'
import { startControlServer } from '../../src/control/server.ts'
import { collect, silent, utf8 } from '../support/control.ts'
import { MapDaemon } from '../support/map-daemon.ts'

const EMPTY = { 'hearsay-version': '1', 'hearsay-completeness': 'complete' }
const ANSWER = 'HTTP/1.1 200 OK\r\nhearsay-version: 1\r\ncontent-length: 2\r\n\r\n{}'

describe('control: connections of a client', () => {
  let directory: string
  let socketPath: string
  let client: ControlClient
  const servers: Server[] = []

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hearsay-client-'))
    socketPath = path.join(directory, 'socket')
    client = new ControlClient({ socketPath })
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) server.close()
    await rm(directory, { recursive: true, force: true })
  })

  async function open(server: Server): Promise<void> {
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  }

  /** Calls for each request with its method, and the number of its connection and its own on that, both from 1. */
  async function listen(
    asked: (socket: Socket, method: string, connection: number, request: number) => void,
  ): Promise<void> {
    let connections = 0
    const server = createServer((socket) => {
      const connection = ++connections
      let requests = 0
      // A test that ends one breaks what is being sent on it.
      socket.on('error', () => {})
      socket.on('data', (bytes) =>
        asked(socket, String(bytes).split(' ', 1)[0]!, connection, ++requests),
      )
    })
    await open(server)
  }

  it('serve one request after the other, and a stream has its own', async () => {
    const connections = new Set<Socket>()
    const http = createHttpServer((request, response) => {
      connections.add(request.socket)
      response.writeHead(200, EMPTY).end(request.url === '/v1/status' ? '{}' : '')
    })
    await open(http)
    for (let i = 0; i < 5; i++) await client.status()
    assert.equal(connections.size, 1)
    await collect(await client.list())
    assert.equal(connections.size, 2)
    await client.status()
    assert.equal(connections.size, 2)
    await Promise.all(Array.from({ length: 3 }, () => client.status()))
    assert.equal(connections.size, 4, 'no request waits for another one')
  })

  it('are made anew to a daemon that was started again', async () => {
    for (let run = 0; run < 3; run++) {
      const daemon = new MapDaemon()
      const server = await startControlServer({ daemon, socketPath, version: '1', log: silent })
      await client.put(utf8('k'), utf8(`v${run}`))
      const found = await client.get(utf8('k'))
      assert.ok(found.found && Buffer.from(found.value).toString() === `v${run}`)
      await server.close()
    }
  })

  it('do not lose a request, of whatever kind, that a closed one could not take', async () => {
    const sockets: Socket[] = []
    const methods: string[] = []
    await listen((socket, method) => {
      sockets.push(socket)
      methods.push(method)
      socket.write(ANSWER)
    })
    for (const [method, call] of [
      ['PUT', () => client.put(utf8('k'), utf8('v'))],
      ['DELETE', () => client.delete(utf8('k'))],
      ['GET', () => client.status()],
    ] as const) {
      await client.status()
      methods.length = 0
      // Closed in the very turn of the loop in which the client asks: it has not heard of that.
      for (const socket of sockets.splice(0)) socket.destroy()
      await call()
      assert.deepEqual(methods, [method])
    }
  })

  it('tell of a write that left and was not answered that it may be done or not; a read is asked anew', async () => {
    const read: string[] = []
    await listen((socket, method, connection, request) => {
      read.push(`${method} ${connection}`)
      if (request === 1) socket.write(ANSWER)
      else socket.destroy()
    })
    await client.status()
    await client.status()
    assert.deepEqual(read.splice(0), ['GET 1', 'GET 1', 'GET 2'])
    await client.status()
    await assert.rejects(client.put(utf8('k'), utf8('v')), {
      code: 'DAEMON_FAILED',
      message: /may be done or not/,
    })
    assert.deepEqual(read, ['GET 3', 'PUT 3'])
  })

  it('answer in time or not at all, also one that was used before', async () => {
    await listen((socket, _method, _connection, request) => {
      if (request === 1) socket.write(ANSWER)
    })
    const impatient = new ControlClient({ socketPath, timeoutMs: 100 })
    await impatient.status()
    await assert.rejects(impatient.status(), { code: 'TIMEOUT' })
  })
})
