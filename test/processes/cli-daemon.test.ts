/** `hearsay` against a real `hearsayd`: every command, as a user types it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

import type { PeerStatus, RepairReceipt, Status, Written } from '../../src/daemon-api.ts'
import { Home, RunningDaemon, finished, until } from '../support/cli.ts'

interface EntryJson {
  key?: string
  keyBase64?: string
  token?: string
  siblings: {
    value?: string
    valueBase64?: string
    expiresAt?: number
    dot: object
    writer: string
  }[]
  completeness: { state: string }
}

const parseLines = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T)

/** What an export says of keys, values and expiry; dots and times are new after an import. */
const contents = (exported: string) =>
  parseLines<EntryJson>(exported).map(({ key, keyBase64, siblings }) => ({
    key: key ?? `base64 ${keyBase64}`,
    siblings: siblings
      .map(
        ({ value, valueBase64, expiresAt }) => `${value ?? `base64 ${valueBase64}`} ${expiresAt}`,
      )
      .sort(),
  }))

const line = (key: string) => JSON.stringify({ key, value: 'v' })

describe('command line with a daemon', function () {
  // Each case starts several processes; a busy machine takes its time.
  this.timeout(120_000)

  let home: Home
  let daemon: RunningDaemon

  before(async () => {
    home = new Home()
    daemon = await RunningDaemon.start(home)
  })

  after(() => home.close())

  const json = async <T>(...args: string[]) => JSON.parse(await home.ok(...args, '--json')) as T

  /** Two concurrent values of `key`: the second write has not seen the first. */
  async function putSiblings(key: string, ...values: string[]): Promise<void> {
    const { out } = await home.hearsay('del', key, '--json')
    const { token } = JSON.parse(out) as Written
    for (const value of values) await home.ok('put', key, value, '--version-token', token)
  }

  describe('put, get, del', () => {
    it('go round, and say nothing that was not asked for', async () => {
      assert.equal(await home.ok('put', 'greeting', 'hello'), '')
      const got = await home.hearsay('get', 'greeting')
      assert.deepEqual([got.code, got.out, got.err], [0, 'hello', ''])
      assert.equal(await home.ok('del', 'greeting'), '')
      const gone = await home.hearsay('get', 'greeting')
      assert.deepEqual([gone.code, gone.out], [3, ''])
      assert.match(gone.err, /NOT_FOUND/)
    })

    it('del of what is not there is exit code 3', async () => {
      const { code, err } = await home.hearsay('del', 'never')
      assert.equal(code, 3)
      assert.match(err, /nothing to delete: never/)
    })

    it('take values from standard input, whatever the bytes', async () => {
      const value = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256))
      assert.equal((await home.run('hearsay', ['put', 'blob', '-'], { input: value })).code, 0)
      assert((await home.hearsay('get', 'blob')).bytes.equals(value))
      const key = Buffer.from('blob').toString('base64')
      assert.equal(await home.ok('get', key, '--base64'), `${value.toString('base64')}\n`)
    })

    it('take keys and values as hexadecimal', async () => {
      await home.ok('put', '00ff0a', 'CAFE', '--hex')
      assert.equal(await home.ok('get', '00FF0A', '--hex'), 'cafe\n')
      assert((await home.hearsay('list', '--hex')).out.includes('00ff0a\n'))
      const fromInput = { input: '0a0b\n' }
      assert.equal((await home.run('hearsay', ['put', 'aa', '-', '--hex'], fromInput)).code, 0)
      assert.equal(await home.ok('get', 'aa', '--hex'), '0a0b\n')
      await home.ok('del', 'aa', '--hex')
      await home.ok('del', '00ff0a', '--hex')
    })

    it('take any text: empty values, dashes, slashes, percent signs, line feeds, other scripts', async () => {
      for (const [key, value] of [
        ['empty', ''],
        ['a/b?c=d&e#f%20+g', '%41'],
        ['..', 'dots'],
        ['two\nlines', 'a\nb\n'],
        ['ключ 🗝', '値'],
        ['-dash', '-'],
      ] as const) {
        const put = await home.run('hearsay', ['put', '--', key, value], {
          input: '-',
        })
        assert.equal(put.code, 0, put.err)
        assert.equal(await home.ok('get', '--', key), value, key)
        await home.ok('del', '--', key)
      }
    })

    it('refuse an empty key, with a code', async () => {
      const { code, err } = await home.hearsay('put', '', 'x')
      assert.match(err, /EMPTY_KEY/)
      assert.equal(code, 1)
    })

    it('refuse a key and a value that are too large, with a code', async () => {
      const key = await home.hearsay('put', 'k'.repeat(1025), 'x')
      assert.match(key.err, /KEY_TOO_LARGE/)
      assert.equal(key.code, 1)
      const input = Buffer.alloc(16 * 1024 * 1024 + 1)
      const value = await home.run('hearsay', ['put', 'k', '-'], { input })
      assert.match(value.err, /VALUE_TOO_LARGE/)
      assert.equal(value.code, 1)
    })

    it('let a value expire', async () => {
      const before = Date.now()
      await home.ok('put', 'short', 'life', '--ttl', '24h')
      const { siblings } = await json<EntryJson>('get', 'short')
      const ttl = (siblings[0]?.expiresAt ?? 0) - before
      assert(ttl >= 86_400_000 && ttl <= 86_400_000 + Date.now() - before, String(ttl))
      await home.ok('put', 'short', 'life', '--ttl', '1ms')
      await until('the expiry', async () =>
        (await home.hearsay('get', 'short')).code === 3 ? true : undefined,
      )
    })

    it('show concurrent values, and settle them by the token that saw them', async () => {
      await putSiblings('contested', 'one', 'two')
      const one = await home.hearsay('get', 'contested')
      assert(['one', 'two'].includes(one.out))
      assert.match(one.err, /2 concurrent values/)
      const all = await home.ok('get', 'contested', '--all')
      assert.match(all, /value +(one|two)\nwritten .* by 12D3\w+\ndot +[0-9a-f]{32}:\d+\n\nvalue /)
      const { token, siblings, completeness } = await json<EntryJson>('get', 'contested')
      assert.deepEqual(new Set(siblings.map(({ value }) => value)), new Set(['one', 'two']))
      assert.equal(completeness.state, 'complete')
      assert(all.includes(`token    ${token}\n`))
      await home.ok('put', 'contested', 'settled', '--version-token', token ?? '')
      assert.equal((await json<EntryJson>('get', 'contested')).siblings.length, 1)
      assert.equal(await home.ok('get', 'contested'), 'settled')
      // The same token has not seen the settlement, so a delete by it removes nothing.
      await home.hearsay('del', 'contested', '--version-token', token ?? '')
      assert.equal(await home.ok('get', 'contested'), 'settled')
    })

    it('refuse a token that is none', async () => {
      const { code, err } = await home.hearsay('put', 'k', 'v', '--version-token', 'abc')
      assert.match(err, /BAD_TOKEN/)
      assert.equal(code, 1)
    })

    it('answer --json with what was written', async () => {
      const written = await json<Written>('put', 'j', 'v')
      assert.match(written.dot?.actor ?? '', /^[0-9a-f]{32}$/)
      const { out, code } = await home.hearsay('get', 'absent', '--json')
      assert.equal(code, 3)
      assert.deepEqual((JSON.parse(out) as EntryJson).siblings, [])
    })
  })

  describe('list', () => {
    before(async () => {
      const lines = ['l/a', 'l/b', 'l/c'].map((key) => JSON.stringify({ key, value: `of ${key}` }))
      await home.run('hearsay', ['import', '-'], { input: lines.join('\n') })
    })

    it('has keys in order, by prefix, after one, up to a limit', async () => {
      assert.equal(await home.ok('list', 'l/'), 'l/a\nl/b\nl/c\n')
      assert.equal(await home.ok('list', 'l/', '--limit', '2'), 'l/a\nl/b\n')
      assert.equal(await home.ok('list', 'l/', '--after', 'l/a'), 'l/b\nl/c\n')
      assert.equal(await home.ok('list', 'none/'), '')
    })

    it('has values', async () => {
      assert.equal(await home.ok('list', 'l/', '--values', '--limit', '1'), 'l/a\tof l/a\n')
      const [first] = parseLines<{ key: string; value: string; siblingCount: number }>(
        await home.ok('list', 'l/', '--values', '--json'),
      )
      assert.deepEqual([first?.key, first?.value, first?.siblingCount], ['l/a', 'of l/a', 1])
    })

    it('keeps a key on its line, and a terminal safe', async () => {
      await home.ok('put', 'l/x\n\u001b[31m', 'a\tb')
      assert.equal(await home.ok('list', 'l/x', '--values'), 'l/x\\n\\x1b[31m\ta\\tb\n')
      await home.ok('del', 'l/x\n\u001b[31m')
    })

    it('ends quietly when its reader has seen enough', async () => {
      const keys = Array.from({ length: 20_000 }, (_, i) =>
        JSON.stringify({ key: `pipe/${i}`, value: 'x'.repeat(40) }),
      )
      await home.run('hearsay', ['import', '-'], { input: keys.join('\n') })
      for (const args of [['list', 'pipe/', '--values'], ['export']]) {
        const child = home.spawn('hearsay', args)
        let err = ''
        child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
        const closed = once(child, 'close')
        await once(child.stdout, 'data')
        child.stdout.destroy()
        assert.deepEqual([await closed, err], [[0, null], ''])
      }
      await home.ok('id')
    })
  })

  describe('watch', () => {
    it('prints changes as they happen', async () => {
      const child = home.spawn('hearsay', ['watch', 'w/'])
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      const [note] = (await once(child.stderr, 'data')) as [Buffer]
      assert.match(note.toString(), /watching keys that begin with w\//)
      await home.ok('put', 'elsewhere', '1')
      await home.ok('put', 'w/a', 'one\ntwo')
      assert.equal((await lines.next()).value, '+ w/a\tone\\ntwo')
      await home.ok('del', 'w/a')
      assert.equal((await lines.next()).value, '- w/a')
      child.kill()
    })

    it('prints JSON', async () => {
      const child = home.spawn('hearsay', ['watch', '--json'])
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
      await once(child.stderr, 'data')
      await home.ok('put', 'w/j', 'v')
      const put = JSON.parse(String((await lines.next()).value)) as EntryJson
      assert.deepEqual([put.key, put.siblings[0]?.value], ['w/j', 'v'])
      await home.ok('del', 'w/j')
      const del = JSON.parse(String((await lines.next()).value)) as EntryJson
      assert.deepEqual([del.key, del.siblings], ['w/j', []])
      child.kill()
    })

    it('says why it ends when the daemon stops', async () => {
      const other = new Home()
      try {
        const stopped = await RunningDaemon.start(other)
        const child = other.spawn('hearsay', ['watch'])
        await once(child.stderr, 'data')
        const ran = finished(child)
        await stopped.stop()
        const { code, err } = await ran
        assert.match(err, /STOPPING|DAEMON_FAILED/)
        assert.equal(code, 1)
      } finally {
        await other.close()
      }
    })
  })

  describe('export and import', () => {
    let from: Home
    let to: Home

    before(async () => {
      from = new Home()
      to = new Home()
      await Promise.all([RunningDaemon.start(from), RunningDaemon.start(to)])
    })

    after(() => Promise.all([from.close(), to.close()]))

    it('keep bytes, expiry and concurrent values', async () => {
      await from.ok('put', 'plain', 'text\nof two lines')
      await from.ok('put', '00ff', 'fe01', '--hex')
      await from.ok('put', 'leased', 'x', '--ttl', '1h')
      const { token } = JSON.parse((await from.hearsay('del', 'many', '--json')).out) as Written
      for (const value of ['a', 'b', 'c']) {
        await from.ok('put', 'many', value, '--version-token', token, '--ttl', '2h')
      }
      // The other side holds the same keys with other values: a key of the file replaces them.
      await to.ok('put', 'many', 'old')
      await to.ok('put', 'plain', 'old')

      const file = from.path('backup.ndjson')
      const exported = await from.hearsay('export', file)
      assert.deepEqual([exported.code, exported.out], [0, ''])
      assert.match(exported.err, /exported 4 keys/)
      assert.equal(statSync(file).mode & 0o777, 0o600)
      assert(!existsSync(`${file}.part`))
      const text = readFileSync(file, 'utf8')
      assert.equal(await from.ok('export', '-'), text)
      assert.deepEqual(contents(text)[0], {
        key: 'base64 AP8=',
        siblings: ['base64 /gE= undefined'],
      })
      assert.equal(contents(text)[2]?.siblings.length, 3)

      const imported = await to.hearsay('import', file)
      assert.equal(imported.code, 0, imported.err)
      assert.match(imported.err, /imported 4 keys/)
      assert.deepEqual(contents(await to.ok('export')), contents(text))
      assert.equal(await to.ok('get', 'many'), 'c', 'what was shown is shown again')

      const again = await to.run('hearsay', ['import', '-', '--json'], { input: text })
      assert.deepEqual(JSON.parse(again.out), { keys: 4, lines: 4 })
      assert.deepEqual(contents(await to.ok('export')), contents(text))
    })

    it('take plain lines, blank ones between them, and no line feed at the end', async () => {
      const input = '{"key":"p1","value":"1"}\n\n  \r\n{"key":"p2","valueBase64":"/w=="}'
      const { code, err } = await to.run('hearsay', ['import', '-'], { input })
      assert.equal(code, 0, err)
      assert.equal(await to.ok('get', 'p1'), '1')
      assert.deepEqual([...(await to.hearsay('get', 'p2')).bytes], [255])
    })

    it('end at the first bad line, naming it and what is imported before it', async () => {
      const bad: [string, RegExp][] = [
        ['{"key": "x", ', /:4: not JSON.*BAD_IMPORT_LINE/],
        ['[]', /:4: .*not a JSON object.*BAD_IMPORT_LINE/],
        ['{"value": "v"}', /:4: .*"key".*missing.*BAD_IMPORT_LINE/],
        ['{"key": "x", "value": 5}', /:4: .*must be a string.*BAD_IMPORT_LINE/],
        ['{"key": "x", "siblings": []}', /:4: .*at least one.*BAD_IMPORT_LINE/],
        ['\u00ff', /:4: not JSON/],
      ]
      for (const [text, message] of bad) {
        for (const key of ['b1', 'b2', 'b3']) await to.hearsay('del', key)
        const file = to.path('bad.ndjson')
        writeFileSync(file, [line('b1'), '', line('b2'), text, line('b3'), ''].join('\n'))
        const { code, err } = await to.hearsay('import', file)
        assert.match(err, message)
        assert.match(err, /bad\.ndjson:4: .*imported before this line: 2 keys \(/)
        assert.equal(code, 1)
        assert.equal(await to.ok('list', 'b'), 'b1\nb2\n')
      }
    })

    it('end at the first line that the daemon refuses, likewise', async () => {
      const lines = [...Array(3000).keys()].map((i) => line(i === 1500 ? '' : `r/${i}`))
      const { code, err } = await to.run('hearsay', ['import', '-'], { input: lines.join('\n') })
      assert.match(err, /standard input:1501: .*imported before this line: 1,500 keys/)
      assert.match(err, /EMPTY_KEY/)
      assert.equal(code, 1)
      const after = Number(/and ([\d,]+) keys? after it/.exec(err)?.[1]?.replace(',', '') ?? 0)
      const there = (await to.ok('list', 'r/')).split('\n').length - 1
      assert.equal(there, 1500 + after, err)
    })

    it('say when the file is not there', async () => {
      const { code, err } = await to.hearsay('import', 'gone.ndjson')
      assert.match(err, /gone\.ndjson: no such file/)
      assert.equal(code, 1)
    })

    it('say when the file cannot be written', async () => {
      const { code, err } = await to.hearsay('export', 'no/such/dir/file')
      assert.match(err, /no\/such\/dir\/file: .*no such file or directory/i)
      assert.equal(code, 1)
    })
  })

  describe('status, id, peers, repair, connect', () => {
    it('explain a daemon that is alone', async () => {
      const text = await home.ok('status')
      assert.match(text, /All is well: complete/)
      assert(text.includes(daemon.ready.peerId) && text.includes(daemon.ready.socket))
      assert(text.includes(daemon.ready.addresses[0] ?? '?') && text.includes('0 peers connected'))
      assert(!text.includes('\u001b'), 'no colours outside of a terminal')
      const status = await json<Status>('status')
      assert.equal(status.peerId, daemon.ready.peerId)
      assert.equal(await home.ok('id'), `${daemon.ready.peerId}\n`)
      assert.equal(await home.ok('id', '--addresses'), `${daemon.ready.addresses.join('\n')}\n`)
      assert.deepEqual(await json<PeerStatus[]>('peers'), [])
      const repair = await home.hearsay('repair')
      assert.match(repair.err, /no peer is connected/)
      assert.equal(repair.code, 1)
    })

    it('refuse an address that is none, and a peer that is not there', async () => {
      const connect = await home.hearsay('connect', '10.0.0.1:4001')
      assert.match(connect.err, /BAD_ADDRESS/)
      assert.equal(connect.code, 1)
      const repair = await home.hearsay('repair', daemon.ready.peerId)
      assert.match(repair.err, /UNKNOWN_PEER/)
      assert.equal(repair.code, 1)
    })

    it('show two daemons agreeing, and a put on one in the watch of the other', async () => {
      const other = new Home()
      try {
        await home.ok('put', 'shared', 'old')
        const [address = ''] = (await home.ok('id', '--addresses')).split('\n')
        await RunningDaemon.start(other, ['--bootstrap', address, '--name', 'second'])
        await until('the second to be complete', async () =>
          (await other.hearsay('status')).out.includes('complete, and the connected peer agrees')
            ? true
            : undefined,
        )
        assert.equal(await other.ok('get', 'shared'), 'old')
        const child = other.spawn('hearsay', ['watch', 'shared'])
        const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
        await once(child.stderr, 'data')
        await home.ok('put', 'shared', 'new')
        assert.equal((await lines.next()).value, '+ shared\tnew')
        child.kill()

        assert.match(await home.ok('peers'), /^PEER +STATE .*\nsecond …\w{8} +\w+/)
        const [receipt] = JSON.parse(await home.ok('repair', '--json')) as RepairReceipt[]
        assert(['equal', 'repaired'].includes(receipt?.outcome ?? ''), receipt?.outcome)
        assert.match(await home.ok('repair', receipt?.peer ?? ''), /: (equal|repaired)/)

        const connected = await other.ok('connect', address)
        assert.equal(connected, `connected to ${daemon.ready.peerId}\n`)
      } finally {
        await other.close()
      }
    })
  })

  describe('a daemon that is not complete', () => {
    let syncing: Home

    before(async () => {
      syncing = new Home()
      // Nobody listens there.
      await RunningDaemon.start(syncing, ['--bootstrap', '/ip4/127.0.0.1/tcp/1'])
    })

    after(() => syncing.close())

    it('says with every answer that absent is not deleted', async () => {
      const get = await syncing.hearsay('get', 'k')
      assert.equal(get.code, 3)
      assert.match(get.err, /syncing|not arrived/)
      await syncing.ok('put', 'k', 'v')
      for (const args of [['get', 'k'], ['get', 'k', '--all'], ['list'], ['export']]) {
        const { code, err } = await syncing.hearsay(...args)
        assert.match(err, /still syncing: what is absent here may only not have arrived yet/)
        assert.equal(code, 0)
      }
    })

    it('says in status what to do', async () => {
      const text = await syncing.ok('status')
      assert.match(text, /^! Syncing: .*No peer is connected.*--first/m)
    })

    it('is complete with --first', async () => {
      const first = new Home()
      await RunningDaemon.start(first, ['--bootstrap', '/ip4/127.0.0.1/tcp/1', '--first'])
      assert.equal((await first.hearsay('list')).err, '')
      await first.close()
    })
  })

  describe('hearsayd', () => {
    it('stops on SIGTERM and SIGINT with exit code 0, and leaves no socket', async () => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) {
        const own = new Home()
        const running = await RunningDaemon.start(own)
        await own.ok('put', 'kept', 'v')
        assert.equal(await running.stop(signal), 0)
        assert(!existsSync(running.ready.socket))
        await RunningDaemon.start(own)
        assert.equal(await own.ok('get', 'kept'), 'v')
        await own.close()
      }
    })

    it('takes its settings from file, environment and flags', async () => {
      const own = new Home()
      writeFileSync(own.path('c.yaml'), 'name: from-file\nsocket: {path: f.sock, mode: 0660}\n')
      const env = { HEARSAY_NAME: 'from-env' }
      const running = await RunningDaemon.start(own, ['--config', 'c.yaml', '--data', 'mine'], env)
      assert.equal(running.ready.data, own.path('mine'))
      assert.equal(running.ready.socket, own.path('f.sock'))
      assert.equal(statSync(own.path('f.sock')).mode & 0o777, 0o660)
      assert.equal(statSync(own.path('mine')).mode & 0o777, 0o700)
      const status = await own.ok('status', '--json', '--socket', own.path('f.sock'))
      assert.equal((JSON.parse(status) as Status).name, 'from-env')
      await own.close()
    })

    it('makes the directory of its socket', async () => {
      const own = new Home()
      const running = await RunningDaemon.start(own, ['--socket', own.path('run/h/s.sock')])
      assert.equal(running.ready.socket, own.path('run/h/s.sock'))
      await own.close()
    })

    it('refuses a key file that others can read, or that is none', async () => {
      const own = new Home()
      writeFileSync(own.path('k'), await own.ok('network-key'), { mode: 0o644 })
      const open = await own.run('hearsayd', ['--network-key', 'k'])
      assert.match(open.err, /^hearsayd: .*its mode is 0644.*chmod 600.*\(BAD_KEY_FILE\)\n$/)
      assert.equal(open.code, 1)
      writeFileSync(own.path('bad'), 'version: 1\ncluster: zz\n', { mode: 0o600 })
      const bad = await own.run('hearsayd', ['--network-key', 'bad'])
      assert.match(bad.err, /bad:2: cluster: expected 32 hexadecimal digits/)
      assert.equal(bad.code, 1)
      await own.close()
    })

    it('refuses a data directory that another holds, and a socket that another serves', async () => {
      const data = await home.run('hearsayd', ['--socket', home.path('x.sock')])
      assert.match(data.err, /DATA_DIR_LOCKED/)
      assert.equal(data.code, 1)
      const socket = await home.run('hearsayd', [
        '--data',
        home.path('x'),
        '--socket',
        daemon.ready.socket,
      ])
      assert.match(socket.err, /SOCKET_IN_USE/)
      assert.equal(socket.code, 1)
    })
  })
})
