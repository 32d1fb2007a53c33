import type { Hash } from './item.ts'

/** What the core can be told. Durations are milliseconds, sizes are bytes. `config/default.yaml` explains each knob. */
export interface CoreSettings {
  repair: {
    interval: number
    jitter: number
    pullDelay: number
    gapDelay: number
    sessionTimeout: number
    windowBytes: number
    sessionsMax: number
    bytesPerSecond: number
  }
  gossip: { inlineBytes: number }
  limits: {
    valueBytes: number
    siblings: number
    writeQueueBytes: number
    inboxBytes: number
  }
  expiry: { skew: number; grace: number; purgeInterval: number }
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
