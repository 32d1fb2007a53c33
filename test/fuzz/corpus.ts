/**
 * Inputs with which fuzzing begins: those that the program makes now, and those in `corpus/NAME.txt`, one a line in base64.
 * There stand those that reach all that was ever reached (`distil.ts`), and those that once did harm.
 */
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Target } from './targets.ts'

/** This file is compiled to dist/test/fuzz; the corpus stays where the sources are. */
const CORPUS = path.resolve(import.meta.dirname, '../../../test/fuzz/corpus')

function fileOf(name: string): string {
  return path.join(CORPUS, `${name.replaceAll(' ', '-')}.txt`)
}

function lineOf(input: Uint8Array): string {
  return `${Buffer.from(input).toString('base64')}\n`
}

export function corpusOf({ name, samples }: Target): Uint8Array[] {
  const file = fileOf(name)
  if (!existsSync(file)) return [...samples]
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return [...samples, ...lines.map((line) => new Uint8Array(Buffer.from(line, 'base64')))]
}

/** Adds an input that did harm; where it stands. */
export function keep(name: string, input: Uint8Array): string {
  mkdirSync(CORPUS, { recursive: true })
  appendFileSync(fileOf(name), lineOf(input))
  return `${fileOf(name)}, last line`
}

export function writeCorpus(name: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(CORPUS, { recursive: true })
  writeFileSync(fileOf(name), inputs.map(lineOf).join(''))
}
