/**
 * Small mutations of the compiled core, drawn from a seed: an operator swapped, a number off by one, a condition that always
 * or never holds, a statement left out.
 */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Seeded } from '../support/seeded.ts'
import type { Mutation } from './rules.ts'

/**
 * Generated, or without behaviour of its own; and what answers questions of clients, which has a search of its own
 * (`test/simulation/converged.test.ts`).
 */
const LEFT_OUT = new Set([
  'wire/messages.js',
  'events.js',
  'settings.js',
  'repair/sizes.js',
  'work.js',
  'invariant.js',
  'completeness.js',
  'converge.js',
  'cover.js',
  'fleet-tour.js',
  'freshness.js',
  'packed-heads.js',
  'proofs.js',
  'questions.js',
])
/** A bound or a wait: one more or less of it changes nothing that can be promised. */
const CONSTANT = /^(?:export )?const [A-Z][A-Z0-9_]* = /

interface Edit {
  what: string
  pattern: RegExp
  replace: (match: RegExpExecArray) => string
}

const swap = (from: string, to: string): Edit => ({
  what: `${from} for ${to}`,
  pattern: new RegExp(` ${from.replace(/[|+*]/g, String.raw`\$&`)} `, 'g'),
  replace: () => ` ${to} `,
})

const EDITS: readonly Edit[] = [
  swap('<', '<='),
  swap('<=', '<'),
  swap('>', '>='),
  swap('>=', '>'),
  swap('===', '!=='),
  swap('!==', '==='),
  swap('&&', '||'),
  swap('||', '&&'),
  swap('+', '-'),
  swap('-', '+'),
  {
    what: 'a number off by one',
    pattern: /(?<=[ (])([0-9]+)(?=[;,) ])/g,
    replace: ([, number]) => String(Number(number) + 1),
  },
  {
    what: 'a condition that never holds',
    pattern: /if \((?=.*\)$)/gm,
    replace: () => 'if (false && ',
  },
  {
    what: 'a condition that always holds',
    pattern: /if \((?=.*\)$)/gm,
    replace: () => 'if (true || ',
  },
  {
    what: 'a call left out',
    pattern: /^ +((?:this\.|change\.|replica\.|peer\.|pull\.)[\w.#]+\([^\n]*\);)$/gm,
    replace: () => '        ;',
  },
  {
    what: 'an early return left out',
    pattern: /^( +)return;$/gm,
    replace: ([, space]) => `${space};`,
  },
]

/** `root` is the directory of the build. */
export function randomMutations(root: string, count: number, seed: number): Mutation[] {
  const core = path.join(root, 'src', 'core')
  const files = readdirSync(core, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith('.js') && !LEFT_OUT.has(name))
    .toSorted()
  const places = files.flatMap((file) => placesIn(core, file))
  const random = new Seeded(seed, 'mutations')
  return random.some(places, count)
}

function placesIn(core: string, file: string): Mutation[] {
  const code = readFileSync(path.join(core, file), 'utf8')
  const mutations: Mutation[] = []
  for (const edit of EDITS) {
    for (const match of code.matchAll(edit.pattern)) {
      const start = code.lastIndexOf('\n', match.index) + 1
      const end = code.indexOf('\n', match.index + match[0].length)
      const line = code.slice(start, end)
      if (/^\s*(?:\/\/|\*|\/\*|import |export \{)/.test(line) || CONSTANT.test(line)) continue
      // Switched off in every mutant.
      if (line.includes('invariant(')) continue
      if (code.split(line).length !== 2) continue
      const at = match.index - start
      const changed = line.slice(0, at) + edit.replace(match) + line.slice(at + match[0].length)
      const number = code.slice(0, start).split('\n').length
      mutations.push({
        name: `${file}:${number}`,
        what: `${edit.what}: ${changed.trim()}`,
        file,
        find: line,
        replace: changed,
      })
    }
  }
  return mutations
}
