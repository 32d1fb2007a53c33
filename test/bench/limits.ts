/** What the machine allows: no figure of a durable, encrypted store in one process is better than these. */
import { createCipheriv } from 'node:crypto'
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import path from 'node:path'
import { shown } from './tables.ts'

const MEASURE_MS = 500
/** About one record with a value of 256 bytes. */
const APPEND_BYTES = 400
const SMALL_FRAME_BYTES = 400
/** As much as one Noise message carries. */
const LARGE_FRAME_BYTES = 65_519

export interface Limits {
  syncedAppendsPerSecond: number
  /** Megabytes a second that one core seals in small frames, and in frames as large as they get. */
  sealsSmall: number
  sealsLarge: number
}

/** @returns how often a second `step` runs */
function rateOf(step: () => void): number {
  const begin = performance.now()
  let steps = 0
  while (performance.now() - begin < MEASURE_MS) {
    step()
    steps++
  }
  return (steps * 1000) / (performance.now() - begin)
}

function syncedAppends(directory: string): number {
  const file = path.join(directory, 'appends')
  const descriptor = openSync(file, 'a')
  const bytes = Buffer.alloc(APPEND_BYTES, 1)
  try {
    return rateOf(() => {
      writeSync(descriptor, bytes)
      fdatasyncSync(descriptor)
    })
  } finally {
    closeSync(descriptor)
    rmSync(file)
  }
}

/** ChaCha20-Poly1305, the cipher of Noise. */
function seals(frameBytes: number): number {
  const key = Buffer.alloc(32, 1)
  const nonce = Buffer.alloc(12, 1)
  const frame = Buffer.alloc(frameBytes, 1)
  const frames = rateOf(() => {
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
    cipher.update(frame)
    cipher.final()
    cipher.getAuthTag()
  })
  return (frames * frameBytes) / 1e6
}

/** @param directory on the disk that is measured */
export function limitsOf(directory: string): Limits {
  return {
    syncedAppendsPerSecond: syncedAppends(directory),
    sealsSmall: seals(SMALL_FRAME_BYTES),
    sealsLarge: seals(LARGE_FRAME_BYTES),
  }
}

export function limitsText({ syncedAppendsPerSecond, sealsSmall, sealsLarge }: Limits): string {
  return (
    `Limits here: ${shown(syncedAppendsPerSecond)} synced appends/s of ${APPEND_BYTES} bytes; one core seals ` +
    `${shown(sealsSmall)} MB/s in frames of ${SMALL_FRAME_BYTES} bytes, ${shown(sealsLarge)} MB/s in frames of 64 KiB.`
  )
}
