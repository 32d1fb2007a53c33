/**
 * The checker outside: asks daemons whether all have converged, and holds each yes against what clients know.
 *
 * A yes as of T about daemons S claims: what was acknowledged before T by any daemon of S is held or superseded at every
 * daemon of S, and what was removed before T is held by none. The ledger knows when each write was acknowledged, by whom, and
 * what it superseded; each daemon of S is read in full right after the yes. What differs is a lie. So is a T that is not
 * between the question and the answer, and a daemon in S that nobody started. All clocks are the one of this machine.
 */
import type { ControlClient } from '../../src/control/client.ts'
import type { Converged, ConvergedFleet } from '../../src/daemon-api.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { hearsay } from '../support/hearsay.ts'
import type { Ledger } from '../support/ledger.ts'

/** An answer, whatever way it was asked. */
export interface Claim {
  by: string
  converged: boolean
  asOf: number
  /** Peer ids of the daemons it speaks of. */
  of: readonly string[]
}

/** `linked` and `fleet` over the socket; the commands are a process each. */
export type Question = 'linked' | 'fleet' | 'command' | 'fleet command'

const TIMEOUT_MS = 10_000
const LIES_SHOWN_BYTES = 300

export class Judge {
  yes = 0
  no = 0
  /** The daemon that was asked did not answer, such as one that was just stopped. */
  unanswered = 0
  /** Daemons that a yes spoke of and that could not be read any more. */
  unread = 0
  /** Reads of a daemon's whole map against a yes. */
  reads = 0
  readonly lies: string[] = []
  /** Milliseconds from question to yes. */
  readonly yesMs: number[] = []
  readonly #ledger: Ledger
  readonly #daemons: () => readonly TestDaemon[]
  /** For each daemon the latest moment before which everything of it was proved to be on most of those that ran. */
  readonly #provenBefore = new Map<ControlClient, number>()

  /** @param daemons everyone who was ever started */
  constructor(ledger: Ledger, daemons: () => readonly TestDaemon[]) {
    this.#ledger = ledger
    this.#daemons = daemons
  }

  /** Asks one daemon, and checks what it says. */
  async ask(asked: TestDaemon, question: Question): Promise<boolean | undefined> {
    const from = Date.now()
    const start = performance.now()
    const claim = await this.#question(asked, question)
    if (claim === undefined) {
      this.unanswered++
      return undefined
    }
    const ms = performance.now() - start
    const lies = await this.examine(claim, from, Date.now())
    if (claim.converged) this.yesMs.push(ms)
    this.lies.push(...lies)
    return claim.converged
  }

  /** What is untrue of a claim that was asked for and made between two moments. */
  async examine(claim: Claim, from: number, to: number): Promise<string[]> {
    const { by, converged, asOf, of } = claim
    if (!converged) {
      this.no++
      return []
    }
    this.yes++
    const told = `${by} said yes as of ${new Date(asOf).toISOString()} of ${of.length} daemons`
    const lies: string[] = []
    if (asOf < from || asOf > to) lies.push(`${told}: a moment before the question or after it`)
    const members = of.map((peer) => this.#daemons().find(({ peerId }) => peerId === peer))
    if (members.includes(undefined)) lies.push(`${told}: one of them was never started`)
    const known = members.filter((member) => member !== undefined)
    const clients = new Set(known.map(({ client }) => client))
    await Promise.all(
      known.map(async (member) => {
        for (const violation of await this.#violations(member, asOf, clients)) {
          const text = violation.slice(0, LIES_SHOWN_BYTES)
          lies.push(`${told}, and ${member.name} speaks against it: ${text}`)
        }
      }),
    )
    const running = this.#daemons().filter((one) => one.running).length
    if (lies.length === 0 && 2 * clients.size > running) {
      for (const client of clients) this.#provenBefore.set(client, asOf)
    }
    return lies
  }

  /** A moment before which all that this daemon acknowledged is on most daemons, whatever becomes of it. */
  provenBefore(client: ControlClient): number {
    return this.#provenBefore.get(client) ?? 0
  }

  async #violations(
    member: TestDaemon,
    asOf: number,
    of: ReadonlySet<ControlClient>,
  ): Promise<string[]> {
    try {
      const mustKnow = ({ by, at }: { by: ControlClient; at: number }): boolean =>
        at < asOf && of.has(by)
      const violations = await this.#ledger.violations(member.client, mustKnow)
      this.reads++
      return violations
    } catch (error) {
      if (!isUnanswered(error)) throw error
      this.unread++
      return []
    }
  }

  async #question(asked: TestDaemon, question: Question): Promise<Claim | undefined> {
    try {
      if (question === 'linked') {
        return claimOf(asked, await asked.client.converged({ timeoutMs: TIMEOUT_MS }))
      }
      if (question === 'fleet') {
        return claimOfFleet(asked, await asked.client.convergedFleet({ timeoutMs: TIMEOUT_MS }))
      }
      return await commanded(asked, question === 'fleet command')
    } catch (error) {
      if (isUnanswered(error)) return undefined
      throw error
    }
  }
}

/** As a user asks; the exit code must say the same as the words. */
async function commanded(asked: TestDaemon, fleet: boolean): Promise<Claim | undefined> {
  const { code, out, err } = await hearsay(
    asked,
    'converged',
    '--json',
    ...(fleet ? ['--fleet'] : []),
  )
  if (out === '') return undefined
  const answer = JSON.parse(out) as Converged | ConvergedFleet
  if ((code === 0) !== answer.converged) {
    throw new Error(`converged of ${asked.name} ends with ${code} and says ${out}${err}`)
  }
  return 'count' in answer ? claimOfFleet(asked, answer) : claimOf(asked, answer)
}

function claimOf({ name, peerId }: TestDaemon, { converged, asOf, peers }: Converged): Claim {
  return { by: name, converged, asOf, of: [peerId, ...peers.map(({ peer }) => peer)] }
}

function claimOfFleet({ name }: TestDaemon, answer: ConvergedFleet): Claim {
  const { converged, asOf, members, count } = answer
  if (members.length !== count) {
    throw new Error(`${name} speaks of ${count} daemons and names ${members.length}`)
  }
  return { by: `${name} (of the fleet)`, converged, asOf, of: members }
}

function isUnanswered(error: unknown): boolean {
  return error instanceof Error && error.name === 'HearsayError'
}
