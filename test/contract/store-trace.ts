/**
 * Reads what strace saw of a process that says "ack N" on its standard output after each synced commit.
 *
 * A log file is dirty from the start of a write to it until the end of a successful fdatasync that began after that write
 * had ended. An acknowledgement while any log file is dirty came too early.
 */
export interface Trace {
  acknowledged: number
  /** Acknowledgements that came too early, and the files that were dirty then. */
  early: string[]
  logFiles: Set<string>
}

interface Call {
  name: string
  file: string
}

const LINE = /^(\d+)\s+(?:<\.\.\. (\w+) resumed>|(\w+)\(\d+<([^>]*)>)(.*)$/

export function unsyncedAcknowledgements(text: string): Trace {
  const trace: Trace = { acknowledged: 0, early: [], logFiles: new Set() }
  const pending = new Map<string, Call>()
  /** Of each log file: the writes since the fdatasync that last covered it. */
  const dirty = new Map<string, number>()
  /** Of each fdatasync under way: what it will cover, by thread. */
  const covers = new Map<string, number>()

  for (const line of text.split('\n')) {
    const match = LINE.exec(line)
    if (match === null) continue
    const [, thread = '', resumed, , , rest = ''] = match
    const call = resumed === undefined ? { name: match[3]!, file: match[4]! } : pending.get(thread)
    if (call === undefined) continue
    const starts = resumed === undefined
    const ends = !rest.includes('<unfinished ...>')
    const writes = call.name.includes('write')
    if (writes && starts) {
      const acknowledged = /^, "(ack \d+)/.exec(rest)?.[1]
      if (acknowledged !== undefined) acknowledge(trace, acknowledged, dirty)
    }
    if (call.file.endsWith('.log')) {
      trace.logFiles.add(call.file)
      if (writes) {
        // Also at its end: an fdatasync that began in between does not cover it.
        dirty.set(call.file, (dirty.get(call.file) ?? 0) + 1)
      } else {
        if (starts) covers.set(thread, dirty.get(call.file) ?? 0)
        if (ends && rest.endsWith('= 0') && covers.get(thread) === (dirty.get(call.file) ?? 0)) {
          dirty.delete(call.file)
        }
      }
    }
    if (ends) pending.delete(thread)
    else pending.set(thread, call)
  }
  return trace
}

function acknowledge(trace: Trace, what: string, dirty: Map<string, number>): void {
  trace.acknowledged++
  if (dirty.size > 0) trace.early.push(`${what}: ${[...dirty.keys()].join(', ')}`)
}
