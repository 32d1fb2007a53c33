/**
 * Proofs that this replica has all that a peer has: who waits for one, and what the sessions with the peer brought out.
 *
 * A proof is a session that began after it was asked for (`repair/session.ts`). Those who ask while one is under way share
 * the next. A session that never came to comparing, because the peer was busy or gave no sign of life, is followed by
 * another; nobody waits beyond the time that they gave.
 */
import type { Peer, Proof, ProofOutcome } from './peer.ts'
import type { Receipt } from './repair/receipt.ts'
import type { RepairSession } from './repair/session.ts'
import type { Replica } from './replica.ts'
import type { Now } from './settings.ts'

export interface ProofsHost {
  replica: Replica
  peers: ReadonlyMap<string, Peer>
  now(): Now
  /** Begins a session for the proofs that wait at a peer, at once or when the one under way is over. */
  compare(peer: Peer): void
}

export class Proofs {
  readonly #host: ProofsHost

  constructor(host: ProofsHost) {
    this.#host = host
  }

  /** @param by monotonic time at which it is waited for no longer */
  want(peer: Peer, by: number, done: Proof['done']): void {
    peer.proofs.push({ by, done })
    this.#host.compare(peer)
  }

  finished(peer: Peer, session: RepairSession | undefined, receipt: Receipt): void {
    if (session?.proven === true) peer.provenAt = session.startedAt
    const proofs = peer.proving.splice(0)
    if (proofs.length === 0) return
    const settled = receipt.outcome === 'equal' || receipt.outcome === 'repaired'
    if (this.#host.peers.get(peer.id) !== peer) settle(proofs, 'link-lost')
    else if (!settled) peer.proofs.unshift(...proofs)
    else settle(proofs, this.#outcome(peer, session))
  }

  #outcome(peer: Peer, session: RepairSession | undefined): ProofOutcome {
    if (session?.proven === true) return 'has-all'
    if ((peer.dotsBehind(this.#host.replica.context) ?? 0) > 0) return 'behind'
    return session?.heldBack === true ? 'held-removals' : 'unsettled'
  }

  linkLost(peer: Peer): void {
    settle(peer.proofs.splice(0), 'link-lost')
    settle(peer.proving.splice(0), 'link-lost')
  }

  tick(): void {
    const { mono } = this.#host.now()
    for (const peer of this.#host.peers.values()) {
      const overdue = [...peer.proofs, ...peer.proving].filter((proof) => proof.by <= mono)
      if (overdue.length === 0) continue
      peer.proofs = peer.proofs.filter((proof) => proof.by > mono)
      peer.proving = peer.proving.filter((proof) => proof.by > mono)
      settle(overdue, 'late')
    }
  }

  deadline(): number {
    let deadline = Infinity
    for (const { proofs, proving } of this.#host.peers.values()) {
      for (const proof of proofs) deadline = Math.min(deadline, proof.by)
      for (const proof of proving) deadline = Math.min(deadline, proof.by)
    }
    return deadline
  }
}

function settle(proofs: readonly Proof[], outcome: ProofOutcome): void {
  for (const proof of proofs) proof.done(outcome)
}
