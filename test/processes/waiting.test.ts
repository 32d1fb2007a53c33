/** `put --wait`, `get --after` and `get --max-staleness` of real daemons. */
import assert from 'node:assert/strict'
import { bytes, until, useFleet } from '../support/daemons.ts'
import { hearsay } from '../support/hearsay.ts'
import type { Written } from '../../src/daemon-api.ts'

describe('waiting for other daemons, with processes', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  it('a write waits for other disks, and says who has it when they are too few', async () => {
    const [a, b, c] = await fleet().startMany(3)
    const put = await hearsay(a!, 'put', 'k', '1', '--wait', '2', '--json')
    assert.equal(put.code, 0, put.err)
    const { durableOn } = JSON.parse(put.out) as Written
    assert.deepEqual(durableOn?.toSorted(), [b!.peerId, c!.peerId].sort())
    await Promise.all([b!.kill(), c!.kill()])
    await Promise.all([b!.start(), c!.start()])
    for (const one of [b!, c!]) assert.ok((await one.client.get(bytes('k'))).found)
    await until('links', async () => (await a!.client.peers()).length === 2)
    c!.pause()
    const few = await hearsay(a!, 'put', 'k', '2', '--wait', '2', '--timeout', '2s')
    c!.resume()
    assert.equal(few.code, 5)
    assert.match(few.err, new RegExp(`only 1 of 2 peers \\(${b!.peerId}\\) .*TOO_FEW_PEERS`))
    assert.equal((await hearsay(a!, 'get', 'k')).out, '2')
    assert.equal((await hearsay(a!, 'del', 'k', '--wait', '2', '--timeout', '30s')).code, 0)
    for (const one of [b!, c!]) assert.equal((await hearsay(one, 'get', 'k')).code, 3)
  })

  it('a token lets a client read its own write on another daemon', async () => {
    // Without gossip what is written comes only when it is fetched.
    const quiet = { gossip: { enabled: false }, repair: { interval: '1h' } }
    const [a, b] = await fleet().startMany(2, quiet)
    const tokenOf = async (...args: string[]): Promise<string> => {
      const ran = await hearsay(a!, ...args, '--json')
      assert.equal(ran.code, 0, ran.err)
      return (JSON.parse(ran.out) as Written).token
    }
    const first = await tokenOf('put', 'k', 'mine')
    const read = await hearsay(b!, 'get', 'k', '--after', first)
    assert.deepEqual([read.code, read.out], [0, 'mine'], read.err)
    const gone = await tokenOf('del', 'k')
    assert.equal((await hearsay(b!, 'get', 'k', '--after', gone)).code, 3)
    a!.pause()
    const stale = await hearsay(b!, 'get', 'k', '--max-staleness', '100', '--timeout', '1s')
    assert.equal(stale.code, 5)
    assert.match(
      stale.err,
      new RegExp(`${a!.peerId} wrote in the last \\d+ ms may be missing.*TOO_STALE`),
    )
    a!.resume()
    const last = await tokenOf('put', 'k', 'again')
    const fresh = await hearsay(b!, 'get', 'k', '--max-staleness', '0')
    assert.deepEqual([fresh.code, fresh.out], [0, 'again'], fresh.err)
    assert.equal((await hearsay(b!, 'get', 'other', '--after', last)).code, 1)
    // Written where nobody can get it from.
    const lone = await fleet().start()
    const { token } = await lone.client.put(bytes('k'), bytes('lost'))
    const late = await hearsay(b!, 'get', 'k', '--after', token, '--timeout', '500ms')
    assert.equal(late.code, 5)
    assert.match(late.err, /1 of the 1 mutations .*NOT_HERE_YET/)
  })
})
