/** Who belongs to the fleet, as a running daemon lets the code beside it see and change that. */
import type { PeerId } from './net/transport.ts'

/** A peer in the address book. */
export interface KnownPeer {
  peer: PeerId
  /** Multiaddrs without peer id, the one that worked last first. */
  addresses: string[]
  /** Wall clock; of one that was only told of, half of the time before it is forgotten has passed already. */
  lastSeen: number
  linked: boolean
}

export interface AllowView {
  /** False: there is no list, and everyone who holds a secret is admitted. */
  inForce: boolean
  peers: { peer: PeerId; from: 'configuration' | 'command' }[]
  /** Named by the configuration, and removed by command. */
  removed: PeerId[]
}

export type AllowChange =
  | { off: true }
  | {
      add?: PeerId[]
      /** Adds everyone who is linked now. */
      addLinked?: true
      remove?: PeerId[]
      /** Begins a list although that ends links. */
      force?: true
    }

export interface NetworkKeyView {
  /** Public labels of the secrets: the first is used, all are accepted. Empty without a network key. */
  labels: string[]
  /** What linked peers accept, by what they told last; `labels` is absent while they have not. */
  peers: { peer: PeerId; labels?: string[] }[]
}

/** With whom connections were ended by a change. */
export interface HungUp {
  hungUp: PeerId[]
}

export interface Membership {
  known(): KnownPeer[]
  /** Ends the link and drops the peer from the address book. Throws UNKNOWN_PEER. */
  forget(peer: PeerId): void
  allowList(): AllowView
  /** Durable when it resolves. Throws BAD_ARGUMENT, ALLOW_LIST_NOT_IN_FORCE. */
  changeAllowList(change: AllowChange): Promise<AllowView & HungUp>
  networkKey(): NetworkKeyView
  /** Reads the key file anew and takes over its secrets. Throws BAD_KEY_FILE; then nothing has changed. */
  reloadNetworkKey(): NetworkKeyView & HungUp
}
