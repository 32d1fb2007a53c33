/** Inputs with which fuzzing begins: those that the program makes now, and those that stand in `corpus/TARGET/`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Target } from './targets.ts'

/** This file is compiled to dist/test/fuzz; the corpus stays where the sources are. */
const CORPUS = path.resolve(import.meta.dirname, '../../../test/fuzz/corpus')

export function corpusDirectory(name: string): string {
  return path.join(CORPUS, name.replaceAll(' ', '-'))
}

export function corpusOf({ name, samples }: Target): Uint8Array[] {
  const directory = corpusDirectory(name)
  if (!existsSync(directory)) return [...samples]
  const kept = readdirSync(directory)
    .toSorted()
    .map((file) => new Uint8Array(readFileSync(path.join(directory, file))))
  return [...samples, ...kept]
}
