import { describe, expect, test } from 'vitest'
import { effectiveTolerance } from '../../../src/analyzer/guard/config.ts'
import { standardGuard, stickyTick, tick, ticksToDecide } from './ticks.ts'

const STICKY = { isSticky: true }

describe('with sticky units', () => {
  test('a unit that fails a hundred times is one failure', () => {
    const storm = stickyTick(
      5,
      { count: 100, failed: 100, units: { count: 0 } },
      { count: 100, units: { count: 0 } },
    )
    const guard = standardGuard(STICKY)
    guard.add(
      stickyTick(
        5,
        { count: 1, failed: 1, units: { count: 1, failed: 1 } },
        { count: 19, units: { count: 19 } },
      ),
    )
    expect(ticksToDecide(guard, storm, 600)).toBeNull()
    expect(guard.evidence().checks[0]).toMatchObject({
      name: 'failed',
      parts: [{ totals: { canaryCount: 1, canaryBadCount: 1 } }],
    })
  })

  test('many units that fail are many', () => {
    const guard = standardGuard(STICKY)
    const bad = stickyTick(
      5,
      { count: 50, failed: 25, units: { count: 5, failed: 5 } },
      { count: 950, units: { count: 95 } },
    )
    expect(ticksToDecide(guard, bad)).toBeLessThan(4)
  })

  test('a unit may turn bad long after it was counted', () => {
    const guard = standardGuard(STICKY)
    const arrive = stickyTick(
      5,
      { count: 100, units: { count: 100 } },
      { count: 1_900, units: { count: 1_900 } },
    )
    const turn = stickyTick(
      5,
      { count: 10, failed: 10, units: { count: 0, failed: 10 }, firstFailed: 0 },
      { count: 190, units: { count: 0 } },
    )
    guard.add(arrive)
    expect(ticksToDecide(guard, turn)).toBeLessThan(3)
  })

  test('no share is added and at least half as much again is tolerated', () => {
    expect(effectiveTolerance({ rho: 1, delta: 0.001 }, true)).toEqual({ rho: 1.5, delta: 0 })
    expect(effectiveTolerance({ rho: 2, delta: 0.01 }, true)).toEqual({ rho: 2, delta: 0 })
    expect(effectiveTolerance({ rho: 1, delta: 0.01 }, false)).toEqual({ rho: 1, delta: 0.01 })
  })

  test('the coin is tossed once a unit', () => {
    const guard = standardGuard(STICKY)
    // One heavy unit on the canary: many requests, one toss.
    for (let i = 0; i < 100; i++) {
      guard.add(
        stickyTick(
          5,
          { count: 500, units: { count: i === 0 ? 1 : 0 } },
          { count: 95, units: { count: 1 } },
        ),
      )
    }
    expect(guard.evidence().ratio).toMatchObject({ isBroken: false, canaryCount: 1 })
  })

  test('only first requests speak for the canary', () => {
    const many = standardGuard(STICKY)
    const few = standardGuard(STICKY)
    for (let i = 0; i < 60; i++) {
      many.add(
        stickyTick(25, { count: 25, units: { count: 25 } }, { count: 75, units: { count: 75 } }),
      )
      few.add(
        stickyTick(25, { count: 25, units: { count: 0 } }, { count: 75, units: { count: 0 } }),
      )
    }
    expect(many.evidence().promotion?.isReached).toBe(true)
    expect(few.evidence().promotion?.log10).toBe(0)
  })

  test('what every request does counts against the limit when stable has no traffic', () => {
    const guard = standardGuard(STICKY)
    const bad = stickyTick(
      100,
      { count: 100, failed: 20, units: { count: 1, failed: 1 } },
      { count: 0, units: { count: 0 } },
    )
    expect(ticksToDecide(guard, bad)).toBeLessThan(10)
  })

  test('counts without units are refused', () => {
    const counts = tick(5, { count: 1 }, { count: 1 })
    expect(() => standardGuard(STICKY).add(counts)).toThrow('units')
  })
})
