/**
 * How much one step of a repair takes on. These are the sender's choice and well within what a receiver takes. Daemons have
 * `SIZES`; simulations draw small ones, so that what happens where a message is full happens in small worlds too.
 */
export interface RepairSizes {
  /** Bytes of a chunk: small enough that building one does not stall the daemon, large enough that framing does not show. */
  chunkBytes: number
  /** Ranges in one chunk. */
  chunkRanges: number
  /** With more actors than this a pull first compares buckets of actors. */
  actorsInline: number
  /** Actors that one pull speaks of: bounds its opening. */
  actorsPerPull: number
  /** A range of at most this many items is listed rather than split. */
  listed: number
  /**
   * Own items that are compared with the lists of one message, shared between them: towards a peer that has next to nothing of a
   * range, as one that has only begun to fill, this replica may have a million items of it.
   */
  compared: number
  /**
   * A peer that lacks so many dots, and has got as many since the range step was due last, is filling: it is left in peace. The
   * step would find what is on its way to it, and compare all of that in vain.
   */
  fill: number
  /** Keys, and dots, that one `resolve` asks for. */
  candidates: number
  /** An answer to `resolve` stops after the key that takes it past this many bytes. */
  resolvedBytes: number
}

export const SIZES: RepairSizes = {
  chunkBytes: 32 * 1024,
  chunkRanges: 4096,
  actorsInline: 256,
  // An opening of some 100 KiB.
  actorsPerPull: 4096,
  listed: 24,
  // Some milliseconds.
  compared: 8192,
  fill: 4096,
  candidates: 512,
  resolvedBytes: 256 * 1024,
}
