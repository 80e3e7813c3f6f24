import { describe, expect, test } from 'vitest'
import { excessInterval } from '../../../src/analyzer/coin/interval.ts'

function totals(weight: number, canary: readonly [number, number], stableBadCount: number) {
  const [canaryBadCount, requestCount] = canary
  const canaryOkCount = requestCount - canaryBadCount
  return { odds: weight / (1 - weight), canaryBadCount, canaryOkCount, stableBadCount }
}

describe('the interval of how much worse the canary is', () => {
  test('holds the difference and shrinks around it', () => {
    // The canary fails 5 %, stable 1 %, at a weight of a quarter.
    let width = Infinity
    for (const scale of [1, 10, 100, 1_000]) {
      const all = totals(0.25, [5 * scale, 100 * scale], 3 * scale)
      const { lower, upper } = excessInterval([all], 1)
      expect(lower!).toBeLessThan(0.04)
      expect(upper!).toBeGreaterThan(0.04)
      expect(upper! - lower!).toBeLessThan(width)
      width = upper! - lower!
    }
    expect(width).toBeLessThan(0.01)
  })

  test('of a healthy canary holds nothing', () => {
    const { lower, upper } = excessInterval([totals(0.05, [3, 3_000], 57)], 1)
    expect(lower!).toBeLessThan(0)
    expect(upper!).toBeGreaterThan(0)
    expect(upper!).toBeLessThan(0.01)
  })

  test('takes a ratio of stable off', () => {
    const all = [totals(0.5, [1_600, 40_000], 800)]
    const { lower, upper } = excessInterval(all, 1.5)
    expect(lower!).toBeLessThan(0.01)
    expect(upper!).toBeGreaterThan(0.01)
    expect(lower!).toBeGreaterThan(0)
  })

  test('adds up what was seen at several weights', () => {
    const first = totals(0.05, [5, 100], 19)
    const second = totals(0.5, [50, 1_000], 10)
    const both = excessInterval([first, second], 1)
    const one = excessInterval([first], 1)
    expect(both.lower!).toBeGreaterThan(one.lower!)
    expect(both.upper!).toBeLessThan(one.upper!)
  })

  test('without any requests is none', () => {
    expect(excessInterval([], 1)).toEqual({ lower: null, upper: null })
  })
})
