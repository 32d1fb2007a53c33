import { decodeMessage, encodeMessage, MaxLengthError, message, streamMessage } from 'protons-runtime'
import { alloc as uint8ArrayAlloc } from 'uint8arrays/alloc'
import type { Codec, DecodeOptions } from 'protons-runtime'
import type { Uint8ArrayList } from 'uint8arraylist'

export interface Envelope {
  actor: Uint8Array<ArrayBuffer>
  counter: number
  kind: number
  key: Uint8Array<ArrayBuffer>
  field: Uint8Array<ArrayBuffer>
  ms: number
  tick: number
  expiry: number
  value: Uint8Array<ArrayBuffer>
}

export namespace Envelope {
  let _codec: Codec<Envelope>

  export const codec = (): Codec<Envelope> => {
    if (_codec == null) {
      _codec = message<Envelope>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.actor != null && obj.actor.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.actor)
        }

        if ((obj.counter != null && obj.counter !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.counter)
        }

        if ((obj.kind != null && obj.kind !== 0)) {
          w.uint32(24)
          w.uint32(obj.kind)
        }

        if ((obj.key != null && obj.key.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.key)
        }

        if ((obj.field != null && obj.field.byteLength > 0)) {
          w.uint32(42)
          w.bytes(obj.field)
        }

        if ((obj.ms != null && obj.ms !== 0)) {
          w.uint32(48)
          w.uint64Number(obj.ms)
        }

        if ((obj.tick != null && obj.tick !== 0)) {
          w.uint32(56)
          w.uint32(obj.tick)
        }

        if ((obj.expiry != null && obj.expiry !== 0)) {
          w.uint32(64)
          w.uint64Number(obj.expiry)
        }

