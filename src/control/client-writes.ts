/** The client's side of the streaming write request: mutations go out while answers come in. */
import type { ClientRequest } from 'node:http'
import type { Mutation, Written } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import { errorOfJson, failure, lines, send } from './client-http.ts'
import { NDJSON } from './headers.ts'
import { mutationJson, parseObject } from './json.ts'
import { CHUNK_BYTES } from './limits.ts'

/** What became of one mutation. `line` counts the mutations from 1. */
export type WriteAnswer = { line: number; written: Written } | { line: number; error: HearsayError }

export async function* clientWrites(
  socketPath: string,
  timeoutMs: number,
  mutations: AsyncIterable<Mutation> | Iterable<Mutation>,
): AsyncGenerator<WriteAnswer> {
  const headers = { 'content-type': NDJSON, 'transfer-encoding': 'chunked' }
  const { sent, answered } = send(socketPath, {
    method: 'POST',
    path: '/v1/write',
    headers,
    timeoutMs,
    stream: true,
  })
  // With the headers first, an answer that refuses the whole request comes before any mutation is taken.
  sent.flushHeaders()
  let ours: unknown
  try {
    const answer = await answered
    // A mutation that the caller's iterable fails to give ends the request: what was sent may be done or not.
    const sending = sendAll(sent, mutations).catch((error: unknown) => {
      ours = error
      sent.destroy()
    })
    for await (const text of lines(answer)) yield answerOfLine(text)
    await sending
    if (ours !== undefined) throw ours
  } catch (error) {
    throw ours ?? (error instanceof HearsayError ? error : failure(socketPath, error as Error))
  } finally {
    sent.destroy()
  }
}

function answerOfLine(text: string): WriteAnswer {
  const object = parseObject(text)
  const line = object.line as number
  if (object.error !== undefined) return { line, error: errorOfJson(object.error) }
  return { line, written: object.written as Written }
}

/** Lines are gathered until the loop's next turn, so that many small ones share a chunk and none waits for another. */
class LineSender {
  readonly #sent: ClientRequest
  #gathered = ''
  #timer: NodeJS.Immediate | undefined

  constructor(sent: ClientRequest) {
    this.#sent = sent
  }

  /** False when the caller should wait for `drained`. */
  add(line: string): boolean {
    this.#gathered += line
    if (this.#gathered.length >= CHUNK_BYTES) return this.#flush()
    this.#timer ??= setImmediate(() => this.#flush())
    return true
  }

  end(): void {
    this.#flush()
    this.#sent.end()
  }

  drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#sent.off('drain', done)
        this.#sent.off('close', done)
        resolve()
      }
      this.#sent.on('drain', done)
      this.#sent.on('close', done)
    })
  }

  #flush(): boolean {
    clearImmediate(this.#timer)
    this.#timer = undefined
    const text = this.#gathered
    this.#gathered = ''
    return text === '' || this.#sent.destroyed || this.#sent.write(text)
  }
}

async function sendAll(
  sent: ClientRequest,
  mutations: AsyncIterable<Mutation> | Iterable<Mutation>,
): Promise<void> {
  const sender = new LineSender(sent)
  for await (const mutation of mutations) {
    if (sent.destroyed) return
    if (!sender.add(`${mutationJson(mutation)}\n`)) await sender.drained()
  }
  sender.end()
}
