/** A thread that fuzzes, seen from outside: what it may cost and how long it may be silent is decided here. */
import { Worker } from 'node:worker_threads'
import type { Stretch } from '../support/stretch-ledger.ts'

const HEAP_MIB = 256
/** What it says after every slice takes a fraction of a second; on a machine with a load of its own some seconds. */
const SILENCE_MS_MAX = 120_000

export interface FuzzTally {
  runs: number
  accepted: number
  /** Processor time of the thread; wall time where the system does not tell. */
  cpuMs: number
}

export const NOTHING: FuzzTally = { runs: 0, accepted: 0, cpuMs: 0 }

export function addTally(a: FuzzTally, b: FuzzTally): FuzzTally {
  return {
    runs: a.runs + b.runs,
    accepted: a.accepted + b.accepted,
    cpuMs: a.cpuMs + b.cpuMs,
  }
}

export interface FuzzJob extends Stretch {
  name: string
}

/** Where both sides see the input under way: its length, then its bytes. */
export const INPUT_BYTES_MAX = 64 * 1024
export const LENGTH_BYTES = 4

export interface FuzzWord {
  done: boolean
  tally: FuzzTally
}

export class FuzzThread {
  readonly #shared = new SharedArrayBuffer(LENGTH_BYTES + INPUT_BYTES_MAX)
  readonly #worker = new Worker(new URL('work.js', import.meta.url), {
    workerData: this.#shared,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB },
  })

  /** The input that was under way last. */
  get input(): Uint8Array {
    const copy = new Uint8Array(this.#shared).slice()
    const [length] = new Uint32Array(copy.buffer, 0, 1)
    return copy.subarray(LENGTH_BYTES, LENGTH_BYTES + length!)
  }

  /** Rejects when an input did harm; the thread is of no use any more then. */
  async run(name: string, stretch: Stretch): Promise<FuzzTally> {
    const worker = this.#worker
    const job: FuzzJob = { name, ...stretch }
    let watch: NodeJS.Timeout | undefined
    let forget = (): void => undefined
    try {
      return await new Promise((resolve, reject) => {
        const arm = (): void => {
          clearTimeout(watch)
          const silent = new Error(`silent for ${SILENCE_MS_MAX} ms`)
          watch = setTimeout(() => reject(silent), SILENCE_MS_MAX)
        }
        const hear = ({ done, tally }: FuzzWord): void => {
          arm()
          if (done) resolve(tally)
        }
        const gone = (): void => reject(new Error('its thread ended'))
        forget = () => void worker.off('message', hear).off('error', reject).off('exit', gone)
        worker.on('message', hear).once('error', reject).once('exit', gone)
        arm()
        // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a thread, which has no origin
        worker.postMessage(job)
      })
    } finally {
      clearTimeout(watch)
      forget()
    }
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }
}
