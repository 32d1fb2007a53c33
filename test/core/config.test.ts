import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import * as fc from 'fast-check'
import { parse } from 'yaml'

import { defaultConfig, defaultDataDir, defaultSocket } from '../../src/config/config.ts'
import type { Surroundings } from '../../src/config/config.ts'
import { resolveConfig, variableOf } from '../../src/config/resolve.ts'
import type { Statement } from '../../src/config/resolve.ts'
import { knobPaths } from '../../src/config/schema.ts'
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/config/units.ts'
import { HearsayError } from '../../src/errors.ts'

const user: Surroundings = {
  env: {},
  root: false,
  home: '/home/ann',
  hostname: 'edge-7',
  platform: 'linux',
}
const withEnv = (env: Record<string, string>): Surroundings => ({ ...user, env })
const root: Surroundings = { ...user, root: true, home: '/root' }

/** The message of the refusal that `attempt` throws. */
function messageOf(attempt: () => unknown, code = 'BAD_CONFIG'): string {
  let message = ''
  assert.throws(attempt, (error) => {
    assert(error instanceof HearsayError, String(error))
    assert.equal(error.code, code)
    message = error.message
    return true
  })
  return message
}

const refusalOf = (file: string) => messageOf(() => resolveConfig({ file, at: user }))

const flag = (knob: string, value: unknown): Statement => ({
  path: knob.split('.'),
  value,
  by: `--${knob}`,
})

const PEERS = [
  '12D3KooWEG6WPEnFL4Mgu44Kw7rPg2Te3bmgFq6zGhkv8DJfr8CD',
  '12D3KooWPgNkKMp8by9HfE2PT8oibckMRzhDVd1CWQHfbRRdmnft',
]

