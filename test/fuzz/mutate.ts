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
const WIRES = [VARINT, FIXED64, BYTES, FIXED32]
const DEPTH_MAX = 4
const MUTATIONS_MAX = 4
/** No message that is accepted for what it carries need be larger to break a decoder. */
const INPUT_BYTES_MAX = 64 * 1024
const VARINT_BYTES_MAX = 10
/** A tag above has a field number that no message of ours has: what is read is no message. */
const TAG_MAX = 2 ** 16

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
].map((value) => varintOf(value))

/** Never changed: a mutated message shares the fields that stayed as they were. */
interface Field {
  number: number
  wire: number
  /** As it is encoded, without tag and length. */
  body: Uint8Array
  /** What `body` reads as; where it is there, it is what counts. */
  fields: readonly Field[] | undefined
}

type Fields = readonly Field[]

/** Inputs are mutated again and again. */
const parsed = new WeakMap<Uint8Array, Fields | 'none'>()

function fieldsOf(input: Uint8Array, prefixBytes: number): Fields | undefined {
  let fields = parsed.get(input)
  if (fields === undefined) {
    fields = parse(input.subarray(prefixBytes), 0) ?? 'none'
    parsed.set(input, fields)
  }
  return fields === 'none' ? undefined : fields
}

export function mutateProtobuf(
  prefixBytes: number,
  input: Uint8Array,
  other: Uint8Array,
  random: Seeded,
): Uint8Array {
  let fields = random.chance(0.9) ? fieldsOf(input, prefixBytes) : undefined
  if (fields === undefined) return mutateBytes(input, other, random)
  const others = fieldsOf(other, prefixBytes) ?? []
  for (let i = random.int(1, MUTATIONS_MAX); i > 0; i--) {
    fields = mutateFields(fields, others, random)
  }
  const out = new Uint8Array(prefixBytes + sizeOf(fields))
  out.set(input.subarray(0, prefixBytes))
  write(fields, out, prefixBytes)
  return out.subarray(0, INPUT_BYTES_MAX)
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
  if (random.chance(0.7)) {
    const mutated = mutateJson(input, other, random)
    if (mutated !== undefined) return mutated
  }
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

type Holder = Record<string, unknown>

const JSON_VALUES = [
  null, true, 0, -1, 0.5, 2 ** 31, 2 ** 48, 2 ** 53, 2 ** 53 + 2, 1e308, '', 'k', 'put', 'delete', 'AAAA', '/wA=', '!!!!', '\ud800',
  '\0', 'é', 'ab'.repeat(16), [], {}, [[[[]]]], ['k'], { ms: 1, tick: 0 },
] // prettier-ignore
const JSON_NAMES = ['op', 'key', 'keyBase64', 'value', 'valueBase64', 'token', 'ttl', 'expiresAt', 'siblings', '__proto__'] // prettier-ignore

/** Changes some places in what the text says. Undefined where it is no JSON object. */
function mutateJson(input: Uint8Array, other: Uint8Array, random: Seeded): Uint8Array | undefined {
  const [tree, donor] = [parseObject(input), parseObject(other)]
  if (tree === undefined) return undefined
  for (let i = random.int(1, MUTATIONS_MAX); i > 0; i--) {
    const { holder, name } = placeIn(tree, random)
    const kind = random.int(0, 4)
    if (kind === 0) delete holder[name]
    else if (kind === 1) set(holder, name, random.pick(JSON_VALUES))
    else if (kind === 2) set(holder, random.pick(JSON_NAMES), random.pick(JSON_VALUES))
    else if (kind === 3) set(holder, random.pick(JSON_NAMES), holder[name])
    else if (donor !== undefined) {
      const from = placeIn(donor, random)
      set(holder, from.name, from.holder[from.name])
    }
  }
  return Buffer.from(JSON.stringify(tree)).subarray(0, INPUT_BYTES_MAX)
}

/** A copy, as a property of its own, also where it is called `__proto__`. */
function set(holder: Holder, name: string, value: unknown): void {
  const own = {
    value: structuredClone(value),
    enumerable: true,
    configurable: true,
    writable: true,
  }
  Object.defineProperty(holder, name, own)
}

function parseObject(input: Uint8Array): Holder | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(input).toString('utf8'))
    return isHolder(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isHolder(value: unknown): value is Holder {
  return typeof value === 'object' && value !== null
}

/** Somewhere in the tree, near its root more often. */
function placeIn(tree: Holder, random: Seeded): { holder: Holder; name: string } {
  let holder = tree
  for (;;) {
    const names = Object.keys(holder)
    if (names.length === 0) return { holder, name: random.pick(JSON_NAMES) }
    const name = random.pick(names)
    const inner = holder[name]
    if (!isHolder(inner) || random.chance(0.3)) return { holder, name }
    holder = inner
  }
}

function mutateFields(fields: Fields, others: Fields, random: Seeded): Fields {
  const at = random.int(0, Math.max(fields.length - 1, 0))
  const field = fields[at]
  const kind = random.int(0, 7)
  if (field === undefined || kind === 0) {
    return others.length === 0 ? fields : fields.toSpliced(at, 0, random.pick(others))
  }
  if (kind === 1) return fields.toSpliced(at, 1)
  if (kind === 2) return fields.toSpliced(at, 0, field)
  if (kind === 3) {
    const rest = fields.toSpliced(at, 1)
    return rest.toSpliced(random.int(0, rest.length), 0, field)
  }
  if (kind === 4) return fields.with(at, renamed(field, random))
  return fields.with(at, mutateField(field, others, random))
}

/** Another field, or one of another kind. */
function renamed(field: Field, random: Seeded): Field {
  if (random.chance(0.7)) return { ...field, number: random.int(1, 16) }
  const wire = random.pick(WIRES)
  if (wire === VARINT) return { ...field, wire, body: random.pick(NUMBERS), fields: undefined }
  if (wire === BYTES) return { ...field, wire }
  return { ...field, wire, body: random.bytes(wire === FIXED64 ? 8 : 4), fields: undefined }
}

function mutateField(field: Field, others: Fields, random: Seeded): Field {
  if (field.wire === VARINT) {
    const body = random.chance(0.7)
      ? random.pick(NUMBERS)
      : varintOf(valueOf(field.body) ^ (1n << BigInt(random.int(0, 63))))
    return { ...field, body }
  }
  if (field.wire !== BYTES) return { ...field, body: random.bytes(field.body.length) }
  if (field.fields !== undefined && random.chance(0.8)) {
    const inner = random.chance(0.5) ? others.flatMap((one) => one.fields ?? []) : field.fields
    return { ...field, fields: mutateFields(field.fields, inner, random) }
  }
  return { ...field, body: mutateBody(field, others, random), fields: undefined }
}

function mutateBody(field: Field, others: Fields, random: Seeded): Uint8Array {
  const body = bodyOf(field)
  const kind = random.int(0, 3)
  if (kind === 0) return body.slice(0, random.int(0, body.length))
  if (kind === 1) return numbers(random)
  if (kind === 2) return random.bytes(random.pick([0, 1, 7, 8, 9, 15, 16, 17, 32, 1025]))
  return mutateBytes(body, others.length > 0 ? bodyOf(random.pick(others)) : body, random)
}

/** Packed varints, as lists of dots, ranges and intervals are. */
function numbers(random: Seeded): Uint8Array {
  return joined(...Array.from({ length: random.int(0, 8) }, () => random.pick(NUMBERS)))
}

// Protobuf's encoding.

function varintOf(value: bigint): Uint8Array {
  const out: number[] = []
  for (let rest = BigInt.asUintN(64, value); ; rest >>= 7n) {
    const low = Number(rest & 0x7fn)
    if (rest < 0x80n) return Uint8Array.from([...out, low])
    out.push(low | 0x80)
  }
}

function valueOf(varint: Uint8Array): bigint {
  return varint.reduceRight((value, byte) => (value << 7n) | BigInt(byte & 0x7f), 0n)
}

/** Undefined where the bytes are no message. */
function parse(bytes: Uint8Array, depth: number): Fields | undefined {
  const fields: Field[] = []
  let at = 0
  /** Where the varint that begins at `at` ends; 0 where it does not. */
  const varintEnd = (): number => {
    for (let end = at; end < bytes.length && end - at < VARINT_BYTES_MAX; end++) {
      if (bytes[end]! < 0x80) return end + 1
    }
    return 0
  }
  const readNumber = (): number => {
    const end = varintEnd()
    let value = 0
    for (let i = end - 1; i >= at; i--) value = value * 128 + (bytes[i]! & 0x7f)
    at = end
    return end === 0 ? Number.NaN : value
  }
  while (at < bytes.length) {
    const tag = readNumber()
    if (!(tag >= 8 && tag < TAG_MAX)) return undefined
    const wire = tag & 7
    let end: number
    if (wire === VARINT) end = varintEnd()
    else if (wire === BYTES) {
      const length = readNumber()
      end = at + length
    } else if (wire === FIXED64) end = at + 8
    else if (wire === FIXED32) end = at + 4
    else return undefined
    if (!(end > 0 && end <= bytes.length)) return undefined
    const body = bytes.slice(at, end)
    const inner = wire === BYTES && depth < DEPTH_MAX && body.length > 1
    fields.push({
      number: tag >> 3,
      wire,
      body,
      fields: inner ? parse(body, depth + 1) : undefined,
    })
    at = end
  }
  return fields
}

function bodyOf({ body, fields }: Field): Uint8Array {
  if (fields === undefined) return body
  const out = new Uint8Array(sizeOf(fields))
  write(fields, out, 0)
  return out
}

function sizeOf(fields: Fields): number {
  let size = 0
  for (const { number, wire, body, fields: inner } of fields) {
    const length = inner === undefined ? body.length : sizeOf(inner)
    size += varintSize((number << 3) | wire) + length
    if (wire === BYTES) size += varintSize(length)
  }
  return size
}

function write(fields: Fields, out: Uint8Array, start: number): number {
  let at = start
  for (const { number, wire, body, fields: inner } of fields) {
    at = writeVarint((number << 3) | wire, out, at)
    const length = inner === undefined ? body.length : sizeOf(inner)
    if (wire === BYTES) at = writeVarint(length, out, at)
    if (inner === undefined) {
      out.set(body, at)
      at += length
    } else at = write(inner, out, at)
  }
  return at
}

function varintSize(value: number): number {
  let size = 1
  for (let rest = value; rest >= 128; rest /= 128) size++
  return size
}

function writeVarint(value: number, out: Uint8Array, start: number): number {
  let at = start
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) out[at++] = (rest & 0x7f) | 0x80
  out[at++] = rest
  return at
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts).subarray(0, INPUT_BYTES_MAX)
}
