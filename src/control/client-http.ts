/** One request over the control socket, with every way it can fail turned into a `HearsayError`. */
import { request, type Agent, type ClientRequest, type IncomingMessage } from 'node:http'
import { ERROR_CODES, HearsayError, type ErrorCode } from '../errors.ts'
import { VERSION_HEADER } from './headers.ts'
import type { JsonObject } from './json.ts'
import { ANSWER_BYTES_MAX } from './limits.ts'
import { LineSplitter, type Line } from './lines.ts'
import { checkSocketPath } from './socket-file.ts'

export interface Call {
  method: 'GET' | 'PUT' | 'POST' | 'DELETE'
  path: string
  headers?: Record<string, string>
  body?: string | Uint8Array
  /** Statuses that are answers here and no errors. */
  accept?: number[]
  /** Silence after which to give up. */
  timeoutMs: number
  /** Then only the answer's beginning is waited for: its lines come when there is something to tell. */
  stream?: boolean
  signal?: AbortSignal
}

export interface Answer {
  status: number
  header(name: string): string | undefined
  message: IncomingMessage
}

interface Sent {
  sent: ClientRequest
  /** Rejects with every failure until the headers are there. */
  answered: Promise<Answer>
}

/** Over a connection that `kept` has, or keeps; over one of its own when absent. */
export async function openAnswer(socketPath: string, call: Call, kept?: Agent): Promise<Answer> {
  const first = sendWhole(socketPath, call, kept)
  try {
    return await first.answered
  } catch (error) {
    if (!cameTooLate(first.sent, call, error)) throw error
  }
  return sendWhole(socketPath, call).answered
}

function sendWhole(socketPath: string, call: Call, kept?: Agent): Sent {
  const all = send(socketPath, call, kept)
  all.sent.end(call.body)
  return all
}

/**
 * Whether the daemon had closed the connection that was kept, and the request can be sent anew: nobody has read what could not be
 * written to its end, and to read twice does no harm. Of a write that left, nobody knows.
 */
function cameTooLate({ reusedSocket }: ClientRequest, { method }: Call, error: unknown): boolean {
  const code = ((error as Error).cause as { code?: string } | undefined)?.code
  return reusedSocket && (code === 'EPIPE' || (code === 'ECONNRESET' && method === 'GET'))
}

/** Begins a request whose body the caller writes. */
export function send(socketPath: string, call: Call, kept?: Agent): Sent {
  checkSocketPath(socketPath)
  const { method, path, signal } = call
  const body = call.body === undefined ? {} : { 'content-length': Buffer.byteLength(call.body) }
  // Also of a connection for one request: it is the client that closes it. A daemon that refuses a body before its end
  // would close it with the rest unread, and the refusal would be lost with it.
  const headers = { connection: 'keep-alive', ...call.headers, ...body }
  const sent = request({ socketPath, path, method, headers, agent: kept ?? false })
  const abort = (): void => void sent.destroy()
  if (signal?.aborted === true) abort()
  signal?.addEventListener('abort', abort)
  sent.once('close', () => signal?.removeEventListener('abort', abort))
  const { timeoutMs } = call
  sent.setTimeout(timeoutMs, () => sent.destroy(timedOut(socketPath, timeoutMs)))
  if (call.stream === true) sent.once('response', () => sent.setTimeout(0))
  const answered = new Promise<Answer>((resolve, reject) => {
    // Stays for the life of the request: a request body may break after the answer has begun.
    sent.on('error', (error) => reject(failure(socketPath, error)))
    sent.once('response', (message) => resolve(answerOf(socketPath, message, call.accept ?? [])))
  })
  return { sent, answered }
}

async function answerOf(
  socketPath: string,
  message: IncomingMessage,
  accept: number[],
): Promise<Answer> {
  const status = message.statusCode ?? 0
  const header = (name: string): string | undefined => {
    const value = message.headers[name]
    return Array.isArray(value) ? value.join(', ') : value
  }
  if (header(VERSION_HEADER) === undefined) {
    message.destroy()
    throw new HearsayError(
      'DAEMON_FAILED',
      `what answers at ${socketPath} is not a hearsay daemon (HTTP ${status} without ${VERSION_HEADER})`,
    )
  }
  const answer = { status, header, message }
  if (status < 400 || accept.includes(status)) return answer
  throw errorOfBody(await answerText(answer), status)
}

