/**
 * Reads what strace saw of a daemon and tells which acknowledgements left before what they acknowledge was on disk.
 *
 * Every put has a marker of its own in its value. Its bytes reach the store's log in a `write`; they are on disk when an
 * `fdatasync` of that file which began after that write has ended with 0; and the daemon may answer only then.
 */
import { resultOf, straceCalls } from './strace.ts'

export interface SyncTrace {
  /** Markers whose answer was seen. */
  answered: Set<string>
  /** What was wrong, for each answer that came too early. */
  early: string[]
  syncs: number
}

/** Strings of log writes must not be cut. */
export const STRACE = [
  'strace',
  '-D',
  '-f',
  '-y',
  '-s',
  '1000000',
  '-e',
  'trace=read,readv,recvfrom,recvmsg,write,writev,pwrite64,pwritev,sendto,sendmsg,fdatasync,fsync',
]

/** A call on a descriptor, that ended. */
interface Done {
  name: string
  text: string
  begin: number
  end: number
  fd: string
  file: string
  result: number
}

function* calls(text: string): Generator<Done> {
  for (const call of straceCalls(text)) {
    const fd = /^(\d+)<([^>]*)>/.exec(call.text)
    const result = resultOf(call)
    if (fd === null || result === undefined) continue
    yield { ...call, fd: fd[1]!, file: fd[2]!, result }
  }
}

/** `markers` matches one marker; requests name them, and so do the values in the log. */
export function traceSyncs(text: string, marker: RegExp): SyncTrace {
  const markers = new RegExp(marker.source, 'g')
  const writtenAt = new Map<string, { file: string; end: number }>()
  const syncs: Done[] = []
  const answers: { name: string; begin: number }[] = []
  /** Of each connection: the marker of the request that is not answered yet, or those of a stream by line. */
  const asked = new Map<string, string>()
  const streams = new Map<string, string[]>()

  for (const call of calls(text)) {
    if (call.file.endsWith('.log')) {
      if (call.name.includes('write')) {
        for (const [name] of call.text.matchAll(markers)) {
          writtenAt.set(name, { file: call.file, end: call.end })
        }
      } else if (call.name.includes('sync') && call.result === 0) syncs.push(call)
      continue
    }
    if (/^(read|recv)/.test(call.name)) {
      const found = [...call.text.matchAll(markers)].map(([name]) => name)
      if (call.text.includes('POST /v1/write')) streams.set(call.fd, [])
      const stream = streams.get(call.fd)
      // A marker stands several times in its request; the first tells the order.
      if (stream !== undefined) for (const name of new Set(found)) stream.push(name)
      else if (found[0] !== undefined) asked.set(call.fd, found[0])
      continue
    }
    const stream = streams.get(call.fd)
    if (stream !== undefined) {
      for (const [, line] of call.text.matchAll(/\{\\"line\\":(\d+),\\"written\\"/g)) {
        const name = [...new Set(stream)][Number(line) - 1]
        if (name !== undefined) answers.push({ name, begin: call.begin })
      }
    } else if (call.text.includes('HTTP/1.1 200')) {
      const name = asked.get(call.fd)
      asked.delete(call.fd)
      if (name !== undefined) answers.push({ name, begin: call.begin })
    }
  }

  const trace: SyncTrace = { answered: new Set(), early: [], syncs: syncs.length }
  for (const { name, begin } of answers) {
    trace.answered.add(name)
    const written = writtenAt.get(name)
    if (written === undefined || written.end > begin) {
      trace.early.push(`${name}: answered before it was written`)
      continue
    }
    const { file, end } = written
    const covered = syncs.some((s) => s.file === file && s.begin > end && s.end < begin)
    if (!covered) trace.early.push(`${name}: answered before its fdatasync`)
  }
  return trace
}
