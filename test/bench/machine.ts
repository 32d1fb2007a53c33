/** What the operating system says of processes, of the network and of the machine. Linux only. */
import { spawnSync } from 'node:child_process'
import { readFileSync, readdirSync, statSync, statfsSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import path from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { PROJECT_ROOT } from '../support/daemons.ts'

/** `USER_HZ`: the unit of times in /proc, fixed by the kernel's interface to programs. */
const TICKS_PER_SECOND = 100
const MiB = 1024 * 1024
const TMPFS_MAGIC = 0x01021994

/** User and system time of a process with all its threads, also ended ones, seconds. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The name, in parentheses, may contain anything; the fields behind it are plain. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

function statusKiB(pid: number, field: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1])
}

export function residentMiB(pid: number): number {
  return (statusKiB(pid, 'VmRSS') * 1024) / MiB
}

export function peakMiB(pid: number): number {
  return (statusKiB(pid, 'VmHWM') * 1024) / MiB
}

/** From now on `peakMiB` speaks of what comes. */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

/** Bytes that the loopback device has carried: every packet with its headers, once. */
export function loopbackBytes(): number {
  const line = /^\s*lo:\s*(\d+)/m.exec(readFileSync('/proc/net/dev', 'utf8'))
  return Number(line?.[1])
}

/** What the files under a directory take of the disk. */
export function diskBytes(directory: string): number {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const stat = statSync(path.join(entry.parentPath, entry.name), { throwIfNoEntry: false })
    if (stat?.isFile() === true) bytes += stat.blocks * 512
  }
  return bytes
}

function taskset(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync('taskset', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`taskset ${args.join(' ')}: ${stderr}`)
  return stdout
}

export function canPin(): boolean {
  return spawnSync('taskset', ['-p', String(process.pid)]).status === 0
}

/** Cores that this process may run on, as taskset writes them: "0-3,6". */
function coresAllowed(): string {
  return taskset('-pc', String(process.pid)).trim().split(' ').at(-1)!
}

function coreNumbers(list: string): number[] {
  return list.split(',').flatMap((range) => {
    const [from, to = from] = range.split('-').map(Number) as [number, number?]
    return Array.from({ length: to - from + 1 }, (_, i) => from + i)
  })
}

/** Runs `work` with this process, and every process that it starts meanwhile, on one core. */
export async function pinnedToOneCore<T>(work: () => Promise<T>): Promise<T> {
  const self = String(process.pid)
  const before = coresAllowed()
  taskset('-apc', String(coreNumbers(before)[0]), self)
  // The threads that would help its collector can only take turns with it: what is measured would wait for them.
  setFlagsFromString('--no-parallel-scavenge')
  try {
    return await work()
  } finally {
    setFlagsFromString('--parallel-scavenge')
    taskset('-apc', before, self)
  }
}

/**
 * Runs `work` as `pinnedToOneCore` does, with the words before a command that start it on the other cores, as if on another machine.
 * Where that cannot be had, nothing is pinned and such a command runs at the lowest priority.
 */
export async function besideAnotherMachine<T>(
  work: (elsewhere: readonly string[]) => Promise<T>,
): Promise<T> {
  const [, ...others] = canPin() ? coreNumbers(coresAllowed()) : []
  if (others.length === 0) return work(['nice', '-n', '19'])
  return pinnedToOneCore(() => work(['taskset', '-c', others.join(',')]))
}

const INSIDE = 'HEARSAY_BENCH_NAMESPACE'

/** The command that runs a program in a network namespace of its own with a loopback device, where that is permitted. */
function namespaceCommand(): string[] | undefined {
  const inside = ['sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
  for (const flags of ['-n', '-rn']) {
    const command = ['unshare', flags, '--', ...inside]
    const { status } = spawnSync(command[0]!, [...command.slice(1), 'true'])
    if (status === 0) return command
  }
  return undefined
}

/** Starts the program over inside a network namespace, if that may be had; never returns then. */
export function enterNamespace(): void {
  if (process.env[INSIDE] !== undefined) return
  const command = namespaceCommand()
  if (command === undefined) return
  const again = [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
  const { status, error } = spawnSync(command[0]!, [...command.slice(1), ...again], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  })
  if (error !== undefined) throw error
  process.exit(status ?? 1)
}

export interface Machine {
  cpu: string
  cores: number
  memoryGiB: number
  kernel: string
  node: string
  /** What costs most, with its version. */
  packages: Record<string, string>
  /** Where the data directories are. */
  disk: string
  loadBefore: string
  namespace: boolean
}

const PACKAGES = [
  'libp2p',
  '@chainsafe/libp2p-gossipsub',
  '@chainsafe/libp2p-noise',
  '@libp2p/yamux',
  'classic-level',
  'fastify',
]

function installedVersion(name: string): string {
  const file = path.join(PROJECT_ROOT, 'node_modules', name, 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

export function describeMachine(directory: string): Machine {
  const disk = statfsSync(directory)
  const mount = spawnSync('stat', ['-f', '-c', '%T', directory], { encoding: 'utf8' }).stdout.trim()
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: release(),
    node: process.version,
    packages: Object.fromEntries(PACKAGES.map((name) => [name, installedVersion(name)])),
    disk: disk.type === TMPFS_MAGIC ? 'tmpfs: in memory, syncing costs nothing' : mount,
    loadBefore: readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' '),
    namespace: process.env[INSIDE] !== undefined,
  }
}
