/** The answering side of a pull that is narrowed to buckets of actors first. */
import assert from 'node:assert/strict'
import { toBinary } from '../../src/core/bytes.ts'
import { bucketOf, Context } from '../../src/core/context.ts'
import { makeRegister } from '../../src/core/item.ts'
import type { Item } from '../../src/core/item.ts'
import { Answerer } from '../../src/core/repair/answerer.ts'
import { PullAsk } from '../../src/core/repair/pull-ask.ts'
import { SIZES } from '../../src/core/repair/sizes.ts'
import { Replica } from '../../src/core/replica.ts'
import { decodeActors, decodeRanges } from '../../src/core/wire/dots.ts'
import type { LinkBodies, LinkType } from '../../src/core/wire/link.ts'
import type { PullRequest } from '../../src/core/wire/messages.ts'
import { hash, SETTINGS } from '../support/fleet.ts'
import { Seeded } from '../support/seeded.ts'

/** More than a request names one by one. */
const ACTORS = 300
const { sessionTimeout: timeoutMs } = SETTINGS.repair

type Sent = { [T in LinkType]: { type: T; body: LinkBodies[T] } }[LinkType]

class Side {
  mono = 0
  readonly sent: Sent[] = []
  readonly replica = new Replica(hash)
  readonly answerer = new Answerer({
    replica: this.replica,
    sizes: SIZES,
    windowBytes: 1_000_000,
    timeoutMs,
    mono: () => this.mono,
    send: (type, body) => {
      this.sent.push({ type, body } as Sent)
      return 100
    },
    young: () => new Map(),
    mayPull: () => true,
    complete: () => true,
    isCatchingUp: () => false,
    keepsHearsay: () => false,
    serve: () => undefined,
    violation: (what) => assert.fail(what),
  })

  /** What is sent in answer to a request. */
  answer(body: PullRequest): Sent[] {
    this.sent.length = 0
    this.answerer.handle({ type: 'pullRequest', body })
    while (this.answerer.waits) this.answerer.sendChunk()
    return [...this.sent]
  }

  /** An item takes the place of another, as a commit would have it. */
  replace(old: Item, item: Item): void {
    this.replica.remove(old)
    this.replica.insert(item)
    this.replica.context.add(item.actor, [item.counter, item.counter])
    this.answerer.removed([old])
  }
}

function item(actor: string, counter: number): Item {
  const value = new Uint8Array(1)
  return makeRegister({ actor, counter, key: 'key', value, ms: counter, tick: 0, expiry: 0 }, hash)
}

/** The asker lacks the first mutation of one writer; another one, whose bucket is equal, is about to replace its value. */
function begun(): {
  side: Side
  ask: PullAsk
  differing: LinkBodies['pullBuckets']
  first: Item
  second: Item
} {
  const side = new Side()
  const random = new Seeded(1, 'answerer')
  const context = new Context(hash)
  const actors = Array.from({ length: ACTORS }, () => toBinary(random.bytes(16)))
  for (const actor of actors) {
    context.add(actor, [1, 1])
    side.replica.context.add(actor, [1, 1])
  }
  const [one] = actors
  const other = actors.find((actor) => bucketOf(actor) !== bucketOf(one!))
  const [first, second] = [item(one!, 2), item(other!, 2)]
  side.replica.insert(first)
  side.replica.context.add(one!, [2, 2])
  const ask = new PullAsk(7, true, context, SIZES)
  const [answer] = side.answer(ask.firstRequest(context))
  assert.ok(answer?.type === 'pullBuckets')
  return { side, ask, differing: answer.body, first, second }
}

describe('core: answers to pulls by buckets', () => {
  it('do not tell as dead what was replaced since the buckets were compared (R5, seed 5024499)', () => {
    const { side, ask, differing, first, second } = begun()
    side.replace(first, second)
    const request = ask.narrow(differing, new Set())
    assert.ok(typeof request === 'object')
    for (const message of side.answer(request)) {
      if (message.type !== 'chunk') continue
      const told = decodeRanges(message.body.ranges, decodeActors(message.body.actors)!)
      assert.deepEqual(told, [])
    }
    assert.equal(side.sent.at(-1)?.type, 'pullEnd')
  })

  it('are refused when it is not known any more what happened since', () => {
    const { side, ask, differing, first, second } = begun()
    side.mono = timeoutMs + 1
    side.replace(first, second)
    const request = ask.narrow(differing, new Set())
    assert.ok(typeof request === 'object')
    const [only] = side.answer(request)
    assert.ok(only?.type === 'sessionEnd')
    assert.equal(only.body.code, 'BUSY')
  })
})
