/** `hearsay doctor` beside real daemons: its exit code, its JSON, and what it finds by looking around. */
import assert from 'node:assert/strict'
import { bytes, freePort, linked, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { Home } from '../support/cli.ts'
import type { Finding } from '../../src/cli/doctor.ts'

const SIBLINGS_MAX = 5

describe('hearsay doctor, of real daemons', function () {
  this.timeout(120_000)
  const fleet = useFleet()
  let home: Home

  beforeEach(() => {
    home = new Home()
  })
  afterEach(() => home.close())

  interface Told {
    code: number | null
    well: boolean
    findings: Finding[]
  }

  async function doctor({ socket }: TestDaemon): Promise<Told> {
    const { code, out, err } = await home.hearsay('--json', '--socket', socket, 'doctor')
    assert.equal(err, '')
    const told = JSON.parse(out) as Omit<Told, 'code'>
    assert.equal(code, told.well ? 0 : 1)
    assert.equal(
      told.well,
      told.findings.every(({ level }) => level !== 'problem'),
    )
    return { code, ...told }
  }

  const finding = ({ findings }: Told, name: string) => findings.find(({ check }) => check === name)

  it('is content with a fleet that agrees, in words and in JSON', async () => {
    const [a, b] = await fleet().startMany(2)
    await a!.client.put(bytes('k'), bytes('v'))
    await until('b to be well', async () => (await doctor(b!)).well)
    const { code, out } = await home.hearsay('--socket', b!.socket, 'doctor')
    assert.equal(code, 0)
    assert.match(out, /^ok +store +works, /)
    assert.match(out, /\n\nAll is well\.\n$/)
  })

  it('names a peer that does not answer, and is content when it does again', async () => {
    const [a, b] = await fleet().startMany(2)
    b!.pause()
    const told = await until('the doctor to notice', async () => {
      const answers = finding(await doctor(a!), 'answers')
      return answers?.level === 'problem' && answers
    })
    assert.match(told.text, /^No answer from b …/)
    b!.resume()
    await until('the doctor to be content', async () => (await doctor(a!)).well)
  })

  it('names a key that is full of siblings, until somebody merges them', async () => {
    const limits = { siblings: SIBLINGS_MAX }
    const a = await fleet().start({ settings: { limits } })
    const { token } = await a.client.put(bytes('crowded'), bytes('0'))
    await a.client.put(bytes('quiet'), bytes('0'))
    // Each of them has seen the first value, and none another.
    for (let i = 1; i <= SIBLINGS_MAX; i++) {
      await a.client.put(bytes('crowded'), bytes(String(i)), { token })
    }
    const told = await doctor(a)
    const { level, text } = finding(told, 'siblings')!
    assert.equal(level, 'problem')
    assert.match(text, /^1 key with nearly as many .*, 5: crowded \(5\)\./)
    await a.client.put(bytes('crowded'), bytes('merged'))
    assert.equal(finding(await doctor(a), 'siblings')?.level, 'ok')
  })

  it('tells which bootstrap addresses cannot be reached, and that it is no problem while others can', async () => {
    const nobody = `/ip4/127.0.0.1/tcp/${await freePort()}`
    const a = await fleet().start()
    const b = await fleet().start({ settings: { bootstrap: [a.address, nobody] } })
    await linked([a, b])
    const told = await until('b to be well', async () => {
      const now = await doctor(b)
      return now.well && now
    })
    const { level, text } = finding(told, 'bootstrap')!
    assert.equal(level, 'note')
    assert.ok(text.includes(`${nobody}: nobody listens there. The others can be reached`), text)
    await a.stop()
    const alone = await until('a to be missed', async () => {
      const now = await doctor(b)
      return finding(now, 'bootstrap')?.level === 'problem' && now
    })
    assert.match(finding(alone, 'bootstrap')?.text ?? '', /No bootstrap address can be reached/)
  })
})
