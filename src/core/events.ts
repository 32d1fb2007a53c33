/** What goes into the core and what comes out of it. */
import type { Convergence } from './converge.ts'
import type { Target } from './cover.ts'
import type { FleetConvergence } from './fleet-tour.ts'
import type { PeerFreshness } from './freshness.ts'
import type { Item } from './item.ts'
import type { RawBatch } from './records.ts'
import type { Receipt } from './repair/receipt.ts'
import type { LocalMutation, LocalResult, Refusal } from './writes.ts'
import type { Delta } from './wire/gossip.ts'

export type CoreEvent =
  /** A timer that the shell set for `Engine.deadline` has fired. */
  | { type: 'tick' }
  | { type: 'write'; id: number; mutations: LocalMutation[] }
  /** A client reads; it suffices to say so every 100 ms. Changes nothing but who comes first. */
  | { type: 'read' }
  | { type: 'committed' }
  | { type: 'commitFailed'; message: string }
  | { type: 'linkUp'; peer: string }
  | { type: 'linkDown'; peer: string }
  | { type: 'message'; peer: string; bytes: Uint8Array }
  | { type: 'gossip'; author: string; deltas: Delta[]; bytes: number }
  | { type: 'repair'; id: number; peer: string }
  /** An operator asks whether all linked peers have the same; answered by `convergence` in this time. */
  | { type: 'converged'; id: number; withinMs: number }
  /** The same of all daemons that can be reached over links; answered by `fleetConvergence`. */
  | { type: 'fleetConverged'; id: number; withinMs: number }
  /** A client waits for a write of this replica on so many peers; answered by `confirmed`. */
  | { type: 'confirm'; id: number; target: Target; peers: number; withinMs: number }
  /** A client waits for a write of another replica; answered by `awaited`. */
  | { type: 'await'; id: number; target: Target; withinMs: number }
  /** A client wants to know how stale this replica may be, and that it is no staler; answered by `freshness`. */
  | { type: 'fresh'; id: number; staleMs: number; withinMs: number }
  /** An operator's word on removals that are held back (R13). */
  | { type: 'removals'; decision: 'approve' | 'refuse' }

export type WriteOutcome =
  | { ok: true; results: LocalResult[] }
  | { ok: false; refusal: Refusal | { code: 'OVERLOADED' | 'STORE_FAILED'; message: string } }

export type CoreEffect =
  /** The store must answer with `committed` or `commitFailed`; there is never a second one before that. */
  | { type: 'commit'; batch: RawBatch; sync: boolean }
  | { type: 'send'; peer: string; lane: 'control' | 'bulk'; bytes: Uint8Array }
  | { type: 'publish'; bytes: Uint8Array }
  | { type: 'disconnect'; peer: string; reason: string; retryMs: number }
  | { type: 'written'; id: number; outcome: WriteOutcome }
  /** Keys whose visible state may have changed. */
  | { type: 'changed'; keys: Iterable<string> }
  | { type: 'repaired'; id: number; peer: string; receipt: Receipt }
  | { type: 'convergence'; id: number; result: Convergence }
  | { type: 'fleetConvergence'; id: number; result: FleetConvergence }
  /** The peers on whose disks the write is. */
  | { type: 'confirmed'; id: number; peers: string[] }
  /** How much of the write is still missing here. */
  | { type: 'awaited'; id: number; missing: number }
  | { type: 'freshness'; id: number; peers: PeerFreshness[] }
  /** Of two contents of one dot (R14), the second is not held any more: it is to be kept where people find it. */
  | { type: 'twin'; peer: string; kept: Item; lost: Item }
  /** This daemon must not go on. */
  | { type: 'fatal'; code: 'DUPLICATE_IDENTITY'; message: string }
  | {
      type: 'log'
      level: 'debug' | 'info' | 'warn' | 'error'
      message: string
      fields: Record<string, unknown>
    }
