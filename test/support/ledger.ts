/**
 * What was written, by which the contents of a daemon are judged from outside.
 *
 * Every write either has a value of its own under a key of its own, or hands over the token of what it observed; so the
 * ledger knows which dots each write superseded, and judges exactly: an acknowledged put is held unless a write that
 * observed it was made; nothing is held that an acknowledged write superseded, or that nobody wrote. A write that was not
 * answered may have happened or not.
 */
import assert from 'node:assert/strict'
import type { ControlClient } from '../../src/control/client.ts'
import { toBinary } from '../../src/core/bytes.ts'
import { encodeToken } from '../../src/daemon/token.ts'
import type { Mutation, Written } from '../../src/daemon-api.ts'
import { bytes, contents } from './daemons.ts'

const VIOLATIONS_SHOWN = 10
const CONTESTED_KEYS = 12

interface Attempt {
  by: ControlClient
  key: string
  /** Absent for a delete. */
  value: string | undefined
  supersedes: string[]
  /** Wall clock, after the answer came; absent while it is not acknowledged. */
  acknowledgedAt: number | undefined
  /** Absent while it is not acknowledged, and of a delete that found nothing. */
  dot: string | undefined
}

/** An acknowledged write, for whoever decides which of them a daemon must know of. */
export interface Acknowledged {
  by: ControlClient
  at: number
}

/** Whether a write failed in a way that leaves open whether it happened. */
function unanswered(error: unknown): boolean {
  return error instanceof Error && error.name === 'HearsayError'
}

export class Ledger {
  readonly #attempts: Attempt[] = []
  #values = 0

  get acknowledged(): number {
    return this.#attempts.filter(isAcknowledged).length
  }

  /** A value that no other write has, of so many bytes at least. */
  value(bytesMin = 0): string {
    return `v${++this.#values}`.padEnd(bytesMin, '.')
  }

  /** Puts a key that nobody else writes, once. False when the daemon did not answer. */
  async putOwn(client: ControlClient, key: string): Promise<boolean> {
    const attempt = this.#attempt(client, key, this.value(), [])
    return this.#acknowledge(attempt, () => client.put(bytes(key), bytes(attempt.value!)))
  }

  /** Reads a key and replaces, or deletes, exactly what was seen. False when the daemon did not answer. */
  async replace(
    client: ControlClient,
    key: string,
    op: 'put' | 'delete' = 'put',
    valueBytes = 0,
  ): Promise<boolean> {
    let seen: { dots: string[]; token: string | undefined }
    try {
      const { entry } = await client.getAll(bytes(key))
      const dots = entry?.siblings.map(({ dot }) => `${dot.actor}:${dot.counter}`) ?? []
      seen = { dots, token: entry?.token }
    } catch (error) {
      if (unanswered(error)) return false
      throw error
    }
    // Without a token a put supersedes what the daemon holds by then, which nobody here has seen.
    if (seen.token === undefined) return this.#putFirst(client, key, valueBytes)
    const options = { token: seen.token }
    if (op === 'delete') {
      const attempt = this.#attempt(client, key, undefined, seen.dots)
      return this.#acknowledge(attempt, () => client.delete(bytes(key), options))
    }
    const attempt = this.#attempt(client, key, this.value(valueBytes), seen.dots)
    return this.#acknowledge(attempt, () => client.put(bytes(key), bytes(attempt.value!), options))
  }

