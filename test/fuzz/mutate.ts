/**
 * Mutations of valid inputs that know their structure, so that most of them get past the first check.
 *
 * A protobuf message is taken apart into its fields, and fields of bytes that read as a message again, as far down as they
 * do. Fields are dropped, doubled, moved, taken from another input; numbers become those at which code breaks; bytes are
 * cut, grown, filled with numbers. Text is mutated by tokens. Now and then raw bytes are damaged instead.
 */
import type { Seeded } from '../support/seeded.ts'

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5
const DEPTH_MAX = 4
const MUTATIONS_MAX = 4
/** No message that is accepted for what it carries need be larger to break a decoder. */
const INPUT_BYTES_MAX = 64 * 1024

/** Bounds of types, of the protocol, and what lies beside them. */
const NUMBERS = [
  0n,
  1n,
  2n,
  15n,
  16n,
  17n,
  127n,
  128n,
  255n,
  256n,
  1023n,
  1024n,
  1025n,
  65_535n,
  65_536n,
  131_072n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 48n - 1n,
  2n ** 48n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]

interface Field {
  number: number
  wire: number
  value: bigint
  bytes: Uint8Array
  fields: Field[] | undefined
}

export function mutateProtobuf(
  prefixBytes: number,
  input: Uint8Array,
  other: Uint8Array,
  random: Seeded,
): Uint8Array {
  const fields = random.chance(0.9) ? parse(input.subarray(prefixBytes), 0) : undefined
  if (fields === undefined) return mutateBytes(input, other, random)
  const others = parse(other.subarray(prefixBytes), 0) ?? []
  for (let i = random.int(1, MUTATIONS_MAX); i > 0; i--) mutateFields(fields, others, random)
  const body = encode(fields)
  const out = new Uint8Array(Math.min(prefixBytes + body.length, INPUT_BYTES_MAX))
  out.set(input.subarray(0, prefixBytes))
  out.set(body.subarray(0, out.length - prefixBytes), prefixBytes)
  return out
}

