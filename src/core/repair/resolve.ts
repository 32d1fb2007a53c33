/**
 * The resolve step: what becomes of candidate keys.
 *
 * The asker names its dots of each key. From one look at its held items and its context the answerer says per key which
 * items to take, which of the asker's dots are removed (in its context, and held under no key), and how many it has never
 * seen and will come for itself. Only the replica that holds the context decides "removed" (R4).
 *
 * A dot that both hold with different contents, by their hashes, was given out twice: by a copy of a running process, or by
 * one that was put back to an earlier moment. The content with the greater hash stays, everywhere (R14): the answerer sends
 * its own if that is it, under whatever key it has it, and else comes for the asker's when it compares. The same where it let
 * another content go than the asker has (`dropped.ts`): it takes that back when it sees the asker's, and a third replica may
 * have it removed here once more before the asker comes again, for ever.
 *
 * A replica that catches up, or has begun not long ago and may have been catching up before, may lack the very value that took
 * the place of a dot that is dead here: whoever removed the dot on its word would show nothing instead (R5). So meanwhile it does
 * not call removed what is dead here by a peer's word alone where it holds nothing of the key; and while it knows that it catches
 * up it says so, so that its word leaves no key empty of which it shows another value.
 */
import { toBinary, fromBinary } from '../bytes.ts'
import { outlasts } from '../dropped.ts'
import { dotText, HASH_PREFIX_BYTES, hashPrefix, KEY_BYTES_MAX } from '../item.ts'
import type { ActorId } from '../bytes.ts'
import type { Dot, Item } from '../item.ts'
import type { Replica } from '../replica.ts'
import { ActorTable, decodeActors, decodeDots } from '../wire/dots.ts'
import type { KeyState as WireKeyState, Resolve, Resolved } from '../wire/messages.ts'
import { encodeKeyState, keyStateBytes } from './key-state.ts'
import type { KeyStateParts, Proof } from './key-state.ts'

/** Keys and dots asked in one message: more are refused. */
const CANDIDATES_MAX = 1024

export function encodeResolve(
  replica: Replica,
  session: number,
  keys: readonly string[],
  unknown: readonly Dot[],
): Resolve {
  const table = new ActorTable()
  const candidates = keys.map((key) => {
    const own = replica.siblings(key)
    const hashes = fromBinary(own.map(hashPrefix).join(''))
    return { key: fromBinary(key), dots: table.dots(own), hashes }
  })
  return { session, unknown: table.dots(unknown), keys: candidates, actors: table.actors }
}

export interface AnswerState {
  /** Whether a peer has, or may have, something that is on its way here. */
  catchingUp: boolean
  /** Whether what is dead here by hearsay is not called removed where nothing of its key is held. */
  keepsHearsay: boolean
  /** An answer stops after the key that takes it past this many bytes. */
  bytesMax: number
}

/** `undefined` when the request is malformed. */
export function answerResolve(
  replica: Replica,
  wire: Resolve,
  state: AnswerState,
): Resolved | undefined {
  const actors = decodeActors(wire.actors)
  const unknown = actors && decodeDots(wire.unknown, actors)
  if (actors === undefined || unknown === undefined) return undefined
  if (wire.keys.length + unknown.length > CANDIDATES_MAX) return undefined
  const answer = new AnswerBuilder(replica, state)
  for (const { key, dots, hashes } of wire.keys) {
    const theirs = decodeTheirs(dots, hashes, actors)
    if (theirs === undefined) return undefined
    // Of a key that cannot be there is nothing to say; those beside it are answered (R16).
    if (answer.full) break
    if (key.length === 0 || key.length > KEY_BYTES_MAX) answer.skip()
    else answer.addKey(toBinary(key), theirs)
  }
  for (const dot of unknown) {
    if (!answer.full) answer.addDot(dot)
  }
  return answer.build(wire.session)
}

interface TheirDot extends Dot {
  hash: string
}

function decodeTheirs(
  wireDots: Uint8Array,
  hashes: Uint8Array,
  actors: readonly ActorId[],
): TheirDot[] | undefined {
  const dots = decodeDots(wireDots, actors)
  if (dots === undefined || hashes.length !== dots.length * HASH_PREFIX_BYTES) return undefined
  return dots.map((dot, index) => {
    const at = index * HASH_PREFIX_BYTES
    return { ...dot, hash: toBinary(hashes.subarray(at, at + HASH_PREFIX_BYTES)) }
  })
}

class AnswerBuilder {
  readonly #replica: Replica
  readonly #state: AnswerState
  readonly #table = new ActorTable()
  readonly #keys: WireKeyState[] = []
  #bytes = 0
  #answered = 0
  #wanted = 0

  constructor(replica: Replica, state: AnswerState) {
    this.#replica = replica
    this.#state = state
  }

  get full(): boolean {
    return this.#bytes >= this.#state.bytesMax
  }

  skip(): void {
    this.#answered++
  }

  addKey(key: string, theirs: readonly TheirDot[]): void {
    this.#answered++
    const held = this.#replica.siblings(key)
    const removed: Dot[] = []
    const proofs: Proof[] = []
    const hearsay: Dot[] = []
    for (const dot of theirs) {
      const own = this.#replica.held(dot.actor, dot.counter)
      if (own !== undefined) {
        if (hashPrefix(own) > dot.hash) this.#addItem(own)
        continue
      }
      const other = this.#replica.dropped.other(dot, dot.hash)
      if (other !== undefined && outlasts(other, dot.hash)) {
        this.#addItem(other)
        continue
      }
      if (other !== undefined || !this.#replica.context.covers(dot.actor, dot.counter)) {
        this.#wanted++
        continue
      }
      const mutation = this.#replica.removals.of(dot)
      if (mutation !== undefined) {
        removed.push(dot)
        proofs.push({ mutation, removed: dot })
        continue
      }
      const isHearsay = this.#replica.hearsay.has(dot.actor, dot.counter)
      if (isHearsay) hearsay.push(dot)
      if (isHearsay && held.length === 0 && this.#state.keepsHearsay) continue
      removed.push(dot)
    }
    const known = new Set(theirs.map(dotText))
    const items = this.#thoseThatFit(held.filter((item) => !known.has(dotText(item))))
    this.#push({ key, held, items, removed, proofs, hearsay })
  }

  addDot(dot: Dot): void {
    this.#answered++
    const item = this.#replica.held(dot.actor, dot.counter)
    if (item !== undefined) this.#addItem(item)
  }

  build(session: number): Resolved {
    return {
      session,
      keys: this.#keys,
      actors: this.#table.actors,
      wanted: this.#wanted,
      answered: this.#answered,
      catchingUp: this.#state.catchingUp,
    }
  }

  #addItem(item: Item): void {
    const held = this.#replica.siblings(item.key)
    const others = held.filter((one) => one !== item)
    this.#push({ key: item.key, held, items: this.#thoseThatFit([item, ...others]) })
  }

  #push(parts: KeyStateParts): void {
    this.#bytes += keyStateBytes(parts)
    this.#keys.push(encodeKeyState(parts, this.#table))
  }

  /** The first always fits; a key whose survivors do not all fit is only partly resolved this time. */
  #thoseThatFit(items: readonly Item[]): Item[] {
    let bytes = 0
    return items.filter((item, index) => {
      if (index > 0 && bytes + item.envelopeBytes > this.#state.bytesMax) return false
      bytes += item.envelopeBytes
      return true
    })
  }
}
