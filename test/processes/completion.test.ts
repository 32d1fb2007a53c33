/** Completion, in the shells themselves: what a user sees who presses the tab key. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bytes, Fleet, PROJECT_ROOT, skipBecause, WAIT_MS } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

describe('completion', function () {
  this.timeout(120_000)
  const fleet = new Fleet()
  let daemon: TestDaemon
  let other: TestDaemon
  let dir: string

  before(async () => {
    dir = mkdtempSync(path.join(tmpdir(), 'hs-'))
    symlinkSync(path.join(PROJECT_ROOT, 'bin/hearsay'), path.join(dir, 'hearsay'))
    ;[daemon, other] = (await fleet.startMany(2)) as [TestDaemon, TestDaemon]
    for (const key of ['color', 'config/app', 'svc:api:1', 'svc:web', 'two words']) {
      await daemon.client.put(bytes(key), bytes('x'))
    }
    for (const shell of SHELLS) {
      writeFileSync(path.join(dir, `script.${shell}`), hearsay('completion', shell))
    }
  })

  after(async () => {
    await fleet.close()
    rmSync(dir, { recursive: true })
  })

  const env = () => ({
    HOME: dir,
    PATH: `${dir}:${path.dirname(process.execPath)}:${process.env['PATH']}`,
    TERM: 'xterm',
  })

  function hearsay(...args: string[]): string {
    const ran = spawnSync('hearsay', args, { env: env(), encoding: 'utf8' })
    assert.equal(ran.status, 0, ran.stderr)
    return ran.stdout
  }

  /** What bash offers after `line`, by its own function for that. */
  function bash(line: string): string[] {
    const script = `
source ${dir}/script.bash
COMP_LINE=$1 COMP_POINT=\${#1}
# As readline takes a line apart.
read -ra words <<< "$(sed 's/[:=]/ & /g' <<< "$1")"
[[ $1 == *[\\ :=] && $1 != *[:=] ]] && words+=('')
COMP_WORDS=("\${words[@]}") COMP_CWORD=$((\${#words[@]} - 1))
_hearsay
printf '%s\\n' "\${COMPREPLY[@]}"`
    return shell('bash', ['--norc', '-c', script, 'bash', line])
  }

  function fish(line: string): string[] {
    const script = `source ${dir}/script.fish; complete -C ${JSON.stringify(line)}`
    return shell('fish', ['--no-config', '-c', script]).map((answer) => answer.split('\t')[0]!)
  }

  function shell(program: string, args: string[]): string[] {
    const ran = spawnSync(program, args, { env: env(), encoding: 'utf8' })
    assert.deepEqual([ran.status, ran.stderr], [0, ''])
    return ran.stdout.split('\n').filter((answer) => answer !== '')
  }

  /** What an interactive zsh makes of `line` and the tab key, on its terminal. */
  async function zsh(line: string, expected: string): Promise<void> {
    const script = `
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "PS1=; autoload -Uz compinit; compinit -u -D; source ${dir}/script.zsh; echo rea''dy"
zpty -r inner said '*ready*'
zpty -w -n inner "$1"$'\\t'
zpty -r inner said "*$2*"
print -r -- found`
    const child = spawn('zsh', ['-f', '-c', script, 'zsh', line, expected], { env: env() })
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    const timer = setTimeout(() => child.kill('SIGKILL'), WAIT_MS)
    await new Promise((resolve) => child.once('close', resolve))
    clearTimeout(timer)
    assert.ok(out.includes('found'), `${line}<tab> does not lead to ${expected}`)
  }

  function needs(context: Mocha.Context, program: string): void {
    if (spawnSync(program, ['--version']).status !== 0) skipBecause(context, `needs ${program}`)
  }

  for (const [name, complete] of [
    ['bash', bash],
    ['fish', fish],
  ] as const) {
    describe(`in ${name}`, () => {
      before(function () {
        needs(this, name)
      })
      const socket = () => `--socket ${daemon.socket}`

      it('knows commands, subcommands and topics', () => {
        assert.deepEqual(complete('hearsay sta'), ['status'])
        assert.deepEqual(complete('hearsay network-key ro'), ['rotate'])
        assert.deepEqual(complete('hearsay help sib'), ['siblings'])
        assert.deepEqual(complete('hearsay completion ').sort(), ['bash', 'fish', 'zsh'])
      })

      it('knows options, those of the command first', () => {
        assert.deepEqual(complete('hearsay put --tt'), ['--ttl'])
        assert.ok(complete('hearsay get --').includes('--all'))
        assert.ok(!complete('hearsay get --').includes('--ttl'))
      })

      it('asks the daemon that the line names for keys, and for peers', () => {
        assert.deepEqual(complete(`hearsay ${socket()} get co`).sort(), ['color', 'config/app'])
        assert.deepEqual(complete(`hearsay ${socket()} repair 12D`), [other.peerId])
      })

      it('says nothing, and nothing bad, without a daemon', () => {
        assert.deepEqual(complete(`hearsay --socket ${dir}/none get co`), [])
      })
    })
  }

  it('in bash goes on inside a key with colons, and quotes what needs it', () => {
    assert.deepEqual(bash(`hearsay --socket ${daemon.socket} get svc:`), ['api:1', 'web'])
    assert.deepEqual(bash(`hearsay --socket ${daemon.socket} get svc:a`), ['api:1'])
    assert.deepEqual(bash(`hearsay --socket ${daemon.socket} get two`), ['two\\ words'])
  })

  it('in zsh completes commands, topics, options and keys', async function () {
    needs(this, 'zsh')
    await zsh('hearsay doc', 'hearsay doctor')
    await zsh('hearsay help sib', 'siblings')
    await zsh('hearsay put --tt', '--ttl')
    await zsh(`hearsay --socket ${daemon.socket} get col`, 'color')
  })
})
