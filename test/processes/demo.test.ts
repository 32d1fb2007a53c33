/** `npm run demo`, as somebody runs it whose output is no terminal. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import path from 'node:path'

import { PROJECT_ROOT, until } from '../support/daemons.ts'

const DEMO = path.join(import.meta.dirname, '../demo/demo.js')
/** It takes some 15 s on a machine of its own. */
const DEADLINE_MS = 180_000

describe('the demo', function () {
  this.timeout(DEADLINE_MS)
  let started: Running | undefined
  // It ends its daemons itself.
  afterEach(() => started?.child.kill('SIGTERM'))

  const start = (): Running => (started = new Running())

  it('holds every claim that it prints, in plain lines', async () => {
    const { code, out } = await run()
    assert.equal(code, 0, out)
    const lines = out.trimEnd().split('\n')
    const claims = lines.filter((line) => line.startsWith('  ✓ '))
    assert.match(lines.at(-1) ?? '', new RegExp(`^All ${claims.length} claims held, in `))
    assert.ok(claims.length >= 20, out)
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(out, /[\u001B\r]/)
  })

  it('leaves no process and no file behind when it is interrupted', async () => {
    const demo = start()
    await until('two daemons to run', () => demo.daemons.length >= 2)
    demo.child.kill('SIGINT')
    assert.equal(await demo.ended, 130)
    assertNothingLeft(demo)
  })

  it('fails when something is not as it claims, says what, and leaves nothing behind', async () => {
    const demo = start()
    await until('the load to begin', () => demo.out.includes('Loading'))
    process.kill(demo.daemons[1]!.pid, 'SIGKILL')
    assert.equal(await demo.ended, 1, demo.out)
    assert.match(demo.out, /\n\nThe demo failed: b ended by itself\.\n$/)
    assert.match(demo.out, /^ {2}a: context /m)
    assertNothingLeft(demo)
  })
})

class Running {
  readonly child = spawn(process.execPath, [DEMO], {
    cwd: PROJECT_ROOT,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  readonly ended: Promise<number | null>
  out = ''

  constructor() {
    this.child.stdout.on('data', (chunk: Buffer) => (this.out += chunk.toString()))
    this.ended = once(this.child, 'close').then(([code]) => code as number | null)
  }

  get daemons(): { pid: number; data: string }[] {
    return [...this.out.matchAll(/ process (\d+) {2}data (\S+)/g)].map(([, pid, data]) => ({
      pid: Number(pid),
      data: data!,
    }))
  }
}

function assertNothingLeft(demo: Running): void {
  for (const { pid, data } of demo.daemons) {
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
    assert.equal(existsSync(data), false)
  }
}

function run(): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [DEMO], { cwd: PROJECT_ROOT }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), out: `${stdout}${stderr}` })
    })
  })
}
