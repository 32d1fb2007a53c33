/**
 * Whom peers keep links with, in fleets far too large for real sockets: the functions that decide, with a model of who knows
 * whom around them. A round is a minute: everyone tells its neighbours of its neighbours, dials, and gives up surplus.
 */
import assert from 'node:assert/strict'
import { ringNeighbours, shuffled, surplus, toDial } from '../../src/net/neighbourhood.ts'
import { TUNING_DEFAULTS } from '../../src/net/tuning.ts'
import { Seeded } from '../support/seeded.ts'

const { linksWanted: WANTED, linksMax: MAX, linkSparedMs: SPARED_MS } = TUNING_DEFAULTS
/** No more than this is few. */
const FEW = 16
const ROUND_MS = 60_000
const LINKS_MIN = 6
/** At surplus links, in a round. */
const LOOKS = ROUND_MS / TUNING_DEFAULTS.surplusIntervalMs

function seeded(seed: number): () => number {
  const random = new Seeded(seed)
  return () => random.float()
}

class Model {
  readonly random: () => number
  readonly names: string[]
  readonly alive: Set<string>
  readonly links = new Map<string, Map<string, number>>()
  readonly known = new Map<string, Set<string>>()
  /** Pairs that cannot reach each other. */
  cut = (_a: string, _b: string): boolean => false
  now = 0
  dials = 0

  constructor(count: number, seed: number) {
    this.random = seeded(seed)
    this.names = Array.from({ length: count }, (_, i) => `peer-${i}`)
    this.alive = new Set(this.names)
    for (const name of this.names) {
      this.links.set(name, new Map())
      // All that anyone is told is one address.
      this.known.set(name, new Set(name === 'peer-0' ? [] : ['peer-0']))
    }
  }

  linksOf(name: string): string[] {
    return [...this.links.get(name)!.keys()]
  }

  link(a: string, b: string): void {
    this.links.get(a)!.set(b, this.now)
    this.links.get(b)!.set(a, this.now)
    this.known.get(a)!.add(b)
    this.known.get(b)!.add(a)
  }

  unlink(a: string, b: string): void {
    this.links.get(a)!.delete(b)
    this.links.get(b)!.delete(a)
  }

  kill(name: string): void {
    this.alive.delete(name)
    for (const other of this.linksOf(name)) this.unlink(name, other)
  }

  round(): void {
    this.now += ROUND_MS
    const order = shuffled([...this.alive], this.random)
    for (const name of order) {
      for (const to of this.linksOf(name)) {
        for (const other of this.linksOf(name)) if (other !== to) this.known.get(to)!.add(other)
      }
    }
    for (const name of order) this.dial(name)
    for (let look = 0; look < LOOKS; look++) for (const name of order) this.giveUp(name)
  }

  dial(name: string): void {
    const reachable = (peer: string): boolean => this.alive.has(peer) && !this.cut(name, peer)
    const unlinked = [...this.known.get(name)!].filter((peer) => !this.links.get(name)!.has(peer))
    const linked = new Set(this.linksOf(name))
    const { ring, others } = toDial(
      {
        self: name,
        linked,
        likely: unlinked.filter(reachable),
        unlikely: unlinked.filter((peer) => !reachable(peer)),
      },
      this.random,
    )
    const exploring = this.links.get(name)!.size >= WANTED && this.random() < 0.2
    const explored = exploring ? shuffled(unlinked, this.random).slice(0, 1) : []
    for (const peer of [...ring, ...explored]) if (reachable(peer)) this.dialled(name, peer)
    for (const peer of others) {
      if (this.links.get(name)!.size >= WANTED) return
      if (reachable(peer)) this.dialled(name, peer)
    }
  }

  dialled(from: string, to: string): void {
    this.dials++
    this.link(from, to)
  }

  giveUp(name: string): void {
    const views = [...this.links.get(name)!].map(([peer, upAt]) => ({
      peer,
      upAt,
      links: this.links.get(peer)!.size,
    }))
    const bounds = { wanted: WANTED, max: MAX, sparedMs: SPARED_MS }
    for (const peer of surplus(name, views, bounds, this.now, this.random)) this.unlink(name, peer)
  }

  rounds(count: number): void {
    for (let i = 0; i < count; i++) this.round()
  }

  /** Sizes of the islands. */
  islands(): number[] {
    const left = new Set(this.alive)
    const sizes: number[] = []
    for (const start of this.alive) {
      if (!left.delete(start)) continue
      const island = [start]
      for (let at = 0; at < island.length; at++) {
        for (const next of this.linksOf(island[at]!)) if (left.delete(next)) island.push(next)
      }
      sizes.push(island.length)
    }
    return sizes
  }

