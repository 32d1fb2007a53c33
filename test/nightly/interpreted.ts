/**
 * Loaded into a daemon before its program: V8 interprets it and compiles nothing, so that what is on the heap is what the daemon
 * keeps.
 *
 * V8 goes on compiling for hours in a process that does a little of everything: each function gets its turn when it has run often
 * enough, and its code, with what V8 knows to throw it away again, looks like growth. Feedback is kept from the first call on
 * instead of the eighth, and bytecode is not flushed, for the same reason.
 */
import { setFlagsFromString } from 'node:v8'

const FLAGS = [
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  '--no-lazy-feedback-allocation',
  '--no-flush-bytecode',
]

for (const flag of FLAGS) setFlagsFromString(flag)
