/** A progress bar on standard error when that is a terminal, nothing otherwise. */
import { SingleBar } from 'cli-progress'

import { number } from './words.ts'

export class Progress {
  readonly #bar: SingleBar | undefined

  /** Without a `total` only what is done is counted. */
  constructor(what: string, total: number | undefined) {
    if (!process.stderr.isTTY) return
    const measured = total !== undefined && total > 0
    this.#bar = new SingleBar({
      format: measured ? `${what} [{bar}] {percentage}%  {keys} keys` : `${what}  {keys} keys`,
      barCompleteChar: '=',
      barIncompleteChar: ' ',
      hideCursor: true,
      clearOnComplete: true,
      stopOnComplete: false,
      gracefulExit: true,
    })
    this.#bar.start(measured ? total : 0, 0, { keys: '0' })
  }

  at(done: number, keys: number): void {
    this.#bar?.update(done, { keys: number(keys) })
  }

  stop(): void {
    this.#bar?.stop()
  }
}
