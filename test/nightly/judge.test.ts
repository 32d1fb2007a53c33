/** The checker of `converged` must be able to fail: it is given answers that are untrue, of real daemons that differ. */
import assert from 'node:assert/strict'
import { bytes, converged, useFleet } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'
import { Judge } from './judge.ts'

describe('the checker of converged', function () {
  this.timeout(60_000)
  const fleet = useFleet()

  it('believes what is true, and names what is not', async () => {
    const a = await fleet().start()
    const b = await fleet().start()
    const ledger = new Ledger()
    const judge = new Judge(ledger, () => fleet().daemons)
    const of = [a.peerId, b.peerId]
    const claim = (asOf = Date.now()) => ({ by: 'a liar', converged: true, asOf, of })
    const from = Date.now()
    assert.deepEqual(await judge.examine(claim(), from, Date.now()), [])

    assert.ok(await ledger.replace(a.client, 'k'))
    const early = Date.now()
    // The moment that is named lies before the write or after it; only then is anything said of the write.
    assert.deepEqual(await judge.examine(claim(from), from, Date.now()), [])
    const lies = await judge.examine(claim(early + 1), from, early + 1)
    assert.equal(lies.length, 1)
    assert.match(
      lies[0]!,
      /a liar said yes as of \S+ of 2 daemons, and b speaks against it: lost: k=/,
    )
    const alone = { ...claim(early + 1), of: [a.peerId] }
    assert.deepEqual(await judge.examine(alone, from, early + 1), [])
    assert.deepEqual(
      await judge.examine({ ...claim(early + 1), converged: false }, from, early + 1),
      [],
    )
    assert.equal(judge.yes, 4)
    assert.equal(judge.no, 1)
  })

  it('names a delete that has not come, a value that nobody wrote, a moment and a daemon that are made up', async () => {
    const [a, b] = await fleet().startMany(2)
    assert.ok(a !== undefined && b !== undefined)
    const ledger = new Ledger()
    const judge = new Judge(ledger, () => fleet().daemons)
    assert.ok(await ledger.replace(a.client, 'k'))
    await converged([a, b])
    await b.stop()
    assert.ok(await ledger.replace(a.client, 'k', 'delete'))
    await a.stop()
    await b.start()
    const of = [b.peerId]
    const now = Date.now()
    const both = { by: 'a liar', converged: true, asOf: now, of: [a.peerId, b.peerId] }
    const lies = await judge.examine(both, 0, now)
    assert.match(lies.join('\n'), /b speaks against it: came back: k=/)
    assert.equal(judge.unread, 1, 'a is stopped')

    const ofOne = { by: 'a liar', converged: true, asOf: now, of }
    assert.match((await judge.examine(ofOne, now + 1, now + 2)).join(), /before the question/)
    assert.match((await judge.examine(ofOne, now - 2, now - 1)).join(), /or after it/)
    const strange = { ...ofOne, of: [...of, 'nobody'] }
    assert.match((await judge.examine(strange, 0, now)).join(), /never started/)
    await b.client.put(bytes('forged'), bytes('x'))
    assert.match((await judge.examine(ofOne, 0, now)).join(), /nobody wrote: forged=x/)
  })
})
