/** What clients and peers ask of a replica beside the map itself: who has what by now (`converge`, `fleet-tour`, `cover`, `freshness`). */
import { Converge } from './converge.ts'
import { Cover } from './cover.ts'
import { FleetTours } from './fleet-tour.ts'
import type { TourHost } from './fleet-tour.ts'
import { Freshness } from './freshness.ts'
import type { Peer } from './peer.ts'
import { Proofs } from './proofs.ts'
import type { ProofsHost } from './proofs.ts'
import type { LinkMessage } from './wire/link.ts'

type QuestionsHost = Omit<TourHost, 'proofs'> & ProofsHost

export class Questions {
  readonly proofs: Proofs
  readonly converge: Converge
  readonly tours: FleetTours
  readonly cover: Cover
  readonly freshness: Freshness

  constructor(host: QuestionsHost) {
    this.proofs = new Proofs(host)
    const withProofs = { ...host, proofs: this.proofs }
    this.converge = new Converge(withProofs)
    this.tours = new FleetTours(withProofs)
    this.cover = new Cover(withProofs)
    this.freshness = new Freshness(withProofs)
  }

  /** `unknown`: not a message of these. */
  message(peer: Peer, message: LinkMessage): 'done' | 'malformed' | 'unknown' {
    if (message.type === 'convergeAsk') this.converge.onAsk(peer, message.body)
    else if (message.type === 'convergeAnswer') this.converge.onAnswer(peer, message.body)
    else if (message.type === 'coverAnswer') this.cover.onAnswer(peer, message.body)
    else if (message.type === 'tourReport') this.tours.onReport(peer, message.body)
    else if (message.type === 'tourSpread') this.tours.onSpread(peer, message.body)
    else if (message.type === 'tourAsk') {
      return this.tours.onAsk(peer, message.body) ? 'done' : 'malformed'
    } else if (message.type === 'coverAsk') {
      return this.cover.onAsk(peer, message.body) ? 'done' : 'malformed'
    } else return 'unknown'
    return 'done'
  }

  linkLost(peer: Peer): void {
    this.proofs.linkLost(peer)
    this.tours.linkLost(peer)
    this.cover.linkLost(peer)
  }

  tick(): void {
    this.proofs.tick()
    this.converge.tick()
    this.tours.tick()
    this.cover.tick()
  }

  deadline(): number {
    const { proofs, converge, tours, cover } = this
    return Math.min(...[proofs, converge, tours, cover].map((one) => one.deadline()))
  }
}
