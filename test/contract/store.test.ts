import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { openLevelStore } from '../../src/store/level-store.ts'
import { MemoryDisk } from '../../src/store/memory-store.ts'
import { SimDisk } from '../support/sim-disk.ts'
import { openSimDisk } from '../support/sim-disk-store.ts'
import type { BreakableFixture, StoreFixture } from './store.ts'
import { storeContract } from './store.ts'

const run = promisify(execFile)

async function memoryFixture(): Promise<BreakableFixture> {
  const disk = new MemoryDisk()
  return {
    open: async () => disk.open(),
    dispose: async () => undefined,
    async break() {
      disk.beforeCommit = () => {
        throw new Error('no space left')
      }
    },
    async heal() {
      disk.beforeCommit = undefined
    },
  }
}

/** What the fleets of the simulator write to. */
async function simulatedFixture(): Promise<BreakableFixture> {
  const disk = new SimDisk()
  return {
    open: async () => openSimDisk(disk),
    dispose: async () => undefined,
    break: async () => void (disk.full = true),
    heal: async () => void (disk.full = false),
  }
}

async function levelFixture(): Promise<StoreFixture> {
  const parent = await mkdtemp(path.join(tmpdir(), 'hearsay-store-'))
  return {
    open: () => openLevelStore(path.join(parent, 'store')),
    dispose: () => rm(parent, { recursive: true }),
  }
}

/** A real disk that is full: a small file system in memory, which only a privileged user may mount. */
async function fullDiskFixture(): Promise<BreakableFixture | { unavailable: string }> {
  const parent = await mkdtemp(path.join(tmpdir(), 'hearsay-full-'))
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', parent])
  } catch (error) {
    await rm(parent, { recursive: true })
    return { unavailable: `a small file system cannot be mounted here: ${String(error)}` }
  }
  const ballast = path.join(parent, 'ballast')
  return {
    open: () => openLevelStore(path.join(parent, 'store')),
    break: () => writeFile(ballast, Buffer.alloc(3 * 1024 * 1024)),
    heal: () => rm(ballast),
    async dispose() {
      await run('umount', [parent])
      await rm(parent, { recursive: true })
    },
  }
}

storeContract('memory', { sized: false }, memoryFixture, memoryFixture)
storeContract('level', { sized: true }, levelFixture, fullDiskFixture)
storeContract('simulated', { sized: false }, simulatedFixture, simulatedFixture)
