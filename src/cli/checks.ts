/**
 * What an operator would check at three in the morning, in the order of weight. Each check is a pure function of a status:
 * a problem that needs a person, with what to do, or nothing; and what to say when all is fine.
 *
 * `hearsay status` shows the problems, `hearsay doctor` every check.
 */
import type { EventLoop, PeerStatus, Status } from '../daemon-api.ts'
import { clockIsOff, isSilent, nameOf } from './peer-lines.ts'
import { bytesInWords, count, instant, span } from './words.ts'

export interface Check {
  name: string
  problem(status: Status, now: number): string | undefined
  fine(status: Status): string
}

const MINUTE_MS = 60_000
const MiB = 1024 * 1024

const store: Check = {
  name: 'store',
  problem({ store: { failing, commitMs = 0 }, dataDir }) {
    if (failing !== undefined) {
      return (
        `The store has failed: ${failing}. Writes are refused; reads go on. Look at the disk of ${dataDir} ` +
        '(full? read-only? broken?). No restart is needed: the store is tried again at least every half a minute.'
      )
    }
    if (commitMs < COMMIT_SLOW_MS) return undefined
    return (
      `The disk of ${dataDir} has not answered a commit for ${span(commitMs)}; writes wait for it. Look at it ` +
      '(dmesg, iostat -x 1): overloaded, or broken?'
    )
  },
  fine: ({ store: { sizeBytes }, dataDir }) => `works, ${bytesInWords(sizeBytes)} in ${dataDir}`,
}

/** A disk answers within milliseconds; one that takes this long is worth a look. */
const COMMIT_SLOW_MS = 5_000

/** While it lasts, and after that for as long as this run tells of it: the damage had a cause. */
const damage: Check = {
  name: 'damage',
  problem({ store: { loss }, dataDir }, now) {
    if (loss === undefined) return undefined
    const items = loss.items ?? 0
    const lost = items === 0 ? 'Records' : count(items, 'value')
    const state = loss.madeUp
      ? 'Connected peers have given all they have since.'
      : 'What peers have is coming back; what is absent until then is not deleted.'
    return (
      `${lost} of the store were damaged when it was read, ${instant(loss.at, now)}. ${state} What was written here and had ` +
      `reached no peer by then is lost. Look at the disk; the damaged store is kept in ${dataDir}/store.damaged.`
    )
  },
  fine: () => 'every record of the store was intact when it was read',
}

/** Found while everything was in memory. Mended or not, the disk did it and may do it again. */
const storeCheck: Check = {
  name: 'store check',
  problem({ store: { check }, dataDir }, now) {
    if (check === undefined || check.damage.length === 0) return undefined
    const found = `The store was found damaged, ${instant(check.at, now)}`
    if (check.rewritten) {
      return (
        `${found}. It was written anew from memory and nothing is lost; the damaged one is kept in ${dataDir}/store.damaged. ` +
        'Look at the disk.'
      )
    }
    return (
      `${found}, and could not be written anew: ${check.failure ?? 'no reason given'}. Everything is still in memory: mend that ` +
      'and run "hearsay verify" before hearsayd is restarted.'
    )
  },
  fine: ({ store: { check }, startedAt }) =>
    `whole when last read, ${new Date(check?.at ?? startedAt).toISOString()}`,
}

const rollback: Check = {
  name: 'rollback',
  problem({ store: { rolledBack } }, now) {
    if (rolledBack === undefined) return undefined
    return (
      `The store was older than what this daemon had acknowledged: ${count(rolledBack.dots, 'change')} of its own came back from ` +
      `peers, ${instant(rolledBack.at, now)}. Was a backup or a copy restored? Then all is as it must be. If not, look at the disk: ` +
      'what had reached no peer is lost.'
    )
  },
  fine: () => 'nothing of its own is missing that peers have',
}

