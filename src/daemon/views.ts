/** The map as readers see it: keys with their visible siblings. */
import { fromBinary, toBinary, toHex } from '../core/bytes.ts'
import { KIND_REGISTER } from '../core/item.ts'
import type { Dot, Item } from '../core/item.ts'
import type { Replica } from '../core/replica.ts'
import type { DotView, EntryView, ScanOptions, SiblingView } from '../daemon-api.ts'
import { peerHash } from './identity.ts'
import { encodeToken } from './token.ts'

/** Peers by the part of an actor id that names them; more than a fleet has, the oldest are forgotten first. */
const WRITERS_MAX = 4096

export class Views {
  readonly #peerOfActor = new Map<string, string>()

  /** Lets readers see this peer's id instead of its hash. */
  knowPeer(peerId: string): void {
    this.#peerOfActor.set(toBinary(peerHash(peerId)), peerId)
    for (const oldest of this.#peerOfActor.keys()) {
      if (this.#peerOfActor.size <= WRITERS_MAX) break
      this.#peerOfActor.delete(oldest)
    }
  }

  get(replica: Replica, key: string, wallMs: number): EntryView | undefined {
    return this.#entry(key, replica.siblings(key), wallMs)
  }

  /** Visible entries in byte order of their keys. */
  *scan(replica: Replica, options: ScanOptions, wallMs: number): Generator<EntryView> {
    const prefix = toBinary(options.prefix ?? new Uint8Array(0))
    const after = options.after === undefined ? undefined : toBinary(options.after)
    // The least key above `after` is `after` with a zero byte behind it.
    const start = after === undefined || after < prefix ? prefix : `${after}\0`
    let left = options.limit
    let key: string | undefined
    for (const item of replica.fromKey(start)) {
      if (left <= 0 || !item.key.startsWith(prefix)) return
      if (item.key === key) continue
      key = item.key
      const entry = this.#entry(key, replica.siblings(key), wallMs)
      if (entry === undefined) continue
      left--
      yield entry
    }
  }

  #entry(key: string, held: readonly Item[], wallMs: number): EntryView | undefined {
    const visible = held.filter((item) => item.expiry === 0 || item.expiry > wallMs)
    if (visible.length === 0) return undefined
    return {
      key: fromBinary(key),
      siblings: visible.map((item) => this.#sibling(item)),
      token: encodeToken(key, held),
    }
  }

  #sibling(item: Item): SiblingView {
    const register = item.kind === KIND_REGISTER && item.field === ''
    const peer = item.actor.slice(8)
    return {
      dot: dotView(item),
      kind: register ? 'register' : 'unknown',
      value: register ? item.value() : new Uint8Array(0),
      time: { ms: item.ms, tick: item.tick },
      ...(item.expiry === 0 ? {} : { expiresAt: item.expiry }),
      writer: this.#peerOfActor.get(peer) ?? toHex(peer),
    }
  }
}

export function dotView(dot: Dot): DotView {
  return { actor: toHex(dot.actor), counter: dot.counter }
}
