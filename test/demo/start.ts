/** Act 1: three processes find each other. */
import { linked, until } from '../support/daemons.ts'
import { claim, differs } from './claims.ts'
import * as screen from './screen.ts'
import { REPAIR_INTERVAL_MS } from './stage.ts'
import type { Stage } from './stage.ts'

export async function startThree(stage: Stage): Promise<void> {
  screen.section('1  Starting three daemons')
  screen.note(
    `They compare every ${REPAIR_INTERVAL_MS}ms here, so that nobody has to wait (repair.interval; 5s by default).`,
  )
  for (const name of ['a', 'b', 'c']) {
    const daemon = await screen.during(`starting ${name}`, stage.start(name))
    const where = `data ${daemon.data}  socket ${daemon.socket}  ${stage.addressOf(daemon)}`
    screen.note(`${name}  process ${daemon.pid}  ${where}`)
  }
  const pids = new Set(stage.daemons.map(({ pid }) => pid).filter(isAlive))
  claim('three processes run', differs(pids.size, 3, 'processes'))
  await screen.during('finding each other', linked(stage.daemons))
  claim('each is connected with both others', await stage.wrongPeers([[...stage.daemons]]))
  await screen.during('becoming complete', allComplete(stage))
  claim('each is complete: b and c have pulled from a, the first', undefined)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function allComplete({ daemons }: Stage): Promise<void> {
  for (const { name, client } of daemons) {
    await until(`${name} to be complete`, async () => {
      return (await client.status()).completeness.state === 'complete'
    })
  }
}
