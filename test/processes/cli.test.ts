/** The two programs where no daemon runs: usage, help, keys, settings that are refused, and the daemon that is not there. */
import assert from 'node:assert/strict'
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createNetServer } from 'node:net'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

import { EXIT } from '../../src/cli/exit.ts'
import { readKeyFile } from '../../src/config/key-file.ts'
import { knobPaths } from '../../src/config/schema.ts'
import { ERROR_CODES } from '../../src/errors.ts'
import { Home } from '../support/cli.ts'
import type { Program } from '../support/cli.ts'

const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }

describe('command line without a daemon', function () {
  // Each case starts a process or several; a busy machine takes its time.
  this.timeout(120_000)

  let home: Home

  beforeEach(() => {
    home = new Home()
  })

  afterEach(() => home.close())

  function keyFile(...args: string[]): string {
    const file = home.path('fleet.key')
    const fd = openSync(file, 'a', 0o644)
    const bin = path.resolve('bin/hearsay')
    const ran = spawnSync(process.execPath, [bin, 'network-key', ...args], {
      stdio: ['ignore', fd, 'pipe'],
    })
    closeSync(fd)
    assert.deepEqual([ran.status, ran.stderr.toString()], [0, ''])
    return file
  }

  async function refusal(args: string[], env: Record<string, string> = {}): Promise<string> {
    const { code, out, err } = await home.run('hearsayd', args, { env })
    assert.deepEqual([code, out], [1, ''], err)
    assert.match(err, /^hearsayd: .*\n$/)
    return err
  }

  function config(text: string): string[] {
    writeFileSync(home.path('x.yaml'), text)
    return ['--config', 'x.yaml']
  }

  async function commands(): Promise<string[]> {
    const { out } = await home.hearsay('--help')
    const list = out.slice(out.indexOf('Commands:'), out.indexOf('Keys and values'))
    return [...list.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name]) => name ?? '')
  }

  async function topicNames(): Promise<string[]> {
    const [, listed = ''] = (await home.ok('help', 'help')).split('Topics (')
    return [...listed.matchAll(/^ {2}([a-z-]+) {2}/gm)].map(([, name]) => name ?? '')
  }

  describe('help', () => {
    it('of every command says what it does and has examples', async () => {
      const names = await commands()
      assert.deepEqual(names.sort(), [
        'allow',
        'backup',
        'completion',
        'connect',
        'converged',
        'del',
        'doctor',
        'export',
        'forget',
        'get',
        'help',
        'id',
        'import',
        'list',
        'metrics',
        'network-key',
        'peers',
        'put',
        'removals',
        'repair',
        'restore',
        'status',
        'top',
        'verify',
        'watch',
      ])
      for (const name of names.filter((command) => command !== 'help')) {
        const { code, out, err } = await home.hearsay(name, '--help')
        assert.deepEqual([code, err], [0, ''], name)
        assert.match(out, new RegExp(`Examples:\n.*hearsay.* ${name}`, 's'), name)
        assert.match(out, /--socket <path>/, name)
      }
      assert.equal(await home.ok('help', 'put'), await home.ok('put', '--help'))
    })

    it('of the programs lists exit codes and examples', async () => {
      for (const program of ['hearsay', 'hearsayd'] as const) {
        const { code, out } = await home.run(program, ['--help'])
        assert.equal(code, 0)
        assert.match(out, /Exit codes: 0 /)
        assert.match(out, /Examples:\n {2}hearsay/)
      }
    })
  })

  describe('help topics', () => {
    it('are listed, and each is a page for a terminal of 80 columns', async () => {
      const topics = await topicNames()
      assert.ok(topics.includes('siblings') && topics.includes('codes'), topics.join())
      assert.ok((await home.ok('--help')).includes(topics.at(-1)!))
      for (const topic of topics) {
        const page = await home.ok('help', topic)
        assert.match(page, /^[A-Z][A-Z ,]+\n\n/m, topic)
        assert.match(page, /\nSEE ALSO\n {2}hearsay /, topic)
        // The settings are shown as they stand in their file.
        if (topic === 'config') continue
        const own = page.slice(page.search(/^[A-Z][A-Z ,]+$/m))
        const long = own.split('\n').filter((line) => line.length > 80 && line.includes(' '))
        assert.deepEqual(long, [], topic)
      }
    })

    it('refer to commands and topics that there are', async () => {
      const topics = await topicNames()
      const known = new Set([...(await commands()), ...topics])
      for (const topic of topics) {
        const page = await home.ok('help', topic)
        const named = [...page.matchAll(/hearsay help\s+([a-z-]+(?:, [a-z-]+)*)/g)]
        for (const name of named.flatMap(([, names]) => names!.split(', '))) {
          assert.ok(known.has(name), `${topic} refers to ${name}`)
        }
      }
    })

    it('explain every code, every exit code and every setting', async () => {
      const codes = await home.ok('help', 'codes')
      for (const code of ERROR_CODES) assert.match(codes, new RegExp(`^  ${code}\n {6}\\S`, 'm'))
      const exits = await home.ok('help', 'exit-codes')
      for (const code of Object.values(EXIT)) assert.match(exits, new RegExp(`^  ${code} `, 'm'))
      const settings = await home.ok('help', 'config')
      for (const knob of knobPaths()) assert.match(settings, new RegExp(`^ *${knob.at(-1)}:`, 'm'))
    })

    it('that there are none of are wrong usage', async () => {
      const { code, out, err } = await home.hearsay('help', 'tombstones')
      assert.deepEqual([code, out], [2, ''])
      assert.match(err, /no command and no topic tombstones; topics: consistency, siblings/)
    })
  })

  it('prints the version', async () => {
    for (const program of ['hearsay', 'hearsayd'] as const) {
      const { code, out } = await home.run(program, ['--version'])
      assert.deepEqual([code, out], [0, `${version}\n`])
    }
  })

  describe('wrong usage is exit code 2, with a hint on standard error and nothing on standard output', () => {
    const cases: [program: Program, args: string[], hint: RegExp][] = [
      ['hearsay', [], /Usage: hearsay/],
      ['hearsay', ['sttus'], /unknown command 'sttus'\n\(Did you mean status\?\)/],
      ['hearsay', ['put', 'k'], /missing required argument 'value'/],
      ['hearsay', ['get'], /missing required argument 'key'/],
      ['hearsay', ['get', 'a', 'b'], /too many arguments/],
      ['hearsay', ['get', '--al', 'a'], /unknown option '--al'/],
      ['hearsay', ['get', 'a', '--hex', '--base64'], /cannot be used with/],
      ['hearsay', ['get', 'abc', '--hex'], /KEY is not hexadecimal, two digits a byte: abc/],
      ['hearsay', ['put', 'ab', 'xy', '--hex'], /VALUE is not hexadecimal/],
      ['hearsay', ['get', 'a?', '--base64'], /KEY is not base64/],
      ['hearsay', ['get', 'AB', '--base64'], /KEY is not base64/],
      [
        'hearsay',
        ['put', 'a', 'b', '--ttl', '5'],
        /--ttl: expected a duration such as 90s or 24h, found 5/,
      ],
      ['hearsay', ['put', 'a', 'b', '--ttl', '0s'], /--ttl: expected a duration/],
      [
        'hearsay',
        ['list', '--limit', 'many'],
        /--limit: expected a whole number from 1, found many/,
      ],
      ['hearsay', ['list', '--limit', '0'], /--limit: expected/],
      ['hearsayd', ['serve'], /too many arguments/],
      ['hearsayd', ['--dta', 'x'], /unknown option '--dta'\n\(Did you mean --data\?\)/],
      ['hearsayd', ['--log-level', 'loud'], /Allowed choices are trace, debug/],
      ['hearsayd', ['--listen', ':4001'], /--listen: expected a multiaddr such as .*, found :4001/],
      ['hearsayd', ['--name', 'a b'], /--name: expected a name/],
    ]
    for (const [program, args, hint] of cases) {
      it([program, ...args].join(' '), async () => {
        const { code, out, err } = await home.run(program, args)
        assert.match(err, hint)
        assert.deepEqual([code, out], [2, ''])
      })
    }

    it('a key that is not UTF-8', () => {
      // Only a shell can give such an argument.
      const bin = path.resolve('bin/hearsay')
      const script = `exec "$0" "$1" get "$(printf '\\377')"`
      const ran = spawnSync('sh', ['-c', script, process.execPath, bin], { encoding: 'utf8' })
      assert.match(ran.stderr, /KEY is not valid UTF-8 text; give it with --hex/)
      assert.equal(ran.status, 2)
    })
  })

  describe('no daemon is exit code 4', () => {
    const needing = [
      ['put', 'k', 'v'],
      ['get', 'k'],
      ['get', 'k', '--all'],
      ['del', 'k'],
      ['list'],
      ['watch'],
      ['export'],
      ['import', '-'],
      ['status'],
      ['top', '--once'],
      ['doctor'],
      ['metrics'],
      ['peers'],
      ['connect', '/ip4/127.0.0.1/tcp/1'],
      ['repair'],
      ['removals'],
      ['converged'],
      ['verify'],
      ['backup', 'somewhere'],
      ['id'],
      ['forget', '12D3KooWEG6WPEnFL4Mgu44Kw7rPg2Te3bmgFq6zGhkv8DJfr8CD'],
      ['allow', 'list'],
      ['network-key', 'reload'],
    ]
    for (const args of needing) {
      it(`${args.join(' ')}: names the socket and how to start one`, async () => {
        const socket = home.path('s.sock')
        const { code, out, err } = await home.hearsay(...args, '--socket', socket)
        assert.deepEqual([code, out], [4, ''])
        assert.match(err, /^hearsay: no daemon: .*NO_DAEMON\)\n$/)
        assert(err.includes(`there is no socket ${socket}`), err)
        assert(err.includes(`hearsayd --socket ${socket}`), err)
      })
    }

    it('all commands that need one are tried above', async () => {
      const needNone = ['help', 'network-key', 'completion', 'restore']
      const tried = new Set([...needing.map(([name]) => name), ...needNone])
      assert.deepEqual(
        (await commands()).filter((name) => !tried.has(name)),
        [],
      )
    })

    it('the flag goes before HEARSAY_SOCKET, that before HEARSAY_DATA', async () => {
      const env = { HEARSAY_SOCKET: home.path('env.sock') }
      const flag = ['--socket', home.path('flag.sock')]
      assert.match(
        (await home.run('hearsay', ['id', ...flag], { env })).err,
        /no socket .*flag\.sock/,
      )
      assert.match((await home.run('hearsay', ['id'], { env })).err, /no socket .*env\.sock/)
      assert((await home.hearsay('id')).err.includes(home.path('d/hearsay.sock')))
    })

    it('names all places where it looked by itself', async () => {
      const env = { HEARSAY_DATA: '', XDG_RUNTIME_DIR: home.dir, XDG_STATE_HOME: home.dir }
      const { code, err } = await home.run('hearsay', ['id'], { env })
      assert.equal(code, 4)
      assert.match(err, /\/hearsay\/hearsay\.sock/)
      if (process.getuid?.() !== 0) assert(err.includes(home.path('hearsay.sock')), err)
    })

    it('--json says it as JSON', async () => {
      const { err } = await home.hearsay('--json', 'id')
      const { error } = JSON.parse(err) as { error: { code: string; message: string } }
      assert.equal(error.code, 'NO_DAEMON')
    })

    it('a socket that is left over, and a file that is none', async () => {
      const left = home.path('left.sock')
      const script = `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`
      spawnSync(process.execPath, ['-e', script, left])
      const overLeft = await home.hearsay('id', '--socket', left)
      assert.equal(overLeft.code, 4)
      assert.match(overLeft.err, /left over, nobody listens/)
      writeFileSync(home.path('file'), '')
      assert.equal((await home.hearsay('id', '--socket', home.path('file'))).code, 4)
    })
  })

  describe('something else behind the socket is exit code 1', () => {
    it('another HTTP server', async () => {
      const server = createServer((_request, response) => response.end('hi'))
      await once(server.listen(home.path('s')), 'listening')
      const { code, err } = await home.hearsay('id', '--socket', home.path('s'))
      server.close()
      assert.match(err, /is not a hearsay daemon.*DAEMON_FAILED/)
      assert.equal(code, 1)
    })

    it('something that is no HTTP', async () => {
      const server = createNetServer((socket) => socket.end('220 mail ready\r\n'))
      await once(server.listen(home.path('s')), 'listening')
      const { code, err } = await home.hearsay('id', '--socket', home.path('s'))
      server.close()
      assert.match(err, /DAEMON_FAILED/)
      assert.equal(code, 1)
    })

    it('a path that no socket can have', async () => {
      const { code, err } = await home.hearsay('id', '--socket', `/tmp/${'x'.repeat(120)}`)
      assert.match(err, /SOCKET_PATH_TOO_LONG/)
      assert.equal(code, 1)
    })
  })

  describe('network-key', () => {
    it('prints a new key each time', async () => {
      const keys = [await home.ok('network-key'), await home.ok('network-key')]
      assert.notEqual(keys[0], keys[1])
    })

    it('makes the file that it goes to readable by its owner alone, so that it can be used at once', () => {
      const file = keyFile()
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert.equal(readKeyFile(file).secrets.length, 1)
    })

    it('rotate takes one step at a time, and says which and what comes then', async () => {
      const file = keyFile()
      const [old] = readKeyFile(file).secrets
      const said: string[] = []
      for (let step = 1; step <= 3; step++) said.push(await home.ok('network-key', 'rotate', file))
      assert.match(said[0]!, /step 1 of 3: a new secret, \w{16}, is accepted; \w{16} is still/)
      assert.match(said[1]!, /step 2 of 3: the new secret, \w{16}, is used/)
      assert.match(said[2]!, /step 3 of 3: the old secret, \w{16}, is gone/)
      assert.match(said[0]!, /hearsay network-key reload\n[^]*hearsay network-key rotate/)
      const { secrets } = readKeyFile(file)
      assert.equal(secrets.length, 1)
      assert.notDeepEqual(secrets[0], old)
    })
  })

  describe('hearsayd refuses to start, with one line and exit code 1', () => {
    it('malformed YAML, naming line and column', async () => {
      assert.match(
        await refusal(config('name: a\nrepair: [1\n')),
        /^hearsayd: x\.yaml:\d:\d+: .*\(BAD_CONFIG\)/,
      )
    })

    it('an unknown key, naming the line and what may have been meant', async () => {
      assert.match(
        await refusal(config('repair:\n  intervall: 5s\n')),
        /x\.yaml:2: repair\.intervall: unknown key; did you mean repair\.interval\?/,
      )
    })

    it('a wrong type, naming line and key', async () => {
      assert.match(
        await refusal(config('\n\nrepair:\n  interval: true\n')),
        /x\.yaml:4: repair\.interval: expected a duration such as 5s.*found true/,
      )
    })

    it('a file that is not there', async () => {
      assert.match(
        await refusal(['--config', 'gone.yaml']),
        /gone\.yaml: no such file or directory/,
      )
    })

    it('a variable that makes no sense', async () => {
      assert.match(
        await refusal([], { HEARSAY_LOG_LEVEL: 'loud' }),
        /HEARSAY_LOG_LEVEL: expected one of trace/,
      )
    })

    it('an address open to the network without a key', async () => {
      assert.match(await refusal(['--listen', '/ip4/0.0.0.0/tcp/0']), /without a network key/)
    })

    it('a socket in a directory that cannot be made', async () => {
      writeFileSync(home.path('file'), '')
      assert.match(
        await refusal(['--socket', home.path('file/x/s.sock')]),
        /cannot make the directory of the socket.*SOCKET_UNUSABLE/,
      )
    })
  })
})
