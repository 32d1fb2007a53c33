/** Inputs with which fuzzing begins: those that the program makes now, and those that stand in `corpus/TARGET/`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Target } from './targets.ts'

/** This file is compiled to dist/test/fuzz; the corpus stays where the sources are. */
export const CORPUS = path.resolve(import.meta.dirname, '../../../test/fuzz/corpus')

export function corpusOf(target: Target): Uint8Array[] {
  const directory = path.join(CORPUS, target.name.replaceAll(' ', '-'))
  if (!existsSync(directory)) return target.samples
  const kept = readdirSync(directory)
    .toSorted()
    .map((name) => new Uint8Array(readFileSync(path.join(directory, name))))
  return [...target.samples, ...kept]
}
