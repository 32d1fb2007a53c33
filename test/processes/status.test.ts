/** `status` tells the truth about peers that fall silent or leave. */
import assert from 'node:assert/strict'

import { until, useFleet } from '../support/daemons.ts'

/** Without peers, nothing happens on a daemon between two purges. */
const NOTHING_HAPPENS = { expiry: { purgeInterval: '1d' } }

describe('status of a fleet of processes', function () {
  this.timeout(90_000)
  const fleet = useFleet()

  it('says that a paused peer does not answer, and no longer when it goes on', async () => {
    const [a, b] = await fleet().startMany(2)
    b!.pause()
    try {
      const peer = await until('silence to show', async () => {
        const peer = await a!.peer(b!)
        return (peer?.unansweredMs ?? 0) > 1_000 ? peer : undefined
      })
      assert.equal(peer.repairing, true)
    } finally {
      b!.resume()
    }
    await until('an answer', async () => {
      const peer = await a!.peer(b!)
      return peer !== undefined && peer.unansweredMs === undefined && peer.lastDigest?.agreed
    })
  })

  it('stops saying complete when nobody is there to confirm it', async () => {
    const [a, b] = await fleet().startMany(2, NOTHING_HAPPENS)
    await until('b to be complete', async () => {
      return (await b!.client.status()).completeness.state === 'complete'
    })
    await a!.stop()
    await until('b to say as of when', async () => {
      return (await b!.client.status()).completeness.state === 'complete-as-of'
    })
  })
})
