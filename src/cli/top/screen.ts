/**
 * The terminal as a full screen: the alternate screen while it is shown, the user's own again afterwards, however the
 * program ends (a key, a signal, an error, the terminal's own job control).
 */
import { writeSync } from 'node:fs'
import type { ReadStream } from 'node:tty'

const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'
const HOME = '\x1b[H'
const CLEAR_LINE = '\x1b[K'
const CLEAR_BELOW = '\x1b[J'

const CTRL_C = '\x03'
const CTRL_Z = '\x1a'

/** Exit codes of a program that a signal ended, as shells show them. */
const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129, SIGQUIT: 131 } as const

export interface ScreenEvents {
  /** Draw anew: the size has changed, or the screen is shown again. */
  redraw(): void
  quit(): void
  key(key: string): void
}

export class Screen {
  readonly #events: ScreenEvents
  readonly #input: ReadStream | undefined
  #shown = false

  constructor(events: ScreenEvents) {
    this.#events = events
    this.#input = process.stdin.isTTY ? process.stdin : undefined
    process.on('exit', () => this.hide())
    for (const [signal, code] of Object.entries(SIGNALS))
      process.on(signal, () => process.exit(code))
    process.on('SIGCONT', () => {
      this.show()
      events.redraw()
    })
    process.stdout.on('resize', () => events.redraw())
    this.#input?.on('data', (bytes: Buffer) => this.#typed(bytes.toString()))
  }

  get size(): { columns: number; rows: number } {
    // A terminal that does not know its size says 0.
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }
  }

  show(): void {
    this.#shown = true
    // Even when it is shown already: who stopped this program may have left it otherwise.
    this.#input?.setRawMode(true)
    write(ENTER)
  }

  /** Synchronous, so that it works while the process ends. */
  hide(): void {
    if (!this.#shown) return
    this.#shown = false
    write(LEAVE)
    this.#input?.setRawMode(false)
  }

  draw(lines: readonly string[]): void {
    if (!this.#shown) return
    write(HOME + lines.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_BELOW)
  }

  #typed(keys: string): void {
    for (const key of keys) {
      if (key === CTRL_C || key === 'q') this.#events.quit()
      else if (key === CTRL_Z) {
        this.hide()
        process.kill(process.pid, 'SIGSTOP')
      } else this.#events.key(key)
    }
  }
}

/** A terminal that is gone, or does not read, is no error here: the signal that follows ends the program. */
function write(text: string): void {
  try {
    writeSync(process.stdout.fd, text)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EAGAIN' && code !== 'EIO' && code !== 'EPIPE' && code !== 'EBADF') throw error
  }
}
