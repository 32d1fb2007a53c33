import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { formatNetworkKey, hex, newNetworkKey, readKeyFile } from '../../src/config/key-file.ts'
import { HearsayError } from '../../src/errors.ts'

describe('key file', () => {
  let dir: string
  let file: string

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'hearsay-key-'))
    file = path.join(dir, 'net.key')
  })

  afterEach(() => rmSync(dir, { recursive: true }))

  function write(text: string, mode = 0o600): void {
    writeFileSync(file, text)
    chmodSync(file, mode)
  }

  function refusal(): string {
    let message = ''
    assert.throws(
      () => readKeyFile(file),
      (error) => {
        assert(error instanceof HearsayError, String(error))
        assert.equal(error.code, 'BAD_KEY_FILE')
        message = error.message.replaceAll(dir + path.sep, '')
        return true
      },
    )
    return message
  }

  const A = '0123456789abcdef'
  const good = [
    'version: 1',
    `cluster: ${A.repeat(2)}`,
    `fingerprint: ${A.repeat(4)}`,
    'secrets:',
    `  - ${A.repeat(4)}`,
  ]

  /** The good file with line `line` (from 1) replaced. */
  const withLine = (line: number, text: string) =>
    good.map((old, i) => (i === line - 1 ? text : old)).join('\n')

  it('comes back as it was made', () => {
    const key = newNetworkKey()
    write(formatNetworkKey(key))
    assert.deepEqual(
      Object.values(readKeyFile(file)).flat().map(hex),
      Object.values(key).flat().map(hex),
    )
    assert.equal(key.clusterId.length, 16)
    assert.equal(key.fingerprintKey.length, 32)
    assert.deepEqual(
      key.secrets.map((secret) => secret.length),
      [32],
    )
  })

  it('is different every time', () => {
    assert.equal(
      new Set(Array.from({ length: 20 }, () => formatNetworkKey(newNetworkKey()))).size,
      20,
    )
  })

  it('holds several secrets, in order', () => {
    const key = { ...newNetworkKey() }
    key.secrets = [randomBytes(32), randomBytes(32), randomBytes(32)]
    write(formatNetworkKey(key))
    assert.deepEqual(readKeyFile(file).secrets.map(hex), key.secrets.map(hex))
  })

  it('takes digits that would be a number as digits', () => {
    write(
      [
        'version: 1',
        `cluster: ${'1e'.repeat(16)}`,
        `fingerprint: ${'0'.repeat(64)}`,
        `secrets: [${'1'.repeat(30)}e${'1'.repeat(33)}]`,
      ].join('\n'),
    )
    const key = readKeyFile(file)
    assert.equal(hex(key.clusterId), '1e'.repeat(16))
    assert.equal(hex(key.fingerprintKey), '0'.repeat(64))
    assert.equal(hex(key.secrets[0]), `${'1'.repeat(30)}e${'1'.repeat(33)}`)
  })

  describe('refuses, naming file and line', () => {
    it('a file that others can read or change', () => {
      for (const mode of [0o644, 0o640, 0o620, 0o601]) {
        write(good.join('\n'), mode)
        assert.match(refusal(), /^net\.key: its mode is 06\d\d, .*run "chmod 600 net\.key"$/)
      }
      write(good.join('\n'), 0o400)
      readKeyFile(file)
    })

    it('a file that is not there', () => {
      assert.match(refusal(), /^net\.key: no such file or directory; "hearsay network-key > FILE"/)
    })

    it('a directory', () => {
      file = dir
      assert.match(refusal(), /not a regular file$/)
    })

    it('something else altogether', () => {
      write('hello')
      assert.match(refusal(), /^net\.key:1: not a network key/)
      write('')
      assert.match(refusal(), /^net\.key:1: not a network key/)
      write(Buffer.from([0xff, 0xfe]).toString('latin1'))
      assert.match(refusal(), /^net\.key:/)
    })

    it('malformed YAML', () => {
      write('version: [1')
      assert.match(refusal(), /^net\.key:1:\d+: /)
    })

    it('another version', () => {
      write(withLine(1, 'version: 2'))
      assert.match(
        refusal(),
        /^net\.key:1: version: expected 1; a newer file needs a newer hearsay$/,
      )
    })

    it('digits missing, too many, or none', () => {
      write(withLine(2, 'cluster: abc'))
      assert.equal(
        refusal(),
        'net.key:2: cluster: expected 32 hexadecimal digits, found 3 characters',
      )
      write(withLine(2, '# gone'))
      assert.match(refusal(), /^net\.key:\d: cluster: expected 32 hexadecimal digits, found none$/)
      write(withLine(3, `fingerprint: ${A.repeat(5)}`))
      assert.match(refusal(), /^net\.key:3: fingerprint: .*found 80 characters$/)
    })

    it('a secret that is none, without showing it', () => {
      const secret = `z${A.repeat(4).slice(1)}`
      write(withLine(5, `  - ${secret}`))
      const message = refusal()
      assert.equal(
        message,
        'net.key:5: secrets.0: expected 64 hexadecimal digits, found another character among them',
      )
    })

    it('no secret, or too many', () => {
      write(`${good.slice(0, 3).join('\n')}\nsecrets: []`)
      assert.match(refusal(), /^net\.key:4: secrets: expected a list of 1 to 4 secrets$/)
      write(`${good.join('\n')}\n${`  - ${A.repeat(4)}\n`.repeat(4)}`)
      assert.match(refusal(), /secrets: expected a list of 1 to 4 secrets$/)
    })

    it('an unknown key', () => {
      write(`${good.join('\n')}\nsecret: ${A}`)
      assert.equal(refusal(), 'net.key:6: secret: unknown key')
    })
  })
})
