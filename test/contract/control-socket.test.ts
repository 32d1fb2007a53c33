/** The socket's file, and what a client says when there is no daemon behind it. */
import assert from 'node:assert/strict'
import { fork, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ControlClient } from '../../src/control/client.ts'
import { SOCKET_PATH_BYTES_MAX } from '../../src/control/limits.ts'
import { startControlServer, type ControlServer } from '../../src/control/server.ts'
import { HearsayError, type ErrorCode } from '../../src/errors.ts'
import { collect, openControl, rawRequest, silent, utf8 } from '../support/control.ts'
import { MapDaemon } from '../support/map-daemon.ts'

function refused(code: ErrorCode, ...patterns: (string | RegExp)[]) {
  return (error: unknown): true => {
    assert.ok(error instanceof HearsayError, String(error))
    assert.equal(error.code, code, error.message)
    for (const pattern of patterns) {
      if (typeof pattern === 'string') assert.ok(error.message.includes(pattern), error.message)
      else assert.match(error.message, pattern)
    }
    return true
  }
}

describe('control: socket', () => {
  let directory: string
  let socketPath: string
  const servers: (ControlServer | Server)[] = []

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'hearsay-socket-'))
    socketPath = path.join(directory, 'socket')
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close()
    await rm(directory, { recursive: true, force: true })
  })

  async function start(
    options: { mode?: number; group?: string; at?: string } = {},
  ): Promise<ControlServer> {
    const { at = socketPath, ...rest } = options
    const daemon = new MapDaemon()
    const server = await startControlServer({
      daemon,
      socketPath: at,
      version: '1',
      log: silent,
      ...rest,
    })
    servers.push(server)
    return server
  }

  it('is open to its owner alone, or as the mode says', async () => {
    const umask = process.umask(0)
    try {
      await start()
      assert.equal((await stat(socketPath)).mode & 0o777, 0o600)
      const wide = path.join(directory, 'wide')
      await start({ at: wide, mode: 0o666 })
      assert.equal((await stat(wide)).mode & 0o777, 0o666)
      assert.equal(process.umask(), 0, 'the umask is as it was')
    } finally {
      process.umask(umask)
    }
  })

  it('is given to the group, by number or by name', async () => {
    const gid = process.getgid?.() ?? 0
    await start({ group: String(gid), mode: 0o660 })
    assert.equal((await stat(socketPath)).gid, gid)
    await assert.rejects(
      start({ at: path.join(directory, 'b'), group: 'no-such-group-here' }),
      refused('SOCKET_UNUSABLE', 'no-such-group-here'),
    )
    assert.equal(existsSync(path.join(directory, 'b')), false)
    if (gid !== 0) return
    const named = path.join(directory, 'c')
    await start({ at: named, group: 'root' })
    assert.equal((await stat(named)).gid, 0)
  })

  it('is gone after close, and can be opened again', async () => {
    const server = await start()
    await server.close()
    assert.equal(existsSync(socketPath), false)
    await start()
    assert.equal((await new ControlClient({ socketPath }).ready()).ready, true)
  })

  it('of a dead daemon is taken over', async () => {
    const child = listeningProcess(socketPath)
    await listening(child)
    child.kill('SIGKILL')
    await new Promise((resolve) => child.once('exit', resolve))
    assert.ok((await stat(socketPath)).isSocket(), 'left over')
    await assert.rejects(
      new ControlClient({ socketPath }).status(),
      refused('NO_DAEMON', socketPath, 'left over', 'hearsayd'),
    )
    await start()
    assert.equal((await new ControlClient({ socketPath }).ready()).ready, true)
  })

  it('of a live daemon is left alone', async () => {
    await start()
    await assert.rejects(start(), refused('SOCKET_IN_USE', socketPath))
    assert.equal((await new ControlClient({ socketPath }).ready()).ready, true)
  })

  it('of a daemon that is stopped is left alone', async () => {
    const child = listeningProcess(socketPath)
    try {
      await listening(child)
      child.kill('SIGSTOP')
      await assert.rejects(start(), refused('SOCKET_IN_USE', socketPath))
      // And a client does not wait for it for ever.
      const client = new ControlClient({ socketPath, timeoutMs: 200 })
      const told = refused('TIMEOUT', socketPath, '0.2 s')
      await assert.rejects(client.status(), told)
      await assert.rejects(client.get(utf8('k')), told)
      await assert.rejects(client.watch(utf8('')), told)
      await assert.rejects(collect(client.write([])), told)
    } finally {
      child.kill('SIGKILL')
    }
  })

  it('is not put in the place of anything else', async () => {
    await writeFile(socketPath, 'precious')
    await assert.rejects(start(), refused('SOCKET_UNUSABLE', socketPath, 'not a socket'))
    assert.equal(await readFile(socketPath, 'utf8'), 'precious')
    const link = path.join(directory, 'link')
    await symlink(socketPath, link)
    await assert.rejects(start({ at: link }), refused('SOCKET_UNUSABLE', 'not a socket'))
    await mkdir(path.join(directory, 'dir'))
    await assert.rejects(start({ at: path.join(directory, 'dir') }), refused('SOCKET_UNUSABLE'))
    await assert.rejects(
      start({ at: path.join(directory, 'none', 's') }),
      refused('SOCKET_UNUSABLE', 'directory is not there'),
    )
    await assert.rejects(
      start({ at: path.join(socketPath, 's') }),
      refused('SOCKET_UNUSABLE', 'directory is not there'),
    )
    await assert.rejects(
      new ControlClient({ socketPath }).status(),
      refused('NO_DAEMON', socketPath),
    )
  })

  it('has a path that fits', async () => {
    const fitting = pathOf(directory, SOCKET_PATH_BYTES_MAX)
    await start({ at: fitting })
    const client = new ControlClient({ socketPath: fitting })
    assert.equal((await client.ready()).ready, true)
    const long = pathOf(directory, SOCKET_PATH_BYTES_MAX + 1)
    const told = refused(
      'SOCKET_PATH_TOO_LONG',
      `${SOCKET_PATH_BYTES_MAX + 1} bytes`,
      `${SOCKET_PATH_BYTES_MAX}`,
      long,
    )
    await assert.rejects(start({ at: long }), told)
    await assert.rejects(new ControlClient({ socketPath: long }).status(), told)
  })

  it('says in a client where no daemon is, and how to start one', async () => {
    const client = new ControlClient({ socketPath })
    const told = refused(
      'NO_DAEMON',
      socketPath,
      `hearsayd --socket ${socketPath}`,
      'HEARSAY_SOCKET',
    )
    await assert.rejects(client.status(), told)
    await assert.rejects(client.get(utf8('k')), told)
    await assert.rejects(client.list(), told)
    await assert.rejects(client.watch(utf8('')), told)
    await assert.rejects(collect(client.write([])), told)
  })

  it('tells in a client when what answers is not hearsay', async () => {
    const client = new ControlClient({ socketPath })
    const http = createHttpServer((_request, response) => response.end('{}'))
    servers.push(http.listen(socketPath))
    await assert.rejects(
      client.status(),
      refused('DAEMON_FAILED', socketPath, 'not a hearsay daemon'),
    )
    await new Promise((resolve) => http.close(resolve))
    const other = createServer((socket) => socket.resume().end('220 mail.example.org\r\n'))
    servers.push(other.listen(socketPath))
    await assert.rejects(client.status(), refused('DAEMON_FAILED', socketPath, 'HTTP'))
    await new Promise((resolve) => other.close(resolve))
    servers.push(createServer((socket) => socket.destroy()).listen(socketPath))
    await assert.rejects(client.status(), refused('DAEMON_FAILED'))
    await assert.rejects(collect(client.write([])), refused('DAEMON_FAILED'))
  })

  it('tells in a client when the daemon goes in the middle of an answer', async () => {
    const headers =
      'HTTP/1.1 200 OK\r\nhearsay-version: 1\r\nhearsay-completeness: complete\r\ntransfer-encoding: chunked\r\n\r\n'
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write(`${headers}5\r\n{"pee`, () => socket.destroy()))
    })
    servers.push(server.listen(socketPath))
    const client = new ControlClient({ socketPath })
    await assert.rejects(client.peers(), refused('DAEMON_FAILED', 'before the answer was complete'))
    await assert.rejects(
      async () => collect(await client.list()),
      refused('DAEMON_FAILED', 'before the answer was complete'),
    )
    await assert.rejects(
      collect(client.write([{ op: 'delete', key: utf8('k') }])),
      refused('DAEMON_FAILED', 'may be done or not'),
    )
  })

  it('answers what is not HTTP, and goes on', async () => {
    const control = await openControl()
    try {
      const socket = connect(control.socketPath)
      socket.end('hello?\r\n\r\n')
      const answer = Buffer.concat(await collect(socket as AsyncIterable<Buffer>)).toString()
      assert.match(answer, /^HTTP\/1\.1 400 /)
      assert.match(answer, /hearsay-version: 9\.9\.9-test/)
      assert.match(answer, /\{"code":"BAD_REQUEST","message":"not HTTP/)
      assert.equal((await rawRequest(control.socketPath, 'GET', '/v1/ready')).status, 200)
    } finally {
      await control.close()
    }
  })
})

/** Of so many bytes, and of fewer characters. */
function pathOf(directory: string, bytes: number): string {
  return `${directory}/ü`.padEnd(bytes - 1, 's')
}

function listeningProcess(socketPath: string): ChildProcess {
  const program = new URL('../support/listening-process.js', import.meta.url)
  return fork(program, [JSON.stringify({ path: socketPath })])
}

function listening(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.once('exit', () => reject(new Error('the child is gone')))
  })
}
