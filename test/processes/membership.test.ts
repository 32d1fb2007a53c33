/** Who belongs to a fleet of real daemons: secrets replaced under load, peers thrown out, a local store taken in. */
import assert from 'node:assert/strict'
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { formatNetworkKey, newNetworkKey } from '../../src/config/key-file.ts'
import { rotateKeyFile } from '../../src/config/key-rotation.ts'
import { bytes, contents, converged, linked, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { Ledger } from '../support/ledger.ts'

describe('membership', function () {
  this.timeout(300_000)
  const fleet = useFleet()

  const keyOf = (one: TestDaemon): string => path.join(one.dir, 'fleet.key')

  /** Daemons with a copy each of one key file; the copy of the operator, and the daemons. */
  async function startWithKey(count: number): Promise<[key: string, daemons: TestDaemon[]]> {
    const key = path.join(fleet().dir, 'operator.key')
    writeFileSync(key, formatNetworkKey(newNetworkKey()), { mode: 0o600 })
    const daemons: TestDaemon[] = []
    for (let i = 0; i < count; i++) {
      const one = await fleet().create({
        settings: { networkKey: 'fleet.key', bootstrap: daemons.map(({ address }) => address) },
      })
      copyFileSync(key, keyOf(one))
      chmodSync(keyOf(one), 0o600)
      daemons.push(await one.start())
    }
    await linked(daemons)
    return [key, daemons]
  }

  const labelsOf = async (one: TestDaemon): Promise<string[]> =>
    (await one.client.networkKey()).labels

  /** What "network-key status" calls alike. */
  async function alike(daemons: readonly TestDaemon[]): Promise<void> {
    for (const one of daemons) {
      await until(`${one.name} to see all with its secrets`, async () => {
        const { labels, peers } = await one.client.networkKey()
        return (
          peers.length === daemons.length - 1 &&
          peers.every((peer) => peer.labels?.join() === labels.join())
        )
      })
    }
  }

  for (const how of ['reload', 'restart'] as const) {
    it(`replaces the secret under load by ${how}, and at no time do members refuse each other`, async () => {
      const [key, daemons] = await startWithKey(4)
      const [old] = await labelsOf(daemons[0]!)
      const ledger = new Ledger()
      let writing = true
      // The first is never restarted, so that there is somebody to write to all the time.
      const load = ledger.mixed(daemons[0]!.client, 'load', () => writing)
      const changing = how === 'reload' ? daemons : daemons.slice(1)
      for (let step = 1; step <= 3; step++) {
        await rotateKeyFile(key)
        for (const one of daemons) {
          copyFileSync(key, keyOf(one))
          if (changing.includes(one) && how === 'restart') await one.restart()
          else if (step === 2) one.signal('SIGHUP')
          else await one.client.reloadNetworkKey()
          // One after another, as on a fleet: while some are a step ahead of others all are linked.
          await linked(daemons)
        }
        await alike(daemons)
      }
      writing = false
      await load
      await converged(daemons)
      for (const one of daemons) await ledger.check(one.client, one.name)
      const labels = await labelsOf(daemons[0]!)
      assert.equal(labels.length, 1)
      assert.ok(!labels.includes(old!))
      for (const one of daemons) {
        assert.deepEqual(one.logged('another network key'), [], one.log)
        assert.deepEqual(await labelsOf(one), labels)
      }
    })
  }

  it('goes on with the secrets it has when the key file is another one, or none', async () => {
    const [key, [a, b]] = (await startWithKey(2)) as [string, [TestDaemon, TestDaemon]]
    const before = await labelsOf(a)
    for (const text of [formatNetworkKey(newNetworkKey()), 'nonsense: true\n', '']) {
      writeFileSync(keyOf(a), text)
      await assert.rejects(a.client.reloadNetworkKey(), { code: 'BAD_KEY_FILE' })
    }
    assert.deepEqual(await labelsOf(a), before)
    a.signal('SIGHUP')
    await until('the refusal in the log', () => a.logged('nothing was reloaded').length > 0)
    copyFileSync(key, keyOf(a))
    assert.deepEqual((await a.client.reloadNetworkKey()).hungUp, [])
    await linked([a, b])
  })

  it('ends connections made with a secret that is gone, and those who have not got the new one stay out', async () => {
    const [key, [a, b]] = (await startWithKey(2)) as [string, [TestDaemon, TestDaemon]]
    for (let step = 1; step <= 3; step++) await rotateKeyFile(key)
    copyFileSync(key, keyOf(a))
    assert.deepEqual((await a.client.reloadNetworkKey()).hungUp, [b.peerId])
    await until('the word of the one that dials', () =>
      [a, b].some(
        (one) =>
          one.logged('another network key').length > 0 || one.logged('not reached').length > 0,
      ),
    )
    assert.deepEqual(await a.client.peers(), [])
    copyFileSync(key, keyOf(b))
    await b.client.reloadNetworkKey()
    await linked([a, b])
  })

  it('throws a peer out in the middle of gossip, keeps it out over a restart, and takes it back', async () => {
    const [, daemons] = await startWithKey(3)
    const [a, b, out] = daemons as [TestDaemon, TestDaemon, TestDaemon]
    // It would hang up on the others by name of one, so it is refused; with all that are linked it is not.
    await assert.rejects(a.client.changeAllowList({ add: [b.peerId] }), {
      code: 'ALLOW_LIST_NOT_IN_FORCE',
    })
    for (const one of [a, b]) await one.client.changeAllowList({ addLinked: true })
    await linked(daemons)

    const ledger = new Ledger()
    let writing = true
    const load = ledger.mixed(out.client, 'out', () => writing)
    await until('writes of it everywhere', async () => {
      const maps = await Promise.all([a, b].map((one) => contents(one.client)))
      return maps.every((map) => map.size > 20)
    })
    for (const one of [a, b]) {
      const { hungUp, peers } = await one.client.changeAllowList({ remove: [out.peerId] })
      assert.deepEqual(hungUp, [out.peerId])
      assert.ok(!peers.some(({ peer }) => peer === out.peerId))
    }
    await until('nobody to be linked to it', async () => (await out.client.peers()).length === 0)
    const before = ledger.acknowledged
    await until('more writes of it', () => ledger.acknowledged > before + 50)
    writing = false
    await load
    assert.ok(await ledger.putOwn(a.client, 'ours'))
    await converged([a, b])
    // It tries on and on, and is turned away.
    const turnedAway = async (): Promise<number> => {
      const statuses = await Promise.all([a, b].map((one) => one.client.status()))
      return statuses.reduce((sum, { transport }) => sum + transport.peersTurnedAway, 0)
    }
    const tries = await turnedAway()
    await until('another try', async () => (await turnedAway()) > tries)
    const digests = await Promise.all([a, b, out].map(async (one) => (await one.digest()).context))
    assert.equal(digests[0], digests[1])
    assert.notEqual(digests[0], digests[2])
    assert.equal((await out.client.get(bytes('ours'))).found, false)

    await a.restart()
    await linked([a, b])
    assert.equal(await a.peer(out), undefined)
    assert.ok(!(await a.client.allowList()).peers.some(({ peer }) => peer === out.peerId))

    for (const one of [a, b]) await one.client.changeAllowList({ add: [out.peerId] })
    await linked(daemons)
    await converged(daemons)
    await ledger.check(a.client, a.name)
  })

  it('does not take gossip of a peer that it does not allow from one that does, and repair brings what that one took', async () => {
    const [, [a, middle, far]] = (await startWithKey(3)) as [
      string,
      [TestDaemon, TestDaemon, TestDaemon],
    ]
    // `a` has nothing to do with `far`; `middle` has to do with both, and `far` with `middle` alone.
    await far.client.changeAllowList({ add: [middle.peerId], force: true })
    await a.client.changeAllowList({ add: [middle.peerId], force: true })
    await linked([a, middle])
    await linked([middle, far])
    await until('gossip to be turned away', async () => {
      await far.client.put(bytes('far'), bytes(String(Date.now())))
      return (await a.client.status()).transport.gossipTurnedAway > 0
    })
    await converged([a, middle, far])
    assert.equal(await a.peer(far), undefined)
  })

  it('starts with the list of the configuration, and not at all with a list that does not read', async () => {
    const [, [a, b]] = (await startWithKey(2)) as [string, [TestDaemon, TestDaemon]]
    await a.restart({ allow: [] })
    assert.deepEqual(await a.client.peers(), [])
    await a.client.changeAllowList({ add: [b.peerId] })
    await linked([a, b])
    await assert.rejects(a.client.changeAllowList({ off: true }), { code: 'BAD_ARGUMENT' })
    await a.client.changeAllowList({ remove: [b.peerId] })
    await a.restart({ allow: [b.peerId] })
    assert.deepEqual((await a.client.allowList()).removed, [b.peerId])
    await a.stop()
    const list = path.join(a.data, 'allow.json')
    // Another peer's id, as after a flipped bit.
    const other = readFileSync(list, 'utf8').replace(b.peerId, a.peerId)
    for (const damaged of [other, '{"version":1,', '{"version":\n\u{1b}[2J']) {
      writeFileSync(list, damaged)
      assert.match(
        await a.refused(),
        /^hearsayd: the allow list .*allow\.json does not read .*BAD_ALLOW_LIST\)$/m,
      )
    }
  })

  it('takes a store that was begun without a key into the fleet, once and when told to', async () => {
    const [key, [a, b]] = (await startWithKey(2)) as [string, [TestDaemon, TestDaemon]]
    await a.client.put(bytes('shared'), bytes('of the fleet'))
    await converged([a, b])
    const local = await fleet().start({ name: 'local' })
    for (let i = 0; i < 50; i++) await local.client.put(bytes(`local-${i}`), bytes(`${i}`))
    await local.client.put(bytes('shared'), bytes('of the local one'))
    await local.client.delete(bytes('local-7'))
    const mine = await contents(local.client)
    await local.stop()
    copyFileSync(key, keyOf(local))
    const joining = { networkKey: 'fleet.key', bootstrap: [a.address] }
    assert.match(await local.refused(joining), /--adopt.*STORE_OF_OTHER_CLUSTER/)

    await local.start({ adopt: true })
    await linked([local, a])
    await converged([a, b, local])
    for (const one of [a, b, local]) {
      const map = await contents(one.client)
      for (const [name, siblings] of mine) {
        for (const [dot, value] of siblings) assert.equal(map.get(name)?.get(dot), value, name)
      }
      assert.equal(map.has('local-7'), false)
      assert.equal(map.get('shared')?.size, 2, 'a value of either side')
    }
    // Harmless from then on, and not needed.
    const before = await local.digest()
    await local.restart()
    assert.deepEqual(await local.digest(), before)
    await local.restart({ adopt: false })
    await linked([local, a])
    // A store of a cluster is never taken into another.
    await local.stop()
    writeFileSync(keyOf(local), formatNetworkKey(newNetworkKey()))
    assert.match(await local.refused({ adopt: true }), /STORE_OF_OTHER_CLUSTER/)
  })
})
