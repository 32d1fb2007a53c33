/**
 * Histories that the simulator found, as data, reduced to what it takes: they stay what they are when worlds are drawn
 * otherwise. The number is the seed.
 */
import { SIZES } from '../../src/core/repair/sizes.ts'
import type { RepairSizes } from '../../src/core/repair/sizes.ts'
import type { CoreSettings } from '../../src/core/settings.ts'
import { CALM, SETTINGS } from '../support/fleet.ts'
import type { Faults } from '../support/fleet.ts'
import { Run } from './run.ts'
import { POISON } from './scenario.ts'
import type { Action, Op, Scenario, Step, World } from './scenario.ts'

function scenario(
  seed: number,
  {
    repair,
    inlineBytes = SETTINGS.gossip.inlineBytes,
    sizes,
    ...world
  }: {
    nodes: number
    endMs: number
    joiners?: number
    topology?: World['topology']
    workload?: World['workload']
    faults?: Partial<Faults>
    repair?: Partial<CoreSettings['repair']>
    inlineBytes?: number
    sizes?: Partial<RepairSizes>
    kinds?: World['kinds']
  },
  steps: [id: number, at: number, action: Action][],
): Scenario {
  return {
    seed,
    world: {
      joiners: 0,
      topology: 'full',
      workload: 'uniform',
      settings: {
        ...SETTINGS,
        repair: { ...SETTINGS.repair, ...repair },
        gossip: { inlineBytes },
        expiry: { skew: 5_000, grace: 61_000, purgeInterval: 5_000 },
      },
      sizes: { ...SIZES, ...sizes },
      skewMs: 0,
      closedActors: 0,
      kinds: [],
      ...world,
      faults: { ...CALM, ...world.faults },
    },
    steps: steps.map(([id, at, action]): Step => ({ id, at, ...action })),
  }
}

function write(node: number, ...ops: Op[]): Action {
  return { do: 'write', node, ops }
}

function put(key: number, bytes: number, token?: number): Op {
  return { op: 'put', key, bytes, ttl: 0, ...(token === undefined ? {} : { token }) }
}

function lease(key: number, bytes: number, ttl: number): Op {
  return { ...put(key, bytes), ttl }
}

function remove(key: number): Op {
  return { ...put(key, 0), op: 'delete' }
}

/** Of the keys from `first` on. */
function puts(first: number, count: number, bytes: number): Op[] {
  return Array.from({ length: count }, (_, i) => put(first + i, bytes))
}

/** Of a client that has seen nothing of the key. */
function blind(key: number, bytes: number): Op {
  return { ...put(key, bytes), blind: true }
}

