/** How many bytes repair may send. */
import assert from 'node:assert/strict'
import { Budget } from '../../src/core/repair/budget.ts'
import { SETTINGS } from '../support/fleet.ts'

const PER_SECOND = 1_000
const TIMEOUT_MS = 30_000

function newBudget(): Budget {
  const repair = { ...SETTINGS.repair, bytesPerSecond: PER_SECOND, sessionTimeout: TIMEOUT_MS }
  return new Budget(repair, 0)
}

describe('core: budget of repair', () => {
  it('saves up a second at most', () => {
    const budget = newBudget()
    assert.ok(budget.has(60_000))
    budget.spend(PER_SECOND)
    assert.ok(!budget.has(60_000))
    assert.ok(budget.has(60_001))
  })

  it('is ready again when what was overdrawn is gained', () => {
    const budget = newBudget()
    budget.spend(3 * PER_SECOND)
    const at = budget.readyAt()
    assert.equal(at, 2_001)
    assert.ok(!budget.has(2_000))
    assert.ok(budget.has(at))
  })

  it('keeps nobody waiting for more than a third of the silence that ends a session, whatever was sent (R16)', () => {
    const budget = newBudget()
    budget.spend(1_000_000)
    budget.spend(1_000_000)
    assert.ok(budget.readyAt() <= TIMEOUT_MS / 3 + 1)
    assert.ok(!budget.has(TIMEOUT_MS / 3))
    assert.ok(budget.has(TIMEOUT_MS / 3 + 1))
  })
})
