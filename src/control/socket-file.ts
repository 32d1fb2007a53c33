/**
 * The socket's file: taken over from a dead daemon, never from a live one, and never wider open than asked for.
 *
 * A file is made with mode 0700, so that from the first moment only its owner can connect; group and mode are set
 * after that, the group first. Whatever is not a socket is left alone.
 */
import { execFile } from 'node:child_process'
import { lstatSync, statSync, unlinkSync, type Stats } from 'node:fs'
import { chmod, chown } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import { dirname } from 'node:path'
import { promisify } from 'node:util'
import { HearsayError } from '../errors.ts'
import { SOCKET_PATH_BYTES_MAX } from './limits.ts'

export interface SocketFile {
  socketPath: string
  /** Permission bits. */
  mode: number
  /** Name or number; the process's own when absent. */
  group?: string
}

/** Nobody but the owner, and room for directories that another thread may be making at that moment. */
const UMASK = 0o077

const run = promisify(execFile)

/** The kernel would cut a longer path and reach some other file. */
export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path)
  if (length <= SOCKET_PATH_BYTES_MAX) return
  throw new HearsayError(
    'SOCKET_PATH_TOO_LONG',
    `the socket path is ${length} bytes long, and this system allows ${SOCKET_PATH_BYTES_MAX}: ${path}. ` +
      'Choose a shorter one, for instance below /run or /tmp, with --socket or HEARSAY_SOCKET',
  )
}

/** Listens, with the file's group and mode as asked. Throws SOCKET_PATH_TOO_LONG, SOCKET_IN_USE, SOCKET_UNUSABLE. */
export async function listenOnSocket(server: Server, file: SocketFile): Promise<void> {
  checkSocketPath(file.socketPath)
  await removeLeftOver(file.socketPath)
  await listen(server, file.socketPath)
  try {
    if (file.group !== undefined) await setGroup(file.socketPath, file.group)
    await chmod(file.socketPath, file.mode)
  } catch (error) {
    await new Promise((resolve) => server.close(resolve))
    throw error instanceof HearsayError ? error : unusable(file.socketPath, error)
  }
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void =>
      reject(error.code === 'EADDRINUSE' ? inUse(path) : unusable(path, error))
    server.once('error', failed)
    // Node binds a unix socket before `listen` returns, so the mask is in force for exactly that.
    const umask = process.umask(UMASK)
    try {
      server.listen(path, () => {
        server.off('error', failed)
        resolve()
      })
    } finally {
      process.umask(umask)
    }
  })
}

/** Removes the socket of a daemon that is dead: one that nobody listens on. */
async function removeLeftOver(path: string): Promise<void> {
  const found = statOf(path)
  if (found === undefined) return
  if (!found.isSocket()) {
    throw new HearsayError(
      'SOCKET_UNUSABLE',
      `${path} is there and is not a socket; it is left as it is. Remove it, or choose another path with --socket`,
    )
  }
  const answer = await knock(path)
  if (answer === 'listening') throw inUse(path)
  if (answer === 'gone') return
  if (answer !== 'dead') throw unusable(path, answer)
  // Another daemon may have taken the path over since: its file is another one.
  if (statOf(path)?.ino !== found.ino) return
  try {
    unlinkSync(path)
  } catch (error) {
    throw unusable(path, error)
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    throw unusable(path, error)
  }
}

function knock(path: string): Promise<'listening' | 'dead' | 'gone' | Error> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve('listening')
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') resolve('dead')
      else if (error.code === 'ENOENT') resolve('gone')
      // Its queue of connections is full: somebody listens.
      else if (error.code === 'EAGAIN') resolve('listening')
      else resolve(error)
    })
  })
}

async function setGroup(path: string, group: string): Promise<void> {
  if (/^\d+$/.test(group)) return chown(path, -1, Number(group))
  try {
    // Node cannot look a group up by name, and groups are not only in /etc/group.
    await run('chgrp', ['--', group, path])
  } catch (cause) {
    throw new HearsayError(
      'SOCKET_UNUSABLE',
      `the socket ${path} cannot be given to the group ${JSON.stringify(group)}: ${(cause as Error).message.trim()}`,
      { cause },
    )
  }
}

function inUse(path: string): HearsayError {
  return new HearsayError(
    'SOCKET_IN_USE',
    `another daemon listens on ${path}. Stop it, or choose another path with --socket or HEARSAY_SOCKET`,
  )
}

function unusable(path: string, cause: unknown): HearsayError {
  const { code, message } = cause as NodeJS.ErrnoException
  const refused = code === 'EACCES' || code === 'EPERM'
  // Node says EACCES of a directory that is not there as well.
  const reason = !isDirectory(dirname(path))
    ? 'its directory is not there'
    : refused
      ? 'no permission; it may belong to another user'
      : message
  return new HearsayError('SOCKET_UNUSABLE', `the socket ${path} cannot be used: ${reason}`, {
    cause,
  })
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}
