/** A stall of this process is not taken for a failure of a peer. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { patientSignal, patientTimeout } from '../../src/net/patience.ts'
import { Proxy } from './libp2p-support.ts'
import { libp2pWorld, TEST_TUNING, until } from './libp2p-world.ts'
import type { Libp2pWorld } from './libp2p-world.ts'

/** Stops the event loop of this thread, as a long computation does. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

describe('patience', () => {
  it('ends in time when nothing stalls, and not before', async () => {
    const begun = performance.now()
    await new Promise<void>((resolve) => patientTimeout(60, resolve))
    // Timers count whole milliseconds.
    assert.ok(performance.now() - begun >= 59)
  })

  it('does not end when it was cancelled', async () => {
    let expired = false
    const cancel = patientTimeout(20, () => (expired = true))
    cancel()
    await new Promise<void>((resolve) => patientTimeout(60, resolve))
    assert.equal(expired, false)
  })

  it('a plain timer runs before what came during a stall is read, a patient one after it', async () => {
    const order: string[] = []
    const server = createServer((socket) => socket.end('answer')).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.on('data', () => order.push('answer'))
    await once(socket, 'connect')
    const patient = new Promise<void>((resolve) =>
      patientTimeout(100, () => {
        order.push('patient')
        resolve()
      }),
    )
    setTimeout(() => order.push('plain'), 100)
    // After this phase of the event loop come the timers, and only then the sockets.
    setImmediate(() => stall(1_500))
    await patient
    server.close()
    assert.deepEqual(order, ['plain', 'answer', 'patient'])
  })

  it('a signal aborts with a TimeoutError, and not once it was cleared', async () => {
    const first = patientSignal(20)
    const second = patientSignal(20)
    second.clear()
    await once(first.signal, 'abort')
    assert.equal((first.signal.reason as Error).name, 'TimeoutError')
    await new Promise<void>((resolve) => patientTimeout(60, resolve))
    assert.equal(second.signal.aborted, false)
  })
})

describe('keep-alive', function () {
  this.timeout(40_000)
  // Longer than a busy machine takes to answer; and nobody else is to give a connection up.
  const tuning = { ...TEST_TUNING, pingAfterMs: 1_500, watchdogIntervalMs: 60_000 }
  let world: Libp2pWorld

  beforeEach(async () => {
    world = await libp2pWorld()
  })
  afterEach(() => world.end())

  it('closes a connection whose other end is gone without a word', async () => {
    const b = await world.peer('b')
    const a = await world.peer('a', { tuning })
    const proxy = await Proxy.start(b.address)
    try {
      await a.transport.connect(proxy.address)
      proxy.stop()
      await until('the end of the link', () => a.transport.neighbours().length === 0)
    } finally {
      await proxy.close()
    }
  })

  it('does not ask a connection that brings something by itself, and asks it when it no longer does', async () => {
    const asksNobody = { tuning: { ...TEST_TUNING, pingAfterMs: 60_000 } }
    const [b, c] = [await world.peer('b', asksNobody), await world.peer('c', asksNobody)]
    const a = await world.peer('a', { tuning })
    const [talking, quiet] = [await Proxy.start(b.address), await Proxy.start(c.address)]
    // Often enough to count as fresh, and so seldom that acknowledging it takes fewer bytes than pings.
    const talk = setInterval(() => b.transport.send(a.self, 'control', Uint8Array.of(1)), 400)
    try {
      await a.transport.connect(talking.address)
      await a.transport.connect(quiet.address)
      const pings = async (proxy: Proxy, bytes: number): Promise<void> => {
        const from = proxy.bytesToTarget
        await until('pings', () => proxy.bytesToTarget > from + bytes)
      }
      // By then what a new link brings about has passed.
      await pings(quiet, 600)
      const [before, beforeQuiet] = [talking.bytesToTarget, quiet.bytesToTarget]
      await pings(quiet, 1_200)
      const asked = (talking.bytesToTarget - before) / (quiet.bytesToTarget - beforeQuiet)
      // What is received is acknowledged, in fewer bytes than a ping takes; a machine that stalls lets a ping through.
      assert.ok(asked < 0.7, `${asked} of the bytes to the silent one`)
      clearInterval(talk)
      await pings(talking, 500)
    } finally {
      clearInterval(talk)
      await talking.close()
      await quiet.close()
    }
  })

  it('keeps a connection to a healthy peer over stalls of this process in the middle of a ping', async () => {
    const b = await world.peer('b', { tuning })
    const a = await world.peer('a', { tuning })
    let stalls = 0
    // Runs right after the pings that are sent with the same period.
    const timer = setInterval(() => {
      if (stalls++ < 3) stall(3_000)
    }, tuning.pingAfterMs)
    try {
      await a.transport.connect(b.address)
      const since = a.transport.neighbours()[0]?.connectedAt
      await until('the stalls and some pings more', () => stalls >= 5)
      assert.equal(a.transport.neighbours()[0]?.connectedAt, since, 'the connection was given up')
    } finally {
      clearInterval(timer)
    }
  })
})
