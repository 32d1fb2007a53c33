/** A daemon whose store failed once and was opened anew, beside a peer that knew it before. */
import assert from 'node:assert/strict'
import type { CoreDriver } from '../../src/daemon/core-driver.ts'
import { HearsayError } from '../../src/errors.ts'
import { createMemoryNetwork } from '../../src/net/memory-transport.ts'
import type { Transport } from '../../src/net/transport.ts'
import type { DataDirectory } from '../../src/store/data-dir.ts'
import type { Store } from '../../src/store/store.ts'
import { Drivers } from '../support/driver.ts'
import { binary } from '../support/fleet.ts'

const POLL_MS = 20
/** Far more than dialling takes, and far less than a peer that broke the protocol is left alone. */
const BACK_MS_MAX = 20_000

async function until(condition: () => boolean, ms: number): Promise<boolean> {
  const end = performance.now() + ms
  while (!condition()) {
    if (performance.now() > end) return false
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  return true
}

/** A data directory whose next commit fails. */
class Failing implements DataDirectory {
  readonly #data: DataDirectory
  failNext = false

  constructor(data: DataDirectory) {
    this.#data = data
  }

  get path(): string {
    return this.#data.path
  }

  get isNew(): boolean {
    return this.#data.isNew
  }

  get identity(): DataDirectory['identity'] {
    return this.#data.identity
  }

  get store(): Store {
    const { store } = this.#data
    if (!this.failNext) return store
    this.failNext = false
    const failure = new HearsayError('STORE_FAILED', 'the disk failed')
    return {
      load: (damaged) => store.load(damaged),
      inspect: (...args) => store.inspect(...args),
      releaseMemory: () => store.releaseMemory(),
      sizeBytes: () => store.sizeBytes(),
      close: () => store.close(),
      commit: () => Promise.reject(failure),
    }
  }

  reopenStore(): Promise<Store> {
    return this.#data.reopenStore()
  }

  replaceStore(...args: Parameters<DataDirectory['replaceStore']>): Promise<Store> {
    return this.#data.replaceStore(...args)
  }

  close(): Promise<void> {
    return this.#data.close()
  }
}

describe('after a failed commit', function () {
  this.timeout(60_000)

  const drivers = new Drivers()

  afterEach(() => drivers.end())

  async function daemon(
    peerId: string,
    transport: Transport,
  ): Promise<{ driver: CoreDriver; data: Failing }> {
    const data = new Failing(await drivers.dataDirectory())
    return { driver: await drivers.start(peerId, transport, data), data }
  }

  it('a daemon and its peers get on again at once', async () => {
    const network = createMemoryNetwork({
      schedule: (delayMs, task) => void setTimeout(task, delayMs),
      now: () => performance.now(),
      random: Math.random,
    })
    const a = await daemon('a', network.transport('a'))
    const b = await daemon('b', network.transport('b', { bootstrap: ['/memory/a'] }))
    const greeted = (): boolean =>
      a.driver.engine.links.peers.get('b')?.hello !== undefined &&
      b.driver.engine.links.peers.get('a')?.hello !== undefined
    assert.ok(await until(greeted, BACK_MS_MAX))

    const before = a.driver.engine
    a.data.failNext = true
    await assert.rejects(a.driver.write([{ op: 'put', key: binary('lost') }]))
    assert.ok(await until(() => a.driver.engine !== before, BACK_MS_MAX))
    await a.driver.write([{ op: 'put', key: binary('key') }])

    const arrived = (): boolean => b.driver.engine.replica.siblings(binary('key')).length === 1
    assert.ok(await until(arrived, BACK_MS_MAX), 'the peer has not heard of the next write')
    assert.equal(a.driver.engine.counters()['protocolViolations'] ?? 0, 0)
    assert.equal(b.driver.engine.counters()['protocolViolations'] ?? 0, 0)
  })
})
