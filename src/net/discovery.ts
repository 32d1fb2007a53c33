/**
 * Discovery on the local network by mDNS: daemons of one fleet find each other without being told of an address.
 *
 * Each asks every few seconds who offers the service of its fleet, and answers with its own peer id and addresses. The
 * name of the service is derived from the cluster id, so that fleets on one network do not hear of each other; it is no
 * secret, and what is heard is nobody's word: it is dialled, with backoff, and who answers must pass the handshake like
 * anyone else. The dial loop bounds how many who never did are remembered.
 *
 * Only addresses of private networks are told, on the interface to which the machine routes multicast. The network must
 * carry multicast between the machines (UDP port 5353, group 224.0.0.251), which routers, many clouds and some wireless
 * networks do not.
 */
import { mdns } from '@libp2p/mdns'
import type { MulticastDNSComponents } from '@libp2p/mdns'
import type { PeerInfo, Startable } from '@libp2p/interface'
import { BOOK_ADDRESSES_PER_PEER_MAX } from './address-book.ts'
import { endpointOf, isLoopback, isUsable } from './addresses.ts'
import type { Log } from './log.ts'
import type { Node } from './node.ts'
import type { PeerId } from './transport.ts'

export interface Discovery {
  start(): Promise<void>
  stop(): Promise<void>
}

export function discovery(
  node: Node,
  service: string,
  intervalMs: number,
  found: (peer: PeerId, addresses: string[]) => void,
  log: Log,
): Discovery {
  // Beside libp2p, not inside: it would put everyone that is announced into its store, strangers without number.
  const asked = { getAddresses: () => node.getMultiaddrs() }
  const components = { addressManager: asked, logger: node.logger } as MulticastDNSComponents
  const serviceTag = `_${service}._udp.local`
  const service_ = mdns({ serviceTag, interval: intervalMs })(components)
  const announcer = service_ as typeof service_ & Startable
  const onPeer = ({ detail }: CustomEvent<PeerInfo>): void => {
    const addresses = usable(detail.multiaddrs.map(String))
    if (addresses.length > 0) found(detail.id.toString(), addresses)
  }
  announcer.addEventListener('peer', onPeer)
  return {
    start: async () => {
      try {
        await announcer.start()
      } catch (error) {
        // Bootstrap addresses and the address book are there still.
        log.warn({ err: error }, 'daemons on the local network are not looked for')
      }
    },
    stop: async () => {
      announcer.removeEventListener('peer', onPeer)
      await announcer.stop()
    },
  }
}

/** Another machine's loopback is not there; one that has nothing else is on this machine. */
function usable(announced: readonly string[]): string[] {
  const addresses = announced.filter(isUsable).map(endpointOf)
  const elsewhere = addresses.filter((address) => !isLoopback(address))
  return (elsewhere.length > 0 ? elsewhere : addresses).slice(0, BOOK_ADDRESSES_PER_PEER_MAX)
}
