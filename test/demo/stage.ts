/**
 * The three daemons of the demo, and what their map must hold.
 *
 * Each listens on a port of its own that only the proxy in front of it knows; it announces the proxy's address, so that
 * nobody can dial around it. `expected` is kept beside the daemons by whoever writes: the judge of every claim about contents.
 */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'

import { span } from '../../src/cli/words.ts'
import { contents, converged, Fleet, PROJECT_ROOT } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { differs } from './claims.ts'
import { Proxy } from './proxy.ts'
import * as screen from './screen.ts'

/** A tenth of the default, so that nobody has to wait for what the demo shows. */
export const REPAIR_INTERVAL_MS = 500

export class Stage {
  readonly fleet = new Fleet()
  /** The values of every key, however many siblings carry each. */
  readonly expected = new Map<string, Set<string>>()
  readonly #proxies = new Map<TestDaemon, Proxy>()
  readonly #key = this.fleet.networkKey().file

  get daemons(): readonly TestDaemon[] {
    return this.fleet.daemons
  }

  /** Starts another daemon, which is told the addresses of those before it. */
  async start(name: string): Promise<TestDaemon> {
    const bootstrap = this.daemons.map((one) => `${this.addressOf(one)}/p2p/${one.peerId}`)
    const daemon = await this.fleet.create({ name })
    const proxy = await Proxy.start(Number(daemon.address.split('/').at(-1)))
    this.#proxies.set(daemon, proxy)
    this.fleet.onClose(() => proxy.close())
    return daemon.start({
      announce: [proxy.address],
      bootstrap,
      networkKey: this.#key,
      repair: { interval: `${REPAIR_INTERVAL_MS}ms` },
    })
  }

  addressOf(daemon: TestDaemon): string {
    return this.#proxies.get(daemon)!.address
  }

  /** Leaves the connections between the others as they are. */
  async cutOff(daemon: TestDaemon): Promise<void> {
    for (const [one, proxy] of this.#proxies) {
      const neighbours = one === daemon ? [] : await one.client.peers()
      const stay = neighbours.filter(({ peer }) => peer !== daemon.peerId)
      proxy.cut(new Set(stay.map(({ address }) => Number(address.split('/')[4]))))
    }
  }

  heal(): void {
    for (const proxy of this.#proxies.values()) proxy.heal()
  }

  expect(key: string, ...values: string[]): void {
    if (values.length === 0) this.expected.delete(key)
    else this.expected.set(key, new Set(values))
  }

  /** Waits until all daemons agree, and says how long that took. */
  async agreed(what: string): Promise<string> {
    const start = performance.now()
    await screen.during(what, converged(this.daemons))
    return span(performance.now() - start)
  }

  /** What is not as expected, on whichever of the daemons; undefined when all is. */
  async wrongContents(daemons: readonly TestDaemon[] = this.daemons): Promise<string | undefined> {
    for (const daemon of daemons) {
      const found = await contents(daemon.client)
      for (const key of new Set([...found.keys(), ...this.expected.keys()])) {
        const values = valuesOf(found.get(key)?.values() ?? [])
        const expected = valuesOf(this.expected.get(key) ?? [])
        if (values !== expected) {
          return `${key} on ${daemon.name}: expected ${expected}, found ${values}`
        }
      }
    }
    return undefined
  }

  /** Who is not connected with exactly the others of its group, by what `status` says; undefined when all are. */
  async wrongPeers(groups: readonly TestDaemon[][]): Promise<string | undefined> {
    for (const group of groups) {
      for (const one of group) {
        const { peers } = await one.client.status()
        const found = peers.map(({ peer }) => peer).sort()
        const others = group.filter((other) => other !== one).map(({ peerId }) => peerId)
        const wrong = differs(found, others.sort(), `peers of ${one.name}`)
        if (wrong !== undefined) return wrong
      }
    }
    return undefined
  }

  /** Runs `hearsay` beside a daemon and shows what it printed, or the part of it that `show` picks. */
  async hearsay(
    daemon: TestDaemon,
    args: string[],
    show: (printed: string) => string = (printed) => printed,
  ): Promise<string> {
    const ran = promisify(execFile)(
      process.execPath,
      [path.join(PROJECT_ROOT, 'bin/hearsay'), ...args],
      { env: { PATH: process.env['PATH'], HEARSAY_SOCKET: daemon.socket } },
    )
    const { stdout } = await ran.catch((error: Error & { stderr: string }) => {
      throw new Error(`hearsay ${args.join(' ')} on ${daemon.name}: ${error.stderr.trim()}`)
    })
    screen.command(`${daemon.name}$`, `hearsay ${args.map(quoted).join(' ')}`, show(stdout))
    return stdout
  }
}

/** As a shell wants it. */
function quoted(argument: string): string {
  return /^[\w./-]+$/.test(argument) ? argument : `'${argument}'`
}

function valuesOf(values: Iterable<string>): string {
  return [...new Set(values)].sort().join(' | ') || 'nothing'
}

/** Long enough for what gossip lost to have come by repair. */
export const TWO_PERIODS = `two repair periods (${span(2 * REPAIR_INTERVAL_MS)})`

export async function twoPeriods(what: string): Promise<void> {
  const passed = new Promise((resolve) => setTimeout(resolve, 2 * REPAIR_INTERVAL_MS))
  await screen.during(`${what} for ${TWO_PERIODS}`, passed)
}
