/** `hearsay top` on a terminal of its own, which `script` makes; and without one. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { bytes, PROJECT_ROOT, skipBecause, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'

const ENTER = '\x1b[?1049h'
const LEAVE = '\x1b[?1049l'
const BIN = path.join(PROJECT_ROOT, 'bin/hearsay')

/** A terminal in which top runs. */
class Terminal {
  out = ''
  code: number | undefined
  readonly #child: ChildProcessWithoutNullStreams

  constructor(daemon: TestDaemon, size = 'rows 24 cols 80') {
    const top = `exec '${process.execPath}' '${BIN}' --socket '${daemon.socket}' top --interval 100ms`
    const command = `stty ${size}; echo pid $$; ${top}`
    this.#child = spawn('script', ['-qec', command, '/dev/null'], {
      env: { ...process.env, TERM: 'xterm', SHELL: '/bin/sh' },
    })
    this.#child.stdout.on('data', (chunk: Buffer) => (this.out += chunk.toString()))
    this.#child.once('close', (code) => (this.code = code ?? -1))
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  get pid(): number {
    return Number(/pid (\d+)/.exec(this.out)?.[1])
  }

  /** The latest frame, as lines. */
  get frame(): string[] {
    const [, ...frames] = this.out.split('\x1b[H')
    // eslint-disable-next-line no-control-regex -- what a terminal would do, not show
    const text = (frames.at(-1) ?? '').replaceAll(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
    return text.split('\r\n')
  }

  seen(what: RegExp): Promise<true> {
    return until(`the screen to show ${what}`, () => this.frame.some((line) => what.test(line)))
  }

  ended(): Promise<unknown> {
    return until('the end of top', () => this.code !== undefined)
  }

  get stopped(): boolean {
    return isStopped(this.pid)
  }

  /** `script` stops too, a moment after what runs in it, or not; it may then keep what it has yet to hand on. */
  get handsNothingOn(): boolean {
    return isStopped(this.#child.pid!)
  }

  /** Whichever is stopped goes on. */
  resume(): void {
    for (const pid of [this.#child.pid!, this.pid]) {
      if (isStopped(pid)) process.kill(pid, 'SIGCONT')
    }
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

function isStopped(pid: number): boolean {
  return readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')[2] === 'T'
}

describe('hearsay top', function () {
  this.timeout(120_000)
  const fleet = useFleet()
  let terminal: Terminal | undefined

  before(function () {
    if (spawnSync('script', ['--version']).status !== 0) skipBecause(this, 'needs script')
  })
  afterEach(() => terminal?.kill())

  /** The user's own screen is back, cursor and all, and nothing was written to it. */
  function restored(out = terminal!.out): void {
    assert.ok(out.lastIndexOf(LEAVE) > out.lastIndexOf(ENTER), 'left after it was entered')
    assert.ok(out.lastIndexOf('\x1b[?25h') > out.lastIndexOf('\x1b[?25l'), 'the cursor is shown')
    assert.ok(out.lastIndexOf('\x1b[?7h') > out.lastIndexOf('\x1b[?7l'), 'lines wrap again')
    const after = out.slice(out.lastIndexOf(LEAVE) + LEAVE.length)
    assert.equal(after.trim(), '')
  }

  it('shows the daemon and its peers as they are, and ends at q', async () => {
    const [a, b] = await fleet().startMany(2)
    terminal = new Terminal(a!)
    await terminal.seen(/^b … ?\S+ +agrees +0/)
    await b!.client.put(bytes('k'), bytes('v'))
    await terminal.seen(/^map +1 key, 1 change of 1 writer/)
    assert.ok(terminal.frame.length <= 24)
    assert.ok(terminal.frame.every((line) => line.length <= 80))
    b!.pause()
    await terminal.seen(/^b … ?\S+ +silent/)
    b!.resume()
    terminal.type('q')
    await terminal.ended()
    assert.equal(terminal.code, 0)
    restored()
  })

  it('gives the screen back at Ctrl-C and at every signal', async () => {
    const a = await fleet().start()
    terminal = new Terminal(a)
    await terminal.seen(/^map/)
    terminal.type('\x03')
    await terminal.ended()
    assert.equal(terminal.code, 0)
    restored()
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
    ] as const) {
      terminal = new Terminal(a)
      await terminal.seen(/^map/)
      process.kill(terminal.pid, signal)
      await terminal.ended()
      assert.equal(terminal.code, code)
      restored()
    }
  })

  it('stops at Ctrl-Z with the screen given back, and shows it again afterwards', async () => {
    const a = await fleet().start()
    terminal = new Terminal(a)
    await terminal.seen(/^map/)
    terminal.type('\x1a')
    await until('top to be stopped', () => terminal!.stopped)
    await until(
      'the screen given back',
      () => terminal!.out.includes(LEAVE) || terminal!.handsNothingOn,
    )
    await until('the screen again', () => {
      terminal!.resume()
      return terminal!.out.split(ENTER).length >= 3
    })
    const { out } = terminal
    restored(out.slice(0, out.indexOf(ENTER, out.indexOf(ENTER) + 1)))
    terminal.type('q')
    await terminal.ended()
    restored()
  })

  it('stays while the daemon is away, says so, and goes on with the next run', async () => {
    const a = await fleet().start()
    terminal = new Terminal(a, 'rows 12 cols 60')
    await terminal.seen(/^map/)
    assert.ok(terminal.frame.length <= 12)
    await a.stop()
    await terminal.seen(/no daemon/)
    await a.start()
    await terminal.seen(/q ends/)
    terminal.type('q')
    await terminal.ended()
    restored()
  })

  it('prints a single frame for a pipe with --once, and refuses a pipe without', async () => {
    const [a] = await fleet().startMany(2)
    const run = (...args: string[]) =>
      spawnSync(process.execPath, [BIN, '--socket', a!.socket, 'top', ...args], {
        encoding: 'utf8',
      })
    const once = run('--once', '--interval', '200ms')
    assert.deepEqual([once.status, once.stderr], [0, ''])
    assert.match(once.stdout, /^a {2}hearsay .*\nmap .*\n/)
    assert.match(once.stdout, /\nPEER .*\nb … ?\S+ .*\n$/)
    assert.ok(!once.stdout.includes('\x1b'), 'nothing but text')
    const bare = run()
    assert.deepEqual([bare.status, bare.stdout], [2, ''])
    assert.match(bare.stderr, /no terminal; --once prints/)
    assert.equal(run('--once', '--interval', '1ms').status, 2)
  })
})