/** Room that the store must have at least, whatever its size: its journal and one batch of the largest values. */
const FREE_BYTES_MIN = 64 * MiB

const space: Check = {
  name: 'disk space',
  problem({ store: { freeBytes, sizeBytes }, dataDir }) {
    // The store rewrites its files, the new one beside the old one.
    const wanted = Math.max(FREE_BYTES_MIN, sizeBytes / 2)
    if (freeBytes >= wanted) return undefined
    return (
      `Only ${bytesInWords(freeBytes)} are free for ${dataDir}, and the store needs ${bytesInWords(wanted)} to rewrite its files. ` +
      'Make room before it fails: df -h, then old logs, other data, a larger disk.'
    )
  },
  fine: ({ store: { freeBytes } }) => `${bytesInWords(freeBytes)} free`,
}

const removals: Check = {
  name: 'removals',
  problem({ doubts: { removalsHeld } }) {
    if (removalsHeld === 0) return undefined
    return (
      `Peers say that ${count(removalsHeld, 'key')} were removed, and nothing proves it: they are kept for now. Was so much ` +
      'deleted? "hearsay removals" shows them, and approves or refuses.'
    )
  },
  fine: () => 'none is held back',
}

const doubts: Check = {
  name: 'doubts',
  problem({ doubts: { actorsDoubted } }) {
    if (actorsDoubted === 0) return undefined
    return (
      `A peer claims changes far beyond what was heard of ${count(actorsDoubted, 'writer')}: not believed until a second ` +
      'peer says the same. The log names them (RANGE_DOUBTED).'
    )
  },
  fine: () => 'no peer claims what nobody else has heard of',
}

const completeness: Check = {
  name: 'completeness',
  problem: (status, now) => completenessProblem(status, now),
  fine: () => 'complete: what is absent here was deleted, or never written',
}

function completenessProblem(status: Status, now: number): string | undefined {
  const { completeness: state, peers } = status
  if (state.state === 'complete') return undefined
  const connected =
    peers.length === 0
      ? 'No peer is connected: look at the network and the log, or dial one with "hearsay connect MULTIADDR".'
      : undefined
  if (state.state === 'complete-as-of') {
    return (
      `Complete as of ${instant(state.asOf, now)}, when a complete peer last confirmed it. What was written elsewhere ` +
      `since then may be missing here. ${connected ?? 'This ends as soon as a complete peer agrees.'}`
    )
  }
  const source = peers.find((peer) => peer.complete === true)
  const then =
    source === undefined
      ? 'None of the connected peers is complete. In a new fleet start exactly one daemon with --first; in an old one, ' +
        'connect to a daemon that is complete.'
      : `${nameOf(source)} is complete; pulling from it${toGo(source.dotsBehind)}.`
  return (
    `Syncing: what is absent here may only not have arrived yet. ${connected ?? then}` +
    (connected === undefined
      ? ''
      : ' If this is the first daemon of a new fleet, start it with --first.')
  )
}

function toGo(dots: number | undefined): string {
  return dots === undefined || dots === 0 ? '' : `, ${count(dots, 'change')} to go`
}

const peersReached: Check = {
  name: 'peers',
  problem({ completeness: { state }, peers, transport: { dialsFailed } }) {
    // A daemon that is not complete has heard of it already.
    if (state !== 'complete' || peers.length > 0 || dialsFailed === 0) return undefined
    return (
      `No peer is connected, and ${count(dialsFailed, 'dial')} failed since the start: look at the network and the log. ` +
      'Reads and writes go on here; both sides catch up when they are connected again.'
    )
  },
  fine: ({ peers }) =>
    peers.length === 0 ? 'alone: none configured, none dialled in vain' : connectedWords(peers),
}

function connectedWords(peers: readonly PeerStatus[]): string {
  const agreeing = peers.filter((peer) => peer.lastDigest?.agreed === true).length
  return `${peers.length} connected, ${agreeing} agreed at the last comparison`
}