const FOUND: [title: string, found: Scenario][] = [
  [
    'a flipped bit in a peer’s context does not delete what its actor writes afterwards (R15)',
    scenario(562, { nodes: 3, endMs: 40_000 }, [
      [18, 3_069, write(0, put(1, 0))],
      [20, 17_956, { do: 'flipContext', node: 1, bit: 33, ms: 229_789 }],
      [23, 19_666, write(0, put(2, 30))],
    ]),
  ],
  [
    'nor when the actor’s daemon has told of its write by then',
    scenario(693, { nodes: 4, endMs: 40_000, faults: { linkDelay: [1, 1_000], gossipLoss: 1 } }, [
      [8, 264, write(0, put(1, 4))],
      [9, 12_636, { do: 'flipContext', node: 1, bit: 40, ms: 271_241 }],
      [30, 12_791, write(0, put(1, 4))],
    ]),
  ],
  [
    'nor what is in the gap before something that came meanwhile',
    scenario(
      2139,
      {
        nodes: 5,
        endMs: 2_000,
        faults: { linkDelay: [1, 60], gossipDelay: [1, 100], commitTime: [0, 10] },
      },
      [
        [0, 1, write(0, put(4, 40), put(2, 17_000))],
        [3, 4, write(0, put(5, 70_000))],
        [5, 7, write(1, put(1, 40), put(6, 0), put(2, 70_000), put(6, 400), put(5, 70_000))],
        [16, 14, { do: 'read', node: 4, key: 2 }],
        [19, 15, write(0, put(2, 400))],
        [28, 21, write(0, put(2, 17_000))],
        [30, 24, write(0, put(2, 40, 16))],
        [41, 84, { do: 'flipContext', node: 4, bit: 25, ms: 29_557 }],
      ],
    ),
  ],
  [
    'a process that was put back, and whose other content of a dot has expired, is told of it (R14)',
    scenario(5125, { nodes: 3, endMs: 120_000 }, [
      [2, 1, write(2, { op: 'put', key: 1, bytes: 4, ttl: 4_951 })],
      [6, 45_651, { do: 'putBack', node: 2, downMs: 1 }],
    ]),
  ],
  [
    'a daemon whose disk is full does not pull again and again what it cannot store',
    scenario(425, { nodes: 5, endMs: 10_000 }, [
      [8, 5_041, { do: 'diskFull', node: 1, ms: 4_519 }],
      [10, 5_701, write(0, blind(1, 33_000), blind(1, 70_000))],
    ]),
  ],
  [
    'a pull does not say that a dot is dead whose successor came after its request (R5)',
    scenario(
      600_376,
      {
        nodes: 5,
        endMs: 2_000,
        faults: { linkDelay: [1, 20], gossipLoss: 1 },
        repair: { interval: 2_000, bytesPerSecond: 2_000 },
      },
      [
        [0, 59, write(1, ...puts(180, 43, 4))],
        [3, 1_812, write(1, ...puts(150, 32, 40))],
      ],
    ),
  ],
  [
    'nor does a peer vouch for it that may lack the successor (R5)',
    scenario(
      611_745,
      {
        nodes: 5,
        endMs: 2_000,
        faults: { linkDelay: [1, 1], gossipDelay: [1, 5], gossipLoss: 0.5, commitTime: [0, 2] },
        repair: { interval: 1_000, removalHold: 5_000 },
      },
      [
        [2, 13, write(4, put(1, 30))],
        [5, 28, write(3, put(1, 4))],
        [6, 1_038, write(3, put(1, 0))],
      ],
    ),
  ],
  [
    'what a peer claims since the two compared does not delete what its actor writes (R15)',
    scenario(
      609_640,
      {
        nodes: 3,
        endMs: 10_000,
        faults: {
          linkDelay: [1, 5],
          gossipDelay: [1, 100],
          gossipDuplicate: 0.1,
          commitTime: [0, 10],
        },
        repair: { sessionsMax: 1, bytesPerSecond: 20_000, removalHold: 5_000 },
        inlineBytes: 30,
      },
      [
        [0, 85, write(1, put(2, 15_000))],
        [1, 180, write(2, blind(2, 15_000))],
        [2, 247, write(1, blind(2, 15_000))],
        [3, 263, write(2, put(1, 33_000))],
        [5, 354, write(2, blind(1, 70_000))],
        [7, 364, write(0, blind(2, 40))],
        [
          8,
          391,
          write(
            0,
            put(2, 40),
            blind(2, 70_000),
            put(1, 33_000),
            blind(2, 15_000),
            blind(2, 4),
            put(1, 40),
          ),
        ],
        [13, 554, write(1, blind(1, 70_000))],
        [18, 768, write(0, put(2, 15_000))],
        [19, 805, { do: 'flipContext', node: 1, bit: 50, ms: 298_279 }],
      ],
    ),
  ],
  [
    'a pull does not remove what a chain of values may have replaced that is left to gossip (R5)',
    scenario(
      735_988,
      {
        nodes: 4,
        endMs: 300,
        workload: 'put put delete',
        faults: { linkDelay: [1, 60], gossipDelay: [1, 10_000], commitTime: [0, 5] },
      },
      [
        [5, 120, write(0, put(1, 4))],
        [6, 120, write(0, put(1, 4))],
        [7, 120, write(3, put(1, 4))],
        [10, 155, write(3, remove(1))],
        [11, 157, write(0, put(1, 4))],
      ],
    ),
  ],
  [
    'nor does who claims more of another actor than is believed: that may have written what replaced it (R15)',
    scenario(
      792_574,
      {
        nodes: 5,
        joiners: 1,
        topology: 'ring',
        endMs: 2_000,
        workload: 'put put delete',
        faults: { linkDelay: [1, 5], gossipDelay: [1, 20], commitTime: [0, 5] },
      },
      [
        [10, 5, write(2, put(4, 4))],
        [13, 8, write(2, remove(4))],
        [27, 239, { do: 'flipContext', node: 1, bit: 47, ms: 10_451 }],
        [31, 290, write(1, put(4, 4))],
        [42, 514, write(2, put(4, 4))],
      ],
    ),
  ],
  [
    'nor is a key emptied on the word of a peer that shows what is removed here (R5)',
    scenario(
      788_028,
      {
        nodes: 6,
        joiners: 1,
        topology: 'sparse',
        endMs: 2_000,
        workload: 'put put delete',
        faults: { linkDelay: [1, 1], gossipDelay: [1, 5], commitTime: [0, 2] },
      },
      [
        [0, 0, write(1, put(1, 4))],
        [14, 5, write(2, put(1, 4))],
        [15, 5, write(2, remove(1))],
        [20, 7, write(3, put(1, 4))],
        [46, 13, write(3, put(1, 4))],
        [58, 23, write(2, put(1, 4))],
        [67, 184, write(1, put(1, 4))],
        [70, 543, write(2, put(1, 4))],
        [100, 688, write(2, put(1, 4))],
        [101, 742, { do: 'corrupt', node: 4, chance: 1, only: 'items', ms: 1_309 }],
        [105, 950, write(3, put(1, 4))],
        [107, 993, write(4, put(1, 4))],
      ],
    ),
  ],
  [
    'nor is the content of a dot called removed where another one of it has expired (R14)',
    scenario(
      754_533,
      {
        nodes: 2,
        endMs: 240_000,
        workload: 'leases',
        faults: { linkCut: 0.2, gossipDelay: [1, 20], commitTime: [0, 5] },
      },
      [
        [3, 2, write(0, { ...put(2, 4), ttl: 32_539 })],
        [5, 34_793, { do: 'putBack', node: 0, downMs: 500 }],
      ],
    ),
  ],
  [
    'two contents of a dot and its removal do not chase each other round a ring for ever (R14)',
    scenario(
      600_666,
      {
        nodes: 9,
        topology: 'ring',
        endMs: 2_000,
        workload: 'imports',
        faults: { linkDelay: [1, 1_000], commitTime: [0, 500], commitFailure: 0.2 },
        repair: { interval: 2_000, pullDelay: 5_000, removalHold: 60_000 },
      },
      [
        [7, 37, write(2, put(30, 4))],
        [10, 43, write(8, put(35, 0, 8))],
        [18, 744, { do: 'putBack', node: 8, downMs: 500 }],
        [20, 1_269, { do: 'putBack', node: 2, downMs: 1 }],
      ],
    ),
  ],
  [
    'who waits for what a disk lost, that was put back, calls removed in the end what it has only heard of (R5, R16)',
    scenario(
      9_060_571,
      {
        nodes: 5,
        topology: 'star',
        endMs: 2_000,
        workload: 'put put delete',
        faults: { linkDelay: [1, 5], gossipDelay: [1, 20], commitTime: [0, 0], gossipLoss: 0.5 },
        repair: { windowBytes: 1, removalHold: 30_000 },
      },
      [
        [0, 33, write(3, put(2, 4))],
        [2, 33, write(3, remove(2))],
        [4, 60, write(2, put(1, 4))],
        [6, 83, write(2, remove(1))],
        [7, 84, write(3, put(1, 4))],
        [8, 85, write(3, put(1, 4))],
        [9, 136, write(4, put(2, 4))],
        [10, 139, write(2, put(2, 4))],
        [11, 141, write(4, remove(2))],
        [12, 144, write(2, put(2, 4))],
        [15, 187, write(2, put(1, 4))],
        [17, 189, write(2, put(1, 4))],
        [18, 190, write(3, put(4, 4))],
        [20, 191, write(3, remove(4))],
        [35, 384, write(2, put(2, 4))],
        [36, 386, write(4, put(2, 4))],
        [39, 418, write(4, put(3, 4))],
        [41, 420, write(4, put(3, 4))],
        [42, 499, write(3, put(3, 4))],
        [44, 499, write(3, remove(3))],
        [45, 502, write(2, put(3, 4))],
        [48, 572, write(3, put(3, 4))],
        [49, 572, write(0, remove(3))],
        [50, 573, write(3, put(3, 4))],
        [51, 612, write(3, put(4, 4))],
        [53, 626, write(3, remove(4))],
        [59, 661, write(4, put(1, 4))],
        [62, 734, write(4, put(3, 4))],
        [63, 739, write(4, remove(3))],
        [64, 741, write(3, put(3, 4))],
        [65, 746, write(3, put(3, 4))],
        [66, 779, write(4, put(1, 4))],
        [68, 779, write(4, remove(1))],
        [69, 779, write(0, put(1, 4))],
        [70, 807, { do: 'copyDisk', node: 3 }],
        [71, 857, write(3, put(3, 4))],
        [72, 857, write(3, put(3, 4))],
        [80, 918, write(4, put(3, 4))],
        [82, 922, write(4, put(3, 4))],
        [84, 976, write(0, put(3, 4))],
        [86, 977, write(0, put(3, 4))],
        [88, 1_058, write(3, put(1, 4))],
        [89, 1_065, write(3, put(3, 4))],
        [90, 1_079, write(4, put(3, 4))],
        [92, 1_090, write(3, put(1, 4))],
        [96, 1_133, write(4, put(4, 4))],
        [101, 1_265, write(4, put(2, 4))],
        [102, 1_265, write(4, put(2, 4))],
        [103, 1_265, write(4, remove(2))],
        [105, 1_330, write(3, remove(3))],
        [108, 1_871, { do: 'restoreDisk', node: 3, copy: 70, downMs: 3_000 }],
      ],
    ),
  ],
  [
    'what is behind an item that nobody can read arrives, however many pull at a low budget (R16)',
    scenario(
      3_017_425,
      {
        nodes: 6,
        endMs: 240_000,
        workload: 'large siblings',
        kinds: [POISON],
        faults: { linkDelay: [1, 5], gossipDelay: [1, 5], commitTime: [0, 10] },
        repair: { bytesPerSecond: 2_000, removalHold: 60_000 },
        inlineBytes: 30,
      },
      [
        [22, 101_062, write(2, blind(0, 70_000))],
        [34, 171_165, write(2, put(1, 15_000))],
      ],
    ),
  ],
  [
    'what is removed goes beside an item that nobody can read, also where a session takes several pulls (R16)',
    scenario(
      10_003_735,
      {
        nodes: 4,
        endMs: 10_000,
        workload: 'large values',
        kinds: [POISON],
        faults: { linkDelay: [1, 5], gossipDelay: [1, 5], commitTime: [0, 10] },
        sizes: { actorsInline: 2, actorsPerPull: 1 },
      },
      [
        [18, 1_616, write(2, put(1, 0))],
        [26, 1_622, write(2, put(0, 40))],
        [61, 5_912, write(0, put(1, 17_000))],
      ],
    ),
  ],
  [
    'nor does who begins anew in the middle of a pull say what it has only heard of (R5)',
    scenario(
      12_035_920,
      {
        nodes: 4,
        endMs: 30_000,
        workload: 'imports',
        faults: { linkDelay: [1, 20], linkCut: 0.01, commitTime: [0, 2], commitFailure: 0.2 },
        sizes: {
          chunkBytes: 1,
          chunkRanges: 1,
          actorsPerPull: 2,
          listed: 2,
          candidates: 2,
        },
      },
      [
        [4, 2_674, write(1, put(124, 0))],
        [5, 2_727, { do: 'deafen', from: 3, to: 0 }],
        [6, 3_313, write(3, put(103, 4))],
        [7, 3_704, { do: 'deafen', from: 3, to: 1 }],
        [
          9,
          4_091,
          write(1, put(51, 30), put(183, 0), put(23, 0), put(261, 30), put(219, 30), put(239, 4)),
        ],
        [11, 6_144, { do: 'damage', node: 2, how: 'lose', records: 1, downMs: 500 }],
        [14, 7_460, write(2, put(115, 4))],
        [16, 7_837, write(0, put(56, 0))],
        [17, 7_886, { do: 'damage', node: 2, how: 'lose', records: 1, downMs: 3_000 }],
        [18, 10_126, write(1, ...puts(17, 38, 4))],
        [19, 10_756, write(3, ...puts(243, 58, 4), ...puts(1, 40, 4))],
        [24, 14_139, { do: 'damage', node: 0, how: 'lose', records: 3, downMs: 3_000 }],
      ],
    ),
  ],
  [
    'a content that was replaced comes back only where its dot was given out twice, and somebody says so (R14)',
    scenario(
      13_044_197,
      {
        nodes: 3,
        endMs: 2_000,
        workload: 'large values',
        faults: { linkDelay: [1, 5], gossipDelay: [1, 20], commitTime: [0, 5] },
        inlineBytes: 30,
      },
      [
        [1, 134, write(2, put(4, 30))],
        [7, 985, { do: 'read', node: 1, key: 4 }],
        [9, 1_043, write(2, remove(6), put(5, 17_000), put(4, 30), put(2, 400))],
        [13, 1_245, write(0, put(4, 30, 7))],
        [15, 1_335, { do: 'putBack', node: 2, downMs: 500 }],
      ],
    ),
  ],
  [
    'also a replica with a flipped bit in its memory purges what it may, and others hear of it (R12)',
    scenario(
      15_000_288,
      {
        nodes: 4,
        endMs: 80_000,
        workload: 'leases',
        faults: { linkDelay: [1, 5], gossipDelay: [1, 20], commitTime: [0, 5] },
        repair: { removalsMax: 3 },
      },
      [
        [3, 4, write(0, lease(5, 0, 1_554))],
        [8, 9, write(2, lease(8, 4, 10_124))],
        [18, 29_151, { do: 'clockRate', node: 0, rate: -100, ms: 58_142 }],
        [19, 29_711, { do: 'partition', side: [3, 2, 0], ms: 27_686 }],
        [20, 30_317, { do: 'flipContext', node: 1, bit: 41, ms: 158_011 }],
        [21, 30_450, { do: 'pause', node: 1, ms: 37_680 }],
        [37, 47_228, write(1, lease(5, 30, 1_643))],
      ],
    ),
  ],
  [
    'who has the content that gives way hears of the other one also where that was let go: else it comes and goes for ever (R14)',
    scenario(
      21_040_504,
      {
        nodes: 4,
        joiners: 1,
        endMs: 120_000,
        topology: 'star',
        workload: 'large values',
        faults: { linkDelay: [1, 5], gossipDelay: [1, 20], commitTime: [0, 5] },
        repair: { interval: 2_000, removalHold: 30_000 },
        inlineBytes: 300,
      },
      [
        [27, 49_050, write(0, put(4, 17_000))],
        [30, 60_658, { do: 'putBack', node: 2, downMs: 1 }],
        [31, 71_497, { do: 'putBack', node: 0, downMs: 500 }],
        [33, 88_018, { do: 'diskFull', node: 1, ms: 58_979 }],
        [37, 109_209, write(2, put(1, 400))],
      ],
    ),
  ],
  [
    'who has not heard what a peer has, since another was pulled from, is not sure that nothing took the place of what it hears is dead (R5)',
    scenario(
      24044968,
      {
        nodes: 8,
        endMs: 30_000,
        workload: 'large siblings',
        faults: { linkDelay: [1, 20], gossipDelay: [1, 100], commitTime: [0, 2] },
        repair: { interval: 1_000, bytesPerSecond: 20_000, removalHold: 30_000 },
        sizes: { chunkBytes: 100, chunkRanges: 2, actorsPerPull: 2, compared: 96, candidates: 2 },
      },
      [
        [0, 12, write(1, put(1, 40))],
        [1, 38, write(3, blind(1, 33_000))],
        [2, 45, write(6, blind(2, 0), remove(1))],
        [5, 98, write(3, put(1, 70_000))],
        [7, 98, write(0, blind(2, 40))],
        [8, 99, write(2, blind(3, 70_000), put(2, 15_000), remove(2), put(1, 33_000))],
        [9, 124, write(7, put(1, 30))],
        [14, 299, write(2, put(3, 4))],
        [18, 404, write(6, put(3, 33_000))],
        [22, 625, write(3, put(3, 33_000))],
        [23, 705, write(0, put(2, 33_000, 21))],
        [24, 744, write(5, put(1, 70_000))],
        [29, 1_065, write(4, put(2, 4))],
      ],
    ),
  ],
  [
    'what a failed commit left on the disk comes when its store is opened again, and to a peer that is kept away only when it may come back',
    scenario(
      25024469,
      {
        nodes: 3,
        endMs: 2_000,
        workload: 'large values',
        faults: { linkDelay: [1, 5], gossipDelay: [1, 20], commitTime: [0, 3_000] },
        repair: { interval: 5_000, removalHold: 30_000 },
        inlineBytes: 30,
      },
      [
        [4, 576, write(1, put(1, 30))],
        [8, 1_278, { do: 'diskFull', node: 1, ms: 1_985 }],
        [9, 1_367, { do: 'corrupt', node: 2, chance: 0.2, only: 'messages', ms: 1_361 }],
        [10, 1_499, { do: 'partition', side: [2, 0], ms: 190 }],
      ],
    ),
  ],
]

describe('found by the simulator', function () {
  this.timeout(60_000)

  for (const [title, found] of FOUND) {
    it(`${title} (${found.seed})`, () => {
      new Run(found).run()
    })
  }
})
