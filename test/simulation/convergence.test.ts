/**
 * Random fleets under random faults: safety while they last, agreement when they are over.
 *
 *     HEARSAY_SEED=17 HEARSAY_SEEDS=1 npx mocha --grep 'any faults'     one seed again
 *     HEARSAY_SEEDS=100000 …                                            a long search
 */
import assert from 'node:assert/strict'
import type { Dot } from '../../src/core/item.ts'
import type { LocalMutation } from '../../src/core/writes.ts'
import { binary, Fleet, SETTINGS } from '../support/fleet.ts'
import type { SimNode } from '../support/fleet.ts'
import { FleetChecks } from '../support/fleet-checks.ts'
import { Seeded } from '../support/seeded.ts'

const FIRST_SEED = Number(process.env['HEARSAY_SEED'] ?? 1)
const SEEDS = Number(process.env['HEARSAY_SEEDS'] ?? 200)
/** From the end of all faults to agreement. Most fleets need two; the rest wait out a backoff of up to 45 s. */
const AGREE_INTERVALS = 16
const HISTORY_LINES = 400

/** Drawn from the seed; printed when a run fails. */
interface Scenario {
  nodes: number
  keys: number
  steps: number
  pauseMs: number
  gossipLoss: number
  gossipDelayMs: number
  linkDelayMs: number
  commitMs: number
  commitFailure: number
  faultChance: number
  skewMs: number
  expiryChance: number
  largeChance: number
}

function draw(seed: number): Scenario {
  const random = new Seeded(seed)
  return {
    nodes: random.int(2, 5),
    keys: random.int(1, 6),
    steps: random.int(10, 120),
    pauseMs: random.pick([5, 50, 500, 3_000]),
    gossipLoss: random.pick([0, 0.05, 0.3, 1]),
    gossipDelayMs: random.pick([5, 100, 2_000]),
    linkDelayMs: random.pick([1, 20, 400]),
    commitMs: random.pick([0, 10, 300]),
    commitFailure: random.pick([0, 0, 0.02]),
    faultChance: random.pick([0, 0.1, 0.3]),
    skewMs: random.pick([0, 0, 2_000, 3_600_000]),
    expiryChance: random.pick([0, 0, 0.3]),
    largeChance: random.pick([0, 0, 0.1]),
  }
}

class Run {
  readonly scenario: Scenario
  readonly fleet: Fleet
  readonly checks: FleetChecks
  /** What clients have read and may write upon later. */
  readonly #reads: { key: string; observed: Dot[] }[] = []

  constructor(seed: number) {
    const scenario = (this.scenario = draw(seed))
    this.fleet = new Fleet({
      seed,
      nodes: scenario.nodes,
      settings: { ...SETTINGS, expiry: { skew: 5_000, grace: 61_000, purgeInterval: 5_000 } },
      faults: {
        linkDelay: [1, scenario.linkDelayMs],
        gossipDelay: [1, scenario.gossipDelayMs],
        gossipLoss: scenario.gossipLoss,
        gossipDuplicate: 0.1,
        commitTime: [0, scenario.commitMs],
        commitFailure: scenario.commitFailure,
      },
    })
    this.checks = new FleetChecks(this.fleet)
  }

  work(): void {
    const { fleet, scenario } = this
    for (const node of fleet.nodes) {
      node.wallAhead = fleet.random.int(-scenario.skewMs, scenario.skewMs)
    }
    fleet.startAll()
    for (let step = 0; step < scenario.steps; step++) {
      if (fleet.random.chance(scenario.faultChance)) this.#fault()
      else this.#write(fleet.random.pick(fleet.nodes))
      fleet.pass(fleet.random.int(0, scenario.pauseMs))
    }
  }

  settle(): void {
    const { fleet, checks, scenario } = this
    fleet.heal()
    for (const node of fleet.nodes) node.wallAhead = 0
    if (scenario.expiryChance > 0) fleet.pass(EXPIRY_MS_MAX + 100_000)
    const { interval } = fleet.settings.repair
    const agreed = fleet.until(() => checks.difference() === undefined, AGREE_INTERVALS * interval)
    assert.ok(agreed, `no agreement after ${AGREE_INTERVALS} intervals\n${checks.difference()}`)
    checks.settle()
    fleet.pass(2 * interval)
    assert.equal(checks.difference(), undefined, 'agreement does not last')
    for (const node of fleet.nodes) assert.ok(node.live.idle, `${node.id} has work left`)
  }

  #write(node: SimNode): void {
    if (node.engine === undefined) return
    const { fleet } = this
    const count = fleet.random.chance(0.1) ? fleet.random.int(2, 5) : 1
    const mutations = Array.from({ length: count }, () => this.#mutation(node))
    fleet.write(node, mutations)
  }

  #mutation(node: SimNode): LocalMutation {
    const { random } = this.fleet
    const { scenario } = this
    const key = binary(`key${random.int(1, scenario.keys)}`)
    if (random.chance(0.3)) {
      const siblings = node.live.replica.siblings(key)
      this.#reads.push({
        key,
        observed: siblings.map(({ actor, counter }) => ({ actor, counter })),
      })
    }
    const read = random.chance(0.3) ? this.#reads.at(-random.int(1, 10)) : undefined
    const base = read === undefined ? { key } : { key: read.key, observed: read.observed }
    if (random.chance(0.3)) return { op: 'delete', ...base }
    const expires = random.chance(scenario.expiryChance)
    return {
      op: 'put',
      ...base,
      value: random.bytes(random.chance(scenario.largeChance) ? 20_000 : 4),
      expiry: expires ? this.fleet.now(node).wall + random.int(1, EXPIRY_MS_MAX) : 0,
    }
  }

  #fault(): void {
    const { fleet } = this
    const { random } = fleet
    const [a, b] = [random.pick(fleet.nodes), random.pick(fleet.nodes)]
    const kind = random.int(0, 6)
    if (kind === 0 && a.engine !== undefined) fleet.crash(a)
    else if (kind === 1) fleet.restart(a)
    else if (kind === 2) a.wallAhead += random.int(-this.scenario.skewMs, this.scenario.skewMs)
    else if (a === b) return
    else if (kind === 3) fleet.cut(a, b)
    else if (kind === 4) fleet.connect(a, b)
    else if (kind === 5) fleet.deafen(a, b)
    else fleet.drop(a, b)
  }
}

const EXPIRY_MS_MAX = 60_000

function runSeed(seed: number): void {
  const run = new Run(seed)
  try {
    run.work()
    run.settle()
  } catch (error) {
    const history = run.fleet.history.slice(-HISTORY_LINES).join('\n')
    const message = error instanceof Error ? error.message : String(error)
    const about = `seed ${seed}: ${message}\n${JSON.stringify(run.scenario)}\n${history}`
    throw new Error(about, { cause: error })
  }
}

describe('convergence', () => {
  it(`${SEEDS} fleets agree after any faults, and lose nothing acknowledged`, function () {
    this.timeout(0)
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) runSeed(seed)
  })
})
