/** What is going on, on standard error: one line that changes on a terminal, lines elsewhere. */
const CLEAR_LINE = '\r\x1b[2K'

export class Screen {
  readonly #from = performance.now()
  readonly #terminal = process.stderr.isTTY

  show(text: string): void {
    const seconds = ((performance.now() - this.#from) / 1000).toFixed(0)
    const line = `${seconds.padStart(5)} s  ${text}`
    process.stderr.write(this.#terminal ? CLEAR_LINE + line : `${line}\n`)
  }

  clear(): void {
    if (this.#terminal) process.stderr.write(CLEAR_LINE)
  }
}
