/**
 * What is fuzzed: every decoder, with what stands right behind it, so that what gets past a check is also used. A target
 * throws only what is a defect.
 */
import { createHash } from 'node:crypto'
import { Change } from '../../src/core/change.ts'
import { applyKeyState, decodeKeyState } from '../../src/core/repair/key-state.ts'
import type { KeyStateJudge } from '../../src/core/repair/key-state.ts'
import { decodeLoneItems } from '../../src/core/repair/lone-items.ts'
import { Answerer } from '../../src/core/repair/answerer.ts'
import { compareDigests, decodeDigest, makeDigest } from '../../src/core/repair/digest.ts'
import { PullAsk } from '../../src/core/repair/pull-ask.ts'
import { decodeRangeClaims, nextClaims } from '../../src/core/repair/ranges.ts'
import { Loader } from '../../src/core/records.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { Replica } from '../../src/core/replica.ts'
import { decodeItem } from '../../src/core/item.ts'
import { decodeActors, decodeDots, decodeRanges } from '../../src/core/wire/dots.ts'
import { decodeGossip } from '../../src/core/wire/gossip.ts'
import { decodeLink } from '../../src/core/wire/link.ts'
import type { LinkMessage, LinkType } from '../../src/core/wire/link.ts'
import type { KeyState as WireKeyState } from '../../src/core/wire/messages.ts'
import { applyDelta } from '../../src/core/writes.ts'
import { ZodError } from 'zod'
import { importedOfJson, mutationOfJson } from '../../src/control/json.ts'
import { LineSplitter } from '../../src/control/lines.ts'
import { queryBytes } from '../../src/control/percent.ts'
import { decodeToken, encodeToken } from '../../src/daemon/token.ts'
import { HearsayError } from '../../src/errors.ts'
import { endpointOf, isPeerId, isUsable } from '../../src/net/addresses.ts'
import { encodeFrame, FrameAssembler, splitFrames } from '../../src/net/frames.ts'
import { decodeTelling } from '../../src/net/peer-exchange.ts'
import { hash } from '../support/fleet.ts'
import type { Seeded } from '../support/seeded.ts'
import { mutateBytes, mutateProtobuf, mutateText } from './mutate.ts'
import { gossipSample, linkSamples, recordSamples } from './samples.ts'

export interface Target {
  name: string
  /** Valid inputs. */
  samples: Uint8Array[]
  mutate(input: Uint8Array, other: Uint8Array, random: Seeded): Uint8Array
  /** Whether the input was accepted. */
  run(input: Uint8Array): boolean
}

const KEY = 'key'
const TYPE_BYTES = 1
const MONO = 1000
/** Format and checksum. */
const TOKEN_SEAL_BYTES = 5

const LINE_BYTES_MAX = 64

/** Removes whatever it is told to. */
const BELIEVER: KeyStateJudge = { isDead: () => true, mayGo: () => 'heard', catchingUp: false }

/** Of the name of a tour. */
const TOUR_BYTES = 8

export function fuzzTargets(): Target[] {
  const links = [...linkSamples()].map(([type, samples]) => linkTarget(type, samples))
  return [
    ...links,
    gossipTarget(),
    itemTarget(),
    recordTarget(),
    ...textTargets(),
    ...tokenTargets(),
    frameTarget(),
    tellingTarget(),
    linesTarget(),
    queryTarget(),
  ]
}

function linkTarget(type: LinkType, samples: Uint8Array[]): Target {
  const use = new LinkUse()
  return {
    name: type,
    samples,
    mutate: (input, other, random) => mutateProtobuf(TYPE_BYTES, input, other, random),
    run: (input) => {
      const message = decodeLink(input)
      return typeof message !== 'string' && use.use(message)
    },
  }
}

