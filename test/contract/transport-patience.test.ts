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
  // Longer than a busy machine takes to answer.
  const tuning = { ...TEST_TUNING, pingIntervalMs: 1_500 }
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

  it('keeps a connection to a healthy peer over stalls of this process in the middle of a ping', async () => {
    const b = await world.peer('b', { tuning })
    const a = await world.peer('a', { tuning })
    let stalls = 0
    // Runs right after the pings that are sent with the same period.
    const timer = setInterval(() => {
      if (stalls++ < 3) stall(3_000)
    }, tuning.pingIntervalMs)
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