describe('config', () => {
  let dir: string

  before(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'hearsay-config-'))
  })

  after(() => rmSync(dir, { recursive: true }))

  function fileOf(...lines: string[]): string {
    const file = path.join(dir, 'x.yaml')
    writeFileSync(file, lines.join('\n'))
    return file
  }

  const resolve = (lines: string[], env: Record<string, string> = {}, flags: Statement[] = []) =>
    resolveConfig({ file: fileOf(...lines), flags, at: withEnv(env), cwd: '/here' })

  const refusal = (lines: string[], env?: Record<string, string>) =>
    messageOf(() => resolve(lines, env)).replaceAll(dir + path.sep, '')

  describe('config/default.yaml', () => {
    const file = 'config/default.yaml'
    // What is computed from the user, the host and the other settings: named in the file, without a value.
    const computed = ['data', 'socket.path', 'socket.group', 'networkKey', 'allow', 'name']
    const content: unknown = parse(readFileSync(file, 'utf8'))

    it('says exactly what holds without it', () => {
      assert.deepEqual(resolveConfig({ file, at: user }), defaultConfig(undefined, user))
    })

    it('mentions every knob, in the order of the schema, with a value unless it is computed', () => {
      const mentioned = (section: unknown, at: string[]): string[] =>
        typeof section === 'object' && section !== null && !Array.isArray(section)
          ? Object.entries(section).flatMap(([key, value]) => mentioned(value, [...at, key]))
          : [at.join('.') + (section === null ? ' (computed)' : '')]
      const expected = knobPaths()
        .map((knob) => knob.join('.'))
        .map((knob) => (computed.includes(knob) ? `${knob} (computed)` : knob))
      assert.deepEqual(mentioned(content, []), expected)
    })

    it('explains every knob: a comment stands above it or above its section', () => {
      const lines = readFileSync(file, 'utf8').split('\n')
      const bare = lines.filter((line, i) => {
        const knob = /^( *)[A-Za-z]+:( |$)/.test(line)
        return knob && !/^ *#/.test(lines[i - 1] ?? '')
      })
      assert.deepEqual(bare, ['socket:', 'log:', 'connections:'])
    })
  })

  describe('defaults', () => {
    it('live where users expect them', () => {
      assert.equal(defaultDataDir(root), '/var/lib/hearsay')
      assert.equal(defaultDataDir(user), '/home/ann/.local/state/hearsay')
      assert.equal(defaultDataDir(withEnv({ XDG_STATE_HOME: '/s' })), '/s/hearsay')
      assert.equal(
        defaultDataDir(withEnv({ XDG_STATE_HOME: 'relative' })),
        '/home/ann/.local/state/hearsay',
      )
      const run = withEnv({ XDG_RUNTIME_DIR: '/run/user/1000' })
      assert.equal(defaultSocket(root, '/var/lib/hearsay'), '/run/hearsay/hearsay.sock')
      assert.equal(defaultSocket(run, defaultDataDir(run)), '/run/user/1000/hearsay.sock')
      assert.equal(
        defaultSocket(user, defaultDataDir(user)),
        '/home/ann/.local/state/hearsay/hearsay.sock',
      )
    })

    it('give every data directory of its own a socket of its own', () => {
      const run = withEnv({ XDG_RUNTIME_DIR: '/run/user/1000' })
      assert.equal(defaultConfig('/tmp/a', run).socket.path, '/tmp/a/hearsay.sock')
      assert.equal(defaultConfig('/tmp/a', root).socket.path, '/tmp/a/hearsay.sock')
      assert.equal(resolve(['data: /tmp/b']).socket.path, '/tmp/b/hearsay.sock')
    })
  })

  describe('precedence', () => {
    it('is flag, environment, file, default', () => {
      const file = ['name: file', 'repair: {interval: 7s, sessionsMax: 2}', 'log: {level: warn}']
      const env = { HEARSAY_NAME: 'env', HEARSAY_REPAIR_INTERVAL: '8s', HEARSAY_LOG_LEVEL: '' }
      const config = resolve(file, env, [flag('name', 'flag')])
      assert.equal(config.name, 'flag')
      assert.equal(config.repair.interval, 8000)
      assert.equal(config.repair.sessionsMax, 2)
      assert.equal(config.log.level, 'warn', 'an empty variable is an unset one')
      assert.equal(config.repair.jitter, 0.25)
    })

    it('holds for every knob, also for the environment, where all is text', () => {
      const values: Record<string, [file: string, env: string, resolved: unknown]> = {
        data: ['/f', '/e', '/e'],
        'socket.path': ['/f/s', '/e/s', '/e/s'],
        'socket.mode': ['0600', '0660', 0o660],
        'socket.group': ['f', 'staff', 'staff'],
        listen: [
          '[/ip4/127.0.0.1/tcp/1]',
          '/ip4/127.0.0.1/tcp/2, /ip6/::1/tcp/3',
          ['/ip4/127.0.0.1/tcp/2', '/ip6/::1/tcp/3'],
        ],
        announce: ['[/ip4/1.2.3.4/tcp/1]', '/dns4/e.example/tcp/2', ['/dns4/e.example/tcp/2']],
        bootstrap: ['[/ip4/1.2.3.4/tcp/1]', '/ip4/1.2.3.4/tcp/2', ['/ip4/1.2.3.4/tcp/2']],
        'discovery.mdns': ['false', 'true', true],
        networkKey: ['/f.key', '/e.key', '/e.key'],
        adopt: ['false', 'true', true],
        allow: [`[${PEERS[0]}]`, PEERS.join(', '), PEERS],
        name: ['f', '17', '17'],
        first: ['false', 'true', true],
        'log.level': ['warn', 'debug', 'debug'],
        'log.pretty': ['true', 'false', false],
        'repair.interval': ['1s', '2s', 2000],
        'repair.jitter': ['0.1', '0.2', 0.2],
        'repair.pullDelay': ['1s', '2s', 2000],
        'repair.gapDelay': ['100ms', '200ms', 200],
        'repair.sessionTimeout': ['1s', '2s', 2000],
        'repair.windowBytes': ['1MiB', '2MiB', 2 * 1024 * 1024],
        'repair.sessionsMax': ['1', '2', 2],
        'repair.bytesPerSecond': ['1MiB', '2MiB', 2 * 1024 * 1024],
        'repair.removalsMax': ['5', '6', 6],
        'repair.removalHold': ['1h', '2h', 7_200_000],
        'gossip.enabled': ['true', 'false', false],
        'gossip.inlineBytes': ['1KiB', '2KiB', 2048],
        'gossip.heartbeat': ['1s', '2s', 2000],
        'limits.valueBytes': ['1KiB', '2KiB', 2048],
        'limits.siblings': ['1', '2', 2],
        'limits.writeQueueBytes': ['17MiB', '18MiB', 18 * 1024 * 1024],
        'limits.inboxBytes': ['17MiB', '18MiB', 18 * 1024 * 1024],
        'limits.watchKeys': ['1', '2', 2],
        'limits.watchersMax': ['1', '2', 2],
        'expiry.skew': ['1s', '2s', 2000],
        'expiry.grace': ['1m', '2m', 120_000],
        'expiry.purgeInterval': ['1s', '2s', 2000],
        'connections.wanted': ['6', '7', 7],
        'connections.max': ['2', '3', 3],
        'connections.dialBackoffMax': ['1s', '2s', 2000],
        'store.scrubInterval': ['1h', '0s', 0],
      }
      assert.deepEqual(
        Object.keys(values),
        knobPaths().map((knob) => knob.join('.')),
        'a knob without a case here',
      )
      for (const [knob, [inFile, inEnv, resolved]] of Object.entries(values)) {
        const keys = knob.split('.')
        const nested = keys.reduceRight((inner, key) => `{${key}: ${inner}}`, inFile)
        const at = (config: unknown) =>
          keys.reduce<unknown>((part, key) => (part as Record<string, unknown>)[key], config)
        assert.deepEqual(at(resolve([nested], { [variableOf(keys)]: inEnv })), resolved, knob)
        assert.notDeepEqual(at(resolve([nested])), resolved, knob)
      }
    })

    it('takes the file from HEARSAY_CONFIG when no flag names one', () => {
      const file = fileOf('name: by-variable')
      assert.equal(resolveConfig({ at: withEnv({ HEARSAY_CONFIG: file }) }).name, 'by-variable')
    })

    it('leaves alone variables that are no knob', () => {
      assert.equal(resolve([], { HEARSAY_PORT: 'tcp://10.0.0.1:80' }).name, 'edge-7')
    })
  })

  describe('reads', () => {
    it('an empty file, comments, and sections whose lines are commented out', () => {
      const defaults = defaultConfig(undefined, user)
      assert.deepEqual(resolve([]), defaults)
      assert.deepEqual(resolve(['# nothing', 'repair:', '  # interval: 5s', 'listen:']), defaults)
    })

    it('paths from the directory of the file, or from where the flag was typed', () => {
      assert.equal(resolve(['data: d']).data, path.join(dir, 'd'))
      assert.equal(resolve(['networkKey: ~/k']).networkKey, '/home/ann/k')
      assert.equal(resolve([], { HEARSAY_DATA: 'd' }).data, '/here/d')
    })

    it('permission bits however they are written', () => {
      for (const mode of ['0640', '0o640', '640', '"0640"', "'640'"]) {
        assert.equal(resolve([`socket: {mode: ${mode}}`]).socket.mode, 0o640, mode)
      }
    })

    it('a single address where a list is expected', () => {
      assert.deepEqual(resolve(['bootstrap: /ip4/1.2.3.4/tcp/1']).bootstrap, ['/ip4/1.2.3.4/tcp/1'])
    })
  })

  describe('refuses, naming the place', () => {
    const cases: Record<string, [lines: string[], message: string | RegExp]> = {
      'a wrong type': [
        ['# first', 'repair:', '  interval: true'],
        'x.yaml:3: repair.interval: expected a duration such as 5s, from 100ms to 1h, found true',
      ],
      'a number without a unit': [['repair: {interval: 5}'], /found 5$/],
      'a duration out of range': [['repair: {interval: 1ms}'], /from 100ms to 1h, found 1ms$/],
      'a size with a decimal unit': [
        ['limits:', '  valueBytes: 64KB'],
        'x.yaml:2: limits.valueBytes: expected a size such as 1MiB, from 1B to 16MiB, found 64KB',
      ],
      'a fraction of a session': [
        ['repair: {sessionsMax: 1.5}'],
        'x.yaml:1: repair.sessionsMax: expected a whole number from 1 to 64, found 1.5',
      ],
      'a section that is none': [
        ['gossip: off'],
        'x.yaml:1: gossip: expected a section with the keys enabled, inlineBytes, heartbeat; found off',
      ],
      'a list that is none': [['listen: {a: 1}'], /listen: expected a list of multiaddrs, found/],
      'an address that is none': [
        ['bootstrap:', '  - /ip4/10.0.0.1/tcp/1', '  - 10.0.0.2:4001'],
        /^x\.yaml:3: bootstrap\.1: expected a multiaddr such as .*, found 10\.0\.0\.2:4001$/,
      ],
      'an address of another transport': [
        ['bootstrap: /ip4/10.0.0.1/udp/1/quic-v1'],
        /bootstrap.*expected/,
      ],
      'a level that is none': [
        ['log: {level: verbose}'],
        /expected one of trace, .*found verbose$/,
      ],
      'bits that are none': [['socket: {mode: 0900}'], /expected permission bits .*found 900$/],
      'a name of spaces': [['name: "my laptop"'], /expected a name .*found my laptop$/],
      'an unknown key': [
        ['repair:', '  interval: 5s', '  intervall: 5s'],
        'x.yaml:3: repair.intervall: unknown key; did you mean repair.interval?',
      ],
      'a key in another spelling': [
        ['', 'network_key: k'],
        'x.yaml:2: network_key: unknown key; did you mean networkKey?',
      ],
      'a key of another section': [
        ['skew: 1m'],
        'x.yaml:1: skew: unknown key; did you mean expiry.skew?',
      ],
      'a key like no other': [
        ['connections:', '  colour: red'],
        'x.yaml:2: connections.colour: unknown key; known here: wanted, max, dialBackoffMax',
      ],
      'a file that is a list': [
        ['- a', '- b'],
        /^x\.yaml:1: expected a section with the keys data/,
      ],
      'a key twice': [['name: a', 'name: b'], /^x\.yaml:2:1: .*unique/],
      'malformed YAML': [['name: a', 'repair: [1, 2'], /^x\.yaml:2:\d+: /],
      'tabs for spaces': [['repair:', '\tinterval: 5s'], /^x\.yaml:2:1: /],
      'several at once': [
        ['name: a b', 'repair: {interval: x}', 'foo: 1'],
        /^x\.yaml:1: name: .* \(and 2 more problems\)$/,
      ],
    }
    for (const [title, [lines, message]] of Object.entries(cases)) {
      it(title, () => {
        const found = refusal(lines)
        if (typeof message === 'string') assert.equal(found, message)
        else assert.match(found, message)
      })
    }

    it('what a variable says', () => {
      assert.equal(
        refusal([], { HEARSAY_REPAIR_INTERVAL: '5' }),
        'HEARSAY_REPAIR_INTERVAL: expected a duration such as 5s, from 100ms to 1h, found 5',
      )
      assert.match(
        refusal([], { HEARSAY_LISTEN: '/ip4/127.0.0.1/tcp/0,x' }),
        /^HEARSAY_LISTEN: expected a multiaddr .*found x$/,
      )
    })

    it('what a flag says', () => {
      const flags = [{ path: ['log', 'level'], value: 'loud', by: '--log-level' }]
      const message = messageOf(() => resolve([], {}, flags), 'BAD_ARGUMENT')
      assert.match(message, /^--log-level: expected one of .*found loud$/)
    })

    it('a file that is not there, is a directory, is no text, or is no file of settings', () => {
      assert.equal(refusalOf('/nowhere/x.yaml'), '/nowhere/x.yaml: no such file or directory')
      assert.match(refusalOf(dir), /illegal operation on a directory/)
      const file = path.join(dir, 'bytes')
      writeFileSync(file, Buffer.from([0xff, 0xfe, 0x00]))
      assert.match(refusalOf(file), /not UTF-8 text$/)
      writeFileSync(file, Buffer.alloc(1024 * 1024 + 1, '#'))
      assert.match(refusalOf(file), /larger than 1048576 bytes/)
    })

    it('an open address without a network key', () => {
      const open = ['listen: /ip4/0.0.0.0/tcp/4001']
      assert.match(
        refusal(open),
        /^listen: \/ip4\/0\.0\.0\.0\/tcp\/4001 can be reached.*network-key/,
      )
      assert.match(refusal(['listen: /ip6/::/tcp/4001']), /can be reached/)
      assert.equal(resolve([...open, 'networkKey: k']).listen.length, 1)
      assert.equal(resolve(['listen: [/ip6/::1/tcp/1, /ip4/127.1.2.3/tcp/1]']).listen.length, 2)
    })

    it('a queue that no value fits', () => {
      assert.match(refusal(['limits: {writeQueueBytes: 1MiB}']), /writeQueueBytes \(1MiB\) is less/)
    })

    it('aliases that would blow up', () => {
      const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
      for (let i = 0; i < 8; i++) {
        const [from, to] = [String.fromCodePoint(97 + i), String.fromCodePoint(98 + i)]
        bomb.push(`${to}: &${to} [${Array(10).fill(`*${from}`).join(', ')}]`)
      }
      assert.match(refusal(bomb), /alias/i)
    })

    it('any text at all with BAD_CONFIG, never with another error', () => {
      const tokens =
        "repair interval listen : [ ] { } 5s *a &a !!binary ' | # 0o600 ~ __proto__ << ?".split(' ')
      const scraps = fc.constantFrom(...tokens, ' ', '  ', '\n', '- ', '"', '\t')
      fc.assert(
        fc.property(fc.array(scraps, { maxLength: 12 }), (parts) => {
          try {
            resolve([parts.join('')])
          } catch (error) {
            assert(error instanceof HearsayError && error.code === 'BAD_CONFIG', String(error))
          }
        }),
        { numRuns: 500 },
      )
    })
  })

  describe('units', () => {
    it('are read', () => {
      assert.deepEqual(
        ['0s', '500ms', '5s', '1.5h', '7d', '10 m'].map(parseDuration),
        [0, 500, 5000, 5_400_000, 604_800_000, 600_000],
      )
      assert.deepEqual(
        ['0B', '512B', '64KiB', '1.5MiB', '1GiB'].map(parseSize),
        [0, 512, 65_536, 1_572_864, 1_073_741_824],
      )
      const bad = ['', '5', 's', '-5s', '5S', '5 s ', '1e3s', '0x5s', '99999999999d', '5sm']
      assert.deepEqual(bad.map(parseDuration), Array(bad.length).fill(undefined))
      assert.equal(parseSize('1KB'), undefined)
      assert.equal(parseDuration('5constructor'), undefined)
    })

    it('are written so that they read back', () => {
      fc.assert(
        fc.property(fc.nat({ max: 10 ** 12 }), (value) => {
          assert.equal(parseDuration(formatDuration(value)), value)
          assert.equal(parseSize(formatSize(value)), value)
        }),
      )
      assert.deepEqual([0, 1500, 90_000, 3_600_000].map(formatDuration), [
        '0ms',
        '1500ms',
        '90s',
        '1h',
      ])
    })
  })
})
