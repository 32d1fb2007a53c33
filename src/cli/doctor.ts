/**
 * `hearsay doctor`: every check, and what only a look around can tell beside the status: whether bootstrap peers can be
 * reached from here, keys that are full of siblings, and what was dropped or refused since the start.
 */
import { connect } from 'node:net'
import { multiaddr } from '@multiformats/multiaddr'
import type { PeerStatus, Status } from '../daemon-api.ts'
import { VERSION } from '../version.ts'
import { CHECKS } from './checks.ts'
import { count } from './words.ts'

export interface Finding {
  check: string
  /** `note`: worth knowing, and nothing to be done at night. */
  level: 'ok' | 'note' | 'problem'
  text: string
}

/** What the doctor looks at beside the status. */
export interface Surroundings {
  /** Bootstrap addresses that were tried, and why each cannot be reached; undefined when it can. */
  reach: { address: string; failure: string | undefined }[]
  /** Keys with as many concurrent values as are allowed, or nearly so. */
  crowded: { key: string; siblings: number }[]
}

export function diagnose(status: Status, around: Surroundings, now: number): Finding[] {
  const checked = CHECKS.map((check): Finding => {
    const problem = check.problem(status, now)
    return problem === undefined
      ? { check: check.name, level: 'ok', text: check.fine(status) }
      : { check: check.name, level: 'problem', text: problem }
  })
  return [
    ...checked,
    bootstrapFinding(status, around),
    siblingsFinding(status, around),
    clonesFinding(status),
    droppedFinding(status),
    versionFinding(status),
  ]
}

function bootstrapFinding(status: Status, { reach }: Surroundings): Finding {
  const check = 'bootstrap'
  const failed = reach.filter(({ failure }) => failure !== undefined)
  const configured = status.bootstrap.length
  if (failed.length === 0) {
    const all = `${count(configured, 'address', 'addresses')}, each linked or reached`
    return { check, level: 'ok', text: configured === 0 ? 'no address is configured' : all }
  }
  const each = failed.map(({ address, failure }) => `${address}: ${failure}`).join('; ')
  // One that is down is what bootstrap peers, several, are for; with none there is no way back into the fleet.
  const none = failed.length === configured
  const text = `${each}. ${
    none
      ? 'No bootstrap address can be reached from here: is the network up, a firewall in between, the address still right?'
      : 'The others can be reached, so this daemon finds its fleet.'
  }`
  return { check, level: none && status.peers.length === 0 ? 'problem' : 'note', text }
}

function siblingsFinding({ siblingsMax }: Status, { crowded }: Surroundings): Finding {
  const check = 'siblings'
  if (crowded.length === 0) {
    return { check, level: 'ok', text: 'no key is near its bound of concurrent values' }
  }
  const shown = crowded.slice(0, KEYS_SHOWN_MAX)
  const each = shown.map(({ key, siblings }) => `${key} (${siblings})`).join(', ')
  const more = crowded.length > shown.length ? `, and ${crowded.length - shown.length} more` : ''
  const text =
    `${count(crowded.length, 'key')} with nearly as many concurrent values as may be written, ${siblingsMax}: ${each}${more}. ` +
    'Further writes with old version tokens are refused (TOO_MANY_SIBLINGS). "hearsay get KEY --all" shows them, an ' +
    'ordinary "hearsay put KEY VALUE" replaces them all; then find the writer that uses old tokens.'
  return { check, level: 'problem', text }
}

const KEYS_SHOWN_MAX = 5

function clonesFinding({ counters }: Status): Finding {
  const check = 'copies'
  const conflicts = counters['dotConflicts'] ?? 0
  if (conflicts === 0) {
    return { check, level: 'ok', text: 'no sign of a data directory that was copied or restored' }
  }
  const text =
    `${count(conflicts, 'change')} of one name came with two contents: a data directory was copied, or an old copy put in ` +
    'place of a newer one. One content is kept everywhere, the other is in conflicts.jsonl of the data directory; the log names the peers. ' +
    'Give each daemon a directory of its own, and bring backups back with "hearsay restore".'
  return { check, level: 'problem', text }
}

