/**
 * Who holds a data directory: a file for people, beside the lock.
 *
 * The lock itself is LevelDB's fcntl lock, which the kernel lifts when its process ends, however it ends. This file only
 * names the holder; it excludes nobody, so one left by a killed process never hinders a start.
 */
import { readFile, rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { codeOf, writeFileAtomic } from './durable-files.ts'

interface Owner {
  pid: number
  host: string
  startedAt: string
}

/** The holder writes its name right after it took the lock: time for one that is between the two. */
const NAME_WAIT_MS_MAX = 1000
const NAME_POLL_MS = 50

export async function writeOwner(file: string): Promise<void> {
  const owner: Owner = {
    pid: process.pid,
    host: hostname(),
    startedAt: new Date().toISOString(),
  }
  await writeFileAtomic(file, `${JSON.stringify(owner)}\n`, 0o600)
}

export async function removeOwner(file: string): Promise<void> {
  await rm(file, { force: true })
}

/** Names the process that holds the lock which was just refused. */
export async function describeOwner(file: string): Promise<string> {
  for (let waited = 0; waited <= NAME_WAIT_MS_MAX; waited += NAME_POLL_MS) {
    const owner = await readOwner(file)
    if (owner !== undefined && mayLive(owner)) {
      return `process ${owner.pid} on host ${owner.host}, running since ${owner.startedAt}`
    }
    await wait(NAME_POLL_MS)
  }
  return 'another process, which left no name'
}

async function readOwner(file: string): Promise<Owner | undefined> {
  try {
    const read: unknown = JSON.parse(await readFile(file, 'utf8'))
    return isOwner(read) ? read : undefined
  } catch {
    return undefined
  }
}

function isOwner(value: unknown): value is Owner {
  if (typeof value !== 'object' || value === null) return false
  const { pid, host, startedAt } = value as Record<keyof Owner, unknown>
  return (
    Number.isSafeInteger(pid) &&
    (pid as number) > 0 &&
    typeof host === 'string' &&
    typeof startedAt === 'string'
  )
}

/** False for the name that a killed process left, as far as this machine can tell. */
function mayLive(owner: Owner): boolean {
  if (owner.host !== hostname()) return true
  try {
    process.kill(owner.pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== 'ESRCH'
  }
}
