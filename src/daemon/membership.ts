/** Who belongs to the fleet: the key file, the allow list and the address book of a running daemon. */
import { readKeyFile } from '../config/key-file.ts'
import type { NetworkKey } from '../config/key-file.ts'
import { HearsayError } from '../errors.ts'
import type {
  AllowChange,
  AllowView,
  HungUp,
  KnownPeer,
  Membership,
  NetworkKeyView,
} from '../membership-api.ts'
import type { FleetTransport } from '../net/fleet-transport.ts'
import type { Log } from '../net/log.ts'
import type { PeerId } from '../net/transport.ts'
import type { AllowList } from './allow-list.ts'

export interface MembershipParts {
  transport: FleetTransport
  allow: AllowList
  /** The key that the daemon was started with, and where it lies. */
  key: { file: string; key: NetworkKey } | undefined
  log: Log
}

export class FleetMembership implements Membership {
  readonly #parts: MembershipParts

  constructor(parts: MembershipParts) {
    this.#parts = parts
  }

  known(): KnownPeer[] {
    const linked = new Set(this.#linked())
    return this.#parts.transport.known().map((entry) => ({
      ...entry,
      linked: linked.has(entry.peer),
    }))
  }

  forget(peer: PeerId): void {
    if (this.#parts.transport.forget(peer)) return
    const message = `peer ${peer} is not in the address book; \`peers --known\` lists who is`
    throw new HearsayError('UNKNOWN_PEER', message)
  }

  allowList(): AllowView {
    return this.#parts.allow.view()
  }

  async changeAllowList(change: AllowChange): Promise<AllowView & HungUp> {
    const { allow, transport, log } = this.#parts
    await allow.change(change, () => this.#linked())
    const hungUp = transport.recheckAllowed()
    const view = allow.view()
    log.info({ inForce: view.inForce, peers: view.peers.length, hungUp }, 'allow list changed')
    return { ...view, hungUp }
  }

  networkKey(): NetworkKeyView {
    const { transport } = this.#parts
    return {
      labels: transport.labels(),
      peers: this.#linked().map((peer) => {
        const labels = transport.labelsOf(peer)
        return labels === undefined ? { peer } : { peer, labels }
      }),
    }
  }

  reloadNetworkKey(): NetworkKeyView & HungUp {
    const { key, transport, log } = this.#parts
    if (key === undefined) {
      const message = 'this daemon was started without a network key, so there is none to reload'
      throw new HearsayError('BAD_KEY_FILE', message)
    }
    const { clusterId, fingerprintKey, secrets } = readKeyFile(key.file)
    const same =
      Buffer.compare(clusterId, key.key.clusterId) === 0 &&
      Buffer.compare(fingerprintKey, key.key.fingerprintKey) === 0
    if (!same) {
      throw new HearsayError(
        'BAD_KEY_FILE',
        `${key.file} is the key of another fleet than this daemon's, which goes on with the secrets it has: only the list ` +
          'of secrets may differ from what the daemon was started with',
      )
    }
    const hungUp = transport.admit(secrets)
    log.info({ labels: transport.labels(), hungUp }, 'network key reloaded')
    return { ...this.networkKey(), hungUp }
  }

  #linked(): PeerId[] {
    return this.#parts.transport.neighbours().map(({ peer }) => peer)
  }
}
