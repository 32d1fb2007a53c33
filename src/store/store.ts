/**
 * The store port: what the core needs of a disk.
 *
 * A store is an ordered set of records (byte key, byte value) that changes only by atomic batches. It knows nothing of
 * items or contexts; the layout of the records belongs to the core (`core/records.ts`). The daemon holds the whole map
 * in memory, so a store is read once, at start, and written from then on.
 *
 * Within a batch deletes apply before puts, and of two puts of one key the later one stays. The batch belongs to its
 * caller again when `commit` has returned, before it has resolved.
 *
 * Promises that every implementation keeps, and that `test/contract/store.ts` checks:
 *
 * 1. A batch is there whole or not at all, also after a crash at any moment.
 * 2. Batches reach the disk in the order of the `commit` calls: if a later batch survived, so did every earlier one.
 * 3. When `commit(…, { sync: true })` resolves, that batch and all before it survive the loss of power. With
 *    `sync: false` they survive the end of the process, and the loss of power only after a later synced commit.
 * 4. After a `commit` has rejected, every later one rejects too until the store was closed and opened anew: what is on
 *    disk is then known only by reading it.
 * 5. What cannot be read is told, and does not keep what can be read from being given. A store whose damage shows when it
 *    is opened takes no commit: its caller writes what was salvaged into a new one. What only `load` finds stops nobody
 *    from writing: the caller of a running store has everything in memory.
 * 6. What `load` gives is the store as it was between two batches, whatever is committed meanwhile.
 */

export interface StoreRecord {
  key: Uint8Array
  value: Uint8Array
}

export interface StoreBatch {
  puts: StoreRecord[]
  deletes: Uint8Array[]
}

export interface Store {
  /**
   * Every record that is whole, in ascending byte order of keys, in slices of bounded size. `damaged` is called for each
   * place that is not, in words for people; records that are missing without a trace are for the caller to notice.
   */
  load(damaged: (what: string) => void): AsyncIterable<StoreRecord[]>
  /**
   * For whoever wants to check the disk of a store in use, before `load`: moves to the disk what `load` would give from
   * memory, and reads what is on it as plain bytes. Yields how many at a time. After a call of `damaged` the store must not
   * be loaded: that may end the process.
   */
  inspect(damaged: (what: string) => void): AsyncIterable<number>
  /** Gives back the memory that `load` took. To be waited for, after a load and before the first commit. */
  releaseMemory(): Promise<void>
  commit(batch: StoreBatch, options: { sync: boolean }): Promise<void>
  /** Bytes on disk now; 0 for a store without a disk. */
  sizeBytes(): Promise<number>
  close(): Promise<void>
}
