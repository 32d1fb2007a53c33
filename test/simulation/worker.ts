/** A thread of `simulate.ts`: runs the stretches of seeds that it is sent, and answers each. */
import 'core-js/actual/promise/with-resolvers.js'
import { parentPort } from 'node:worker_threads'
import type { Stretch } from '../support/stretch-ledger.ts'
import { runStretch } from './batch.ts'

parentPort?.on('message', (stretch: Stretch) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a thread, which has no origin
  parentPort?.postMessage(runStretch(stretch))
})