/** Each healed by itself; many of one say where to look. */
const DROPPED: [what: string, read: (status: Status) => number | undefined][] = [
  ['writes refused, too much waited for the disk', ({ counters }) => counters['writesRefused']],
  ['changes from gossip dropped, too much waited', ({ counters }) => counters['gossipDropped']],
  ['messages dropped on full or ended links', ({ transport }) => transport.messagesDropped],
  ['broadcasts that did not decode', ({ transport }) => transport.gossipRejected],
  ['items from peers that break a bound', ({ counters }) => counters['itemsRefused']],
  ['peers refused in the greeting', ({ counters }) => counters['peersRefused']],
  [
    'links ended because the peer broke the protocol',
    ({ counters, transport }) =>
      (counters['protocolViolations'] ?? 0) + transport.protocolViolations,
  ],
  ['repair sessions failed', ({ counters }) => counters['sessions.failed']],
]

function droppedFinding(status: Status): Finding {
  const check = 'dropped'
  const some = DROPPED.map(([what, read]) => ({ what, times: read(status) ?? 0 })).filter(
    ({ times }) => times > 0,
  )
  if (some.length === 0) return { check, level: 'ok', text: 'nothing was dropped or refused' }
  const text = `since the start: ${some.map(({ what, times }) => `${times} ${what}`).join('; ')}; repair heals what was dropped`
  return { check, level: 'note', text }
}

function versionFinding({ version }: Status): Finding {
  const check = 'version'
  if (version === VERSION) return { check, level: 'ok', text: version }
  const text = `the daemon runs ${version}, this command is ${VERSION}: restart hearsayd to run what is installed`
  return { check, level: 'note', text }
}

/** A connection on a LAN takes milliseconds, around the world half a second. */
const REACH_TIMEOUT_MS = 3_000
/** Bootstrap addresses that are tried; two or three are usual. */
const REACH_MAX = 16

/**
 * Tries the bootstrap addresses of peers that are not linked. The others are left alone: to them a connection without a
 * handshake is one of a stranger, and they count those.
 */
export function reachAll({ bootstrap, peers }: Status): Promise<Surroundings['reach']> {
  return Promise.all(
    bootstrap
      .filter((address) => !peers.some((peer) => isAt(peer, address)))
      .slice(0, REACH_MAX)
      .map(async (address) => ({ address, failure: await reach(address) })),
  )
}

/** Whether a linked peer is the one at a bootstrap address, as far as that can be told. */
function isAt(peer: PeerStatus, address: string): boolean {
  const bootstrap = placeOf(address)
  if (bootstrap.peer !== undefined) return bootstrap.peer === peer.peer
  const linked = placeOf(peer.address)
  if (bootstrap.host !== linked.host) return false
  // Who dialled us did so from any port; of several on this machine it may be any.
  return (
    linked.port === bootstrap.port || (peer.direction === 'inbound' && !isLoopback(linked.host))
  )
}

interface Place {
  host: string | undefined
  port: string | undefined
  peer: string | undefined
}

function placeOf(address: string): Place {
  const parts = multiaddr(address).getComponents()
  const valueOf = (wanted: string) => parts.find(({ name }) => name === wanted)?.value
  return { host: parts[0]?.value, port: valueOf('tcp'), peer: valueOf('p2p') }
}

function isLoopback(host: string | undefined): boolean {
  return host === '::1' || host?.startsWith('127.') === true
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nobody listens there',
  EHOSTUNREACH: 'no route to that machine',
  ENETUNREACH: 'no route to that network',
  ENOTFOUND: 'the name is not known',
  EAI_AGAIN: 'the name server does not answer',
  ETIMEDOUT: 'no answer',
}

/** Why nothing listens at a multiaddr; undefined when something does, or when that is not for TCP to tell. */
function reach(address: string): Promise<string | undefined> {
  const { host, port } = placeOf(address)
  if (host === undefined || port === undefined) return Promise.resolve(undefined)
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port) })
    const end = (failure: string | undefined): void => {
      socket.destroy()
      resolve(failure)
    }
    socket.setTimeout(REACH_TIMEOUT_MS, () => end(`no answer in ${REACH_TIMEOUT_MS / 1_000}s`))
    socket.once('connect', () => end(undefined))
    socket.once('error', (error: NodeJS.ErrnoException) =>
      end(REASONS[error.code ?? ''] ?? error.message),
    )
  })
}
