/**
 * A link between two sites that delays and loses packets, and that can be cut: by `tc netem` on a pair of Ethernet devices
 * where the kernel has netem, else by the program `link-emulator.py` beside this file, which does the same to real packets in
 * user space. Either way the kernel's own TCP meets the loss. Needs root, Linux and, for the emulator, python3.
 */
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { PROJECT_ROOT, within } from './daemons.ts'
import type { Fleet } from './daemons.ts'
import { ip } from './network.ts'

/** What one packet meets, in either direction. */
export interface Quality {
  delayMs: number
  /** Probability, from 0 to 1. */
  loss: number
}

export interface BadLink {
  /** What it is made of. */
  readonly kind: 'tc netem' | 'packets delayed and dropped in user space'
  set(quality: Quality): Promise<void>
  /** From now on nothing passes, and nobody is told. */
  cut(): Promise<void>
  /** Packets that have passed and that were lost on purpose, as far as that is known. */
  counts(): Promise<string>
}

type Ends = readonly [site: string, site: string]
const EMULATOR = path.join(PROJECT_ROOT, 'test/support/link-emulator.py')
/** Device names at either end; a bridge of this name takes it up. */
const BRIDGE = 'bridge'
const DEVICE = 'line'
/** Far more than a tenth of a megabyte per second needs for its delay. */
const NETEM_PACKETS_MAX = 20_000

/** Joins the bridges of two network namespaces. The reason when that is not permitted here. */
export async function joinSites(
  fleet: Fleet,
  ends: Ends,
  quality: Quality,
  seed: number,
): Promise<BadLink | string> {
  const link = (await NetemLink.create(ends)) ?? (await EmulatedLink.create(fleet, ends, seed))
  if (typeof link === 'string') return link
  for (const end of ends) {
    const refusal = ip('-n', end, 'link', 'set', DEVICE, 'master', BRIDGE, 'up')
    if (refusal !== undefined) return refusal
  }
  await link.set(quality)
  return link
}

/** The devices go with their namespaces. */
class NetemLink implements BadLink {
  readonly kind = 'tc netem'
  readonly #ends: Ends

  private constructor(ends: Ends) {
    this.#ends = ends
  }

  /** Undefined where there is no netem. */
  static async create(ends: Ends): Promise<NetemLink | undefined> {
    const [near, far] = ends
    const pair = ['type', 'veth', 'peer', 'name', DEVICE, 'netns', far]
    if (ip('link', 'add', DEVICE, 'netns', near, ...pair) !== undefined) return undefined
    const link = new NetemLink(ends)
    if (link.#netem({ delayMs: 0, loss: 0 }) === undefined) return link
    ip('-n', near, 'link', 'del', DEVICE)
    return undefined
  }

  async set(quality: Quality): Promise<void> {
    const refusal = this.#netem(quality)
    if (refusal !== undefined) throw new Error(refusal)
  }

  async cut(): Promise<void> {
    await this.set({ delayMs: 0, loss: 1 })
  }

  async counts(): Promise<string> {
    const { stdout } = spawnSync('tc', ['-n', this.#ends[0], '-s', 'qdisc', 'show', 'dev', DEVICE])
    return stdout.toString().trim().replaceAll(/\s+/g, ' ')
  }

  #netem({ delayMs, loss }: Quality): string | undefined {
    for (const end of this.#ends) {
      const effects = ['delay', `${delayMs}ms`, 'loss', `${loss * 100}%`]
      const place = ['qdisc', 'replace', 'dev', DEVICE, 'root', 'netem']
      const args = ['-n', end, ...place, ...effects, 'limit', String(NETEM_PACKETS_MAX)]
      const { status, stderr, error } = spawnSync('tc', args, { encoding: 'utf8' })
      if (status !== 0) return `tc ${args.join(' ')}: ${error?.message ?? stderr.trim()}`
    }
    return undefined
  }
}

class EmulatedLink implements BadLink {
  readonly kind = 'packets delayed and dropped in user space'
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#answers = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  }

  static async create(fleet: Fleet, ends: Ends, seed: number): Promise<EmulatedLink | string> {
    const child = spawn('python3', [EMULATOR, ...ends, String(seed)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    // It ends with its input, also when this process just dies.
    fleet.onClose(() => void child.stdin.end())
    const spawned = new Promise<string | undefined>((resolve) => {
      child.once('spawn', () => resolve(undefined))
      child.once('error', (error) => resolve(error.message))
    })
    const refusal = await spawned
    if (refusal !== undefined) return refusal
    const link = new EmulatedLink(child)
    const ready = await link.#answer()
    return ready === 'ready' ? link : `no link in user space: ${ready}`
  }

  async set({ delayMs, loss }: Quality): Promise<void> {
    await this.#command(`set ${delayMs} ${loss}`)
  }

  async cut(): Promise<void> {
    await this.#command('cut')
  }

  async counts(): Promise<string> {
    return this.#command('counts')
  }

  #command(line: string): Promise<string> {
    this.#child.stdin!.write(`${line}\n`)
    return this.#answer()
  }

  async #answer(): Promise<string> {
    const answer = await within('an answer of the link', this.#answers.next())
    return answer.done === true ? 'it ended' : answer.value
  }
}
