import { describe, expect, test } from 'vitest'
import {
  coinInformation,
  divergence,
  earliestDecision,
  information,
  knownInformation,
} from '../../src/analyzer/bound.ts'
import { apart, stats } from '../vectors/stats.ts'

const { alpha, rows } = stats.detection_bounds

describe('the information bound', () => {
  test.for(rows)('$fault at $w', (row) => {
    const difference = { weight: row.w, canaryRatio: row.pc, stableRatio: row.ps }
    expect(apart(knownInformation(difference), row.info_known)).toBeLessThan(1e-9)
    expect(apart(information(difference), row.info_two_sample)).toBeLessThan(1e-9)
    expect(apart(coinInformation(difference), row.info_coin)).toBeLessThan(1e-9)
    for (const [rate, [, seconds]] of Object.entries(row.seconds)) {
      const bound = earliestDecision(difference, { alpha, requestsPerSecond: Number(rate) })
      expect(apart(bound.requestCount, row.N_two)).toBeLessThan(1e-9)
      expect(apart(bound.seconds, seconds)).toBeLessThan(1e-9)
    }
  })

  test('with a tolerance is further away', () => {
    const difference = { weight: 0.05, canaryRatio: 0.01, stableRatio: 0.001 }
    const found = information(difference, { rho: 1.5, delta: 0.001 })
    expect(found).toBeCloseTo(2.94e-4, 6)
    // The least over stable's rates, by brute force.
    let least = Infinity
    for (let a = 1e-6; a < 0.006; a += 1e-6) {
      const told = 0.05 * divergence(0.01, 1.5 * a + 0.001) + 0.95 * divergence(0.001, a)
      least = Math.min(least, told)
    }
    expect(apart(found, least)).toBeLessThan(1e-5)
  })

  test('against a limit alone it is the divergence from the limit', () => {
    const difference = { weight: 0.25, canaryRatio: 0.2, stableRatio: 0.001 }
    const found = information(difference, { rho: 0, delta: 0.05 })
    expect(found).toBeCloseTo(0.25 * divergence(0.2, 0.05), 12)
  })

  test.for([
    [0.01, 0.01],
    [0.005, 0.01],
    [0, 0],
  ])('a canary at %d and stable at %d cannot be told apart', ([canaryRatio, stableRatio]) => {
    const difference = { weight: 0.05, canaryRatio: canaryRatio!, stableRatio: stableRatio! }
    expect(coinInformation(difference)).toBe(0)
    expect(earliestDecision(difference, { alpha, requestsPerSecond: 100 })).toEqual({
      requestCount: Infinity,
      seconds: Infinity,
    })
  })

  test('without traffic it takes forever', () => {
    const difference = { weight: 0.05, canaryRatio: 1, stableRatio: 0 }
    const { requestCount, seconds } = earliestDecision(difference, { alpha, requestsPerSecond: 0 })
    expect(requestCount).toBeLessThan(40)
    expect(seconds).toBe(Infinity)
  })
})
