/**
 * What strace printed of a process, call by call.
 *
 * strace prints calls in the order in which it saw them begin and end, and a thread goes on only after its line: that order
 * is one of cause and effect. With `-D` the process keeps the id with which it was started; with `-y` descriptors have paths.
 */
import { readdirSync, readlinkSync } from 'node:fs'

export interface Call {
  name: string
  /** Arguments and result, as printed: `3</a/file>, "abc", 3) = 3`. Without a result where the process was killed within. */
  text: string
  /** Numbers of the lines with which it began and ended; Infinity where it did not end. */
  begin: number
  end: number
}

/**
 * Whether somebody has the trace open. With `-D` strace is no parent of the process, and outlives it: before it has let go of
 * its file the last calls may be missing, though they were done.
 */
export function isBeingWritten(trace: string): boolean {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => filesOf(pid).includes(trace))
}

function filesOf(pid: string): (string | undefined)[] {
  const directory = `/proc/${pid}/fd`
  return (unlessGone(() => readdirSync(directory)) ?? []).map((fd) =>
    unlessGone(() => readlinkSync(`${directory}/${fd}`)),
  )
}

/** A process ends, and a file is closed, at any moment. */
function unlessGone<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

const LINE = /^(\d+)\s+(?:<\.\.\. (\w+) resumed>(.*)|(\w+)\((.*))$/
const RESULT_CHARACTERS_MAX = 4096 + 100
const UNFINISHED = ' <unfinished ...>'

/** Calls in the order in which they ended; those that did not end come last. */
export function* straceCalls(text: string): Generator<Call> {
  const pending = new Map<string, Call>()
  for (const [index, line] of text.split('\n').entries()) {
    const match = LINE.exec(line)
    if (match === null) continue
    const [, thread = '', resumed, rest = '', name = '', args = ''] = match
    let call: Call | undefined
    if (resumed === undefined) call = { name, text: args, begin: index, end: Infinity }
    else {
      call = pending.get(thread)
      if (call === undefined) continue
      call.text += rest
      pending.delete(thread)
    }
    if (call.text.endsWith(UNFINISHED)) {
      call.text = call.text.slice(0, -UNFINISHED.length)
      pending.set(thread, call)
    } else yield { ...call, end: index }
  }
  yield* pending.values()
}

/** What the call gave; undefined where it did not end. */
export function resultOf({ text, end }: Call): number | undefined {
  if (end === Infinity) return undefined
  const result = /= (-?\d+)[^=]*$/.exec(text.slice(-RESULT_CHARACTERS_MAX))?.[1]
  return result === undefined ? undefined : Number(result)
}

const ESCAPES: Record<string, string> = { n: '\n', t: '\t', r: '\r', v: '\v', f: '\f' }

/** The bytes of a string as strace prints it between its quotes. */
export function straceBytes(printed: string): Buffer {
  const text = printed.replaceAll(/\\([0-7]{1,3}|.)/g, (_, escaped: string) =>
    /^[0-7]/.test(escaped)
      ? String.fromCharCode(Number.parseInt(escaped, 8))
      : (ESCAPES[escaped] ?? escaped),
  )
  return Buffer.from(text, 'latin1')
}