const silence: Check = {
  name: 'answers',
  problem({ peers }) {
    const silent = peers.filter(isSilent)
    if (silent.length === 0) return undefined
    return (
      `No answer from ${namesOf(silent)}: stopped, overloaded, or cut off without a word. Is its process well, and the ` +
      'network to it? It catches up when it answers again.'
    )
  },
  fine: ({ peers }) => (peers.length === 0 ? 'nobody to ask' : 'every connected peer answers'),
}

/** What a pull of many changes may take without bringing one: longer than every timeout and backoff on the way. */
const STUCK_MS = 3 * MINUTE_MS

const lag: Check = {
  name: 'lag',
  problem({ peers }) {
    const stuck = peers.filter(({ stuckMs = 0 }) => stuckMs >= STUCK_MS)
    if (stuck.length === 0) return undefined
    const each = stuck.map((peer) => {
      const { dotsBehind = 0, behindMs = 0, stuckMs = 0, lastReceipt } = peer
      const why = lastReceipt?.outcome === 'failed' ? ` (${lastReceipt.reason ?? 'failed'})` : ''
      return `${count(dotsBehind, 'change')} of ${nameOf(peer)} missing for ${span(behindMs)}, none came for ${span(stuckMs)}${why}`
    })
    return (
      `Repair is stuck: ${each.join('; ')}. Run "hearsay repair" and read what it says; look at the log of both ` +
      'daemons; is the link too slow for repair.sessionTimeout?'
    )
  },
  fine: ({ peers }) => {
    const dots = peers.reduce((most, peer) => Math.max(most, peer.dotsBehind ?? 0), 0)
    return dots === 0
      ? 'nothing is missing of what peers had when last compared'
      : `${count(dots, 'change')} behind: being pulled`
  },
}

/** After the last change everything has arrived and was compared twice. */
const QUIET_MS = 30_000
const DIFFERS_QUIET_MS = 2 * MINUTE_MS
/** While there are writes comparisons catch what is on its way; not every one for so long. */
const DIFFERS_BUSY_MS = 60 * MINUTE_MS

const difference: Check = {
  name: 'agreement',
  problem({ peers, quietMs }) {
    const patienceMs = quietMs >= QUIET_MS ? DIFFERS_QUIET_MS : DIFFERS_BUSY_MS
    const differing = peers.filter(
      (peer) => (peer.differsMs ?? 0) >= patienceMs && (peer.dotsBehind ?? 0) === 0,
    )
    if (differing.length === 0) return undefined
    const each = differing.map((peer) => `${nameOf(peer)} for ${span(peer.differsMs ?? 0)}`)
    return (
      `Digests differ though nothing is known to be missing here: ${each.join(', ')}. The other side may be the one that ` +
      'is behind: look at "hearsay status" there. Run "hearsay repair" on both; if it changes nothing, keep both logs.'
    )
  },
  fine: ({ peers }) =>
    peers.length === 0 ? 'nobody to compare with' : 'no digest differs for long',
}

/** Every daemon begins with its clock in doubt, and alone it keeps that for ten minutes: no news until then, milliseconds. */
const CLOCK_TRUSTED_AFTER_MS = 15 * MINUTE_MS

const clock: Check = {
  name: 'clock',
  problem({ clock: { doubt, reason }, peers, startedAt }, now) {
    const apart = peers.some((peer) => clockIsOff(peer.clockOffsetMs))
    if (!doubt || (!apart && now - startedAt < CLOCK_TRUSTED_AFTER_MS)) return undefined
    return (
      `The clock is in doubt: ${reason ?? 'no reason given'}. Expired values are hidden, but stay in the store until ` +
      'it is not. Compare the clocks ("hearsay peers", CLOCK) and set the one that is off; is NTP running?'
    )
  },
  fine: ({ clock: { doubt }, peers }) => {
    if (doubt) return 'not compared long enough to be trusted yet'
    return peers.length === 0 ? 'runs steadily' : 'agrees with the clocks of peers'
  },
}

