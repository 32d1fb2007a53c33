/**
 * `hearsay status` for a person who was just woken: first the verdict, then what is wrong and what to do, then the facts.
 * A pure function of the status, so that every sentence has its test.
 */
import type { Completeness, PeerStatus, Status } from '../daemon-api.ts'
import { CHECKS } from './checks.ts'
import { table } from './output.ts'
import type { Style } from './output.ts'
import { peerLines } from './peer-lines.ts'
import { bytesInWords, count, instant, number, span } from './words.ts'

export function statusText(status: Status, now: number, style: Style): string {
  const problems = CHECKS.flatMap((check) => check.problem(status, now) ?? [])
  const title = `${status.name}  hearsay ${status.version}, up ${span(now - status.startedAt)}`
  const lines = [
    style('bold', title),
    '',
    ...verdict(status, problems, style),
    '',
    ...table(facts(status, now), '  '),
    '',
    style('bold', `${count(status.peers.length, 'peer')} connected`),
    ...peerLines(status.peers, now, style).map((line) => `  ${line}`),
  ]
  return `${lines.join('\n')}\n`
}

function verdict(status: Status, problems: string[], style: Style): string[] {
  if (problems.length > 0) {
    return problems.map((problem) => `${style(['bold', 'yellow'], '!')} ${problem}`)
  }
  const agreeing = status.peers.filter((peer) => peer.lastDigest?.agreed === true).length
  if (status.peers.length === 0) {
    return [
      style(
        'green',
        'All is well: complete, and alone: no peer is connected, and none was dialled in vain.',
      ),
    ]
  }
  if (agreeing === status.peers.length) {
    return [style('green', `All is well: complete, and ${agreement(agreeing)}.`)]
  }
  return [`Complete, and ${differing(status.peers, agreeing)}`]
}

/** A comparison catches what is on its way, so that one that differed is no news by itself. */
function differing(peers: readonly PeerStatus[], agreeing: number): string {
  const behind = peers.reduce((dots, peer) => Math.max(dots, peer.dotsBehind ?? 0), 0)
  const lacks =
    behind === 0
      ? 'lacking nothing of what its peers had when last compared'
      : `${count(behind, 'change')} behind: being pulled`
  const others = peers.length - agreeing
  return (
    `${lacks}. ${agreeing} of ${count(peers.length, 'peer')} agreed then; ${others === 1 ? 'the other' : `the other ${others}`} differed, ` +
    'as happens while changes are on their way. They are compared again within seconds.'
  )
}

function agreement(peers: number): string {
  return peers === 1 ? 'the connected peer agrees' : `all ${peers} connected peers agree`
}

function facts(status: Status, now: number): string[][] {
  const { context, digest, cluster, store } = status
  const expired =
    status.itemsExpired === 0 ? '' : `, and ${number(status.itemsExpired)} expired, not yet removed`
  const gaps = context.gaps === 0 ? 'no gaps' : count(context.gaps, 'gap')
  const more = context.catchingUp ? '; more are on their way' : ''
  const addresses = status.addresses.length === 0 ? ['none'] : status.addresses
  return [
    ['answers', completenessWords(status.completeness, now)],
    ['keys', `${number(status.keys)}${expired}`],
    [
      'changes',
      `${number(context.dots)} seen, of ${count(context.actors, 'writer')}, ${gaps}${more}`,
    ],
    ['digest', `context ${digest.context}  fingerprint ${digest.fingerprint}`],
    ['clock', clockWords(status.clock)],
    [
      'data',
      `${status.dataDir}, ${bytesInWords(store.sizeBytes)}${store.failing === undefined ? '' : ', FAILED'}`,
    ],
    ['memory', bytesInWords(status.memory.rssBytes)],
    ...(status.socket === undefined ? [] : [['socket', status.socket]]),
    ['cluster', cluster.local ? 'local: without a network key, on this machine alone' : cluster.id],
    ['peer id', status.peerId],
    ['actor', status.actor ?? 'none yet: nothing written since the start'],
    ...addresses.map((address, i) => [i === 0 ? 'address' : '', address]),
  ]
}

function clockWords({ doubt, reason }: Status['clock']): string {
  if (!doubt) return 'fine'
  return `not trusted yet${reason === undefined ? '' : `: ${reason}`}; what has expired is hidden and waits`
}

function completenessWords(completeness: Completeness, now: number): string {
  if (completeness.state === 'complete') return 'complete'
  if (completeness.state === 'syncing') return 'syncing: absent is not deleted'
  return `complete as of ${instant(completeness.asOf, now)}`
}
