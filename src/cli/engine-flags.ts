/**
 * Imported first by the daemon: what it asks of V8.
 *
 * - A function is optimised only after it has run for longer. In a daemon's first seconds under load nearly every function
 *   becomes worth optimising, many of them several times while types are still settling, and the compiler takes as much of the
 *   machine as the work itself: five daemons on two cores spent 2.1 of 5.5 CPU seconds on it before they had exchanged 10,000
 *   keys. With about twice the patience it is a third of that, and what runs hot is optimised all the same, a little later.
 * - Where the daemon has one processor, young objects are collected by the thread that made them. The threads that would help
 *   it only take turns with it, and a pause takes up to twice as long.
 * - Arrays outside of the heap count towards the limit of all memory, which grows with what is held. Else 64 MB of them since the
 *   last full collection begin the next one. A daemon that is pulled from sends so much every few seconds, and with a large map
 *   each full collection takes long: clients waited 13 ms for a get and 40 for a put, at the 99th place of a hundred.
 * - The heap may grow by half before a full collection. While it grows slowly, as with a daemon that is read and overwritten,
 *   V8 allows a tenth, and counts the arrays outside of it that wait for the next short collection. With 300,000 keys a pull
 *   leaves more of them in between: a daemon that was pulled from collected all of its heap 16 times in 13 seconds, and clients
 *   waited 12 ms for a get at the 99th place of a hundred, where it is 1.4 now.
 *
 * The settings are V8's own and go by its version: where one is not known to exist, it is not set.
 */
import { availableParallelism } from 'node:os'
import { setFlagsFromString } from 'node:v8'

/** Of what is alive after a full collection: so much more is garbage at most, and each collection walks through all that is alive. */
const HEAP_GROWING_PERCENT = 50

/** Bytes of bytecode that a function runs; 132 KiB by default. With more, slow code costs more than is saved. */
const INTERRUPT_BUDGET_BYTES = 300_000

// Node 20. Later ones count calls instead, and are more patient by themselves; and were not seen to collect so often.
if (process.versions.v8.startsWith('11.')) {
  setFlagsFromString(`--interrupt-budget=${INTERRUPT_BUDGET_BYTES}`)
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`)
}

// Node 24. In Node 20 young objects, and the arrays that they hold, are collected so often that it hardly ever comes to that.
if (process.versions.v8.startsWith('13.')) {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}

if (availableParallelism() === 1) setFlagsFromString('--no-parallel-scavenge')