/** A replica with the items of a sample store, both as the asker and as the answerer. */
class LinkUse {
  readonly #replica = sampleReplica()
  #violations = 0
  readonly #answerer = new Answerer({
    replica: this.#replica,
    sizes: SIZES,
    windowBytes: 1 << 20,
    timeoutMs: 30_000,
    mono: () => MONO,
    send: () => 1,
    young: () => new Map(),
    mayPull: () => true,
    complete: () => true,
    isCatchingUp: () => false,
    keepsHearsay: () => false,
    serve: () => undefined,
    violation: () => this.#violations++,
  })

  use(message: LinkMessage): boolean {
    switch (message.type) {
      case 'digestAsk':
      case 'digestAnswer':
        return this.#digest(message.body)
      case 'pullBuckets': {
        const pull = new PullAsk(message.body.session, true, this.#replica.context, SIZES)
        return pull.narrow(message.body, new Set()) !== 'malformed'
      }
      case 'pullOpen': {
        const pull = new PullAsk(message.body.session, true, this.#replica.context, SIZES)
        return pull.open(message.body) !== 'malformed'
      }
      case 'chunk':
        return this.#chunk(message.body)
      case 'resolved':
        return this.#keyStates(message.body.actors, message.body.keys)
      case 'rangesAnswer': {
        const claims = decodeRangeClaims(message.body)
        if (claims === undefined) return false
        const found = { keys: new Set<string>(), dots: [], partial: false }
        nextClaims(this.#replica, claims, found, () => true, SIZES, 1)
        return true
      }
      case 'pullRequest':
      case 'credit':
      case 'rangesAsk':
      case 'resolve': {
        const before = this.#violations
        this.#answerer.handle(message)
        while (this.#answerer.waits) this.#answerer.sendChunk()
        this.#answerer.expire()
        return this.#violations === before
      }
      case 'tourAsk':
        return message.body.tour.length === TOUR_BYTES
      case 'coverAsk': {
        const actors = decodeActors(message.body.actors)
        if (actors === undefined) return false
        const { dots, gone } = message.body
        return decodeDots(dots, actors) !== undefined && decodeDots(gone, actors) !== undefined
      }
      case 'convergeAsk':
      case 'convergeAnswer':
      case 'coverAnswer':
      case 'tourSpread':
      case 'tourReport':
      case 'hello':
      case 'refused':
      case 'neighbours':
      case 'pullEnd':
      case 'sessionEnd':
        break
    }
    return true
  }

  #digest(wire: Parameters<typeof decodeDigest>[0]): boolean {
    const theirs = decodeDigest(wire)
    if (theirs === undefined) return false
    const self = { writer: undefined, complete: true }
    compareDigests(theirs, makeDigest(this.#replica, self, theirs.clock, MONO))
    return true
  }

  #chunk(wire: Extract<LinkMessage, { type: 'chunk' }>['body']): boolean {
    const actors = decodeActors(wire.actors)
    const ranges = actors && decodeRanges(wire.ranges, actors)
    const lone = actors && decodeLoneItems(wire, actors, hash)
    if (ranges === undefined || lone === undefined) return false
    if (!this.#keyStates(wire.actors, wire.keys)) return false
    const change = new Change(this.#replica)
    for (const state of lone) applyKeyState(change, state, BELIEVER)
    for (const { actor, from, to } of ranges) change.see(actor, from, to)
    return true
  }

  #keyStates(wireActors: readonly Uint8Array[], keys: readonly WireKeyState[]): boolean {
    const actors = decodeActors(wireActors)
    if (actors === undefined) return false
    const change = new Change(this.#replica)
    for (const key of keys) {
      const state = decodeKeyState(key, actors, hash)
      if (state === undefined) return false
      applyKeyState(change, state, BELIEVER)
    }
    return true
  }
}

function sampleReplica(): Replica {
  const loader = new Loader(hash)
  loader.add(recordSamples())
  return loader.finish().replica
}

function gossipTarget(): Target {
  const replica = new Replica(hash)
  return {
    name: 'gossip',
    samples: [gossipSample()],
    mutate: (input, other, random) => mutateProtobuf(0, input, other, random),
    run: (input) => {
      const deltas = decodeGossip(input, hash)
      const change = new Change(replica)
      for (const delta of deltas ?? []) applyDelta(change, delta)
      return deltas !== undefined
    },
  }
}

function itemTarget(): Target {
  const samples = [...sampleReplica().fromDot('', 0)].map((item) => item.envelope)
  return {
    name: 'item',
    samples,
    mutate: (input, other, random) => mutateProtobuf(0, input, other, random),
    run: (input) => decodeItem(input, hash)?.value() !== undefined,
  }
}

/** A record is one byte for the length of its key, the key, the value. */
function recordTarget(): Target {
  const samples = recordSamples().map(({ key, value }) =>
    Buffer.concat([Uint8Array.of(key.length), key, value]),
  )
  return {
    name: 'record',
    samples,
    mutate: mutateBytes,
    run: (input) => {
      const keyEnd = 1 + (input[0] ?? 0)
      const loader = new Loader(hash)
      loader.add([{ key: input.subarray(1, keyEnd), value: input.subarray(keyEnd) }])
      return loader.finish().damage.every((what) => !what.includes('does not read'))
    },
  }
}

function textTargets(): Target[] {
  const dot = { actor: 'ab'.repeat(16), counter: 3 }
  const sibling = { value: 'v', kind: 'register', time: { ms: 1, tick: 0 }, dot, writer: 'w' }
  const entry = { key: 'k', token: 't', siblings: [sibling, { ...sibling, expiresAt: 9 }] }
  const lines: [name: string, samples: object[], read: (text: string) => unknown][] = [
    [
      'mutation line',
      [
        { op: 'put', key: 'k', value: 'v', expiresAt: 5, token: 't' },
        { op: 'delete', keyBase64: '/wA=' },
      ],
      mutationOfJson,
    ],
    ['import line', [entry, { key: 'k', valueBase64: '/wA=' }], importedOfJson],
  ]
  return lines.map(([name, samples, read]) => ({
    name,
    samples: samples.map((sample) => Buffer.from(JSON.stringify(sample))),
    mutate: mutateText,
    run: (input) => !refuses(() => read(Buffer.from(input).toString('utf8'))),
  }))
}

function tokenTargets(): Target[] {
  const dots = [1, 300, 2 ** 40].map((counter) => ({ actor: 'a'.repeat(16), counter }))
  const [made, ...gone] = dots
  const reads = [encodeToken(KEY, dots), encodeToken(KEY, [])]
  const deletes = [
    encodeToken(KEY, dots, { made: made!, gone }),
    encodeToken(KEY, [], { made: made!, gone: [] }),
  ]
  return [
    { name: 'version token', tokens: reads },
    { name: 'version token of a delete', tokens: deletes },
  ].map(({ name, tokens }) => {
    const whole = tokens.map((token) => Buffer.from(token, 'base64url'))
    const format = whole[0]![0]!
    return {
      name,
      samples: whole.map((bytes) => bytes.subarray(TOKEN_SEAL_BYTES)),
      mutate: mutateBytes,
      run: (input: Uint8Array) => !refuses(() => decodeToken(KEY, sealed(format, input))),
    }
  })
}

/** Inputs are what a token seals: without a right checksum nothing behind it would ever be reached. */
function sealed(format: number, payload: Uint8Array): string {
  const checksum = createHash('sha256').update(`${KEY}\0`).update(payload).digest().subarray(0, 4)
  return Buffer.concat([Uint8Array.of(format), checksum, payload]).toString('base64url')
}

/** Frames as they come from a stream. What splits them throws errors of its own on a bad length. */
function frameTarget(): Target {
  const pieces = [new Uint8Array(0), new Uint8Array(5).fill(7), new Uint8Array(300).fill(9)]
  const frames = pieces.map((piece) => encodeFrame('bulk', true, piece).subarray())
  return {
    name: 'frames',
    samples: [
      ...frames,
      Buffer.concat([...frames, encodeFrame('control', true, frames[1]!).subarray()]),
    ],
    mutate: mutateBytes,
    run: (input) => {
      const assembler = new FrameAssembler()
      try {
        for (const frame of splitFrames([input])) assembler.push(frame)
        return true
      } catch (error) {
        if (error instanceof HearsayError || SPLITTING_ERRORS.has((error as Error).name))
          return false
        throw error
      }
    },
  }
}

const SPLITTING_ERRORS = new Set([
  'InvalidDataLengthError',
  'InvalidDataLengthLengthError',
  'UnexpectedEOFError',
])

/** What peers tell of others, with the addresses in it. */
function tellingTarget(): Target {
  const peer = '12D3KooWGRwaHWPNdunu89DZG3r7c2CvHS1qHfqBQ1kbJY9EykZQ'
  const addresses = [`/ip4/192.0.2.1/tcp/7400/p2p/${peer}`, '/dns4/host.example/tcp/7400']
  const tellings = [
    { links: 0, accepts: [], peers: [] },
    { links: 3, accepts: ['e96ed4c29821abf5'], leaving: true, peers: [{ peer, addresses }] },
  ]
  return {
    name: 'telling',
    samples: tellings.map((telling) => Buffer.from(JSON.stringify(telling))),
    mutate: mutateText,
    run: (input) => {
      try {
        for (const told of decodeTelling(input).peers) {
          isPeerId(told.peer)
          told.addresses.filter(isUsable).map(endpointOf)
        }
        return true
      } catch (error) {
        if (error instanceof SyntaxError || error instanceof ZodError) return false
        throw error
      }
    },
  }
}

/** The splitter of request bodies, fed in two parts. */
function linesTarget(): Target {
  const text = '{"op":"delete","key":"k"}\n\n{"op":"put"}\r\n'
  return {
    name: 'lines',
    samples: [text, `${text}é`, 'x'.repeat(LINE_BYTES_MAX)].map((one) => Buffer.from(one)),
    mutate: mutateBytes,
    run: (input) => {
      const splitter = new LineSplitter(LINE_BYTES_MAX)
      const bytes = Buffer.from(input)
      const lines = [
        ...splitter.push(bytes.subarray(0, bytes.length >> 1)),
        ...splitter.push(bytes.subarray(bytes.length >> 1)),
        ...splitter.end(),
      ]
      const held = Math.max(
        splitter.carriedBytes,
        ...lines.map((line) => Buffer.byteLength(line.text)),
      )
      if (held > LINE_BYTES_MAX) throw new Error(`${held} bytes held of a line`)
      return lines.every(({ fault }) => fault === undefined)
    },
  }
}

function queryTarget(): Target {
  const urls = ['/v1/list?prefix=a%2Fb%00+c&limit=5', '/v1/list', '/v1/list?%70refix=%ff&&=&prefix']
  return {
    name: 'query',
    samples: urls.map((url) => Buffer.from(url)),
    mutate: mutateText,
    run: (input) => !refuses(() => queryBytes(Buffer.from(input).toString('latin1'), 'prefix')),
  }
}

/** A refusal is one of ours; anything else that is thrown is a defect. */
function refuses(read: () => unknown): boolean {
  try {
    read()
    return false
  } catch (error) {
    if (error instanceof HearsayError) return true
    throw error
  }
}