const lost: Check = {
  name: 'lost changes',
  problem({ context: { dotsLost } }) {
    if (dotsLost === 0) return undefined
    return (
      `${count(dotsLost, 'change')} cannot be had from any connected peer. If a daemon that wrote lately is away, bring it ` +
      'back; if its disk is gone, so are they.'
    )
  },
  fine: () => 'no change is known to be out of reach',
}

/** A link begins without gossip for a moment; only one that stays so is worth a word, milliseconds. */
const GOSSIP_EXPECTED_AFTER_MS = 15_000

const gossip: Check = {
  name: 'gossip',
  problem({ peers }, now) {
    const silent = peers.filter(
      (peer) => !peer.gossip && now - peer.connectedAt > GOSSIP_EXPECTED_AFTER_MS,
    )
    if (silent.length === 0) return undefined
    return (
      `No gossip with ${namesOf(silent)}: changes come by repair alone, seconds later. Is gossip.enabled the ` +
      'same on all daemons?'
    )
  },
  fine: ({ peers }) => (peers.length === 0 ? 'nobody to gossip with' : 'open with every peer'),
}

/** Of stalls, those that users felt and peers saw, and not long ago. */
const STALL_LONG_MS = 5_000
const STALL_RECENT_MS = 10 * MINUTE_MS

const CAUSES: Record<NonNullable<EventLoop['last']>['cause'], string> = {
  busy: 'It was busy: with very large values or batches? with a heap that is nearly full?',
  'not-scheduled':
    'It was not given the processor: was the machine paused, swapping (vmstat 1), or overloaded (top)?',
}

const loop: Check = {
  name: 'event loop',
  problem({ eventLoop: { stalls, stalledMs, last } }, now) {
    if (last === undefined || last.ms < STALL_LONG_MS || now - last.at > STALL_RECENT_MS)
      return undefined
    return (
      `The daemon stood still for ${span(last.ms)}, ${instant(last.at, now)}; ${count(stalls, 'time')} and ${span(stalledMs)} ` +
      `in all since its start. ${CAUSES[last.cause]}`
    )
  },
  fine: ({ eventLoop: { stalls, stalledMs } }) =>
    stalls === 0
      ? 'has not stood still'
      : `stood still ${count(stalls, 'time')} since the start, ${span(stalledMs)} in all`,
}

/** Of the heap, beyond which collecting garbage takes ever more time and the end is near. */
const HEAP_SHARE_MAX = 0.85

const heap: Check = {
  name: 'memory',
  problem({ memory: { heapUsedBytes, heapLimitBytes } }) {
    if (heapUsedBytes < HEAP_SHARE_MAX * heapLimitBytes) return undefined
    const wantedMiB = Math.ceil((2 * heapLimitBytes) / MiB)
    return (
      `The heap is nearly full: ${bytesInWords(heapUsedBytes)} of ${bytesInWords(heapLimitBytes)}; the daemon ends when it is. ` +
      `The whole map is in memory: give it more (NODE_OPTIONS=--max-old-space-size=${wantedMiB}, and a restart), or delete keys.`
    )
  },
  fine: ({ memory: { rssBytes, heapUsedBytes, heapLimitBytes } }) =>
    `${bytesInWords(rssBytes)}, heap ${bytesInWords(heapUsedBytes)} of ${bytesInWords(heapLimitBytes)}`,
}

function namesOf(peers: readonly PeerStatus[]): string {
  return peers.map(nameOf).join(', ')
}

/** The worst first. */
export const CHECKS: readonly Check[] = [
  store,
  damage,
  storeCheck,
  rollback,
  space,
  removals,
  doubts,
  completeness,
  peersReached,
  silence,
  lag,
  difference,
  clock,
  lost,
  gossip,
  loop,
  heap,
]
