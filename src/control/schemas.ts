/**
 * What the routes take and give, as JSON schema. Requests are checked against these; the OpenAPI description is made of
 * them, and a test holds every answer against it. Answers are not shaped by them, so that the test can fail.
 */
import { WAIT_MS_MAX } from './limits.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const
const count = { type: 'integer', minimum: 0 } as const
const ms = { ...count, description: 'milliseconds' } as const
const wallClock = { ...count, description: 'wall clock, milliseconds since 1970' } as const
const hex32 = { type: 'string', pattern: '^[0-9a-f]{32}$' } as const

export const ref = (name: string): { $ref: string } => ({ $ref: `${name}#` })

function object(properties: Record<string, unknown>, optional: string[] = []) {
  const required = Object.keys(properties).filter((name) => !optional.includes(name))
  return { type: 'object', properties, required, additionalProperties: false }
}

/** A field of bytes: text, or base64 under the other name. */
function bytes(name: 'key' | 'value') {
  const base64 = `${name}Base64`
  return {
    properties: {
      [name]: { ...text, description: 'bytes that are UTF-8 text' },
      [base64]: { ...text, contentEncoding: 'base64', description: 'any bytes' },
    },
    oneOf: [{ required: [name] }, { required: [base64] }],
  }
}

function objectWithBytes(
  names: ('key' | 'value')[],
  properties: Record<string, unknown>,
  optional: string[] = [],
) {
  const fields = names.map(bytes)
  const plain = object(properties, optional)
  return {
    ...plain,
    properties: Object.assign({}, ...fields.map((field) => field.properties), properties) as object,
    allOf: fields.map(({ oneOf }) => ({ oneOf })),
  }
}

const Completeness = {
  oneOf: [
    object({ state: { const: 'complete' } }),
    object({ state: { const: 'complete-as-of' }, asOf: wallClock }),
    object({ state: { const: 'syncing' } }),
  ],
}

const Dot = object({ actor: hex32, counter: { type: 'integer', minimum: 1 } })
const Time = object({ ms, tick: count })
const stamp = { dot: ref('Dot'), time: ref('Time'), writer: text, expiresAt: wallClock }

const Sibling = objectWithBytes(['value'], { kind: { enum: ['register', 'unknown'] }, ...stamp }, [
  'expiresAt',
])

const siblings = { type: 'array', items: ref('Sibling') }

const Entry = objectWithBytes(['key'], { token: text, siblings: { ...siblings, minItems: 1 } })
const ExportedKey = objectWithBytes(['key'], { siblings: { ...siblings, minItems: 1 } })
const Change = {
  ...objectWithBytes(['key'], { token: text, siblings }, ['token']),
  description:
    'the key after its change; no siblings and no token when nothing of it is visible any more',
}

const listed = { siblingCount: { type: 'integer', minimum: 1 }, token: text, ...stamp }
const ListedKey = {
  ...objectWithBytes(['key'], listed, ['expiresAt']),
  description: "the key's winner; its value, or valueBase64, when values=true",
}
Object.assign(ListedKey.properties, bytes('value').properties)

const ErrorBody = object({ code: text, message: text })
const Failure = {
  ...object({ error: ref('ErrorBody') }),
  description: 'last line of a stream that could not go on',
}

const Written = object(
  {
    dot: ref('Dot'),
    token: text,
    superseded: count,
    durableOn: {
      type: 'array',
      items: text,
      description: 'with wait=N: the peers that have it on their disks',
    },
  },
  ['dot', 'durableOn'],
)
const WriteAnswer = {
  oneOf: [
    object({ line: count, written: ref('Written') }),
    object({ line: count, error: ref('ErrorBody') }),
    ref('Failure'),
  ],
}
const Mutation = {
  oneOf: [
    objectWithBytes(['key', 'value'], { op: { const: 'put' }, expiresAt: wallClock, token: text }, [
      'expiresAt',
      'token',
    ]),
    objectWithBytes(['key'], { op: { const: 'delete' }, token: text }, ['token']),
  ],
}

