/**
 * A fleet that is cut in two, silently: no socket is told. First the cut is proved, since peers that know each other's
 * addresses would dial around a half-hearted one; then both sides go on, and agree once it is healed.
 */
import assert from 'node:assert/strict'
import type { TestDaemon } from '../support/daemons.ts'
import { bytes, converged, skipBecause, until, useFleet } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'
import { Namespaces, Relays } from '../support/network.ts'
import type { Network } from '../support/network.ts'

const INTERVAL_MS = 300
const SETTINGS = { repair: { interval: `${INTERVAL_MS}ms`, sessionTimeout: '1s' } }
/** Two periods with their jitter, and one more for what was under way. */
const PROOF_MS = 3 * INTERVAL_MS * 1.25

describe('a cut', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  interface Sides {
    network: Network
    daemons: TestDaemon[]
    /** Numbers of the daemons on either side. */
    left: number[]
    right: number[]
  }

  async function inNamespaces(skip: (reason: string) => never): Promise<Sides> {
    const network = Namespaces.create(fleet(), 3)
    if (typeof network === 'string') return skip(network)
    const networkKey = fleet().networkKey().file
    const daemons = await fleet().startMany(3, { ...SETTINGS, networkKey }, (i) =>
      network.options(i),
    )
    return { network, daemons, left: [0], right: [1, 2] }
  }

  async function throughRelays(): Promise<Sides> {
    const network = await Relays.create(fleet())
    const daemons = await fleet().startMany(2, SETTINGS, (i) => network.options(i))
    return { network, daemons, left: [0], right: [1] }
  }

  for (const where of ['in network namespaces', 'through relays'] as const) {
    describe(where, () => {
      async function sides(context: Mocha.Context): Promise<Sides> {
        if (where === 'through relays') return throughRelays()
        return inNamespaces((reason) => skipBecause(context, `not permitted here: ${reason}`))
      }

      it('both ways: each side goes on, and all agree after it, with the siblings of both', async function () {
        const { network, daemons, left, right } = await sides(this)
        const [a, b] = daemons
        assert.ok(a !== undefined && b !== undefined)
        const ledger = new Ledger()
        await ledger.replace(a.client, 'contested')
        await converged(daemons)
        for (const one of left) {
          for (const other of right) {
            network.cut(one, other)
            network.cut(other, one)
          }
        }
        await proveCut(a, b, ledger)
        await proveCut(b, a, ledger)

        await Promise.all(
          daemons.map(async (one) => {
            let left = 40
            assert.ok(await ledger.replace(one.client, 'contested'))
            await ledger.mixed(one.client, one.name, () => left-- > 0)
            const found = await one.client.getAll(bytes('contested'))
            assert.ok(found.entry !== undefined, `${one.name} reads what was there before`)
          }),
        )
        // The side that has more than one daemon is whole in itself.
        await converged(right.map((i) => daemons[i]!))

        network.heal()
        await converged(daemons, { waitMs: 60_000 })
        for (const one of daemons) await ledger.check(one.client, one.name)
        const { entry } = await a.client.getAll(bytes('contested'))
        const writers = new Set(entry?.siblings.map(({ writer }) => writer))
        assert.ok(writers.has(a.peerId), 'the sibling of one side')
        assert.ok(writers.size > 1, 'the siblings of the other side')
        for (const one of daemons) {
          await until(`${one.name} to call itself complete`, async () => {
            return (await one.client.ready()).completeness.state === 'complete'
          })
        }
      })

      it('one way: each side goes on, and all agree after it', async function () {
        const { network, daemons, left, right } = await sides(this)
        const [a, b] = daemons
        assert.ok(a !== undefined && b !== undefined)
        const ledger = new Ledger()
        await ledger.replace(a.client, 'contested')
        await converged(daemons)
        for (const one of left) for (const other of right) network.cut(one, other)
        await proveCut(a, b, ledger)

        await Promise.all(
          daemons.map(async (one) => {
            let left = 40
            assert.ok(await ledger.replace(one.client, 'contested'))
            await ledger.mixed(one.client, one.name, () => left-- > 0)
          }),
        )
        network.heal()
        await converged(daemons, { waitMs: 60_000 })
        for (const one of daemons) await ledger.check(one.client, one.name)
      })
    })
  }

  let proofs = 0

  /** A write here is not there after two repair periods, and the other's `status` says that it has not heard from here. */
  async function proveCut(here: TestDaemon, there: TestDaemon, ledger: Ledger): Promise<void> {
    const key = `proof-${proofs++}`
    const cutAt = Date.now()
    assert.ok(await ledger.putOwn(here.client, key))
    await until('two repair periods', () => Date.now() - cutAt > PROOF_MS)
    assert.equal((await there.client.get(bytes(key))).found, false, 'the cut leaks')
    await until(`status of ${there.name} to tell of the cut`, async () => {
      const { completeness, peers } = await there.client.status()
      const heard = peers.filter(({ lastDigest }) => (lastDigest?.at ?? 0) > cutAt)
      const peer = peers.find((one) => one.peer === here.peerId)
      const failed = peer === undefined || peer.lastReceipt?.outcome === 'failed'
      // Whoever still compares with a complete peer goes on calling itself complete.
      const alone = heard.length === 0
      return !heard.includes(peer!) && failed && (!alone || completeness.state !== 'complete')
    })
    assert.equal((await there.client.get(bytes(key))).found, false, 'the cut leaks')
  }
})