  /** A put that observed nothing, and supersedes nothing. */
  async #putFirst(client: ControlClient, key: string, valueBytes: number): Promise<boolean> {
    const attempt = this.#attempt(client, key, this.value(valueBytes), [])
    const token = encodeToken(toBinary(bytes(key)), [])
    return this.#acknowledge(attempt, () =>
      client.put(bytes(key), bytes(attempt.value!), { token }),
    )
  }

  /** One writer: keys of its own, and keys that all writers read, replace and delete; until `more` says no. */
  async mixed(client: ControlClient, who: string, more: () => boolean): Promise<void> {
    for (let i = 0; more(); i++) {
      const contested = `shared-${i % CONTESTED_KEYS}`
      const op = i % 7 === 6 ? 'delete' : 'put'
      const answered =
        i % 2 === 0
          ? await this.putOwn(client, `${who}-${i}`)
          : await this.replace(client, contested, op)
      if (!answered) return
    }
  }

  /** Streams puts of keys that nobody else writes until `more` says no or the stream breaks. */
  async stream(
    client: ControlClient,
    prefix: string,
    more: () => boolean,
    valueBytes = 0,
  ): Promise<void> {
    const sent: Attempt[] = []
    try {
      const mutations = this.#mutations(client, prefix, more, sent, valueBytes)
      for await (const answer of client.write(mutations)) {
        if ('written' in answer) note(sent[answer.line - 1]!, answer.written)
      }
    } catch (error) {
      if (!unanswered(error)) throw error
    }
  }

  *#mutations(
    client: ControlClient,
    prefix: string,
    more: () => boolean,
    sent: Attempt[],
    valueBytes: number,
  ): Generator<Mutation> {
    while (more()) {
      const attempt = this.#attempt(client, `${prefix}${sent.length}`, this.value(valueBytes), [])
      sent.push(attempt)
      yield { op: 'put', key: bytes(attempt.key), value: bytes(attempt.value!) }
    }
  }

  #attempt(
    by: ControlClient,
    key: string,
    value: string | undefined,
    supersedes: string[],
  ): Attempt {
    const attempt = { by, key, value, supersedes, acknowledgedAt: undefined, dot: undefined }
    this.#attempts.push(attempt)
    return attempt
  }

  async #acknowledge(attempt: Attempt, write: () => Promise<Written>): Promise<boolean> {
    try {
      note(attempt, await write())
      return true
    } catch (error) {
      if (unanswered(error)) return false
      throw error
    }
  }

  /** Asserts that a daemon which has heard of everything holds what the writes, and nothing else, left. */
  check(client: ControlClient, who: string): Promise<void> {
    return this.checkOf(client, who, () => true)
  }

  /** The same of a daemon that may not have heard yet of what others wrote: judged by what it acknowledged itself. */
  checkOwn(client: ControlClient, who: string): Promise<void> {
    return this.checkOf(client, who, ({ by }) => by === client)
  }

  /** The same of a daemon that must know of some of the writes, and may know of the others. */
  async checkOf(
    client: ControlClient,
    who: string,
    mustKnow: (write: Acknowledged) => boolean,
  ): Promise<void> {
    const violations = await this.violations(client, mustKnow)
    const text = violations.slice(0, VIOLATIONS_SHOWN).join('\n')
    assert.equal(violations.length, 0, `${who} holds what it should not:\n${text}`)
  }

  /** What a daemon holds or lacks against that. */
  async violations(
    client: ControlClient,
    mustKnow: (write: Acknowledged) => boolean,
  ): Promise<string[]> {
    const held = await contents(client)
    const isKnown = ({ by, acknowledgedAt: at }: Attempt): boolean =>
      at !== undefined && mustKnow({ by, at })
    const gone = new Map<string, boolean>()
    const mayBe = new Set<string>()
    // Dots that some write superseded, and whether this daemon surely knows.
    for (const attempt of this.#attempts) {
      const { supersedes, key, value } = attempt
      const surely = isKnown(attempt)
      for (const old of supersedes) gone.set(old, surely || gone.get(old) === true)
      if (!isAcknowledged(attempt) && value !== undefined) mayBe.add(`${key}=${value}`)
    }
    const violations: string[] = []
    const acknowledged = new Set<string>()
    for (const attempt of this.#attempts) {
      const { dot, key, value } = attempt
      if (dot === undefined || value === undefined) continue
      acknowledged.add(dot)
      const found = held.get(key)?.get(dot)
      if (found === undefined && isKnown(attempt) && !gone.has(dot))
        violations.push(`lost: ${key}=${value} at ${dot}`)
      if (found !== undefined && found !== value) {
        violations.push(`changed: ${key} at ${dot} is ${found}, was ${value}`)
      }
    }
    for (const [key, siblings] of held) {
      for (const [dot, value] of siblings) {
        if (gone.get(dot) === true) violations.push(`came back: ${key}=${value} at ${dot}`)
        else if (!acknowledged.has(dot) && !mayBe.has(`${key}=${value}`)) {
          violations.push(`nobody wrote: ${key}=${value} at ${dot}`)
        }
      }
    }
    return violations
  }
}

function isAcknowledged({ acknowledgedAt }: Attempt): boolean {
  return acknowledgedAt !== undefined
}

function note(attempt: Attempt, { dot }: Written): void {
  attempt.acknowledgedAt = Date.now()
  if (dot !== undefined) attempt.dot = `${dot.actor}:${dot.counter}`
}
