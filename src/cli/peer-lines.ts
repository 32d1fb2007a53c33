/** Peers as aligned lines: who, whether it agrees, what we lack of it, and how good the link is. */
import type { PeerStatus } from '../daemon-api.ts'
import { printable } from './bytes.ts'
import { table } from './output.ts'
import type { Style } from './output.ts'
import { count, span } from './words.ts'

/** Clocks further apart than this are worth a word: half of the default of expiry.skew. */
const CLOCK_OFFSET_SHOWN_MS = 30_000

/** A peer answers within milliseconds, and a busy one within a second; silence beyond this is worth a word. */
const SILENCE_SHOWN_MS = 2_000

export function peerLines(peers: readonly PeerStatus[], now: number, style: Style): string[] {
  if (peers.length === 0) return []
  const header = ['PEER', 'STATE', 'COMPARED', 'CLOCK', 'LINK', 'ADDRESS']
  const [first = '', ...lines] = table([header, ...peers.map((peer) => row(peer, now))])
  const coloured = lines.map((line, i) => {
    const peer = peers[i]
    if (peer === undefined) return line
    const state = stateOf(peer)
    return line.replace(state, style(colourOf(peer), state))
  })
  return [style('dim', first), ...coloured]
}

function row(peer: PeerStatus, now: number): string[] {
  return [
    nameOf(peer),
    stateOf(peer),
    peer.lastDigest === undefined ? 'not yet' : `${span(now - peer.lastDigest.at)} ago`,
    clockOf(peer.clockOffsetMs),
    linkOf(peer, now),
    peer.address,
  ]
}

/** Peer ids begin alike and differ at their end; the whole id stands in the address or in --json. */
export function nameOf(peer: PeerStatus): string {
  const id = `…${peer.peer.slice(-8)}`
  return peer.name === undefined ? id : `${printable(peer.name)} ${id}`
}

/** Whether the peer was asked and does not answer: it is stopped, overloaded, or the network swallows what is sent. */
export function isSilent(peer: PeerStatus): boolean {
  return (peer.unansweredMs ?? 0) >= SILENCE_SHOWN_MS
}

export function stateOf(peer: PeerStatus): string {
  if (isSilent(peer)) return `no answer for ${span(peer.unansweredMs ?? 0)}`
  const behind = peer.dotsBehind ?? 0
  if (peer.repairing) return behind > 0 ? `repairing, ${lacking(behind)}` : 'repairing'
  if (peer.lastDigest === undefined) return 'not compared'
  if (peer.lastDigest.agreed) return peer.complete === false ? 'agrees, syncing itself' : 'agrees'
  if (behind > 0) return `differs, ${lacking(behind)}`
  // Both may have what the other lacked by now; the next comparison, which comes soon, will tell.
  return peer.dotsBehind === 0 ? 'differed, we lack nothing' : 'differs'
}

function lacking(dots: number): string {
  return `we lack ${count(dots, 'change')}`
}

function colourOf(peer: PeerStatus): 'green' | 'yellow' {
  return peer.lastDigest?.agreed === true && !peer.repairing && !isSilent(peer) ? 'green' : 'yellow'
}

export function clockIsOff(offsetMs: number | undefined): boolean {
  return Math.abs(offsetMs ?? 0) >= CLOCK_OFFSET_SHOWN_MS
}

export function clockOf(offsetMs: number | undefined): string {
  if (offsetMs === undefined) return '?'
  if (!clockIsOff(offsetMs)) return 'same'
  return `${span(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead' : 'behind'}`
}

function linkOf(peer: PeerStatus, now: number): string {
  const since = `${peer.direction === 'inbound' ? 'from it' : 'to it'}, ${span(now - peer.connectedAt)}`
  return peer.gossip ? since : `${since}, no gossip`
}
