/** The membership of a daemon without a network: what can be told and changed of it is the same as of a real one. */
import { HearsayError } from '../../src/errors.ts'
import type {
  AllowChange,
  AllowView,
  HungUp,
  KnownPeer,
  Membership,
  NetworkKeyView,
} from '../../src/membership-api.ts'

export class MapMembership implements Membership {
  readonly #linked: () => string[]
  readonly #unlink: (peer: string) => void
  #allowed: Set<string> | undefined

  constructor(linked: () => string[], unlink: (peer: string) => void) {
    this.#linked = linked
    this.#unlink = unlink
  }

  known(): KnownPeer[] {
    return this.#linked().map((peer) => ({ peer, addresses: [], lastSeen: 1, linked: true }))
  }

  forget(peer: string): void {
    if (!this.#linked().includes(peer)) throw new HearsayError('UNKNOWN_PEER', 'it is not known')
    this.#unlink(peer)
  }

  allowList(): AllowView {
    const peers = [...(this.#allowed ?? [])]
    return {
      inForce: this.#allowed !== undefined,
      peers: peers.map((peer) => ({ peer, from: 'command' })),
      removed: [],
    }
  }

  changeAllowList(change: AllowChange): Promise<AllowView & HungUp> {
    if ('off' in change) this.#allowed = undefined
    else {
      const added = [...(change.add ?? []), ...(change.addLinked === true ? this.#linked() : [])]
      const begun = this.#allowed !== undefined || change.force === true
      if (!begun && this.#linked().some((peer) => !added.includes(peer))) {
        return Promise.reject(new HearsayError('ALLOW_LIST_NOT_IN_FORCE', 'it would end links'))
      }
      this.#allowed = new Set([...(this.#allowed ?? []), ...added])
      for (const peer of change.remove ?? []) this.#allowed.delete(peer)
    }
    const hungUp = this.#linked().filter((peer) => this.#allowed?.has(peer) === false)
    for (const peer of hungUp) this.#unlink(peer)
    return Promise.resolve({ ...this.allowList(), hungUp })
  }

  networkKey(): NetworkKeyView {
    return { labels: [], peers: this.#linked().map((peer) => ({ peer, labels: [] })) }
  }

  reloadNetworkKey(): NetworkKeyView & HungUp {
    throw new HearsayError('BAD_KEY_FILE', 'there is no network key')
  }
}
