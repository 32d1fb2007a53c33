/** Today's build and one that is a version ahead, in one fleet. */
import assert from 'node:assert/strict'
import path from 'node:path'
import type { SiblingView } from '../../src/daemon-api.ts'
import { bytes, converged, linked, until, useFleet } from '../support/daemons.ts'
import type { TestDaemon } from '../support/daemons.ts'
import { buildNextVersion } from '../support/next-version.ts'

describe('versions', function () {
  this.timeout(120_000)
  const fleet = useFleet()

  const shown = async (one: TestDaemon, key: string): Promise<Partial<SiblingView>[]> => {
    const { entry } = await one.client.getAll(bytes(key))
    return (entry?.siblings ?? []).map(({ kind, value }) => ({ kind, value: Buffer.from(value) }))
  }
  const register = (value: string) => [{ kind: 'register', value: Buffer.from(value) }]
  const unknown = [{ kind: 'unknown', value: Buffer.alloc(0) }]

  /** Two of the next version that can reach each other only by way of one of today's. */
  async function chain(): Promise<[TestDaemon, TestDaemon, TestDaemon]> {
    const program = buildNextVersion(path.join(fleet().dir, 'next'))
    const today = await fleet().start({ name: 'today' })
    const settings = { bootstrap: [today.address], allow: [today.peerId] }
    const next = await fleet().start({ name: 'next', program, settings })
    const other = await fleet().start({ name: 'other', program, settings })
    await linked([today, next])
    await linked([today, other])
    assert.equal(await next.peer(other), undefined)
    for (const one of [next, other]) assert.equal((await one.client.id()).version, '99.0.0')
    return [today, next, other]
  }

  async function noComplaint(daemons: readonly TestDaemon[]): Promise<void> {
    for (const one of daemons) {
      const { counters, transport } = await one.client.status()
      assert.equal(counters['protocolViolations'] ?? 0, 0, one.name)
      assert.equal(counters['peersRefused'] ?? 0, 0, one.name)
      assert.equal(transport.protocolViolations, 0, one.name)
      assert.equal(transport.gossipRejected, 0, one.name)
    }
  }

  it('one ahead: each reads the other, and what only the later one understands passes through the earlier one whole', async () => {
    const daemons = await chain()
    const [today, next, other] = daemons
    await today.client.put(bytes('from-today'), bytes('t'))
    await next.client.put(bytes('from-next'), bytes('n'))
    await next.client.put(bytes('next/a'), bytes('only the next one knows'))
    await converged(daemons)
    for (const one of daemons) {
      assert.deepEqual(await shown(one, 'from-today'), register('t'), one.name)
      assert.deepEqual(await shown(one, 'from-next'), register('n'), one.name)
    }
    assert.deepEqual(await shown(today, 'next/a'), unknown)
    for (const one of [next, other]) {
      assert.deepEqual(await shown(one, 'next/a'), register('only the next one knows'), one.name)
    }

    // It can be replaced and deleted by one that does not know what it is; a field that this one did not name stays.
    for (const key of ['next/b', 'next/c', 'next/cell/d', 'next/cell/e']) {
      await next.client.put(bytes(key), bytes('by next'))
    }
    await converged(daemons)
    const { entry } = await today.client.getAll(bytes('next/cell/e'))
    await today.client.put(bytes('next/b'), bytes('by today'))
    await today.client.put(bytes('next/cell/d'), bytes('by today'))
    await today.client.delete(bytes('next/c'))
    await today.client.delete(bytes('next/cell/e'), { token: entry!.token })
    await converged(daemons)
    for (const one of daemons) {
      assert.deepEqual(await shown(one, 'next/b'), register('by today'), one.name)
      assert.deepEqual(await shown(one, 'next/c'), [], one.name)
      assert.deepEqual(await shown(one, 'next/cell/e'), [], one.name)
    }
    for (const one of [next, other]) {
      const values = (await shown(one, 'next/cell/d')).map(({ value }) => String(value))
      assert.deepEqual(values.sort(), ['by next', 'by today'], one.name)
    }
    await noComplaint(daemons)
  })

  it('one ahead: today’s build keeps what it does not know over a restart, and gives it to a newcomer in repair', async () => {
    const [today, next, other] = await chain()
    await other.stop()
    for (let i = 0; i < 20; i++) await next.client.put(bytes(`next/${i}`), bytes(`value ${i}`))
    const before = await next.digest()
    await converged([today, next])
    await next.stop()
    await today.restart()
    const { context, fingerprint } = await today.digest()
    assert.deepEqual([context, fingerprint], [before.context, before.fingerprint])
    await other.start()
    await linked([today, other])
    await converged([today, other])
    for (let i = 0; i < 20; i++) {
      assert.deepEqual(await shown(other, `next/${i}`), register(`value ${i}`))
    }
    await noComplaint([today, other])
  })

  it('that have none in common refuse each other, and both say so', async () => {
    const program = buildNextVersion(path.join(fleet().dir, 'next'), { onlyNext: true })
    const today = await fleet().start({ name: 'today' })
    const next = await fleet().start({
      name: 'next',
      program,
      settings: { bootstrap: [today.address] },
    })
    for (const one of [today, next]) {
      await until(`${one.name} to say why`, () => one.logged('UNKNOWN_VERSION').length > 0)
    }
    assert.match(
      today.logged('UNKNOWN_VERSION')[0]!,
      /speaks versions 1 to 1, the peer 2 to 2|speaks versions 2 to 2, the peer 1 to 1/,
    )
    await today.client.put(bytes('k'), bytes('v'))
    assert.equal((await next.client.get(bytes('k'))).found, false)
  })
})
