/** Act 3: one daemon is cut off, both sides write, the cut is healed. */
import type { TestDaemon } from '../support/daemons.ts'
import { bytes, until } from '../support/daemons.ts'
import { claim, differs } from './claims.ts'
import * as screen from './screen.ts'
import { TWO_PERIODS, twoPeriods } from './stage.ts'
import type { Stage } from './stage.ts'

const ONLY_A = 'demo/from-a'
const ONLY_C = 'demo/from-c'
const BOTH = 'demo/greeting'

export async function cutAndHeal(stage: Stage): Promise<void> {
  const [a, b, c] = stage.daemons as [TestDaemon, TestDaemon, TestDaemon]
  screen.section('3  Cutting c off, and writing on both sides')
  await stage.cutOff(c)
  await screen.during('cutting', noPeers(c))
  await put(a, ONLY_A, 'c is away')
  await put(c, ONLY_C, 'c is alone')
  await put(a, BOTH, 'hello from a')
  await put(c, BOTH, 'hello from c')
  await twoPeriods('watching the cut')
  claim(
    `c is cut off: after ${TWO_PERIODS} it lacks what a wrote, and a and b lack what c wrote`,
    (await reached(c, ONLY_A)) ?? (await reached(a, ONLY_C)) ?? (await reached(b, ONLY_C)),
  )
  await claimStatusSaysSo(stage)
  await heal(stage)
  await settle(stage)
}

async function claimStatusSaysSo(stage: Stage): Promise<void> {
  const [a, b, c] = stage.daemons as [TestDaemon, TestDaemon, TestDaemon]
  await screen.during('waiting for c to notice', noLongerComplete(c))
  const printed = await stage.hearsay(c, ['status'], withoutFacts)
  const says = /Complete as of [^]*No peer is connected/.test(printed)
  claim('status on c says that it is cut off', says ? undefined : `it said: ${printed}`)
  claim('status on a and b shows each the other alone', await stage.wrongPeers([[a, b], [c]]))
}

async function heal(stage: Stage): Promise<void> {
  screen.section('4  Healing the cut')
  stage.heal()
  const took = await stage.agreed('waiting for agreement')
  stage.expect(ONLY_A, 'c is away')
  stage.expect(ONLY_C, 'c is alone')
  stage.expect(BOTH, 'hello from a', 'hello from c')
  claim(
    `all three agree again, ${took} after the cut was healed: each has the writes of both sides`,
    await stage.wrongContents(),
  )
}

/** Both greetings were written without knowing of the other: neither is lost, and a write that saw both settles it. */
async function settle(stage: Stage): Promise<void> {
  const [, b, c] = stage.daemons as [TestDaemon, TestDaemon, TestDaemon]
  await stage.hearsay(c, ['get', BOTH, '--all'])
  claim(
    `${BOTH} was written on both sides at once: everywhere both values are kept, and the same one is shown`,
    (await siblingsAre(stage, 2)) ?? (await winnersDiffer(stage)),
  )
  await stage.hearsay(b, ['put', BOTH, 'hello from everybody'])
  stage.expect(BOTH, 'hello from everybody')
  await stage.agreed('waiting for agreement')
  claim(
    'a write that saw both replaces both, everywhere',
    (await siblingsAre(stage, 1)) ?? (await stage.wrongContents()),
  )
}

async function put(daemon: TestDaemon, key: string, value: string): Promise<void> {
  await daemon.client.put(bytes(key), bytes(value))
}

async function reached(daemon: TestDaemon, key: string): Promise<string | undefined> {
  const { found } = await daemon.client.get(bytes(key))
  return found ? `${daemon.name} has ${key}` : undefined
}

async function siblingsAre({ daemons }: Stage, expected: number): Promise<string | undefined> {
  for (const { name, client } of daemons) {
    const { entry } = await client.getAll(bytes(BOTH))
    const wrong = differs(entry?.siblings.length, expected, `siblings of ${BOTH} on ${name}`)
    if (wrong !== undefined) return wrong
  }
  return undefined
}

async function winnersDiffer({ daemons }: Stage): Promise<string | undefined> {
  const winners = await Promise.all(
    daemons.map(async ({ client }) => {
      const found = await client.get(bytes(BOTH))
      return found.found ? Buffer.from(found.value).toString() : undefined
    }),
  )
  return new Set(winners).size === 1 ? undefined : `they show ${winners.join(', ')}`
}

async function noPeers({ name, client }: TestDaemon): Promise<void> {
  await until(`${name} to lose its peers`, async () => (await client.peers()).length === 0)
}

async function noLongerComplete({ name, client }: TestDaemon): Promise<void> {
  await until(`${name} to be no longer complete`, async () => {
    return (await client.status()).completeness.state === 'complete-as-of'
  })
}

/** `hearsay status` with the paragraph of facts left out: the verdict, and the peers. */
function withoutFacts(printed: string): string {
  return printed
    .split('\n\n')
    .filter((paragraph) => !/^ {2}answers/.test(paragraph))
    .join('\n')
}
