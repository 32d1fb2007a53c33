/**
 * `hearsay status` for a person who was just woken: first the verdict, then what is wrong and what to do, then the facts.
 * A pure function of the status, so that every sentence has its test.
 */
import type { Completeness, PeerStatus, Status } from '../daemon-api.ts'
import { table } from './output.ts'
import type { Style } from './output.ts'
import { clockIsOff, isSilent, nameOf, peerLines } from './peer-lines.ts'
import { bytesInWords, count, number, span } from './words.ts'

export function statusText(status: Status, now: number, style: Style): string {
  const problems = problemsOf(status, now)
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

/** What needs a person, worst first, each with what to do. */
function problemsOf(status: Status, now: number): string[] {
  return [
    ...storeProblem(status),
    ...storeLossProblem(status, now),
    ...removalsProblem(status),
    ...doubtProblem(status),
    ...completenessProblem(status, now),
    ...cutOffProblem(status),
    ...silenceProblem(status),
    ...clockProblem(status, now),
    ...lossProblem(status),
    ...gossipProblem(status, now),
  ]
}

function storeProblem({ store, dataDir }: Status): string[] {
  if (store.failing === undefined) return []
  return [
    `The store has failed: ${store.failing}. Writes are refused; reads go on. Look at the disk of ${dataDir} ` +
      '(full? read-only? broken?), then restart hearsayd.',
  ]
}

/** While it lasts, and after that for as long as this run tells of it: the damage had a cause. */
function storeLossProblem({ store, dataDir }: Status, now: number): string[] {
  const { loss } = store
  if (loss === undefined) return []
  const items = loss.items ?? 0
  const lost = items === 0 ? 'Records' : count(items, 'value')
  const state = loss.madeUp
    ? 'Connected peers have given all they have since.'
    : 'What peers have is coming back; what is absent until then is not deleted.'
  return [
    `${lost} of the store were damaged when it was read, ${instant(loss.at, now)}. ${state} What was written here and had ` +
      `reached no peer by then is lost. Look at the disk; the damaged store is kept in ${dataDir}/store.damaged.`,
  ]
}

function removalsProblem({ doubts }: Status): string[] {
  if (doubts.removalsHeld === 0) return []
  return [
    `Peers say that ${count(doubts.removalsHeld, 'key')} were removed, and nothing proves it: they are kept for now. Was so much ` +
      'deleted? "hearsay removals" shows them, and approves or refuses.',
  ]
}

function doubtProblem({ doubts }: Status): string[] {
  if (doubts.actorsDoubted === 0) return []
  return [
    `A peer claims changes far beyond what was heard of ${count(doubts.actorsDoubted, 'writer')}: not believed until a second ` +
      'peer says the same. The log names them (RANGE_DOUBTED).',
  ]
}

function completenessProblem({ completeness, peers }: Status, now: number): string[] {
  if (completeness.state === 'complete') return []
  const connected =
    peers.length === 0
      ? 'No peer is connected: look at the network and the log, or dial one with "hearsay connect MULTIADDR".'
      : undefined
  if (completeness.state === 'complete-as-of') {
    return [
      `Complete as of ${instant(completeness.asOf, now)}, when a complete peer last confirmed it. What was written elsewhere ` +
        `since then may be missing here. ${connected ?? 'This ends as soon as a complete peer agrees.'}`,
    ]
  }
  const source = peers.find((peer) => peer.complete === true)
  const then =
    source === undefined
      ? 'None of the connected peers is complete. In a new fleet start exactly one daemon with --first; in an old one, ' +
        'connect to a daemon that is complete.'
      : `${nameOf(source)} is complete; pulling from it${behind(source.dotsBehind)}.`
  return [
    `Syncing: what is absent here may only not have arrived yet. ${connected ?? then}` +
      (connected === undefined
        ? ''
        : ' If this is the first daemon of a new fleet, start it with --first.'),
  ]
}

function behind(dots: number | undefined): string {
  return dots === undefined || dots === 0 ? '' : `, ${count(dots, 'change')} to go`
}

/** A complete daemon that lost its peers; one that is not complete has heard of it already. */
function cutOffProblem({ completeness, peers, transport }: Status): string[] {
  if (completeness.state !== 'complete' || peers.length > 0 || transport.dialsFailed === 0)
    return []
  return [
    `No peer is connected, and ${count(transport.dialsFailed, 'dial')} failed since the start: look at the network and the log. ` +
      'Reads and writes go on here; both sides catch up when they are connected again.',
  ]
}

function silenceProblem({ peers }: Status): string[] {
  const silent = peers.filter(isSilent)
  if (silent.length === 0) return []
  return [
    `No answer from ${silent.map(nameOf).join(', ')}: stopped, overloaded, or cut off without a word. Is its process well, and the ` +
      'network to it? It catches up when it answers again.',
  ]
}

/** Every daemon begins with its clock in doubt, and alone it keeps that for ten minutes: no news until then, milliseconds. */
const CLOCK_TRUSTED_AFTER_MS = 15 * 60_000

function clockProblem({ clock, peers, startedAt }: Status, now: number): string[] {
  const apart = peers.some((peer) => clockIsOff(peer.clockOffsetMs))
  if (!clock.doubt || (!apart && now - startedAt < CLOCK_TRUSTED_AFTER_MS)) return []
  return [
    `The clock is in doubt: ${clock.reason ?? 'no reason given'}. Expired values are hidden, but stay in the store until ` +
      'it is not. Compare the clocks (CLOCK below shows the others) and set the one that is off; is NTP running?',
  ]
}

function lossProblem({ context }: Status): string[] {
  if (context.dotsLost === 0) return []
  return [
    `${count(context.dotsLost, 'change')} cannot be had from any connected peer. If a daemon that wrote lately is away, bring it ` +
      'back; if its disk is gone, so are they.',
  ]
}

/** A link begins without gossip for a moment; only one that stays so is worth a word, milliseconds. */
const GOSSIP_EXPECTED_AFTER_MS = 15_000

function gossipProblem({ peers }: Status, now: number): string[] {
  const silent = peers.filter(
    (peer) => !peer.gossip && now - peer.connectedAt > GOSSIP_EXPECTED_AFTER_MS,
  )
  if (silent.length === 0) return []
  return [
    `No gossip with ${silent.map(nameOf).join(', ')}: changes come by repair alone, seconds later. Is gossip.enabled the ` +
      'same on all daemons?',
  ]
}

function facts(status: Status, now: number): string[][] {
  const { context, digest, cluster, store } = status
  const expired =
    status.itemsExpired === 0 ? '' : `, and ${number(status.itemsExpired)} expired, not yet removed`
  const gaps = context.gaps === 0 ? 'no gaps' : count(context.gaps, 'gap')
  const addresses = status.addresses.length === 0 ? ['none'] : status.addresses
  return [
    ['answers', completenessWords(status.completeness, now)],
    ['keys', `${number(status.keys)}${expired}`],
    ['changes', `${number(context.dots)} seen, of ${count(context.actors, 'writer')}, ${gaps}`],
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

function instant(ms: number, now: number): string {
  return `${new Date(ms).toISOString()} (${span(now - ms)} ago)`
}
