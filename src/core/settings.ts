import type { Hash } from './item.ts'
import type { RepairSizes } from './repair/sizes.ts'

/** What the core can be told. Durations are milliseconds, sizes are bytes. `config/default.yaml` explains each knob. */
export interface CoreSettings {
  repair: {
    /** Time between two digest exchanges with one peer. */
    interval: number
    /** Fraction of `interval` by which each wait varies, up or down. */
    jitter: number
    /** Dots that are missing for less than this are left to gossip. */
    pullDelay: number
    /** How long a gap may show before it is asked for. */
    gapDelay: number
    /** A session without progress for this long is given up. */
    sessionTimeout: number
    /** Bytes of a pull that may be under way to one peer at a time. */
    windowBytes: number
    /** Sessions answered at a time; a further asker hears "busy". */
    sessionsMax: number
    /** What all answered pulls together may send in a second. */
    bytesPerSecond: number
    /** Keys, or a hundredth of all if that is more, that an hour of unproven removals may empty. */
    removalsMax: number
    /** For how long removals beyond that are held back. */
    removalHold: number
  }
  gossip: {
    /** Largest item that travels inside a broadcast; a larger one is announced and pulled. */
    inlineBytes: number
  }
  /** Bounds on local writes and on memory. What peers send is bounded by the protocol, not here. */
  limits: {
    valueBytes: number
    siblings: number
    writeQueueBytes: number
    inboxBytes: number
  }
  expiry: {
    /** How far apart the clocks of the fleet may be without alarm. */
    skew: number
    /** Further wait between the end of an item's life and its removal from the store. */
    grace: number
    purgeInterval: number
  }
}

/** Time, handed in with every event. The core reads no clock. */
export interface Now {
  /** Wall clock, milliseconds since 1970: for people, timestamps and expiry. May jump. */
  wall: number
  /** Monotonic clock, milliseconds from any origin: for timers and durations. Never jumps. */
  mono: number
}

/** The core's only randomness; seeded in tests. */
export interface Random {
  bytes(count: number): Uint8Array
  /** Uniform in [0, 1). */
  float(): number
}

export interface EngineOptions {
  settings: CoreSettings
  sizes: RepairSizes
  hash: Hash
  random: Random
  /** The map's id, 16 bytes. */
  map: Uint8Array
  /** 8 bytes of the peer id's hash. */
  peerHash: Uint8Array
  /** This peer's id, as its peers name it. */
  peerId: string
  name: string
  /** Whether bootstrap peers are configured or known from earlier runs. */
  hasPeers: boolean
  /** Whether this daemon declares itself the first of its fleet. */
  first: boolean
}
