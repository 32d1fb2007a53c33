/**
 * One frame of `hearsay top`: a pure function of two looks at a daemon and the size of the screen. What does not fit is cut
 * at the right and at the end of the list of peers, which begins with the worst; 80 columns and 24 rows suffice.
 */
import type { PeerStatus, Status } from '../../daemon-api.ts'
import { CHECKS } from '../checks.ts'
import { table } from '../output.ts'
import type { Style } from '../output.ts'
import { clockIsOff, clockOf, isSilent, nameOf } from '../peer-lines.ts'
import { bytesInWords, count, number, span } from '../words.ts'

export interface Look {
  status: Status
  /** Wall clock, milliseconds. */
  at: number
}

export interface FrameOptions {
  columns: number
  rows: number
  style: Style
  /** What the last line says. */
  footer: string
}

const PROBLEMS_MAX = 3

export function frame(look: Look, before: Look | undefined, options: FrameOptions): string[] {
  const { columns, rows, style, footer } = options
  const cut = (line: string): string =>
    line.length > columns ? `${line.slice(0, columns - 1)}…` : line
  const { status, at } = look
  const head = [
    style('bold', cut(title(status, at))),
    ...summary(look, before).map(cut),
    ...problems(status, at).map((line) => style('yellow', cut(line))),
    '',
  ]
  const [header, ...peers] = peerTable(status.peers, at)
  const room = Math.max(1, rows - head.length - 2)
  const shown = peers.length > room ? peers.slice(0, room - 1) : peers
  const more = peers.length - shown.length
  const body = [
    style('dim', cut(header)),
    ...shown.map(({ line, well }) => (well ? cut(line) : style('yellow', cut(line)))),
    ...(more > 0 ? [style('dim', cut(`… and ${count(more, 'more peer')}`))] : []),
  ]
  const filled = [...head, ...body].slice(0, rows - 1)
  return [...filled, style('dim', cut(footer))]
}

function title({ name, version, startedAt, completeness }: Status, at: number): string {
  const state =
    completeness.state === 'complete-as-of' ? 'not complete as of now' : completeness.state
  return `${name}  hearsay ${version}  up ${span(at - startedAt)}  ${state}  ${new Date(at).toISOString().slice(11, 19)}Z`
}

function summary(look: Look, before: Look | undefined): string[] {
  const { status } = look
  const { context, store, memory, counters, transport, eventLoop } = status
  const rate = rates(look, before)
  const gaps = context.gaps === 0 ? '' : `, ${count(context.gaps, 'gap')}`
  const stalls =
    eventLoop.stalls === 0 ? 'none' : `${number(eventLoop.stalls)}, ${span(eventLoop.stalledMs)}`
  const sum = (name: string): string => number(counters[name] ?? 0)
  return table([
    [
      'map',
      `${count(status.keys, 'key')}, ${count(context.dots, 'change')} of ${count(context.actors, 'writer')}${gaps}`,
    ],
    [
      'host',
      `store ${bytesInWords(store.sizeBytes)}, ${bytesInWords(store.freeBytes)} free; memory ${bytesInWords(memory.rssBytes)}; stalls ${stalls}`,
    ],
    [
      'writes',
      `${rate((s) => s.counters['writes'])} here; ${rate((s) => s.counters['deltasReceived'])} changes by gossip; ${rate((s) => s.counters['commits'])} commits`,
    ],
    [
      'gossip',
      `in ${rate((s) => s.transport.gossipBytesReceived, 'bytes')}, out ${rate((s) => s.transport.gossipBytesPublished, 'bytes')}; dropped ${sum('gossipDropped')}`,
    ],
    [
      'links',
      `in ${rate((s) => s.transport.bytesReceived, 'bytes')}, out ${rate((s) => s.transport.bytesSent, 'bytes')}; dropped ${number(transport.messagesDropped)}, dials failed ${number(transport.dialsFailed)}`,
    ],
    [
      'repair',
      `${rate((s) => s.counters['sessions.equal'])} equal; repaired ${sum('sessions.repaired')}, busy ${sum('sessions.busy')}, failed ${sum('sessions.failed')}; ` +
        `items in ${sum('repairItemsReceived')}, removed ${sum('repairItemsRemoved')}`,
    ],
  ])
}

/** How much a count grew in a second between two looks; a dash while there is one only. */
function rates(look: Look, before: Look | undefined) {
  return (read: (status: Status) => number | undefined, unit?: 'bytes'): string => {
    const seconds = before === undefined ? 0 : (look.at - before.at) / 1_000
    if (before === undefined || seconds <= 0) return '-'
    // Less than before: the daemon was started anew.
    const grown = Math.max(0, (read(look.status) ?? 0) - (read(before.status) ?? 0)) / seconds
    if (unit === 'bytes') return `${bytesInWords(Math.round(grown))}/s`
    return `${grown < 10 ? grown.toFixed(1) : number(Math.round(grown))}/s`
  }
}

/** In short: `hearsay doctor` has the rest. */
function problems(status: Status, now: number): string[] {
  const all = CHECKS.flatMap((check) => check.problem(status, now) ?? [])
  const more = all.length - PROBLEMS_MAX
  const shown = all.slice(0, PROBLEMS_MAX).map((problem) => `! ${problem}`)
  return more > 0 ? [...shown, `! and ${more} more: hearsay doctor`] : shown
}

function peerTable(
  peers: readonly PeerStatus[],
  now: number,
): [header: string, ...peers: { line: string; well: boolean }[]] {
  const sorted = [...peers].sort(
    (a, b) => weight(b) - weight(a) || (nameOf(a) < nameOf(b) ? -1 : 1),
  )
  const header = ['PEER', 'STATE', 'LACK', 'FOR', 'COMPARED', 'CLOCK', 'GOSSIP', 'LAST REPAIR']
  const [first = '', ...lines] = table([header, ...sorted.map((peer) => row(peer, now))])
  return [first, ...lines.map((line, i) => ({ line, well: weight(sorted[i]!) === 0 }))]
}

/** How much a peer asks for attention. */
function weight(peer: PeerStatus): number {
  if (isSilent(peer)) return Infinity
  if ((peer.dotsBehind ?? 0) > 0) return 2 + (peer.behindMs ?? 0)
  return peer.lastDigest?.agreed === true && !clockIsOff(peer.clockOffsetMs) ? 0 : 1
}

function row(peer: PeerStatus, now: number): string[] {
  const { lastDigest, dotsBehind, behindMs, lastReceipt } = peer
  return [
    nameOf(peer),
    stateOf(peer),
    dotsBehind === undefined ? '?' : number(dotsBehind),
    behindMs === undefined ? '-' : span(behindMs),
    lastDigest === undefined ? 'never' : `${span(now - lastDigest.at)} ago`,
    clockOf(peer.clockOffsetMs),
    peer.gossip ? 'open' : 'none',
    lastReceipt === undefined ? '-' : repairOf(lastReceipt),
  ]
}

/** One word, so that the columns fit. */
function stateOf(peer: PeerStatus): string {
  if (isSilent(peer)) return 'silent'
  if (peer.repairing && (peer.dotsBehind ?? 0) > 0) return 'repairing'
  if (peer.lastDigest === undefined) return 'new'
  return peer.lastDigest.agreed ? 'agrees' : 'differs'
}

function repairOf({
  outcome,
  reason,
  keysChanged,
  messageBytes,
}: NonNullable<PeerStatus['lastReceipt']>) {
  return outcome === 'failed'
    ? `failed: ${reason ?? '?'}`
    : `${count(keysChanged, 'key')}, ${bytesInWords(messageBytes)}`
}
