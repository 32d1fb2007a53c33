/** A file system that fills up soon. */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import path from 'node:path'
import type { Fleet } from './daemons.ts'

const DISK_MIB = 48
const MIB = 1024 * 1024

/** A file system of its own; absent where that is not permitted, with the reason. */
export function smallDisk(fleet: Fleet): { dir: string } | { reason: string } {
  const dir = path.join(fleet.dir, 'disk')
  mkdirSync(dir)
  const args = ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'hearsay-test', dir]
  const { status, stderr, error } = spawnSync('mount', args, { encoding: 'utf8' })
  if (status !== 0) return { reason: error?.message ?? stderr.trim() }
  fleet.onClose(() => {
    spawnSync('umount', ['-l', dir])
  })
  return { dir }
}

/** Takes all the room that is left. */
export function fill(file: string): void {
  const fd = openSync(file, 'w')
  try {
    for (const size of [MIB, 4096, 1]) {
      const chunk = Buffer.alloc(size, 1)
      for (;;) if (writeSync(fd, chunk) < size) break
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  } finally {
    closeSync(fd)
  }
}