export function mutateBytes(input: Uint8Array, other: Uint8Array, random: Seeded): Uint8Array {
  const at = random.int(0, input.length)
  const kind = random.int(0, 4)
  if (kind === 0) return Uint8Array.from(input.subarray(0, at))
  if (kind === 1)
    return joined(input.subarray(0, at), random.bytes(random.int(1, 12)), input.subarray(at))
  if (kind === 2) return joined(input.subarray(0, at), other.subarray(random.int(0, other.length)))
  // Not `slice`, which for a Buffer shares its bytes.
  const copy = Uint8Array.from(input)
  for (let i = random.int(1, 3); i > 0 && copy.length > 0; i--) {
    copy[random.int(0, copy.length - 1)]! ^= 1 << random.int(0, 7)
  }
  return copy
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|[[\]{},:]|\w+|\s+|./gsu
const TOKENS = [
  '{', '}', '[', ']', ',', ':', '""', '"key"', '"keyBase64"', '"value"', '"__proto__"', 'null', 'true', '0', '-1', '1e309',
  '9007199254740993', '"\\ud800"', '"\\u0000"', '"!!!!"', '"AAAA"', '[[[[[[[[', '{"a":{"a":{"a":{', '\n', '\r', '\u2028',
] // prettier-ignore

export function mutateText(input: Uint8Array, other: Uint8Array, random: Seeded): Uint8Array {
  if (random.chance(0.1)) return mutateBytes(input, other, random)
  const tokens = Buffer.from(input).toString('utf8').match(TOKEN) ?? []
  const others = Buffer.from(other).toString('utf8').match(TOKEN) ?? ['']
  for (let i = random.int(1, MUTATIONS_MAX); i > 0; i--) {
    const at = random.int(0, tokens.length)
    const kind = random.int(0, 3)
    if (kind === 0) tokens.splice(at, 1)
    else if (kind === 1) tokens.splice(at, 1, random.pick(TOKENS))
    else if (kind === 2) tokens.splice(at, 0, random.pick(TOKENS))
    else tokens.splice(at, random.int(0, 1), random.pick(others))
  }
  return Buffer.from(tokens.join('')).subarray(0, INPUT_BYTES_MAX)
}

function mutateFields(fields: Field[], others: readonly Field[], random: Seeded): void {
  const at = random.int(0, Math.max(fields.length - 1, 0))
  const field = fields[at]
  const kind = random.int(0, 7)
  if (field === undefined || kind === 0) {
    if (others.length > 0) fields.splice(at, 0, structuredClone(random.pick(others)))
    return
  }
  if (kind === 1) fields.splice(at, 1)
  else if (kind === 2) fields.splice(at, 0, structuredClone(field))
  else if (kind === 3) fields.splice(random.int(0, fields.length - 1), 0, ...fields.splice(at, 1))
  else if (kind === 4) field.number = random.int(1, 16)
  else mutateField(field, others, random)
}

function mutateField(field: Field, others: readonly Field[], random: Seeded): void {
  if (field.wire !== BYTES) {
    field.value = random.chance(0.7)
      ? random.pick(NUMBERS)
      : field.value ^ (1n << BigInt(random.int(0, 63)))
    return
  }
  if (field.fields !== undefined && random.chance(0.8)) {
    const inner = random.chance(0.5) ? others.flatMap((one) => one.fields ?? []) : field.fields
    return mutateFields(field.fields, inner, random)
  }
  field.fields = undefined
  const kind = random.int(0, 3)
  if (kind === 0) field.bytes = field.bytes.slice(0, random.int(0, field.bytes.length))
  else if (kind === 1) field.bytes = numbers(random)
  else if (kind === 2)
    field.bytes = random.bytes(random.pick([0, 1, 7, 8, 9, 15, 16, 17, 32, 1025]))
  else
    field.bytes = mutateBytes(
      field.bytes,
      random.pick(others.length > 0 ? others : [field]).bytes,
      random,
    )
}

/** Packed varints, as lists of dots, ranges and intervals are. */
function numbers(random: Seeded): Uint8Array {
  const out: number[] = []
  for (let i = random.int(0, 8); i > 0; i--) pushVarint(out, random.pick(NUMBERS))
  return Uint8Array.from(out)
}

/** Undefined where the bytes are no message. */
function parse(bytes: Uint8Array, depth: number): Field[] | undefined {
  const fields: Field[] = []
  let at = 0
  const varint = (): bigint | undefined => {
    let value = 0n
    for (let shift = 0n; shift < 70n && at < bytes.length; shift += 7n) {
      const byte = bytes[at++]!
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
    return undefined
  }
  while (at < bytes.length) {
    const tag = varint()
    if (tag === undefined || tag >= 2n ** 16n || tag < 8n) return undefined
    const number = Number(tag >> 3n)
    const wire = Number(tag & 7n)
    const field: Field = { number, wire, value: 0n, bytes: new Uint8Array(0), fields: undefined }
    if (wire === VARINT) {
      const value = varint()
      if (value === undefined) return undefined
      field.value = value
    } else if (wire === BYTES) {
      const length = varint()
      if (length === undefined || at + Number(length) > bytes.length) return undefined
      field.bytes = bytes.slice(at, at + Number(length))
      at += Number(length)
      if (depth < DEPTH_MAX && field.bytes.length > 1) field.fields = parse(field.bytes, depth + 1)
    } else return undefined
    fields.push(field)
  }
  return fields
}

function encode(fields: readonly Field[]): Uint8Array {
  const out: number[] = []
  for (const { number, wire, value, bytes, fields: inner } of fields) {
    pushVarint(out, (BigInt(number) << 3n) | BigInt(wire))
    if (wire === VARINT) pushVarint(out, BigInt.asUintN(64, value))
    else if (wire === FIXED64 || wire === FIXED32)
      out.push(...new Uint8Array(wire === FIXED64 ? 8 : 4))
    else {
      const body = inner === undefined ? bytes : encode(inner)
      pushVarint(out, BigInt(body.length))
      for (const byte of body) out.push(byte)
    }
  }
  return Uint8Array.from(out)
}

function pushVarint(out: number[], value: bigint): void {
  let rest = value
  while (rest >= 0x80n) {
    out.push(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  out.push(Number(rest))
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts).subarray(0, INPUT_BYTES_MAX)
}
