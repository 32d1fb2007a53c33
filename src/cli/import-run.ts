/**
 * Import: lines of a file become mutations of one streaming write request, many under way at a time, so that many share
 * a commit. Memory holds what is under way and one line, whatever the size of the file.
 *
 * A key replaces what is held. A key with several values must come out as siblings of each other: each is written with
 * one and the same version token, taken before the first of them, so that none has seen another; the winner last, so that
 * it is the winner again. To learn that token all that
 * was sent before must be answered; such keys are few.
 *
 * The first line that cannot be read ends the reading, and the first that the daemon refuses as well. What was sent before a bad
 * line is always answered and counted. After a refused line some more may be under way already: they are counted too,
 * since they are written.
 */
import type { ControlClient } from '../control/client.ts'
import { importedOfJson } from '../control/json.ts'
import type { ImportedKey } from '../control/json.ts'
import { LINE_BYTES_MAX } from '../control/limits.ts'
import { LineSplitter } from '../control/lines.ts'
import type { Line } from '../control/lines.ts'
import type { Mutation } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import type { Progress } from './progress.ts'
import { count } from './words.ts'

export interface Imported {
  keys: number
  lines: number
}

/** A mutation that was sent: its line, and whether it is the last of its key. */
interface Sent {
  line: number
  lastOfKey: boolean
}

export class Import {
  readonly #client: ControlClient
  readonly #source: string
  /** Sent and not yet answered, by number. Bounded by what the daemon lets be under way, which may be very many. */
  readonly #underWay = new Map<number, Sent>()
  #sent = 0
  #whenIdle: (() => void) | undefined
  #failure: { line: number; error: HearsayError } | undefined
  #bytesRead = 0
  #lines = 0
  #keys = 0
  /** Keys whose line comes after the failed one. */
  #keysAfterFailure = 0

  constructor(client: ControlClient, source: string) {
    this.#client = client
    this.#source = source
  }

  /** Throws BAD_IMPORT_LINE, or the code of the daemon's refusal, naming the line and what is imported. */
  run(input: AsyncIterable<unknown>, progress: Progress): Promise<Imported> {
    return this.#send(this.#mutations(input), progress)
  }

  /** The same of keys that are at hand; what is called a line is a key then. */
  runKeys(keys: Iterable<ImportedKey>, progress: Progress): Promise<Imported> {
    return this.#send(this.#mutationsOf(keys), progress)
  }

  async #send(mutations: AsyncIterable<Mutation>, progress: Progress): Promise<Imported> {
    try {
      for await (const answer of this.#client.write(mutations)) {
        const sent = this.#underWay.get(answer.line)
        this.#underWay.delete(answer.line)
        if (sent === undefined) throw new HearsayError('DAEMON_FAILED', 'an answer to nothing sent')
        if ('error' in answer) this.#fail(sent.line, answer.error)
        else if (sent.lastOfKey) this.#count(sent.line)
        if (this.#underWay.size === 0) this.#whenIdle?.()
        progress.at(this.#bytesRead, this.#keys)
      }
    } catch (error) {
      throw this.#explain(error)
    }
    if (this.#failure !== undefined) throw this.#refusal(this.#failure)
    return { keys: this.#keys, lines: this.#lines }
  }

  #count(line: number): void {
    const failed = this.#failure?.line ?? Number.POSITIVE_INFINITY
    if (line < failed) this.#keys++
    else if (line > failed) this.#keysAfterFailure++
  }

  #fail(line: number, error: HearsayError): void {
    if (this.#failure === undefined || line < this.#failure.line) this.#failure = { line, error }
    this.#whenIdle?.()
  }

  async *#mutations(input: AsyncIterable<unknown>): AsyncGenerator<Mutation> {
    for await (const line of this.#readLines(input)) {
      if (this.#failure !== undefined) return
      let imported: ImportedKey
      try {
        imported = readLine(line)
      } catch (error) {
        if (!(error instanceof HearsayError)) throw error
        this.#fail(line.number, error)
        return
      }
      yield* this.#keyMutations(line.number, imported)
    }
  }

  async *#mutationsOf(keys: Iterable<ImportedKey>): AsyncGenerator<Mutation> {
    for (const key of keys) {
      if (this.#failure !== undefined) return
      yield* this.#keyMutations(++this.#lines, key)
    }
  }

  async *#keyMutations(line: number, { key, siblings }: ImportedKey): AsyncGenerator<Mutation> {
    const token = siblings.length > 1 ? await this.#tokenBefore(key) : undefined
    for (const [i, { value, expiresAt }] of siblings.toReversed().entries()) {
      if (this.#failure !== undefined) return
      this.#underWay.set(++this.#sent, { line, lastOfKey: i === siblings.length - 1 })
      yield {
        op: 'put',
        key,
        value,
        ...(expiresAt === undefined ? {} : { expiresAt }),
        ...(token === undefined ? {} : { token }),
      }
    }
  }

  /** Names all that is held of the key; deleting nothing is how to learn the token of a key that is not there. */
  async #tokenBefore(key: Uint8Array): Promise<string> {
    while (this.#underWay.size > 0 && this.#failure === undefined) {
      await new Promise<void>((resolve) => (this.#whenIdle = resolve))
    }
    const { entry } = await this.#client.getAll(key)
    return entry?.token ?? (await this.#client.delete(key)).token
  }

  async *#readLines(input: AsyncIterable<unknown>): AsyncGenerator<Line> {
    const splitter = new LineSplitter(LINE_BYTES_MAX)
    for await (const chunk of input) {
      this.#bytesRead += (chunk as Buffer).length
      for (const line of splitter.push(chunk as Buffer)) yield* this.#nonBlank(line)
    }
    for (const line of splitter.end()) yield* this.#nonBlank(line)
  }

  *#nonBlank(line: Line): Generator<Line> {
    this.#lines = line.number
    if (line.fault !== undefined || line.text.trim() !== '') yield line
  }

  #refusal({ line, error }: { line: number; error: HearsayError }): HearsayError {
    const after =
      this.#keysAfterFailure === 0
        ? ''
        : `, and ${count(this.#keysAfterFailure, 'key')} after it, which were under way already`
    return new HearsayError(
      error.code,
      `${this.#source}:${line}: ${error.message}; imported before this line: ${count(this.#keys, 'key')}${after}`,
      { cause: error },
    )
  }

  /** The request broke, or the file did: say how far it came. */
  #explain(error: unknown): unknown {
    if (error instanceof HearsayError) {
      if (error.code === 'NO_DAEMON') return error
      const message = `${error.message}; imported until then: ${count(this.#keys, 'key')}`
      return new HearsayError(error.code, message, { cause: error })
    }
    const { code, message } = error as NodeJS.ErrnoException
    if (code === undefined) return error
    return new HearsayError(
      'BAD_REQUEST',
      `${this.#source}: ${message}; imported until then: ${count(this.#keys, 'key')}`,
      { cause: error },
    )
  }
}

function readLine(line: Line): ImportedKey {
  if (line.fault === undefined) return importedOfJson(line.text)
  const what = line.fault === 'too-long' ? `longer than ${LINE_BYTES_MAX} bytes` : 'not UTF-8 text'
  throw new HearsayError('BAD_IMPORT_LINE', what)
}
