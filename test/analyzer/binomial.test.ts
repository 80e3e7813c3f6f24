import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { binomialProbability, countToFail } from '../../src/analyzer/binomial.ts'

const ALPHA = 1.7e-4

/** The same in whole numbers: ratio and alpha are `numerator / 100 000`, and nothing is rounded. */
function exactCountToFail(count: number, ratioIn100000: number, alphaIn100000: number): number {
  const n = BigInt(count)
  const good = 100_000n - BigInt(ratioIn100000)
  const bad = BigInt(ratioIn100000)
  const bound = BigInt(alphaIn100000) * 100_000n ** n
  let term = bad ** n
  let tail = 0n
  for (let k = count; k >= 0; k--) {
    tail += term
    if (tail * 100_000n > bound) return k + 1
    // From choose(n, k) bad^k good^(n-k) to k - 1.
    term = (term * BigInt(k) * good) / (bad * (n - BigInt(k) + 1n))
  }
  return 0
}

test.for([
  [0.01, 30, 5],
  [0.01, 60, 6],
  [0.01, 100, 7],
  [0.01, 300, 12],
  [0.01, 1_000, 24],
  [0.01, 3_000, 52],
  [0.05, 30, 8],
  [0.05, 60, 12],
  [0.05, 100, 15],
  [0.05, 300, 31],
  [0.05, 1_000, 77],
] as const)('at a limit of %d, of %d requests it takes %d', ([ratio, count, k]) => {
  expect(countToFail(count, ratio, ALPHA)).toBe(k)
})

test('it is the exact minimum for small counts', () => {
  const counts = fc.integer({ min: 1, max: 120 })
  const ratios = fc.integer({ min: 1, max: 99_999 })
  const alphas = fc.integer({ min: 1, max: 10_000 })
  fc.assert(
    fc.property(counts, ratios, alphas, (count, ratio, alpha) => {
      const exact = exactCountToFail(count, ratio, alpha)
      expect(countToFail(count, ratio / 1e5, alpha / 1e5)).toBe(exact)
    }),
    { numRuns: 400 },
  )
})

test.for([1_000, 5_000, 50_000])('and for a limit of %d in 100 000 and 2000 requests', (ratio) => {
  expect(countToFail(2_000, ratio / 1e5, ALPHA)).toBe(exactCountToFail(2_000, ratio, 17))
})

test.for([
  [0.01, 1e7],
  [0.05, 1e7],
  [0.5, 1e7],
  [0.001, 123_457],
] as const)('at a limit of %d and %d requests the tail ends where it should', ([ratio, count]) => {
  const k = countToFail(count, ratio, ALPHA)
  // Summed from the far end, where the terms vanish, so that no digit is lost.
  let tail = 0
  const far = Math.ceil(count * ratio + 12 * Math.sqrt(count * ratio * (1 - ratio)) + 100)
  for (let j = far; j >= k; j--) tail += binomialProbability(j, count, ratio)
  expect(tail).toBeLessThanOrEqual(ALPHA)
  expect(tail + binomialProbability(k - 1, count, ratio)).toBeGreaterThan(ALPHA)
})

test('probabilities add up to one at any size', () => {
  for (const [count, ratio] of [
    [5, 0.3],
    [1_000, 0.01],
    [1_000_000, 0.05],
  ] as const) {
    let total = 0
    for (let k = 0; k <= count; k++) total += binomialProbability(k, count, ratio)
    expect(total).toBeCloseTo(1, 11)
  }
})

test('one more request takes the same number or one more', () => {
  const ratios = fc.double({ min: 1e-6, max: 0.999, noNaN: true })
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000 }), ratios, (count, ratio) => {
      const step = countToFail(count + 1, ratio, ALPHA) - countToFail(count, ratio, ALPHA)
      expect([0, 1]).toContain(step)
    }),
  )
})

test.for([
  ['a limit of nothing fails at the first', 100, 0, 1],
  ['a limit of everything never fails', 100, 1, 101],
  ['no request never fails', 0, 0.01, 1],
  ['one failure of one request may be luck', 1, 0.01, 2],
  ['unless the limit is below the bound', 1, 1e-4, 1],
] as const)('%s', ([, count, ratio, k]) => {
  expect(countToFail(count, ratio, ALPHA)).toBe(k)
})

test.for([0, -1, 0.2, NaN])('a bound of %d is refused', (alpha) => {
  expect(() => countToFail(10, 0.01, alpha)).toThrow(RangeError)
})
