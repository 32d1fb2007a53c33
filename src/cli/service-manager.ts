/**
 * What the service manager (systemd, Type=notify) is told: ready, stopping, a line for `systemctl status`, and signs of life
 * for its watchdog.
 *
 * The protocol is a datagram to the unix socket that NOTIFY_SOCKET names, and Node has no such datagrams. Of what there is,
 * the packages for it compile machine code at install time and have had no release for years; `systemd-notify` comes with
 * every systemd that could be listening. To start it from here would copy the page tables of a process with the whole map in
 * memory (200 ms for a gigabyte, in which nothing else happens), so a shell that was started first, when this process was
 * small, starts it. The unit needs NotifyAccess=all, since it is a child that speaks.
 *
 * A sign of life is given only while this program does its work: a timer gives it, so the event loop turns; and not while
 * the store has failed or hangs. It is given three times in the time allowed, so that one that is lost does no harm.
 */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'

import type { Log } from '../net/log.ts'

/**
 * Reads a status and a state, one line each, tells both, and answers with the exit code. Ends with its input, and not by the
 * signal that stops a whole unit: there is a last word to say.
 */
const SPEAKER = `trap '' TERM INT HUP
while IFS= read -r status && IFS= read -r state; do
  systemd-notify --status="$status" $state; echo $?
done`
const SIGNS_PER_DEADLINE = 3
/** Without a watchdog the line for `systemctl status` is kept up to date this often. */
const STATUS_INTERVAL_MS = 60_000

export interface Condition {
  /** One line for people. */
  summary: string
  /** Why this program does not do its work; undefined while it does. */
  ailment: string | undefined
}

export class ServiceManager {
  readonly #log: Log
  readonly #watchdogMs: number | undefined
  readonly #speaker: Writable
  /** Messages whose answer is still to come, in order. */
  readonly #told: ((heard: boolean) => void)[] = []
  #gone = false
  #timer: NodeJS.Timeout | undefined
  #warned = false
  #ailing = false

  private constructor(env: NodeJS.ProcessEnv, log: Log) {
    this.#log = log
    this.#watchdogMs = watchdogMs(env)
    const child = spawn('/bin/sh', ['-c', SPEAKER], { env, stdio: ['pipe', 'pipe', 'ignore'] })
    this.#speaker = child.stdin
    const lost = (): void => {
      this.#gone = true
      for (const told of this.#told.splice(0)) told(false)
    }
    child.once('error', lost)
    child.once('exit', lost)
    child.stdin.on('error', lost)
    createInterface({ input: child.stdout }).on('line', (code) =>
      this.#told.shift()?.(code === '0'),
    )
  }

  /**
   * Undefined when this program was not started by a service manager that wants to hear of it. Called before the program
   * grows: see above.
   */
  static of(env: NodeJS.ProcessEnv, log: Log): ServiceManager | undefined {
    if ((env['NOTIFY_SOCKET'] ?? '') === '') return undefined
    return new ServiceManager(env, log)
  }

  /** Tells that it is ready, and from then on how it is. */
  async ready(condition: () => Condition): Promise<void> {
    await this.#tell(condition().summary, 'READY=1')
    const every =
      this.#watchdogMs === undefined ? STATUS_INTERVAL_MS : this.#watchdogMs / SIGNS_PER_DEADLINE
    this.#timer = setInterval(() => void this.#sign(condition()), every)
  }

  /** The last word. */
  async stopping(): Promise<void> {
    clearInterval(this.#timer)
    await this.#tell('stopping', 'STOPPING=1')
    this.#speaker.end()
  }

  async #sign({ summary, ailment }: Condition): Promise<void> {
    // The one before is still to be heard: that is sign enough, and they must not pile up.
    if (this.#told.length > 0) return
    if (ailment !== undefined && !this.#ailing && this.#watchdogMs !== undefined) {
      this.#log.error({ code: 'WATCHDOG_WITHHELD', ailment }, 'no sign of life while this lasts')
    }
    this.#ailing = ailment !== undefined
    const alive = ailment === undefined && this.#watchdogMs !== undefined
    await this.#tell(ailment ?? summary, alive ? 'WATCHDOG=1' : '')
  }

  /** Never fails: what the manager does not hear must not stop what works. */
  async #tell(status: string, state: '' | 'READY=1' | 'STOPPING=1' | 'WATCHDOG=1'): Promise<void> {
    const heard = await new Promise<boolean>((resolve) => {
      if (this.#gone) return resolve(false)
      this.#told.push(resolve)
      this.#speaker.write(`${status.replaceAll(/[\r\n]+/g, ' ')}\n${state}\n`)
    })
    if (!heard && !this.#warned) {
      const message = 'systemd-notify failed: the service manager does not hear of this daemon'
      this.#log.error({ code: 'NOTIFY_FAILED' }, message)
    }
    this.#warned = !heard
  }
}

/** The time within which the manager wants a sign of life of this process, milliseconds. */
function watchdogMs(env: NodeJS.ProcessEnv): number | undefined {
  const microseconds = Number(env['WATCHDOG_USEC'] ?? 0)
  const pid = env['WATCHDOG_PID']
  const forUs = pid === undefined || pid === '' || Number(pid) === process.pid
  return forUs && microseconds > 0 ? microseconds / 1_000 : undefined
}