const Receipt = object(
  {
    peer: text,
    outcome: { enum: ['equal', 'repaired', 'busy', 'failed'] },
    reason: text,
    keysChanged: count,
    itemsReceived: count,
    itemsRemoved: count,
    messageBytes: count,
    rounds: count,
    durationMs: { type: 'number', minimum: 0 },
    keysByRangeStep: count,
  },
  ['reason'],
)

const Peer = object(
  {
    peer: text,
    address: text,
    direction: { enum: ['inbound', 'outbound'] },
    connectedAt: wallClock,
    gossip: flag,
    name: text,
    lastDigest: object({ at: wallClock, agreed: flag }),
    dotsBehind: count,
    clockOffsetMs: { type: 'number' },
    complete: flag,
    repairing: flag,
    unansweredMs: { type: 'number', minimum: 0 },
    behindMs: ms,
    stuckMs: ms,
    differsMs: ms,
    lastReceipt: ref('Receipt'),
  },
  [
    'name',
    'lastDigest',
    'dotsBehind',
    'clockOffsetMs',
    'complete',
    'unansweredMs',
    'behindMs',
    'stuckMs',
    'differsMs',
    'lastReceipt',
  ],
)

const Cluster = object({ id: text, local: flag })
const addresses = { type: 'array', items: text }

const StoreLoss = object(
  { at: wallClock, madeUp: flag, items: count, damage: { type: 'array', items: text } },
  ['items', 'damage'],
)

const StoreCheck = object(
  {
    at: wallClock,
    durationMs: { type: 'number', minimum: 0 },
    records: count,
    bytes: count,
    damage: { type: 'array', items: text },
    rewritten: flag,
    failure: text,
  },
  ['failure'],
)

const BackupManifest = object({
  format: { const: 1 },
  at: wallClock,
  version: text,
  name: text,
  peerId: text,
  cluster: hex32,
  map: hex32,
  completeness: ref('Completeness'),
  records: count,
  items: count,
  dots: count,
  actors: count,
  context: hex32,
  fingerprint: hex32,
  checksum: { type: 'string', pattern: '^[0-9a-f]{64}$' },
})
const base64 = { ...text, contentEncoding: 'base64' } as const
const SnapshotLine = {
  oneOf: [
    object({ keyBase64: base64, valueBase64: base64 }),
    object({ manifest: ref('BackupManifest') }),
  ],
}

const Status = object(
  {
    version: text,
    name: text,
    peerId: text,
    actor: hex32,
    startedAt: wallClock,
    dataDir: text,
    socket: text,
    addresses,
    bootstrap: addresses,
    cluster: ref('Cluster'),
    completeness: ref('Completeness'),
    keys: count,
    siblingsMax: count,
    quietMs: ms,
    itemsExpired: count,
    digest: object({ context: hex32, fingerprint: hex32, dots: count, items: count }),
    context: object({ actors: count, dots: count, gaps: count, dotsLost: count, catchingUp: flag }),
    clock: object({ doubt: flag, reason: text }, ['reason']),
    store: object(
      {
        sizeBytes: count,
        freeBytes: count,
        failing: text,
        commitMs: ms,
        loss: ref('StoreLoss'),
        rolledBack: object({ at: wallClock, dots: count }),
        check: ref('StoreCheck'),
      },
      ['failing', 'commitMs', 'loss', 'rolledBack', 'check'],
    ),
    doubts: object({ removalsHeld: count, actorsDoubted: count }),
    memory: object({ rssBytes: count, heapUsedBytes: count, heapLimitBytes: count }),
    eventLoop: object(
      {
        stalls: count,
        stalledMs: ms,
        last: object({ at: wallClock, ms, cause: { enum: ['busy', 'not-scheduled'] } }),
      },
      ['last'],
    ),
    peers: { type: 'array', items: ref('Peer') },
    counters: { type: 'object', additionalProperties: { type: 'number' } },
    transport: { type: 'object', additionalProperties: { type: 'number' } },
  },
  ['actor', 'socket'],
)

const Identity = object({
  peerId: text,
  name: text,
  version: text,
  addresses,
  cluster: ref('Cluster'),
})
const Readiness = object({ ready: flag, completeness: ref('Completeness') })

