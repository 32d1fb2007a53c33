import assert from 'node:assert/strict'
import {
  chmodSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

import { formatNetworkKey, hex, newNetworkKey, readKeyFile } from '../../src/config/key-file.ts'
import { rotateKeyFile } from '../../src/config/key-rotation.ts'
import { labelOf } from '../../src/net/admission.ts'

describe('rotation of a key file', () => {
  let dir: string
  let file: string
  const secrets = (): string[] => readKeyFile(file).secrets.map(hex)

  beforeEach(() => {
    dir = mkdtempSync(path.join(tmpdir(), 'hearsay-rotation-'))
    file = path.join(dir, 'net.key')
    writeFileSync(file, formatNetworkKey(newNetworkKey()), { mode: 0o600 })
  })

  afterEach(() => rmSync(dir, { recursive: true }))

  it('goes from the old secret to a new one by files of which any two in a row share a secret', async () => {
    const files = [secrets()]
    const [old] = readKeyFile(file).secrets
    for (let step = 1; step <= 3; step++) {
      const taken = await rotateKeyFile(file)
      assert.equal(taken.step, step)
      assert.equal(taken.old, labelOf(old))
      assert.deepEqual(taken.labels, readKeyFile(file).secrets.map(labelOf))
      files.push(secrets())
    }
    const [a, b] = files[1]!
    assert.notEqual(a, b)
    assert.deepEqual(files, [[a], [a, b], [b, a], [b]])
    for (let i = 1; i < files.length; i++) {
      const [before, after] = [files[i - 1]!, files[i]!]
      // A dialler offers all it has, so whoever dials, it finds one that the other accepts.
      assert.ok(before.some((secret) => after.includes(secret)))
    }
  })

  it('begins anew after its end', async () => {
    for (let step = 0; step < 3; step++) await rotateKeyFile(file)
    const [before] = secrets()
    assert.equal((await rotateKeyFile(file)).step, 1)
    assert.equal(secrets()[0], before)
  })

  it('keeps all else: the cluster, comments, the mode, and the link that led to the file', async () => {
    writeFileSync(file, `# of the north\n${readFileSync(file, 'utf8')}# the end\n`)
    chmodSync(file, 0o400)
    const link = path.join(dir, 'link.key')
    symlinkSync('net.key', link)
    const before = readKeyFile(file)
    await rotateKeyFile(link)
    assert.ok(lstatSync(link).isSymbolicLink())
    assert.equal(statSync(file).mode & 0o777, 0o400)
    const text = readFileSync(file, 'utf8')
    for (const kept of ['# of the north', '# the end', '# Permanent.'])
      assert.ok(text.includes(kept))
    const after = readKeyFile(file)
    assert.deepEqual(after.clusterId, before.clusterId)
    assert.deepEqual(after.fingerprintKey, before.fingerprintKey)
    assert.deepEqual(readdirSync(dir).sort(), ['link.key', 'net.key'])
  })

  it('refuses a file from which the step cannot be told, and leaves it as it is', async () => {
    const good = readFileSync(file, 'utf8')
    const more = `  - ${'ab'.repeat(32)}\n`
    for (const text of [
      `${good}${more}`,
      `${good}rotation: used\n`,
      `${good}${more}${more}rotation: added\n`,
    ]) {
      writeFileSync(file, text)
      await assert.rejects(rotateKeyFile(file), { code: 'BAD_KEY_FILE', message: /which step/ })
      assert.equal(readFileSync(file, 'utf8'), text)
    }
    writeFileSync(file, `${good}rotation: soon\n`)
    await assert.rejects(rotateKeyFile(file), /rotation: expected added or used/)
    await assert.rejects(rotateKeyFile(path.join(dir, 'nowhere')), { code: 'BAD_KEY_FILE' })
  })
})
