/**
 * What the service manager (systemd, Type=notify) is told: ready, stopping, a line for `systemctl status`, and signs of life
 * for its watchdog.
 *
 * The protocol is a datagram to the unix socket that NOTIFY_SOCKET names, and Node has no such datagrams. Of what there is,
 * the packages for it compile machine code at install time and have had no release for years; `systemd-notify` comes with
 * every systemd that could be listening. A process for it a few times a minute costs milliseconds. The unit needs
 * NotifyAccess=all, since it is a child that speaks.
 *
 * A sign of life is given only while this program does its work: a timer gives it, so the event loop turns; and not while
 * the store has failed or hangs. It is given three times in the time allowed, so that one that is lost does no harm.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

import type { Log } from '../net/log.ts'

const PROGRAM = 'systemd-notify'
/** It waits until the manager has taken the message. */
const TIMEOUT_MS = 10_000
const SIGNS_PER_DEADLINE = 3
/** Without a watchdog the line for `systemctl status` is kept up to date this often. */
const STATUS_INTERVAL_MS = 60_000

const run = promisify(execFile)

export interface Condition {
  /** One line for people. */
  summary: string
  /** Why this program does not do its work; undefined while it does. */
  ailment: string | undefined
}

export class ServiceManager {
  readonly #env: NodeJS.ProcessEnv
  readonly #log: Log
  readonly #watchdogMs: number | undefined
  #timer: NodeJS.Timeout | undefined
  #telling = Promise.resolve()
  #warned = false
  #ailing = false

  private constructor(env: NodeJS.ProcessEnv, log: Log) {
    this.#env = env
    this.#log = log
    this.#watchdogMs = watchdogMs(env)
  }

  /** Undefined when this program was not started by a service manager that wants to hear of it. */
  static of(env: NodeJS.ProcessEnv, log: Log): ServiceManager | undefined {
    if ((env['NOTIFY_SOCKET'] ?? '') === '') return undefined
    return new ServiceManager(env, log)
  }

  /** Tells that it is ready, and from then on how it is. */
  async ready(condition: () => Condition): Promise<void> {
    await this.#tell(`--status=${condition().summary}`, '--ready')
    const every =
      this.#watchdogMs === undefined ? STATUS_INTERVAL_MS : this.#watchdogMs / SIGNS_PER_DEADLINE
    this.#timer = setInterval(() => void this.#sign(condition()), every)
  }

  async stopping(): Promise<void> {
    clearInterval(this.#timer)
    await this.#tell('STOPPING=1', '--status=stopping')
  }

  async #sign({ summary, ailment }: Condition): Promise<void> {
    if (ailment !== undefined && !this.#ailing && this.#watchdogMs !== undefined) {
      this.#log.error({ code: 'WATCHDOG_WITHHELD', ailment }, 'no sign of life while this lasts')
    }
    this.#ailing = ailment !== undefined
    const life = ailment === undefined && this.#watchdogMs !== undefined ? ['WATCHDOG=1'] : []
    await this.#tell(`--status=${ailment ?? summary}`, ...life)
  }

  /** One after another, so that the last word is the last. */
  #tell(...args: string[]): Promise<void> {
    this.#telling = this.#telling.then(() => this.#say(args))
    return this.#telling
  }

  /** Never fails: what the manager does not hear must not stop what works. */
  async #say(args: string[]): Promise<void> {
    try {
      await run(PROGRAM, args, { env: this.#env, timeout: TIMEOUT_MS })
      this.#warned = false
    } catch (error) {
      if (!this.#warned) {
        const fields = { err: error, code: 'NOTIFY_FAILED' }
        this.#log.error(
          fields,
          `${PROGRAM} failed: the service manager does not hear of this daemon`,
        )
      }
      this.#warned = true
    }
  }
}

/** The time within which the manager wants a sign of life of this process, milliseconds. */
function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const microseconds = Number(env['WATCHDOG_USEC'] ?? 0)
  const pid = env['WATCHDOG_PID']
  const forUs = pid === undefined || pid === '' || Number(pid) === process.pid
  return forUs && microseconds > 0 ? microseconds / 1_000 : undefined
}
