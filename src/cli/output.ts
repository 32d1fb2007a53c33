/**
 * Standard output and standard error of `hearsay`. Results go to the one, everything said about them to the other, so
 * that a pipe carries results only.
 */
import { once } from 'node:events'
import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'

import type { Completeness } from '../daemon-api.ts'

/** Waits while the reader is behind, so that nothing piles up. */
export async function print(text: string | Uint8Array): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain')
}

export async function printLine(text: string): Promise<void> {
  await print(`${text}\n`)
}

/** Gathers many short lines into few writes. What was gathered is lost unless `flush` comes last. */
export class LineWriter {
  static readonly #GATHERED_CHARACTERS_MAX = 64 * 1024
  readonly #print: (text: string) => Promise<void>
  #gathered = ''

  constructor(to: (text: string) => Promise<void> = print) {
    this.#print = to
  }

  async write(line: string): Promise<void> {
    this.#gathered += `${line}\n`
    if (this.#gathered.length >= LineWriter.#GATHERED_CHARACTERS_MAX) await this.flush()
  }

  async flush(): Promise<void> {
    const text = this.#gathered
    this.#gathered = ''
    if (text !== '') await this.#print(text)
  }
}

/** For programs: one line; for a terminal: laid out. */
export async function printJson(value: unknown): Promise<void> {
  await printLine(JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined))
}

export function say(text: string): void {
  process.stderr.write(`hearsay: ${text}\n`)
}

/** `head` and `less` close the pipe when they have enough: that ends the program, and is no failure. */
export function endQuietlyWhenNobodyReads(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      process.exit(stream === process.stdout ? 0 : undefined)
    })
  }
}

export type Style = (format: Parameters<typeof styleText>[0], text: string) => string

/** Colours for a terminal that has them; NO_COLOR and TERM=dumb are respected. */
export function styleFor(stream: NodeJS.WriteStream): Style {
  const terminal = stream as Partial<WriteStream>
  const colours = terminal.isTTY === true && terminal.hasColors?.() === true
  return (format, text) => (colours ? styleText(format, text) : text)
}

/** Says so when the answer may lack something. Absent is not deleted. */
export function warnIfIncomplete(completeness: Completeness): void {
  if (completeness.state === 'syncing') {
    say('this daemon is still syncing: what is absent here may only not have arrived yet')
  } else if (completeness.state === 'complete-as-of') {
    say(
      `complete as of ${new Date(completeness.asOf).toISOString()}: what was written elsewhere since then may be missing`,
    )
  }
}

/** Columns aligned to the widest cell; the last is left as it is. Widths are counted before style is put on. */
export function table(rows: string[][], indent = ''): string[] {
  const widths: number[] = []
  for (const row of rows) {
    row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)))
  }
  return rows.map(
    (row) =>
      indent +
      row
        .map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
  )
}