const peerIds = { type: 'array', items: text }
const hungUp = { ...peerIds, description: 'peers with whom connections were ended' }
const labels = {
  ...peerIds,
  description: 'public labels of secrets; the first is used, all are accepted',
}
const AddressBook = object({
  peers: {
    type: 'array',
    items: object({ peer: text, addresses, lastSeen: wallClock, linked: flag }),
  },
})
const HeldRemovals = object({
  held: count,
  keys: {
    type: 'array',
    items: object({ key: text, keyBase64: text, peer: text, since: wallClock, siblings: count }, [
      'key',
      'keyBase64',
    ]),
  },
})
const Forgotten = object({ peer: text })
const allowed = {
  inForce: flag,
  peers: {
    type: 'array',
    items: object({ peer: text, from: { enum: ['configuration', 'command'] } }),
  },
  removed: peerIds,
}
const keyView = {
  labels,
  peers: { type: 'array', items: object({ peer: text, labels }, ['labels']) },
}

const Side = object({ standing: text, lacking: count, missingMs: ms }, ['lacking', 'missingMs'])
const Converged = object(
  {
    converged: flag,
    asOf: wallClock,
    durationMs: ms,
    peers: {
      type: 'array',
      items: object({ peer: text, name: text, here: Side, there: Side }, ['name']),
    },
    unlinked: {
      ...peerIds,
      description: 'known and not linked: the answer does not speak of them',
    },
    reason: { enum: ['alone', 'linked-meanwhile', 'loss', 'store-failed', 'busy'] },
  },
  ['reason'],
)

const ConvergedFleet = object(
  {
    converged: flag,
    asOf: wallClock,
    durationMs: ms,
    count,
    members: {
      ...peerIds,
      description: 'of whom the answer speaks, as far as one answer names them',
    },
    laggards: {
      type: 'array',
      items: object({ peer: text, name: text, why: text, lacking: count, missingMs: ms }, [
        'lacking',
        'missingMs',
      ]),
    },
    unreached: {
      ...peerIds,
      description: 'known, and not reached: the answer does not speak of them',
    },
    reason: { enum: ['alone'] },
  },
  ['reason'],
)

const named: Record<string, object> = {
  Completeness,
  Dot,
  Time,
  Sibling,
  Entry,
  ExportedKey,
  Change,
  ListedKey,
  ErrorBody,
  Failure,
  Written,
  WriteAnswer,
  Mutation,
  Receipt,
  Peer,
  Cluster,
  StoreLoss,
  StoreCheck,
  BackupManifest,
  SnapshotLine,
  Status,
  Identity,
  Readiness,
  AddressBook,
  Forgotten,
  Converged,
  ConvergedFleet,
  HeldRemovals,
  RemovalsDecided: object({ keys: count }),
  AllowList: object(allowed),
  AllowListChanged: object({ ...allowed, hungUp }),
  NetworkKey: object(keyView),
  NetworkKeyReloaded: object({ ...keyView, hungUp }),
}

/** Schemas under names of their own, for the description's components. */
export const SHARED_SCHEMAS = Object.entries(named).map(([$id, schema]) => ({ $id, ...schema }))

/** Every route can fail with a status of its code. */
export const ERRORS = {
  '4xx': { description: 'refused: {code, message}', ...ref('ErrorBody') },
  '5xx': { description: 'failed: {code, message}', ...ref('ErrorBody') },
}

export const COMPLETENESS_HEADERS = {
  'Hearsay-Completeness': {
    ...text,
    pattern: '^(complete|complete-as-of=[0-9]+|syncing)$',
    description: 'how far the answer can be trusted; while syncing, absent does not mean deleted',
  },
}

/** For how long a request waits for other daemons. */
export const TIMEOUT = {
  type: 'integer',
  minimum: 0,
  maximum: WAIT_MS_MAX,
  description: 'how long to wait for other daemons, milliseconds',
} as const

export const EXPIRY = { type: 'integer', minimum: 1, maximum: 2 ** 48 - 1 } as const
