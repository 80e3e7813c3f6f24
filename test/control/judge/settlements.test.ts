import { describe, expect, test } from 'vitest'
import {
  ageOf,
  Settlements,
  type SettlementsOptions,
} from '../../../src/control/judge/settlements.ts'
import { UnitSet } from '../../../src/proxy/settlement/units.ts'

const ATTEMPT = { route: 'shop', rollout: 'shop-1', attempt: 1, isSticky: false }

function start(options: Partial<SettlementsOptions> = {}): Settlements {
  return new Settlements({ nowMs: () => 0, stableP99Us: () => null, kept: () => null, ...options })
}

test.for([
  [null, 1_000],
  [1_000, 250],
  [62_500, 250],
  [100_000, 400],
  [333_333, 1_333],
  [9_000_000, 5_000],
] as const)('a p99 of %s µs: requests are settled after %i ms', ([p99Us, ageMs]) => {
  expect(ageOf(p99Us)).toBe(ageMs)
})

test('the age is frozen when the attempt is published first', () => {
  let p99Us = 100_000
  const settlements = start({ stableP99Us: () => p99Us })
  const before = settlements.obtain(ATTEMPT, 500)!
  p99Us = 900_000
  const after = settlements.obtain(ATTEMPT, 2_500)!
  expect(after.settlement).toBe(before.settlement)
  expect(after.pair).not.toEqual(before.pair)
  expect(settlements.obtain({ ...ATTEMPT, attempt: 2 }, 500)!.settlement.ageMs).toBe(3_600)
})

test('without a weight there is no evidence', () => {
  const settlements = start()
  expect(settlements.obtain(ATTEMPT, 0)).toBeNull()
  expect(settlements.keep(ATTEMPT)).toBeNull()
})

describe('what an earlier process kept', () => {
  test('is the age', () => {
    const settlements = start({ kept: () => ({ ageMs: 777, units: [] }) })
    expect(settlements.obtain(ATTEMPT, 500)!.settlement).toMatchObject({ ageMs: 777, units: null })
  })

  test('is the units that have failed', () => {
    const sticky = { ...ATTEMPT, isSticky: true }
    const first = start().obtain(sticky, 500)!.settlement
    const units = new UnitSet(first.units!)
    for (const hash of [7, -8, 9]) units.add(hash)
    const settlements = start({ kept: () => ({ ageMs: 500, units: units.hashes() }) })
    const again = new UnitSet(settlements.obtain(sticky, 500)!.settlement.units!)
    expect([again.add(7), again.add(-8), again.add(10)]).toEqual([false, false, true])
    expect(settlements.keep(sticky)!.units.toSorted((a, b) => a - b)).toEqual([-8, 7, 9, 10])
  })
})

test('an attempt that is over is forgotten', () => {
  const settlements = start()
  settlements.obtain(ATTEMPT, 500)
  settlements.release(ATTEMPT)
  expect([settlements.keep(ATTEMPT), settlements.cells(ATTEMPT).size]).toEqual([null, 0])
})
