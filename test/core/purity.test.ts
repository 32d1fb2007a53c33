/** The lint settings keep the core free of I/O, clocks, timers and randomness: planted violations are reported. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

// From dist/test/core, where this file is compiled to.
const project = fileURLToPath(new URL('../../../', import.meta.url))

const VIOLATIONS: [what: string, code: string][] = [
  ['the wall clock', 'export const a = Date.now()'],
  ['a timer', 'export const a = setTimeout(() => undefined, 1)'],
  ['the monotonic clock', 'export const a = performance.now()'],
  ['randomness', 'export const a = Math.random()'],
  ['a promise', 'export const a = Promise.resolve(1)'],
  ['a module of Node', "import { readFileSync } from 'node:fs'\nexport const a = readFileSync"],
  ['libp2p', "import { createLibp2p } from 'libp2p'\nexport const a = createLibp2p"],
  ['the network', "import type { Lane } from '../net/transport.ts'\nexport type A = Lane"],
  ['the store', "import type { Store } from '../store/store.ts'\nexport type A = Store"],
]

describe('purity of the core', () => {
  let dir: string

  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'hearsay-purity-'))
    mkdirSync(path.join(dir, 'src/core'), { recursive: true })
    mkdirSync(path.join(dir, 'src/daemon'), { recursive: true })
    cpSync(path.join(project, '.oxlintrc.json'), path.join(dir, '.oxlintrc.json'))
  })

  after(() => rmSync(dir, { recursive: true, force: true }))

  function lint(file: string, code: string): { status: number | null; output: string } {
    writeFileSync(path.join(dir, file), `${code}\n`)
    const oxlint = path.join(project, 'node_modules/.bin/oxlint')
    const { status, stdout, stderr } = spawnSync(oxlint, [file], { cwd: dir, encoding: 'utf8' })
    return { status, output: stdout + stderr }
  }

  for (const [what, code] of VIOLATIONS) {
    it(`refuses ${what}`, () => {
      const { status, output } = lint('src/core/planted.ts', code)
      assert.equal(status, 1, output)
      assert.match(output, /no-restricted-(globals|properties|imports)/)
    })
  }

  it('lets the shell use them', () => {
    const { status, output } = lint('src/daemon/planted.ts', VIOLATIONS[0]![1])
    assert.equal(status, 0, output)
  })
})