        if ((obj.value != null && obj.value.byteLength > 0)) {
          w.uint32(74)
          w.bytes(obj.value)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          actor: uint8ArrayAlloc(0),
          counter: 0,
          kind: 0,
          key: uint8ArrayAlloc(0),
          field: uint8ArrayAlloc(0),
          ms: 0,
          tick: 0,
          expiry: 0,
          value: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.actor = reader.bytes()
              break
            }
            case 2: {
              obj.counter = reader.uint64Number()
              break
            }
            case 3: {
              obj.kind = reader.uint32()
              break
            }
            case 4: {
              obj.key = reader.bytes()
              break
            }
            case 5: {
              obj.field = reader.bytes()
              break
            }
            case 6: {
              obj.ms = reader.uint64Number()
              break
            }
            case 7: {
              obj.tick = reader.uint32()
              break
            }
            case 8: {
              obj.expiry = reader.uint64Number()
              break
            }
            case 9: {
              obj.value = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.actor`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.counter`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.kind`,
                value: reader.uint32()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.key`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.field`,
                value: reader.bytes()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.ms`,
                value: reader.uint64Number()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.tick`,
                value: reader.uint32()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.expiry`,
                value: reader.uint64Number()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.value`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface EnvelopeActorFieldEvent {
    field: '$.actor'
    value: Uint8Array<ArrayBuffer>
  }

  export interface EnvelopeCounterFieldEvent {
    field: '$.counter'
    value: number
  }

  export interface EnvelopeKindFieldEvent {
    field: '$.kind'
    value: number
  }

  export interface EnvelopeKeyFieldEvent {
    field: '$.key'
    value: Uint8Array<ArrayBuffer>
  }

  export interface EnvelopeFieldFieldEvent {
    field: '$.field'
    value: Uint8Array<ArrayBuffer>
  }

  export interface EnvelopeMsFieldEvent {
    field: '$.ms'
    value: number
  }

  export interface EnvelopeTickFieldEvent {
    field: '$.tick'
    value: number
  }

  export interface EnvelopeExpiryFieldEvent {
    field: '$.expiry'
    value: number
  }

  export interface EnvelopeValueFieldEvent {
    field: '$.value'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Envelope>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Envelope.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Envelope>): Envelope {
    return decodeMessage(buf, Envelope.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Envelope>): Generator<EnvelopeActorFieldEvent | EnvelopeCounterFieldEvent | EnvelopeKindFieldEvent | EnvelopeKeyFieldEvent | EnvelopeFieldFieldEvent | EnvelopeMsFieldEvent | EnvelopeTickFieldEvent | EnvelopeExpiryFieldEvent | EnvelopeValueFieldEvent> {
    return streamMessage(buf, Envelope.codec(), opts)
  }
}

export interface Delta {
  item: Uint8Array<ArrayBuffer>
  dot: Uint8Array<ArrayBuffer>
  supersedes: Uint8Array<ArrayBuffer>
  announcedBytes: number
}

export namespace Delta {
  let _codec: Codec<Delta>

  export const codec = (): Codec<Delta> => {
    if (_codec == null) {
      _codec = message<Delta>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.item != null && obj.item.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.item)
        }

        if ((obj.dot != null && obj.dot.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.dot)
        }

        if ((obj.supersedes != null && obj.supersedes.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.supersedes)
        }

        if ((obj.announcedBytes != null && obj.announcedBytes !== 0)) {
          w.uint32(32)
          w.uint32(obj.announcedBytes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          item: uint8ArrayAlloc(0),
          dot: uint8ArrayAlloc(0),
          supersedes: uint8ArrayAlloc(0),
          announcedBytes: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.item = reader.bytes()
              break
            }
            case 2: {
              obj.dot = reader.bytes()
              break
            }
            case 3: {
              obj.supersedes = reader.bytes()
              break
            }
            case 4: {
              obj.announcedBytes = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.item`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.dot`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.supersedes`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.announcedBytes`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface DeltaItemFieldEvent {
    field: '$.item'
    value: Uint8Array<ArrayBuffer>
  }

  export interface DeltaDotFieldEvent {
    field: '$.dot'
    value: Uint8Array<ArrayBuffer>
  }

  export interface DeltaSupersedesFieldEvent {
    field: '$.supersedes'
    value: Uint8Array<ArrayBuffer>
  }

  export interface DeltaAnnouncedBytesFieldEvent {
    field: '$.announcedBytes'
    value: number
  }

  export function encode (obj: Partial<Delta>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Delta.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Delta>): Delta {
    return decodeMessage(buf, Delta.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Delta>): Generator<DeltaItemFieldEvent | DeltaDotFieldEvent | DeltaSupersedesFieldEvent | DeltaAnnouncedBytesFieldEvent> {
    return streamMessage(buf, Delta.codec(), opts)
  }
}

export interface Gossip {
  actors: Uint8Array<ArrayBuffer>[]
  deltas: Delta[]
}

export namespace Gossip {
  let _codec: Codec<Gossip>

  export const codec = (): Codec<Gossip> => {
    if (_codec == null) {
      _codec = message<Gossip>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.actors != null && obj.actors.length > 0) {
          for (const value of obj.actors) {
            w.uint32(10)
            w.bytes(value)
          }
        }

        if (obj.deltas != null && obj.deltas.length > 0) {
          for (const value of obj.deltas) {
            w.uint32(18)
            Delta.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          actors: [],
          deltas: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.actors != null && obj.actors.length === opts.limits.actors) {
                throw new MaxLengthError('Decode error - repeated field "actors" had too many elements')
              }

              obj.actors.push(reader.bytes())
              break
            }
            case 2: {
              if (opts.limits?.deltas != null && obj.deltas.length === opts.limits.deltas) {
                throw new MaxLengthError('Decode error - repeated field "deltas" had too many elements')
              }

              obj.deltas.push(Delta.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.deltas$
              }))
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          actors: 0,
          deltas: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              if (opts.limits?.actors != null && obj.actors === opts.limits.actors) {
                throw new MaxLengthError('Streaming decode error - repeated field "actors" had too many elements')
              }

              yield {
                field: `${prefix}.actors[]`,
                index: obj.actors,
                value: reader.bytes()
              }

              obj.actors++

              break
            }
            case 2: {
              if (opts.limits?.deltas != null && obj.deltas === opts.limits.deltas) {
                throw new MaxLengthError('Streaming decode error - repeated field "deltas" had too many elements')
              }

              for (const evt of Delta.codec().stream(reader, reader.uint32(), `${prefix}.deltas[]`, {
                limits: opts.limits?.deltas$
              })) {
                yield {
                  ...evt,
                  index: obj.deltas
                }
              }

              obj.deltas++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface GossipActorsFieldEvent {
    field: '$.actors[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface GossipDeltasItemFieldEvent {
    field: '$.deltas[].item'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface GossipDeltasDotFieldEvent {
    field: '$.deltas[].dot'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface GossipDeltasSupersedesFieldEvent {
    field: '$.deltas[].supersedes'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface GossipDeltasAnnouncedBytesFieldEvent {
    field: '$.deltas[].announcedBytes'
    value: number
    index: number
  }

  export function encode (obj: Partial<Gossip>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Gossip.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Gossip>): Gossip {
    return decodeMessage(buf, Gossip.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Gossip>): Generator<GossipActorsFieldEvent | GossipDeltasItemFieldEvent | GossipDeltasDotFieldEvent | GossipDeltasSupersedesFieldEvent | GossipDeltasAnnouncedBytesFieldEvent> {
    return streamMessage(buf, Gossip.codec(), opts)
  }
}

export interface Hello {
  versionMin: number
  versionMax: number
  map: Uint8Array<ArrayBuffer>
  nonce: Uint8Array<ArrayBuffer>
  name: string
}

export namespace Hello {
  let _codec: Codec<Hello>

  export const codec = (): Codec<Hello> => {
    if (_codec == null) {
      _codec = message<Hello>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.versionMin != null && obj.versionMin !== 0)) {
          w.uint32(8)
          w.uint32(obj.versionMin)
        }

        if ((obj.versionMax != null && obj.versionMax !== 0)) {
          w.uint32(16)
          w.uint32(obj.versionMax)
        }

        if ((obj.map != null && obj.map.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.map)
        }

        if ((obj.nonce != null && obj.nonce.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.nonce)
        }

        if ((obj.name != null && obj.name !== '')) {
          w.uint32(42)
          w.string(obj.name)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          versionMin: 0,
          versionMax: 0,
          map: uint8ArrayAlloc(0),
          nonce: uint8ArrayAlloc(0),
          name: ''
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.versionMin = reader.uint32()
              break
            }
            case 2: {
              obj.versionMax = reader.uint32()
              break
            }
            case 3: {
              obj.map = reader.bytes()
              break
            }
            case 4: {
              obj.nonce = reader.bytes()
              break
            }
            case 5: {
              obj.name = reader.string()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.versionMin`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.versionMax`,
                value: reader.uint32()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.map`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.nonce`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.name`,
                value: reader.string()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface HelloVersionMinFieldEvent {
    field: '$.versionMin'
    value: number
  }

  export interface HelloVersionMaxFieldEvent {
    field: '$.versionMax'
    value: number
  }

  export interface HelloMapFieldEvent {
    field: '$.map'
    value: Uint8Array<ArrayBuffer>
  }

  export interface HelloNonceFieldEvent {
    field: '$.nonce'
    value: Uint8Array<ArrayBuffer>
  }

  export interface HelloNameFieldEvent {
    field: '$.name'
    value: string
  }

  export function encode (obj: Partial<Hello>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Hello.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hello>): Hello {
    return decodeMessage(buf, Hello.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Hello>): Generator<HelloVersionMinFieldEvent | HelloVersionMaxFieldEvent | HelloMapFieldEvent | HelloNonceFieldEvent | HelloNameFieldEvent> {
    return streamMessage(buf, Hello.codec(), opts)
  }
}

export interface Refused {
  code: string
  message: string
  retryMs: number
}

export namespace Refused {
  let _codec: Codec<Refused>

  export const codec = (): Codec<Refused> => {
    if (_codec == null) {
      _codec = message<Refused>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.code != null && obj.code !== '')) {
          w.uint32(10)
          w.string(obj.code)
        }

        if ((obj.message != null && obj.message !== '')) {
          w.uint32(18)
          w.string(obj.message)
        }

        if ((obj.retryMs != null && obj.retryMs !== 0)) {
          w.uint32(24)
          w.uint32(obj.retryMs)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          code: '',
          message: '',
          retryMs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.code = reader.string()
              break
            }
            case 2: {
              obj.message = reader.string()
              break
            }
            case 3: {
              obj.retryMs = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.code`,
                value: reader.string()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.message`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.retryMs`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface RefusedCodeFieldEvent {
    field: '$.code'
    value: string
  }

  export interface RefusedMessageFieldEvent {
    field: '$.message'
    value: string
  }

  export interface RefusedRetryMsFieldEvent {
    field: '$.retryMs'
    value: number
  }

  export function encode (obj: Partial<Refused>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Refused.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Refused>): Refused {
    return decodeMessage(buf, Refused.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Refused>): Generator<RefusedCodeFieldEvent | RefusedMessageFieldEvent | RefusedRetryMsFieldEvent> {
    return streamMessage(buf, Refused.codec(), opts)
  }
}

export interface Digest {
  session: number
  context: Uint8Array<ArrayBuffer>
  dots: number
  fingerprint: Uint8Array<ArrayBuffer>
  items: number
  settled: Uint8Array<ArrayBuffer>
  actor: Uint8Array<ArrayBuffer>
  head: number
  clock: number
  complete: boolean
}

export namespace Digest {
  let _codec: Codec<Digest>

  export const codec = (): Codec<Digest> => {
    if (_codec == null) {
      _codec = message<Digest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if ((obj.context != null && obj.context.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.context)
        }

        if ((obj.dots != null && obj.dots !== 0)) {
          w.uint32(24)
          w.uint64Number(obj.dots)
        }

        if ((obj.fingerprint != null && obj.fingerprint.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.fingerprint)
        }

        if ((obj.items != null && obj.items !== 0)) {
          w.uint32(40)
          w.uint64Number(obj.items)
        }

        if ((obj.settled != null && obj.settled.byteLength > 0)) {
          w.uint32(50)
          w.bytes(obj.settled)
        }

        if ((obj.actor != null && obj.actor.byteLength > 0)) {
          w.uint32(58)
          w.bytes(obj.actor)
        }

        if ((obj.head != null && obj.head !== 0)) {
          w.uint32(64)
          w.uint64Number(obj.head)
        }

        if ((obj.clock != null && obj.clock !== 0)) {
          w.uint32(72)
          w.uint64Number(obj.clock)
        }

        if ((obj.complete != null && obj.complete !== false)) {
          w.uint32(80)
          w.bool(obj.complete)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          context: uint8ArrayAlloc(0),
          dots: 0,
          fingerprint: uint8ArrayAlloc(0),
          items: 0,
          settled: uint8ArrayAlloc(0),
          actor: uint8ArrayAlloc(0),
          head: 0,
          clock: 0,
          complete: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              obj.context = reader.bytes()
              break
            }
            case 3: {
              obj.dots = reader.uint64Number()
              break
            }
            case 4: {
              obj.fingerprint = reader.bytes()
              break
            }
            case 5: {
              obj.items = reader.uint64Number()
              break
            }
            case 6: {
              obj.settled = reader.bytes()
              break
            }
            case 7: {
              obj.actor = reader.bytes()
              break
            }
            case 8: {
              obj.head = reader.uint64Number()
              break
            }
            case 9: {
              obj.clock = reader.uint64Number()
              break
            }
            case 10: {
              obj.complete = reader.bool()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.context`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.dots`,
                value: reader.uint64Number()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.fingerprint`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.items`,
                value: reader.uint64Number()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.settled`,
                value: reader.bytes()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.actor`,
                value: reader.bytes()
              }
              break
            }
            case 8: {
              yield {
                field: `${prefix}.head`,
                value: reader.uint64Number()
              }
              break
            }
            case 9: {
              yield {
                field: `${prefix}.clock`,
                value: reader.uint64Number()
              }
              break
            }
            case 10: {
              yield {
                field: `${prefix}.complete`,
                value: reader.bool()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface DigestSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface DigestContextFieldEvent {
    field: '$.context'
    value: Uint8Array<ArrayBuffer>
  }

  export interface DigestDotsFieldEvent {
    field: '$.dots'
    value: number
  }

  export interface DigestFingerprintFieldEvent {
    field: '$.fingerprint'
    value: Uint8Array<ArrayBuffer>
  }

  export interface DigestItemsFieldEvent {
    field: '$.items'
    value: number
  }

  export interface DigestSettledFieldEvent {
    field: '$.settled'
    value: Uint8Array<ArrayBuffer>
  }

  export interface DigestActorFieldEvent {
    field: '$.actor'
    value: Uint8Array<ArrayBuffer>
  }

  export interface DigestHeadFieldEvent {
    field: '$.head'
    value: number
  }

  export interface DigestClockFieldEvent {
    field: '$.clock'
    value: number
  }

  export interface DigestCompleteFieldEvent {
    field: '$.complete'
    value: boolean
  }

  export function encode (obj: Partial<Digest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Digest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Digest>): Digest {
    return decodeMessage(buf, Digest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Digest>): Generator<DigestSessionFieldEvent | DigestContextFieldEvent | DigestDotsFieldEvent | DigestFingerprintFieldEvent | DigestItemsFieldEvent | DigestSettledFieldEvent | DigestActorFieldEvent | DigestHeadFieldEvent | DigestClockFieldEvent | DigestCompleteFieldEvent> {
    return streamMessage(buf, Digest.codec(), opts)
  }
}

export interface ActorIntervals {
  actor: Uint8Array<ArrayBuffer>
  intervals: Uint8Array<ArrayBuffer>
}

export namespace ActorIntervals {
  let _codec: Codec<ActorIntervals>

  export const codec = (): Codec<ActorIntervals> => {
    if (_codec == null) {
      _codec = message<ActorIntervals>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.actor != null && obj.actor.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.actor)
        }

        if ((obj.intervals != null && obj.intervals.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.intervals)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          actor: uint8ArrayAlloc(0),
          intervals: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.actor = reader.bytes()
              break
            }
            case 2: {
              obj.intervals = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.actor`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.intervals`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface ActorIntervalsActorFieldEvent {
    field: '$.actor'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ActorIntervalsIntervalsFieldEvent {
    field: '$.intervals'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<ActorIntervals>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, ActorIntervals.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ActorIntervals>): ActorIntervals {
    return decodeMessage(buf, ActorIntervals.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<ActorIntervals>): Generator<ActorIntervalsActorFieldEvent | ActorIntervalsIntervalsFieldEvent> {
    return streamMessage(buf, ActorIntervals.codec(), opts)
  }
}

export interface PullRequest {
  session: number
  fresh: boolean
  summary: Uint8Array<ArrayBuffer>
  buckets: Uint8Array<ArrayBuffer>
  context: ActorIntervals[]
}

export namespace PullRequest {
  let _codec: Codec<PullRequest>

  export const codec = (): Codec<PullRequest> => {
    if (_codec == null) {
      _codec = message<PullRequest>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if ((obj.fresh != null && obj.fresh !== false)) {
          w.uint32(16)
          w.bool(obj.fresh)
        }

        if ((obj.summary != null && obj.summary.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.summary)
        }

        if ((obj.buckets != null && obj.buckets.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.buckets)
        }

        if (obj.context != null && obj.context.length > 0) {
          for (const value of obj.context) {
            w.uint32(42)
            ActorIntervals.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          fresh: false,
          summary: uint8ArrayAlloc(0),
          buckets: uint8ArrayAlloc(0),
          context: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              obj.fresh = reader.bool()
              break
            }
            case 3: {
              obj.summary = reader.bytes()
              break
            }
            case 4: {
              obj.buckets = reader.bytes()
              break
            }
            case 5: {
              if (opts.limits?.context != null && obj.context.length === opts.limits.context) {
                throw new MaxLengthError('Decode error - repeated field "context" had too many elements')
              }

              obj.context.push(ActorIntervals.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.context$
              }))
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          context: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.fresh`,
                value: reader.bool()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.summary`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.buckets`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              if (opts.limits?.context != null && obj.context === opts.limits.context) {
                throw new MaxLengthError('Streaming decode error - repeated field "context" had too many elements')
              }

              for (const evt of ActorIntervals.codec().stream(reader, reader.uint32(), `${prefix}.context[]`, {
                limits: opts.limits?.context$
              })) {
                yield {
                  ...evt,
                  index: obj.context
                }
              }

              obj.context++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface PullRequestSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface PullRequestFreshFieldEvent {
    field: '$.fresh'
    value: boolean
  }

  export interface PullRequestSummaryFieldEvent {
    field: '$.summary'
    value: Uint8Array<ArrayBuffer>
  }

  export interface PullRequestBucketsFieldEvent {
    field: '$.buckets'
    value: Uint8Array<ArrayBuffer>
  }

  export interface PullRequestContextActorFieldEvent {
    field: '$.context[].actor'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PullRequestContextIntervalsFieldEvent {
    field: '$.context[].intervals'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export function encode (obj: Partial<PullRequest>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, PullRequest.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullRequest>): PullRequest {
    return decodeMessage(buf, PullRequest.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullRequest>): Generator<PullRequestSessionFieldEvent | PullRequestFreshFieldEvent | PullRequestSummaryFieldEvent | PullRequestBucketsFieldEvent | PullRequestContextActorFieldEvent | PullRequestContextIntervalsFieldEvent> {
    return streamMessage(buf, PullRequest.codec(), opts)
  }
}

export interface PullBuckets {
  session: number
  buckets: Uint8Array<ArrayBuffer>
  actorCounts: Uint8Array<ArrayBuffer>
}

export namespace PullBuckets {
  let _codec: Codec<PullBuckets>

  export const codec = (): Codec<PullBuckets> => {
    if (_codec == null) {
      _codec = message<PullBuckets>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if ((obj.buckets != null && obj.buckets.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.buckets)
        }

        if ((obj.actorCounts != null && obj.actorCounts.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.actorCounts)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          buckets: uint8ArrayAlloc(0),
          actorCounts: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              obj.buckets = reader.bytes()
              break
            }
            case 3: {
              obj.actorCounts = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.buckets`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.actorCounts`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface PullBucketsSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface PullBucketsBucketsFieldEvent {
    field: '$.buckets'
    value: Uint8Array<ArrayBuffer>
  }

  export interface PullBucketsActorCountsFieldEvent {
    field: '$.actorCounts'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<PullBuckets>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, PullBuckets.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullBuckets>): PullBuckets {
    return decodeMessage(buf, PullBuckets.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullBuckets>): Generator<PullBucketsSessionFieldEvent | PullBucketsBucketsFieldEvent | PullBucketsActorCountsFieldEvent> {
    return streamMessage(buf, PullBuckets.codec(), opts)
  }
}

export interface PullOpen {
  session: number
  context: ActorIntervals[]
}

export namespace PullOpen {
  let _codec: Codec<PullOpen>

  export const codec = (): Codec<PullOpen> => {
    if (_codec == null) {
      _codec = message<PullOpen>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if (obj.context != null && obj.context.length > 0) {
          for (const value of obj.context) {
            w.uint32(18)
            ActorIntervals.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          context: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              if (opts.limits?.context != null && obj.context.length === opts.limits.context) {
                throw new MaxLengthError('Decode error - repeated field "context" had too many elements')
              }

              obj.context.push(ActorIntervals.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.context$
              }))
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          context: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              if (opts.limits?.context != null && obj.context === opts.limits.context) {
                throw new MaxLengthError('Streaming decode error - repeated field "context" had too many elements')
              }

              for (const evt of ActorIntervals.codec().stream(reader, reader.uint32(), `${prefix}.context[]`, {
                limits: opts.limits?.context$
              })) {
                yield {
                  ...evt,
                  index: obj.context
                }
              }

              obj.context++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface PullOpenSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface PullOpenContextActorFieldEvent {
    field: '$.context[].actor'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PullOpenContextIntervalsFieldEvent {
    field: '$.context[].intervals'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export function encode (obj: Partial<PullOpen>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, PullOpen.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullOpen>): PullOpen {
    return decodeMessage(buf, PullOpen.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullOpen>): Generator<PullOpenSessionFieldEvent | PullOpenContextActorFieldEvent | PullOpenContextIntervalsFieldEvent> {
    return streamMessage(buf, PullOpen.codec(), opts)
  }
}

export interface KeyState {
  key: Uint8Array<ArrayBuffer>
  held: Uint8Array<ArrayBuffer>
  items: Uint8Array<ArrayBuffer>[]
  removed: Uint8Array<ArrayBuffer>
}

export namespace KeyState {
  let _codec: Codec<KeyState>

  export const codec = (): Codec<KeyState> => {
    if (_codec == null) {
      _codec = message<KeyState>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.key != null && obj.key.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.key)
        }

        if ((obj.held != null && obj.held.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.held)
        }

        if (obj.items != null && obj.items.length > 0) {
          for (const value of obj.items) {
            w.uint32(26)
            w.bytes(value)
          }
        }

        if ((obj.removed != null && obj.removed.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.removed)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          key: uint8ArrayAlloc(0),
          held: uint8ArrayAlloc(0),
          items: [],
          removed: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.key = reader.bytes()
              break
            }
            case 2: {
              obj.held = reader.bytes()
              break
            }
            case 3: {
              if (opts.limits?.items != null && obj.items.length === opts.limits.items) {
                throw new MaxLengthError('Decode error - repeated field "items" had too many elements')
              }

              obj.items.push(reader.bytes())
              break
            }
            case 4: {
              obj.removed = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          items: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.key`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.held`,
                value: reader.bytes()
              }
              break
            }
            case 3: {
              if (opts.limits?.items != null && obj.items === opts.limits.items) {
                throw new MaxLengthError('Streaming decode error - repeated field "items" had too many elements')
              }

              yield {
                field: `${prefix}.items[]`,
                index: obj.items,
                value: reader.bytes()
              }

              obj.items++

              break
            }
            case 4: {
              yield {
                field: `${prefix}.removed`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface KeyStateKeyFieldEvent {
    field: '$.key'
    value: Uint8Array<ArrayBuffer>
  }

  export interface KeyStateHeldFieldEvent {
    field: '$.held'
    value: Uint8Array<ArrayBuffer>
  }

  export interface KeyStateItemsFieldEvent {
    field: '$.items[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface KeyStateRemovedFieldEvent {
    field: '$.removed'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<KeyState>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, KeyState.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KeyState>): KeyState {
    return decodeMessage(buf, KeyState.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<KeyState>): Generator<KeyStateKeyFieldEvent | KeyStateHeldFieldEvent | KeyStateItemsFieldEvent | KeyStateRemovedFieldEvent> {
    return streamMessage(buf, KeyState.codec(), opts)
  }
}

export interface Chunk {
  session: number
  actors: Uint8Array<ArrayBuffer>[]
  ranges: Uint8Array<ArrayBuffer>
  keys: KeyState[]
}

export namespace Chunk {
  let _codec: Codec<Chunk>

  export const codec = (): Codec<Chunk> => {
    if (_codec == null) {
      _codec = message<Chunk>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if (obj.actors != null && obj.actors.length > 0) {
          for (const value of obj.actors) {
            w.uint32(18)
            w.bytes(value)
          }
        }

        if ((obj.ranges != null && obj.ranges.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.ranges)
        }

        if (obj.keys != null && obj.keys.length > 0) {
          for (const value of obj.keys) {
            w.uint32(34)
            KeyState.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          actors: [],
          ranges: uint8ArrayAlloc(0),
          keys: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              if (opts.limits?.actors != null && obj.actors.length === opts.limits.actors) {
                throw new MaxLengthError('Decode error - repeated field "actors" had too many elements')
              }

              obj.actors.push(reader.bytes())
              break
            }
            case 3: {
              obj.ranges = reader.bytes()
              break
            }
            case 4: {
              if (opts.limits?.keys != null && obj.keys.length === opts.limits.keys) {
                throw new MaxLengthError('Decode error - repeated field "keys" had too many elements')
              }

              obj.keys.push(KeyState.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.keys$
              }))
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          actors: 0,
          keys: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              if (opts.limits?.actors != null && obj.actors === opts.limits.actors) {
                throw new MaxLengthError('Streaming decode error - repeated field "actors" had too many elements')
              }

              yield {
                field: `${prefix}.actors[]`,
                index: obj.actors,
                value: reader.bytes()
              }

              obj.actors++

              break
            }
            case 3: {
              yield {
                field: `${prefix}.ranges`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              if (opts.limits?.keys != null && obj.keys === opts.limits.keys) {
                throw new MaxLengthError('Streaming decode error - repeated field "keys" had too many elements')
              }

              for (const evt of KeyState.codec().stream(reader, reader.uint32(), `${prefix}.keys[]`, {
                limits: opts.limits?.keys$
              })) {
                yield {
                  ...evt,
                  index: obj.keys
                }
              }

              obj.keys++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface ChunkSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface ChunkActorsFieldEvent {
    field: '$.actors[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface ChunkRangesFieldEvent {
    field: '$.ranges'
    value: Uint8Array<ArrayBuffer>
  }

  export interface ChunkKeysKeyFieldEvent {
    field: '$.keys[].key'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ChunkKeysHeldFieldEvent {
    field: '$.keys[].held'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ChunkKeysItemsFieldEvent {
    field: '$.keys[].items[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface ChunkKeysRemovedFieldEvent {
    field: '$.keys[].removed'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export function encode (obj: Partial<Chunk>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Chunk.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Chunk>): Chunk {
    return decodeMessage(buf, Chunk.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Chunk>): Generator<ChunkSessionFieldEvent | ChunkActorsFieldEvent | ChunkRangesFieldEvent | ChunkKeysKeyFieldEvent | ChunkKeysHeldFieldEvent | ChunkKeysItemsFieldEvent | ChunkKeysRemovedFieldEvent> {
    return streamMessage(buf, Chunk.codec(), opts)
  }
}

export interface PullEnd {
  session: number
  context: ActorIntervals[]
  complete: boolean
}

export namespace PullEnd {
  let _codec: Codec<PullEnd>

  export const codec = (): Codec<PullEnd> => {
    if (_codec == null) {
      _codec = message<PullEnd>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if (obj.context != null && obj.context.length > 0) {
          for (const value of obj.context) {
            w.uint32(18)
            ActorIntervals.codec().encode(value, w)
          }
        }

        if ((obj.complete != null && obj.complete !== false)) {
          w.uint32(24)
          w.bool(obj.complete)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          context: [],
          complete: false
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              if (opts.limits?.context != null && obj.context.length === opts.limits.context) {
                throw new MaxLengthError('Decode error - repeated field "context" had too many elements')
              }

              obj.context.push(ActorIntervals.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.context$
              }))
              break
            }
            case 3: {
              obj.complete = reader.bool()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          context: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              if (opts.limits?.context != null && obj.context === opts.limits.context) {
                throw new MaxLengthError('Streaming decode error - repeated field "context" had too many elements')
              }

              for (const evt of ActorIntervals.codec().stream(reader, reader.uint32(), `${prefix}.context[]`, {
                limits: opts.limits?.context$
              })) {
                yield {
                  ...evt,
                  index: obj.context
                }
              }

              obj.context++

              break
            }
            case 3: {
              yield {
                field: `${prefix}.complete`,
                value: reader.bool()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface PullEndSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface PullEndContextActorFieldEvent {
    field: '$.context[].actor'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PullEndContextIntervalsFieldEvent {
    field: '$.context[].intervals'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface PullEndCompleteFieldEvent {
    field: '$.complete'
    value: boolean
  }

  export function encode (obj: Partial<PullEnd>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, PullEnd.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullEnd>): PullEnd {
    return decodeMessage(buf, PullEnd.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<PullEnd>): Generator<PullEndSessionFieldEvent | PullEndContextActorFieldEvent | PullEndContextIntervalsFieldEvent | PullEndCompleteFieldEvent> {
    return streamMessage(buf, PullEnd.codec(), opts)
  }
}

export interface Credit {
  session: number
  bytes: number
}

export namespace Credit {
  let _codec: Codec<Credit>

  export const codec = (): Codec<Credit> => {
    if (_codec == null) {
      _codec = message<Credit>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if ((obj.bytes != null && obj.bytes !== 0)) {
          w.uint32(16)
          w.uint32(obj.bytes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          bytes: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              obj.bytes = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.bytes`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface CreditSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface CreditBytesFieldEvent {
    field: '$.bytes'
    value: number
  }

  export function encode (obj: Partial<Credit>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Credit.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Credit>): Credit {
    return decodeMessage(buf, Credit.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Credit>): Generator<CreditSessionFieldEvent | CreditBytesFieldEvent> {
    return streamMessage(buf, Credit.codec(), opts)
  }
}

export interface SessionEnd {
  session: number
  code: string
  retryMs: number
}

export namespace SessionEnd {
  let _codec: Codec<SessionEnd>

  export const codec = (): Codec<SessionEnd> => {
    if (_codec == null) {
      _codec = message<SessionEnd>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if ((obj.code != null && obj.code !== '')) {
          w.uint32(18)
          w.string(obj.code)
        }

        if ((obj.retryMs != null && obj.retryMs !== 0)) {
          w.uint32(24)
          w.uint32(obj.retryMs)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          code: '',
          retryMs: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              obj.code = reader.string()
              break
            }
            case 3: {
              obj.retryMs = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.code`,
                value: reader.string()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.retryMs`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface SessionEndSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface SessionEndCodeFieldEvent {
    field: '$.code'
    value: string
  }

  export interface SessionEndRetryMsFieldEvent {
    field: '$.retryMs'
    value: number
  }

  export function encode (obj: Partial<SessionEnd>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, SessionEnd.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SessionEnd>): SessionEnd {
    return decodeMessage(buf, SessionEnd.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<SessionEnd>): Generator<SessionEndSessionFieldEvent | SessionEndCodeFieldEvent | SessionEndRetryMsFieldEvent> {
    return streamMessage(buf, SessionEnd.codec(), opts)
  }
}

export interface Bound {
  space: number
  ms: number
  tick: number
  actor: Uint8Array<ArrayBuffer>
  counter: number
}

export namespace Bound {
  let _codec: Codec<Bound>

  export const codec = (): Codec<Bound> => {
    if (_codec == null) {
      _codec = message<Bound>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.space != null && obj.space !== 0)) {
          w.uint32(8)
          w.uint32(obj.space)
        }

        if ((obj.ms != null && obj.ms !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.ms)
        }

        if ((obj.tick != null && obj.tick !== 0)) {
          w.uint32(24)
          w.uint32(obj.tick)
        }

        if ((obj.actor != null && obj.actor.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.actor)
        }

        if ((obj.counter != null && obj.counter !== 0)) {
          w.uint32(40)
          w.uint64Number(obj.counter)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          space: 0,
          ms: 0,
          tick: 0,
          actor: uint8ArrayAlloc(0),
          counter: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.space = reader.uint32()
              break
            }
            case 2: {
              obj.ms = reader.uint64Number()
              break
            }
            case 3: {
              obj.tick = reader.uint32()
              break
            }
            case 4: {
              obj.actor = reader.bytes()
              break
            }
            case 5: {
              obj.counter = reader.uint64Number()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.space`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.ms`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              yield {
                field: `${prefix}.tick`,
                value: reader.uint32()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.actor`,
                value: reader.bytes()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.counter`,
                value: reader.uint64Number()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface BoundSpaceFieldEvent {
    field: '$.space'
    value: number
  }

  export interface BoundMsFieldEvent {
    field: '$.ms'
    value: number
  }

  export interface BoundTickFieldEvent {
    field: '$.tick'
    value: number
  }

  export interface BoundActorFieldEvent {
    field: '$.actor'
    value: Uint8Array<ArrayBuffer>
  }

  export interface BoundCounterFieldEvent {
    field: '$.counter'
    value: number
  }

  export function encode (obj: Partial<Bound>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Bound.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Bound>): Bound {
    return decodeMessage(buf, Bound.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Bound>): Generator<BoundSpaceFieldEvent | BoundMsFieldEvent | BoundTickFieldEvent | BoundActorFieldEvent | BoundCounterFieldEvent> {
    return streamMessage(buf, Bound.codec(), opts)
  }
}

export interface Range {
  lower?: Bound
  upper?: Bound
  fingerprint: Uint8Array<ArrayBuffer>
  count: number
  listed: boolean
  dots: Uint8Array<ArrayBuffer>
  hashes: Uint8Array<ArrayBuffer>
}

export namespace Range {
  let _codec: Codec<Range>

  export const codec = (): Codec<Range> => {
    if (_codec == null) {
      _codec = message<Range>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if (obj.lower != null) {
          w.uint32(10)
          Bound.codec().encode(obj.lower, w)
        }

        if (obj.upper != null) {
          w.uint32(18)
          Bound.codec().encode(obj.upper, w)
        }

        if ((obj.fingerprint != null && obj.fingerprint.byteLength > 0)) {
          w.uint32(26)
          w.bytes(obj.fingerprint)
        }

        if ((obj.count != null && obj.count !== 0)) {
          w.uint32(32)
          w.uint32(obj.count)
        }

        if ((obj.listed != null && obj.listed !== false)) {
          w.uint32(40)
          w.bool(obj.listed)
        }

        if ((obj.dots != null && obj.dots.byteLength > 0)) {
          w.uint32(50)
          w.bytes(obj.dots)
        }

        if ((obj.hashes != null && obj.hashes.byteLength > 0)) {
          w.uint32(58)
          w.bytes(obj.hashes)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          fingerprint: uint8ArrayAlloc(0),
          count: 0,
          listed: false,
          dots: uint8ArrayAlloc(0),
          hashes: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.lower = Bound.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.lower
              })
              break
            }
            case 2: {
              obj.upper = Bound.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.upper
              })
              break
            }
            case 3: {
              obj.fingerprint = reader.bytes()
              break
            }
            case 4: {
              obj.count = reader.uint32()
              break
            }
            case 5: {
              obj.listed = reader.bool()
              break
            }
            case 6: {
              obj.dots = reader.bytes()
              break
            }
            case 7: {
              obj.hashes = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield * Bound.codec().stream(reader, reader.uint32(), `${prefix}.lower`, {
                limits: opts.limits?.lower
              })

              break
            }
            case 2: {
              yield * Bound.codec().stream(reader, reader.uint32(), `${prefix}.upper`, {
                limits: opts.limits?.upper
              })

              break
            }
            case 3: {
              yield {
                field: `${prefix}.fingerprint`,
                value: reader.bytes()
              }
              break
            }
            case 4: {
              yield {
                field: `${prefix}.count`,
                value: reader.uint32()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.listed`,
                value: reader.bool()
              }
              break
            }
            case 6: {
              yield {
                field: `${prefix}.dots`,
                value: reader.bytes()
              }
              break
            }
            case 7: {
              yield {
                field: `${prefix}.hashes`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface RangeLowerSpaceFieldEvent {
    field: '$.lower.space'
    value: number
  }

  export interface RangeLowerMsFieldEvent {
    field: '$.lower.ms'
    value: number
  }

  export interface RangeLowerTickFieldEvent {
    field: '$.lower.tick'
    value: number
  }

  export interface RangeLowerActorFieldEvent {
    field: '$.lower.actor'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RangeLowerCounterFieldEvent {
    field: '$.lower.counter'
    value: number
  }

  export interface RangeUpperSpaceFieldEvent {
    field: '$.upper.space'
    value: number
  }

  export interface RangeUpperMsFieldEvent {
    field: '$.upper.ms'
    value: number
  }

  export interface RangeUpperTickFieldEvent {
    field: '$.upper.tick'
    value: number
  }

  export interface RangeUpperActorFieldEvent {
    field: '$.upper.actor'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RangeUpperCounterFieldEvent {
    field: '$.upper.counter'
    value: number
  }

  export interface RangeFingerprintFieldEvent {
    field: '$.fingerprint'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RangeCountFieldEvent {
    field: '$.count'
    value: number
  }

  export interface RangeListedFieldEvent {
    field: '$.listed'
    value: boolean
  }

  export interface RangeDotsFieldEvent {
    field: '$.dots'
    value: Uint8Array<ArrayBuffer>
  }

  export interface RangeHashesFieldEvent {
    field: '$.hashes'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Range>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Range.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Range>): Range {
    return decodeMessage(buf, Range.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Range>): Generator<RangeLowerSpaceFieldEvent | RangeLowerMsFieldEvent | RangeLowerTickFieldEvent | RangeLowerActorFieldEvent | RangeLowerCounterFieldEvent | RangeUpperSpaceFieldEvent | RangeUpperMsFieldEvent | RangeUpperTickFieldEvent | RangeUpperActorFieldEvent | RangeUpperCounterFieldEvent | RangeFingerprintFieldEvent | RangeCountFieldEvent | RangeListedFieldEvent | RangeDotsFieldEvent | RangeHashesFieldEvent> {
    return streamMessage(buf, Range.codec(), opts)
  }
}

export interface Ranges {
  session: number
  clock: number
  actors: Uint8Array<ArrayBuffer>[]
  ranges: Range[]
}

export namespace Ranges {
  let _codec: Codec<Ranges>

  export const codec = (): Codec<Ranges> => {
    if (_codec == null) {
      _codec = message<Ranges>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if ((obj.clock != null && obj.clock !== 0)) {
          w.uint32(16)
          w.uint64Number(obj.clock)
        }

        if (obj.actors != null && obj.actors.length > 0) {
          for (const value of obj.actors) {
            w.uint32(26)
            w.bytes(value)
          }
        }

        if (obj.ranges != null && obj.ranges.length > 0) {
          for (const value of obj.ranges) {
            w.uint32(34)
            Range.codec().encode(value, w)
          }
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          clock: 0,
          actors: [],
          ranges: []
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              obj.clock = reader.uint64Number()
              break
            }
            case 3: {
              if (opts.limits?.actors != null && obj.actors.length === opts.limits.actors) {
                throw new MaxLengthError('Decode error - repeated field "actors" had too many elements')
              }

              obj.actors.push(reader.bytes())
              break
            }
            case 4: {
              if (opts.limits?.ranges != null && obj.ranges.length === opts.limits.ranges) {
                throw new MaxLengthError('Decode error - repeated field "ranges" had too many elements')
              }

              obj.ranges.push(Range.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.ranges$
              }))
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          actors: 0,
          ranges: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.clock`,
                value: reader.uint64Number()
              }
              break
            }
            case 3: {
              if (opts.limits?.actors != null && obj.actors === opts.limits.actors) {
                throw new MaxLengthError('Streaming decode error - repeated field "actors" had too many elements')
              }

              yield {
                field: `${prefix}.actors[]`,
                index: obj.actors,
                value: reader.bytes()
              }

              obj.actors++

              break
            }
            case 4: {
              if (opts.limits?.ranges != null && obj.ranges === opts.limits.ranges) {
                throw new MaxLengthError('Streaming decode error - repeated field "ranges" had too many elements')
              }

              for (const evt of Range.codec().stream(reader, reader.uint32(), `${prefix}.ranges[]`, {
                limits: opts.limits?.ranges$
              })) {
                yield {
                  ...evt,
                  index: obj.ranges
                }
              }

              obj.ranges++

              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface RangesSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface RangesClockFieldEvent {
    field: '$.clock'
    value: number
  }

  export interface RangesActorsFieldEvent {
    field: '$.actors[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface RangesRangesLowerSpaceFieldEvent {
    field: '$.ranges[].lower.space'
    value: number
    index: number
  }

  export interface RangesRangesLowerMsFieldEvent {
    field: '$.ranges[].lower.ms'
    value: number
    index: number
  }

  export interface RangesRangesLowerTickFieldEvent {
    field: '$.ranges[].lower.tick'
    value: number
    index: number
  }

  export interface RangesRangesLowerActorFieldEvent {
    field: '$.ranges[].lower.actor'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface RangesRangesLowerCounterFieldEvent {
    field: '$.ranges[].lower.counter'
    value: number
    index: number
  }

  export interface RangesRangesUpperSpaceFieldEvent {
    field: '$.ranges[].upper.space'
    value: number
    index: number
  }

  export interface RangesRangesUpperMsFieldEvent {
    field: '$.ranges[].upper.ms'
    value: number
    index: number
  }

  export interface RangesRangesUpperTickFieldEvent {
    field: '$.ranges[].upper.tick'
    value: number
    index: number
  }

  export interface RangesRangesUpperActorFieldEvent {
    field: '$.ranges[].upper.actor'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface RangesRangesUpperCounterFieldEvent {
    field: '$.ranges[].upper.counter'
    value: number
    index: number
  }

  export interface RangesRangesFingerprintFieldEvent {
    field: '$.ranges[].fingerprint'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface RangesRangesCountFieldEvent {
    field: '$.ranges[].count'
    value: number
    index: number
  }

  export interface RangesRangesListedFieldEvent {
    field: '$.ranges[].listed'
    value: boolean
    index: number
  }

  export interface RangesRangesDotsFieldEvent {
    field: '$.ranges[].dots'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface RangesRangesHashesFieldEvent {
    field: '$.ranges[].hashes'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export function encode (obj: Partial<Ranges>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Ranges.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Ranges>): Ranges {
    return decodeMessage(buf, Ranges.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Ranges>): Generator<RangesSessionFieldEvent | RangesClockFieldEvent | RangesActorsFieldEvent | RangesRangesLowerSpaceFieldEvent | RangesRangesLowerMsFieldEvent | RangesRangesLowerTickFieldEvent | RangesRangesLowerActorFieldEvent | RangesRangesLowerCounterFieldEvent | RangesRangesUpperSpaceFieldEvent | RangesRangesUpperMsFieldEvent | RangesRangesUpperTickFieldEvent | RangesRangesUpperActorFieldEvent | RangesRangesUpperCounterFieldEvent | RangesRangesFingerprintFieldEvent | RangesRangesCountFieldEvent | RangesRangesListedFieldEvent | RangesRangesDotsFieldEvent | RangesRangesHashesFieldEvent> {
    return streamMessage(buf, Ranges.codec(), opts)
  }
}

export interface Candidate {
  key: Uint8Array<ArrayBuffer>
  dots: Uint8Array<ArrayBuffer>
}

export namespace Candidate {
  let _codec: Codec<Candidate>

  export const codec = (): Codec<Candidate> => {
    if (_codec == null) {
      _codec = message<Candidate>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.key != null && obj.key.byteLength > 0)) {
          w.uint32(10)
          w.bytes(obj.key)
        }

        if ((obj.dots != null && obj.dots.byteLength > 0)) {
          w.uint32(18)
          w.bytes(obj.dots)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          key: uint8ArrayAlloc(0),
          dots: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.key = reader.bytes()
              break
            }
            case 2: {
              obj.dots = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.key`,
                value: reader.bytes()
              }
              break
            }
            case 2: {
              yield {
                field: `${prefix}.dots`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface CandidateKeyFieldEvent {
    field: '$.key'
    value: Uint8Array<ArrayBuffer>
  }

  export interface CandidateDotsFieldEvent {
    field: '$.dots'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Candidate>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Candidate.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Candidate>): Candidate {
    return decodeMessage(buf, Candidate.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Candidate>): Generator<CandidateKeyFieldEvent | CandidateDotsFieldEvent> {
    return streamMessage(buf, Candidate.codec(), opts)
  }
}

export interface Resolve {
  session: number
  actors: Uint8Array<ArrayBuffer>[]
  keys: Candidate[]
  unknown: Uint8Array<ArrayBuffer>
}

export namespace Resolve {
  let _codec: Codec<Resolve>

  export const codec = (): Codec<Resolve> => {
    if (_codec == null) {
      _codec = message<Resolve>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if (obj.actors != null && obj.actors.length > 0) {
          for (const value of obj.actors) {
            w.uint32(18)
            w.bytes(value)
          }
        }

        if (obj.keys != null && obj.keys.length > 0) {
          for (const value of obj.keys) {
            w.uint32(26)
            Candidate.codec().encode(value, w)
          }
        }

        if ((obj.unknown != null && obj.unknown.byteLength > 0)) {
          w.uint32(34)
          w.bytes(obj.unknown)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          actors: [],
          keys: [],
          unknown: uint8ArrayAlloc(0)
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              if (opts.limits?.actors != null && obj.actors.length === opts.limits.actors) {
                throw new MaxLengthError('Decode error - repeated field "actors" had too many elements')
              }

              obj.actors.push(reader.bytes())
              break
            }
            case 3: {
              if (opts.limits?.keys != null && obj.keys.length === opts.limits.keys) {
                throw new MaxLengthError('Decode error - repeated field "keys" had too many elements')
              }

              obj.keys.push(Candidate.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.keys$
              }))
              break
            }
            case 4: {
              obj.unknown = reader.bytes()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          actors: 0,
          keys: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              if (opts.limits?.actors != null && obj.actors === opts.limits.actors) {
                throw new MaxLengthError('Streaming decode error - repeated field "actors" had too many elements')
              }

              yield {
                field: `${prefix}.actors[]`,
                index: obj.actors,
                value: reader.bytes()
              }

              obj.actors++

              break
            }
            case 3: {
              if (opts.limits?.keys != null && obj.keys === opts.limits.keys) {
                throw new MaxLengthError('Streaming decode error - repeated field "keys" had too many elements')
              }

              for (const evt of Candidate.codec().stream(reader, reader.uint32(), `${prefix}.keys[]`, {
                limits: opts.limits?.keys$
              })) {
                yield {
                  ...evt,
                  index: obj.keys
                }
              }

              obj.keys++

              break
            }
            case 4: {
              yield {
                field: `${prefix}.unknown`,
                value: reader.bytes()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface ResolveSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface ResolveActorsFieldEvent {
    field: '$.actors[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface ResolveKeysKeyFieldEvent {
    field: '$.keys[].key'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ResolveKeysDotsFieldEvent {
    field: '$.keys[].dots'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ResolveUnknownFieldEvent {
    field: '$.unknown'
    value: Uint8Array<ArrayBuffer>
  }

  export function encode (obj: Partial<Resolve>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Resolve.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Resolve>): Resolve {
    return decodeMessage(buf, Resolve.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Resolve>): Generator<ResolveSessionFieldEvent | ResolveActorsFieldEvent | ResolveKeysKeyFieldEvent | ResolveKeysDotsFieldEvent | ResolveUnknownFieldEvent> {
    return streamMessage(buf, Resolve.codec(), opts)
  }
}

export interface Resolved {
  session: number
  actors: Uint8Array<ArrayBuffer>[]
  keys: KeyState[]
  wanted: number
  answered: number
}

export namespace Resolved {
  let _codec: Codec<Resolved>

  export const codec = (): Codec<Resolved> => {
    if (_codec == null) {
      _codec = message<Resolved>((obj, w, opts = {}) => {
        if (opts.lengthDelimited !== false) {
          w.fork()
        }

        if ((obj.session != null && obj.session !== 0)) {
          w.uint32(8)
          w.uint32(obj.session)
        }

        if (obj.actors != null && obj.actors.length > 0) {
          for (const value of obj.actors) {
            w.uint32(18)
            w.bytes(value)
          }
        }

        if (obj.keys != null && obj.keys.length > 0) {
          for (const value of obj.keys) {
            w.uint32(26)
            KeyState.codec().encode(value, w)
          }
        }

        if ((obj.wanted != null && obj.wanted !== 0)) {
          w.uint32(32)
          w.uint32(obj.wanted)
        }

        if ((obj.answered != null && obj.answered !== 0)) {
          w.uint32(40)
          w.uint32(obj.answered)
        }

        if (opts.lengthDelimited !== false) {
          w.ldelim()
        }
      }, (reader, length, opts = {}) => {
        const obj: any = {
          session: 0,
          actors: [],
          keys: [],
          wanted: 0,
          answered: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              obj.session = reader.uint32()
              break
            }
            case 2: {
              if (opts.limits?.actors != null && obj.actors.length === opts.limits.actors) {
                throw new MaxLengthError('Decode error - repeated field "actors" had too many elements')
              }

              obj.actors.push(reader.bytes())
              break
            }
            case 3: {
              if (opts.limits?.keys != null && obj.keys.length === opts.limits.keys) {
                throw new MaxLengthError('Decode error - repeated field "keys" had too many elements')
              }

              obj.keys.push(KeyState.codec().decode(reader, reader.uint32(), {
                limits: opts.limits?.keys$
              }))
              break
            }
            case 4: {
              obj.wanted = reader.uint32()
              break
            }
            case 5: {
              obj.answered = reader.uint32()
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }

        return obj
      }, function * (reader, length, prefix, opts = {}) {
        const obj = {
          actors: 0,
          keys: 0
        }

        const end = length == null ? reader.len : reader.pos + length

        while (reader.pos < end) {
          const tag = reader.uint32()

          switch (tag >>> 3) {
            case 1: {
              yield {
                field: `${prefix}.session`,
                value: reader.uint32()
              }
              break
            }
            case 2: {
              if (opts.limits?.actors != null && obj.actors === opts.limits.actors) {
                throw new MaxLengthError('Streaming decode error - repeated field "actors" had too many elements')
              }

              yield {
                field: `${prefix}.actors[]`,
                index: obj.actors,
                value: reader.bytes()
              }

              obj.actors++

              break
            }
            case 3: {
              if (opts.limits?.keys != null && obj.keys === opts.limits.keys) {
                throw new MaxLengthError('Streaming decode error - repeated field "keys" had too many elements')
              }

              for (const evt of KeyState.codec().stream(reader, reader.uint32(), `${prefix}.keys[]`, {
                limits: opts.limits?.keys$
              })) {
                yield {
                  ...evt,
                  index: obj.keys
                }
              }

              obj.keys++

              break
            }
            case 4: {
              yield {
                field: `${prefix}.wanted`,
                value: reader.uint32()
              }
              break
            }
            case 5: {
              yield {
                field: `${prefix}.answered`,
                value: reader.uint32()
              }
              break
            }
            default: {
              reader.skipType(tag & 7)
              break
            }
          }
        }
      })
    }

    return _codec
  }

  export interface ResolvedSessionFieldEvent {
    field: '$.session'
    value: number
  }

  export interface ResolvedActorsFieldEvent {
    field: '$.actors[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface ResolvedKeysKeyFieldEvent {
    field: '$.keys[].key'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ResolvedKeysHeldFieldEvent {
    field: '$.keys[].held'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ResolvedKeysItemsFieldEvent {
    field: '$.keys[].items[]'
    index: number
    value: Uint8Array<ArrayBuffer>
  }

  export interface ResolvedKeysRemovedFieldEvent {
    field: '$.keys[].removed'
    value: Uint8Array<ArrayBuffer>
    index: number
  }

  export interface ResolvedWantedFieldEvent {
    field: '$.wanted'
    value: number
  }

  export interface ResolvedAnsweredFieldEvent {
    field: '$.answered'
    value: number
  }

  export function encode (obj: Partial<Resolved>): Uint8Array<ArrayBuffer> {
    return encodeMessage(obj, Resolved.codec())
  }

  export function decode (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Resolved>): Resolved {
    return decodeMessage(buf, Resolved.codec(), opts)
  }

  export function stream (buf: Uint8Array | Uint8ArrayList, opts?: DecodeOptions<Resolved>): Generator<ResolvedSessionFieldEvent | ResolvedActorsFieldEvent | ResolvedKeysKeyFieldEvent | ResolvedKeysHeldFieldEvent | ResolvedKeysItemsFieldEvent | ResolvedKeysRemovedFieldEvent | ResolvedWantedFieldEvent | ResolvedAnsweredFieldEvent> {
    return streamMessage(buf, Resolved.codec(), opts)
  }
}
