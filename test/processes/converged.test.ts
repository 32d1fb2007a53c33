/** `hearsay converged` of real daemons: under load, and with one of them standing still. */
import assert from 'node:assert/strict'
import type { Converged } from '../../src/daemon-api.ts'
import { bytes, contents, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { hearsay } from '../support/hearsay.ts'

/** Asked under load, of one daemon after the other. */
const QUESTIONS = 6

describe('converged, with processes', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  it('says yes of a moment while three daemons are written to, and what was written before it is there', async () => {
    const daemons = await fleet().startMany(3)
    const stop = new AbortController()
    let written = 0
    const newest = new Map<string, string>()
    const load = daemons.map(async (one) => {
      for (let i = 0; !stop.signal.aborted; i++) {
        const key = `${one.name}-${i % 40}`
        const answer = await (i % 7 === 6
          ? one.client.delete(bytes(key))
          : one.client.put(bytes(key), bytes(`${i}`)))
        written++
        if (answer.dot !== undefined) newest.set(key, `${answer.dot.actor}:${answer.dot.counter}`)
      }
    })
    await until('some writes', () => written > 200)
    let yes = 0
    for (let i = 0; i < QUESTIONS; i++) {
      const asked = daemons[i % 3]!
      // Each key has one writer, so what it wrote last before the question, or something later, must be seen everywhere.
      const acknowledged = new Map(newest)
      const answer = await asked.client.converged({ timeoutMs: 10_000 })
      if (!answer.converged) continue
      yes++
      assert.equal(answer.peers.length, 2)
      await Promise.all(daemons.map((one) => checkKeys(one, acknowledged)))
    }
    assert.ok(yes >= QUESTIONS / 2, `${yes} of ${QUESTIONS} times yes under load`)
    stop.abort()
    await Promise.all(load)
    const { code, out } = await hearsay(daemons[1]!, 'converged', '--wait', '30')
    assert.equal(code, 0, out)
    assert.match(
      out,
      /^yes: all that was written before \S+Z is on this daemon and 2 linked peers\n$/,
    )
    const [first, ...others] = await Promise.all(daemons.map((one) => contents(one.client)))
    for (const other of others) assert.deepEqual(other, first)
  })

  it('says no while a daemon stands still, names it, and yes when it goes on', async () => {
    const daemons = await fleet().startMany(3)
    const [a, , c] = daemons
    await a!.client.put(bytes('k'), bytes('1'))
    c!.pause()
    try {
      await a!.client.put(bytes('k'), bytes('2'))
      const { code, out, err } = await hearsay(a!, 'converged')
      assert.equal(code, 1)
      assert.match(out, /^no, as of /)
      assert.match(out, new RegExp(`c \\(${c!.peerId}\\): .*no answer`))
      assert.match(out, /b \(\S+\): has all/)
      assert.match(err, /NOT_CONVERGED/)
    } finally {
      c!.resume()
    }
    const ran = await hearsay(a!, 'converged', '--wait', '60s', '--json')
    assert.equal(ran.code, 0, ran.out + ran.err)
    const answer = JSON.parse(ran.out) as Converged
    assert.equal(answer.converged, true)
    assert.equal((await c!.client.get(bytes('k'))).found, true)
  })

  it('of a whole fleet speaks of those who are no neighbours as well', async () => {
    const [a] = await fleet().startMany(1)
    const b = await fleet().start({ settings: { bootstrap: [a!.address] } })
    const c = await fleet().start({ settings: { bootstrap: [b.address] } })
    await until('links', async () => (await b.client.peers()).length === 2)
    await c.client.put(bytes('k'), bytes('far'))
    const { code, out, err } = await hearsay(a!, 'converged', '--fleet', '--wait', '60')
    assert.equal(code, 0, out + err)
    assert.match(
      out,
      /^yes: all that was written before \S+Z is on all 3 daemons that can be reached\n$/,
    )
    assert.equal((await a!.client.get(bytes('k'))).found, true)
    c.pause()
    try {
      const ran = await hearsay(a!, 'converged', '--fleet')
      assert.equal(ran.code, 1)
      // a knows the name of c only if the two have been linked meanwhile.
      assert.match(ran.out, new RegExp(` (c \\()?${c.peerId}\\)?: no answer`))
      assert.match(ran.err, /NOT_CONVERGED/)
    } finally {
      c.resume()
    }
  })

  it('alone says yes only of a daemon that expects nobody', async () => {
    const alone = await fleet().start()
    const { code, out } = await hearsay(alone, 'converged')
    assert.equal(code, 0)
    assert.match(out, /^yes: this daemon is alone/)
    const lonely = await fleet().start({ settings: { bootstrap: [alone.address] } })
    await until('a link', async () => (await lonely.client.peers()).length === 1)
    await alone.stop()
    await until('no link', async () => (await lonely.client.peers()).length === 0)
    const ran = await hearsay(lonely, 'converged')
    assert.equal(ran.code, 1)
    assert.match(ran.out, /no peer is linked/)
    assert.match(ran.out, new RegExp(`not spoken for.*${alone.peerId}`))
  })
})

/** The dot of each key, or one that its only writer made later. */
async function checkKeys(daemon: TestDaemon, acknowledged: Map<string, string>): Promise<void> {
  for (const [key, siblings] of await contents(daemon.client)) {
    const [actor, counter] = acknowledged.get(key)?.split(':') ?? []
    if (counter === undefined) continue
    // What is deleted, then or since, is not there; what is shown must not be older than what was acknowledged.
    for (const dot of siblings.keys()) {
      const [shownActor, shown] = dot.split(':')
      assert.equal(shownActor, actor)
      assert.ok(Number(shown) >= Number(counter), `${daemon.name} shows an older ${key}`)
    }
  }
}
