/** What a transport over libp2p is told, and what it can be asked beyond the port that the core needs. */
import type { PrivateKey } from '@libp2p/interface'
import type { AdmissionSecret } from './admission.ts'
import type { BookEntry } from './address-book.ts'
import type { Log } from './log.ts'
import type { PeerId, Transport } from './transport.ts'
import type { Libp2pTransportTuning } from './tuning.ts'

export interface Libp2pTransportOptions {
  privateKey: PrivateKey
  /** Multiaddrs to listen on; none makes a peer that only dials. */
  listen: string[]
  /** Multiaddrs to tell others instead of those listened on. */
  announce?: string[]
  /** Addresses that are dialled for as long as the transport runs; a peer id at the end is optional. */
  bootstrap: string[]
  /** Name of the service under which others are looked for on the local network; absent: they are not. */
  discovery?: string
  /** The gossip topic. */
  topic: string
  /** The first is offered first when dialling; all are accepted. None: loopback only. */
  admission: AdmissionSecret[]
  log: Log
  /** Who of those that hold a secret may come in; asked again at every connection and every gossip payload. */
  allows?: (peer: PeerId) => boolean
  /** Where known peers are kept; without it they are forgotten at the end. */
  addressBookFile?: string
  tuning?: Partial<Libp2pTransportTuning>
}

/** A transport whose members and address book can be changed while it runs. */
export interface FleetTransport extends Transport {
  /** Accepts exactly these secrets from now on; ends connections made under another, and says with whom. */
  admit(secrets: AdmissionSecret[]): PeerId[]
  /** The labels of the secrets in their order. */
  labels(): string[]
  /** The labels that a linked peer accepts, by what it told last; absent when it has not. */
  labelsOf(peer: PeerId): string[] | undefined
  /** Asks `allows` anew about everyone that is connected; says with whom connections were ended. */
  recheckAllowed(): PeerId[]
  /** The address book. */
  known(): BookEntry[]
  /** Ends the link with a peer and drops it from the address book; false when it was unknown. */
  forget(peer: PeerId): boolean
}
