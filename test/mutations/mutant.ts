/** A copy of the compiled core and simulator with one mutation in it and the core's own assertions switched off. */
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Edit, Mutation } from './rules.ts'

const PARTS = ['src', 'test/simulation', 'test/support']
/** A rule must be caught from outside, not by the core's own word. */
const INVARIANT: Edit = { file: 'invariant.js', find: 'if (!holds)', replace: 'if (false)' }

/** Its directory of the build; `root` is that of the original. */
export function makeMutant(root: string, mutation: Mutation | undefined): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'hearsay-mutant-'))
  const project = path.dirname(root)
  const build = path.join(directory, 'dist')
  for (const part of PARTS)
    cpSync(path.join(root, part), path.join(build, part), { recursive: true })
  for (const name of ['package.json', 'node_modules']) {
    symlinkSync(path.join(project, name), path.join(directory, name))
  }
  try {
    edit(build, INVARIANT)
    if (mutation !== undefined)
      for (const one of [mutation, ...(mutation.also ?? [])]) edit(build, one)
  } catch (error) {
    removeMutant(build)
    throw error
  }
  return build
}

export function removeMutant(build: string): void {
  rmSync(path.dirname(build), { recursive: true, force: true })
}

function edit(build: string, { file, find, replace }: Edit): void {
  const target = path.join(build, 'src', 'core', file)
  const code = readFileSync(target, 'utf8')
  const parts = code.split(find)
  if (parts.length !== 2) {
    throw new Error(`"${find.trim()}" stands ${parts.length - 1} times in ${file}, not once`)
  }
  writeFileSync(target, parts.join(replace))
}
