/** The answer to "has the fleet converged?", for people. */
import type { Converged, ConvergedFleet, ConvergedPeer, ConvergedSide } from '../daemon-api.ts'
import { count, span } from './words.ts'

const REASONS: Record<NonNullable<Converged['reason']>, string> = {
  alone: 'no peer is linked, though some are configured or known: there is nobody to compare with',
  'linked-meanwhile': 'a peer was linked while the question was under way: ask again',
  loss: 'this daemon lost records of its store that are not made up for yet: see "hearsay status"',
  'store-failed': 'the store of this daemon has failed: see "hearsay status"',
  busy: 'too many such questions are under way: ask again',
}

const STANDINGS: Record<string, string> = {
  behind: 'not all has come yet',
  'held-removals': 'removals are held back, see "hearsay removals"',
  unsettled: 'a difference was found that one comparison could not settle',
  late: 'no comparison was finished in time',
  'link-lost': 'the link was lost',
  'linked-meanwhile': 'a peer was linked while the question was under way',
  'no-answer': 'no answer',
  'not-asked': 'not asked',
  loss: 'records of its store were lost and are not made up for yet',
  'store-failed': 'its store has failed',
  busy: 'too many such questions are under way',
}

export function convergedLines(answer: Converged): string[] {
  const { converged, asOf, peers, unlinked, reason } = answer
  const moment = new Date(asOf).toISOString()
  const lines: string[] = []
  if (converged && peers.length === 0) {
    lines.push(`yes: this daemon is alone, and knows of no other (as of ${moment})`)
  } else if (converged) {
    const all = `this daemon and ${count(peers.length, 'linked peer')}`
    lines.push(`yes: all that was written before ${moment} is on ${all}`)
  } else {
    lines.push(`no, as of ${moment}`)
    if (reason !== undefined) lines.push(`  ${REASONS[reason]}`)
    for (const peer of peers) lines.push(...peerLines(peer).map((line) => `  ${line}`))
  }
  if (unlinked.length > 0) {
    lines.push(`not spoken for, because they are known and not linked: ${unlinked.join(', ')}`)
  }
  return lines
}

export function convergedFleetLines(answer: ConvergedFleet): string[] {
  const { converged, asOf, laggards, unreached, reason } = answer
  const moment = new Date(asOf).toISOString()
  const lines: string[] = []
  if (converged && answer.count === 1) {
    lines.push(`yes: this daemon is alone, and knows of no other (as of ${moment})`)
  } else if (converged) {
    const all = `all ${count(answer.count, 'daemon')} that can be reached`
    lines.push(`yes: all that was written before ${moment} is on ${all}`)
  } else {
    lines.push(`no, as of ${moment}; ${count(answer.count, 'daemon')} answered`)
    if (reason !== undefined) lines.push(`  ${REASONS[reason]}`)
    for (const { peer, name, why, ...lag } of laggards) {
      const who = name === '' ? peer : `${name} (${peer})`
      lines.push(`  ${who}: ${inWords({ standing: why, ...lag })}`)
    }
  }
  if (unreached.length > 0) {
    lines.push(
      `not spoken for, because they are known and were not reached: ${unreached.join(', ')}`,
    )
  }
  return lines
}

function peerLines({ peer, name, here, there }: ConvergedPeer): string[] {
  const who = name === undefined || name === '' ? peer : `${name} (${peer})`
  if (here.standing === there.standing && here.standing !== 'behind') {
    return [`${who}: ${here.standing === 'has-all' ? 'has all' : inWords(here)}`]
  }
  const lines: string[] = []
  if (here.standing !== 'has-all') lines.push(`${who}: missing here: ${inWords(here)}`)
  if (there.standing !== 'has-all' && there.standing !== 'not-asked') {
    lines.push(`${who}: missing there: ${inWords(there)}`)
  }
  return lines.length > 0 ? lines : [`${who}: has all`]
}

function inWords({ standing, lacking = 0, missingMs }: ConvergedSide): string {
  const why = STANDINGS[standing] ?? standing
  if (lacking === 0) return why
  const age =
    missingMs === undefined ? '' : `, one of them known to be missing for ${span(missingMs)}`
  const lag = `${count(lacking, 'mutation')}${age}`
  return standing === 'behind' ? lag : `${why}; ${lag}`
}
