/** What clients wait for beyond this daemon: writes on other disks, writes of other daemons, freshness, convergence. */
import { toBinary } from '../core/bytes.ts'
import type { Target } from '../core/cover.ts'
import type { Converged, ConvergedFleet, Freshness, WaitOptions, Written } from '../daemon-api.ts'
import { HearsayError } from '../errors.ts'
import type { KnownPeer } from '../membership-api.ts'
import type { PeerId } from '../net/transport.ts'
import { convergedFleetView, convergedView } from './convergence.ts'
import type { CoreDriver } from './core-driver.ts'
import { readToken } from './token.ts'

export interface WaitsHost {
  driver(): CoreDriver
  /** The address book. */
  known(): KnownPeer[]
  /** Whether the configuration names peers. */
  expectsPeers: boolean
}

export class Waits {
  readonly #host: WaitsHost

  constructor(host: WaitsHost) {
    this.#host = host
  }

  async converged({ timeoutMs }: WaitOptions): Promise<Converged> {
    const asked = { type: 'converged', withinMs: timeoutMs } as const
    const { result } = await this.#host.driver().ask('convergence', (id) => ({ ...asked, id }))
    return convergedView(result, this.#host.known(), this.#host.expectsPeers)
  }

  async convergedFleet({ timeoutMs }: WaitOptions): Promise<ConvergedFleet> {
    const { expectsPeers } = this.#host
    const asked = { type: 'fleetConverged', withinMs: timeoutMs } as const
    const driver = this.#host.driver()
    const { result } = await driver.ask('fleetConvergence', (id) => ({ ...asked, id }))
    return convergedFleetView(result, this.#host.known(), expectsPeers)
  }

  /** The peers that have the write on their disks: as soon as they are so many, or when the time is over. */
  async confirm(
    key: Uint8Array,
    { dot, token }: Written,
    { peers, timeoutMs }: WaitOptions & { peers: number },
  ): Promise<PeerId[]> {
    if (dot === undefined) return []
    const { gone } = readToken(toBinary(key), token)
    const actor = toBinary(Buffer.from(dot.actor, 'hex'))
    const target: Target = { dots: [{ actor, counter: dot.counter }], gone }
    const asked = { type: 'confirm', target, peers, withinMs: timeoutMs } as const
    return (await this.#host.driver().ask('confirmed', (id) => ({ ...asked, id }))).peers
  }

  /** Resolves when what the token names is here. Throws BAD_TOKEN, NOT_HERE_YET. */
  async arrival(key: Uint8Array, token: string, { timeoutMs }: WaitOptions): Promise<void> {
    const { observed, made, gone } = readToken(toBinary(key), token)
    const target: Target = { dots: [...made, ...observed], gone }
    const asked = { type: 'await', target, withinMs: timeoutMs } as const
    const { missing } = await this.#host.driver().ask('awaited', (id) => ({ ...asked, id }))
    if (missing === 0) return
    const many = target.dots.length + gone.length
    const message = `${missing} of the ${many} mutations that the token names are not here yet, after ${timeoutMs} ms: see "peers" for whom this daemon is connected to and how far it is behind`
    throw new HearsayError('NOT_HERE_YET', message)
  }

  /** Resolves when this replica is known to be no staler than that. Throws TOO_STALE. */
  async freshen({ staleMs, timeoutMs }: WaitOptions & { staleMs: number }): Promise<Freshness> {
    const asked = { type: 'fresh', staleMs, withinMs: timeoutMs } as const
    const { peers } = await this.#host.driver().ask('freshness', (id) => ({ ...asked, id }))
    const unlinked = this.#host.known().filter(({ linked }) => !linked)
    const stale = peers.filter(({ ageMs }) => ageMs === undefined || ageMs > staleMs)
    const ages = peers.map(({ ageMs = Infinity }) => ageMs)
    const ageMs = Math.ceil(Math.max(0, ...ages))
    const isMissed = peers.length === 0 && this.#host.expectsPeers
    if (stale.length === 0 && unlinked.length === 0 && !isMissed) return { ageMs }
    throw new HearsayError('TOO_STALE', tooStale(staleMs, stale, unlinked))
  }
}

function tooStale(
  staleMs: number,
  stale: readonly { peer: PeerId; ageMs?: number }[],
  unlinked: readonly KnownPeer[],
): string {
  const known = stale.map(({ peer, ageMs }) => {
    if (ageMs === undefined) return `nothing is known yet of ${peer}`
    return `what ${peer} wrote in the last ${Math.ceil(ageMs)} ms may be missing`
  })
  const away = unlinked.map(({ peer }) => `${peer} is known and not linked`)
  const why = [...known, ...away].slice(0, REASONS_MAX)
  if (why.length === 0) why.push('no peer is linked, though some are configured')
  const more = known.length + away.length - why.length
  if (more > 0) why.push(`and ${more} more`)
  const hint = away.length > 0 ? '; "forget" drops a peer that will not come back' : ''
  return `this daemon may be staler than ${staleMs} ms: ${why.join('; ')}${hint}`
}

/** Peers that one refusal names. */
const REASONS_MAX = 5