  degrees(): { min: number; max: number } {
    const degrees = [...this.alive].map((name) => this.links.get(name)!.size)
    return { min: Math.min(...degrees), max: Math.max(...degrees) }
  }
}

describe('neighbourhood', () => {
  it('of a small fleet is everyone', () => {
    const model = new Model(10, 1)
    model.rounds(3)
    assert.deepEqual(model.degrees(), { min: 9, max: 9 })
  })

  for (const count of [20, 100, 250]) {
    it(`of ${count} that know one address becomes one mesh, with links enough and not too many`, () => {
      const model = new Model(count, count)
      model.rounds(12)
      const { min, max } = model.degrees()
      assert.deepEqual(model.islands(), [count])
      assert.ok(min >= LINKS_MIN, `one has ${min} links`)
      assert.ok(max <= MAX, `one has ${max} links`)
      const before = model.dials
      model.rounds(10)
      const perPeerAndRound = (model.dials - before) / count / 10
      // What exploring costs, and what follows from it; a mesh that does not come to rest dials far more.
      assert.ok(perPeerAndRound < 0.5, `${perPeerAndRound} dials per peer and round`)
    })

    it(`of ${count} is whole again after a third, and its first address, vanished at once`, () => {
      const model = new Model(count, count + 1)
      model.rounds(12)
      for (const name of model.names.slice(0, Math.ceil(count / 3))) model.kill(name)
      model.rounds(5)
      assert.equal(model.islands().length, 1)
      assert.ok(model.degrees().min >= LINKS_MIN)
    })

    it(`of ${count} that was cut in two finds together`, () => {
      const model = new Model(count, count + 2)
      model.rounds(12)
      const half = (name: string): boolean => Number(name.split('-')[1]) < count / 2
      model.cut = (a, b) => half(a) !== half(b)
      for (const name of model.names) {
        for (const other of model.linksOf(name))
          if (model.cut(name, other)) model.unlink(name, other)
      }
      model.rounds(20)
      assert.equal(model.islands().length, 2)
      model.cut = () => false
      model.rounds(10)
      assert.equal(model.islands().length, 1)
    })
  }

  it('holds the mesh together by the ring alone', () => {
    const model = new Model(60, 3)
    model.rounds(12)
    for (const name of model.names) {
      const ring = ringNeighbours(name, model.names)
      for (const peer of ring) assert.ok(model.links.get(name)!.has(peer), `${name} lacks ${peer}`)
    }
    for (const name of model.names) {
      const ring = ringNeighbours(name, model.names)
      for (const other of model.linksOf(name)) {
        if (!ring.has(other) && !ringNeighbours(other, model.names).has(name)) {
          model.unlink(name, other)
        }
      }
    }
    assert.deepEqual(model.islands(), [60])
  })

  describe('surplus', () => {
    const now = 1_000_000
    const bounds = { wanted: WANTED, max: MAX, sparedMs: SPARED_MS }
    const view = (i: number, changes = {}) => ({
      peer: `p${i}`,
      upAt: 0,
      links: MAX as number | undefined,
      ...changes,
    })
    const views = (count: number, changes = {}) =>
      Array.from({ length: count }, (_, i) => view(i, changes))
    const given = (links: ReturnType<typeof views>) =>
      surplus('self', links, bounds, now, seeded(1))

    it('is none up to the most, then a few at a time, and never the ring', () => {
      assert.deepEqual(given(views(MAX)), [])
      assert.equal(given(views(MAX + 1)).length, 2)
      const ring = ringNeighbours(
        'self',
        views(MAX + 5).map(({ peer }) => peer),
      )
      for (let seed = 0; seed < 50; seed++) {
        const dropped = surplus('self', views(MAX + 5), bounds, now, seeded(seed))
        assert.equal(dropped.length, 2)
        assert.ok(dropped.every((peer) => !ring.has(peer)))
      }
    })

    it('spares who came just now, and who has few', () => {
      assert.deepEqual(given(views(MAX + 10, { upAt: now - 1000 })), [])
      assert.deepEqual(given(views(MAX + 10, { links: FEW })), [])
      assert.notDeepEqual(given(views(MAX + 10, { links: FEW + 1 })), [])
      assert.deepEqual(given(views(MAX + 10, { links: undefined })), [])
    })
  })
})