/** The whole body. */
export async function answerText(answer: Answer): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of body(answer)) {
    length += chunk.length
    if (length > ANSWER_BYTES_MAX) {
      throw new HearsayError('DAEMON_FAILED', `the answer is longer than ${ANSWER_BYTES_MAX} bytes`)
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The lines of the body without heartbeats; throws what a failure line says. */
export async function* lines(answer: Answer): AsyncGenerator<string> {
  const splitter = new LineSplitter(ANSWER_BYTES_MAX)
  for await (const chunk of body(answer)) {
    for (const line of splitter.push(chunk)) {
      const text = lineText(line)
      if (text !== '') yield text
    }
  }
  for (const line of splitter.end()) yield lineText(line)
}

function lineText(line: Line): string {
  if (line.fault !== undefined) {
    throw new HearsayError('DAEMON_FAILED', `line ${line.number} of the answer is ${line.fault}`)
  }
  // The server begins nothing else with this name.
  if (line.text.startsWith('{"error":'))
    throw errorOfJson((JSON.parse(line.text) as JsonObject).error)
  return line.text
}

/** The body's chunks, with a connection that breaks under way told as DAEMON_FAILED. */
async function* body(answer: Answer): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of answer.message) yield chunk as Buffer
  } catch (error) {
    if (error instanceof HearsayError) throw error
    throw brokenOff(error)
  } finally {
    answer.message.destroy()
  }
}

function brokenOff(cause: unknown): HearsayError {
  return new HearsayError(
    'DAEMON_FAILED',
    'the daemon closed the connection before the answer was complete; see its log. A write that was not answered may be done or not',
    { cause },
  )
}

function errorOfBody(text: Buffer, status: number): HearsayError {
  try {
    return errorOfJson(JSON.parse(text.toString('utf8')))
  } catch (cause) {
    return new HearsayError(
      'DAEMON_FAILED',
      `the daemon answered HTTP ${status} without a reason`,
      {
        cause,
      },
    )
  }
}

/** A daemon of a later version may know codes that this client does not. */
export function errorOfJson(value: unknown): HearsayError {
  const { code, message } = value as { code: ErrorCode; message: string }
  if (ERROR_CODES.includes(code)) return new HearsayError(code, message)
  return new HearsayError('DAEMON_FAILED', `${message} (${code})`)
}

function timedOut(socketPath: string, timeoutMs: number): HearsayError {
  return new HearsayError(
    'TIMEOUT',
    `the daemon at ${socketPath} did not answer within ${timeoutMs / 1000} s; is it stopped or overloaded?`,
  )
}

export function failure(socketPath: string, error: Error & { code?: string }): HearsayError {
  if (error instanceof HearsayError) return error
  const options = { cause: error }
  const start = `Start one with: hearsayd --socket ${socketPath} (or name another socket with --socket or HEARSAY_SOCKET)`
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new HearsayError(
        'NO_DAEMON',
        `no daemon: there is no socket ${socketPath}. ${start}`,
        options,
      )
    case 'ECONNREFUSED':
      return new HearsayError(
        'NO_DAEMON',
        `no daemon: the socket ${socketPath} is left over, nobody listens. ${start}`,
        options,
      )
    case 'ENOTSOCK':
      return new HearsayError(
        'NO_DAEMON',
        `no daemon: ${socketPath} is not a socket. ${start}`,
        options,
      )
    case 'EACCES':
    case 'EPERM':
      return new HearsayError(
        'NO_DAEMON',
        `no access to the socket ${socketPath}: it belongs to another user. Run as that user, or give the daemon a socket group or mode that lets you in`,
        options,
      )
    case undefined:
    default:
      return error.code?.startsWith('HPE_') === true
        ? new HearsayError(
            'DAEMON_FAILED',
            `what answers at ${socketPath} does not speak HTTP`,
            options,
          )
        : brokenOff(error)
  }
}
