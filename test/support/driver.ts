/** Drivers on data directories of their own, over whatever transport a test gives them. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pino } from 'pino'
import { SIZES } from '../../src/core/repair/sizes.ts'
import type { EngineOptions } from '../../src/core/settings.ts'
import { CoreDriver, loadEngine } from '../../src/daemon/core-driver.ts'
import type { CoreDriverHost } from '../../src/daemon/core-driver.ts'
import type { Transport } from '../../src/net/transport.ts'
import { openDataDirectory } from '../../src/store/data-dir.ts'
import type { DataDirectory } from '../../src/store/data-dir.ts'
import { hash, SETTINGS } from './fleet.ts'
import { Seeded } from './seeded.ts'

const LOG = pino({ level: 'silent' })

export class Drivers {
  readonly #ends: (() => Promise<unknown>)[] = []

  async dataDirectory(): Promise<DataDirectory> {
    const directory = await mkdtemp(path.join(tmpdir(), 'hearsay-driver-'))
    this.#ends.push(() => rm(directory, { recursive: true }))
    const data = await openDataDirectory(directory)
    this.#ends.push(() => data.close())
    return data
  }

  async start(
    peerId: string,
    transport: Transport,
    data: DataDirectory,
    publish: CoreDriverHost['publish'] = () => undefined,
  ): Promise<CoreDriver> {
    const options: EngineOptions = {
      settings: SETTINGS,
      sizes: SIZES,
      hash,
      random: new Seeded(peerId.charCodeAt(0)),
      map: new Uint8Array(16),
      peerHash: hash(new TextEncoder().encode(peerId)).slice(0, 8),
      peerId,
      name: peerId,
      hasPeers: true,
      first: true,
    }
    const driver = new CoreDriver(
      {
        data,
        options,
        transport,
        log: LOG,
        publish,
        changed: () => undefined,
        fatal: (error) => assert.fail(error),
      },
      await loadEngine(data, options, LOG),
    )
    this.#ends.push(() => driver.stop())
    this.#ends.push(() => transport.close())
    await transport.start({
      linkUp: (peer) => driver.handle({ type: 'linkUp', peer }),
      linkDown: (peer) => driver.handle({ type: 'linkDown', peer }),
      message: (peer, bytes) => driver.handle({ type: 'message', peer, bytes }),
      gossip: () => 'ignore',
    })
    return driver
  }

  async end(): Promise<void> {
    for (const end of this.#ends.splice(0).reverse()) await end()
  }
}
