import { describe, expect, test } from 'vitest'
import {
  ageOf,
  Settlements,
  type SettlementsOptions,
} from '../../../src/control/judge/settlements.ts'
import { FAILED, SEEN, SLOW, TIMED, UnitSet } from '../../../src/proxy/settlement/units.ts'

const ATTEMPT = { route: 'shop', rollout: 'shop-1', attempt: 1, isSticky: false, ageMs: null }

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

test('where the configuration says at which age, that is it, and an attempt that runs keeps its own', () => {
  const settlements = start()
  expect(settlements.obtain({ ...ATTEMPT, ageMs: 321 }, 500)!.settlement.ageMs).toBe(321)
  expect(settlements.obtain({ ...ATTEMPT, ageMs: 900 }, 500)!.settlement.ageMs).toBe(321)
  const again = start({ kept: () => ({ ageMs: 777, units: '' }) })
  expect(again.obtain({ ...ATTEMPT, ageMs: 900 }, 500)!.settlement.ageMs).toBe(777)
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
    const settlements = start({ kept: () => ({ ageMs: 777, units: '' }) })
    expect(settlements.obtain(ATTEMPT, 500)!.settlement).toMatchObject({ ageMs: 777, units: null })
  })

  test('is what is known of each unit', () => {
    const sticky = { ...ATTEMPT, isSticky: true }
    const before = start()
    const units = new UnitSet(before.obtain(sticky, 500)!.settlement.units!)
    for (const hash of [7, -8]) units.add(hash, SEEN | FAILED)
    units.add(9, SEEN)
    const kept = JSON.parse(JSON.stringify(before.keep(sticky)))
    const settlements = start({ kept: () => kept })
    const again = new UnitSet(settlements.obtain(sticky, 500)!.settlement.units!)
    expect([7, -8, 9, 10].map((hash) => again.add(hash, SEEN | FAILED))).toEqual([
      0,
      0,
      FAILED,
      SEEN | FAILED,
    ])
  })

  test('is no unit when an older version kept it', () => {
    const kept = JSON.parse('{"ageMs":500,"units":[7,8]}')
    const sticky = { ...ATTEMPT, isSticky: true }
    const { settlement } = start({ kept: () => kept }).obtain(sticky, 500)!
    expect(new UnitSet(settlement.units!).add(7, SEEN)).toBe(SEEN)
  })
})

test('threads are told what is slow for units', () => {
  const settlements = start()
  settlements.setUnitLimits(ATTEMPT, [1, 2, 3, 4])
  settlements.obtain(ATTEMPT, 500)
  settlements.setUnitLimits(ATTEMPT, [1, 2, 3, 4])
  const sticky = { ...ATTEMPT, attempt: 2, isSticky: true }
  const units = new UnitSet(settlements.obtain(sticky, 500)!.settlement.units!)
  settlements.setUnitLimits(sticky, [10, 0, 30, 0])
  units.readLimits()
  expect(units.timedKinds(20)).toBe(TIMED | SLOW)
})

test('an attempt that is over is forgotten', () => {
  const settlements = start()
  settlements.obtain(ATTEMPT, 500)
  settlements.release(ATTEMPT)
  expect([settlements.keep(ATTEMPT), settlements.cells(ATTEMPT).size]).toEqual([null, 0])
})

test('an attempt that was over before anybody judged it is released, but not while it is new', () => {
  const clock = { nowMs: 1_000 }
  const settlements = start({ nowMs: () => clock.nowMs })
  for (const attempt of [1, 2]) settlements.obtain({ ...ATTEMPT, attempt }, 500)
  settlements.obtain({ ...ATTEMPT, attempt: 3 }, 500)
  clock.nowMs += 14_999
  settlements.obtain({ ...ATTEMPT, attempt: 2 }, 500)
  const known = () =>
    [1, 2, 3].filter((attempt) => settlements.keep({ ...ATTEMPT, attempt }) !== null)
  settlements.keepOnly([])
  expect(known()).toEqual([1, 2, 3])
  clock.nowMs += 1
  settlements.keepOnly([{ ...ATTEMPT, attempt: 3 }])
  expect(known()).toEqual([2, 3])
  expect(settlements.cells(ATTEMPT).size).toBe(0)
})
