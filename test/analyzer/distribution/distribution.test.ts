import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { binomialProbability } from '../../../src/analyzer/binomial.ts'
import { lnBetaLower, lnBetaUpper, shareInterval } from '../../../src/analyzer/distribution/beta.ts'
import { lnBeta, lnGamma } from '../../../src/analyzer/distribution/gamma.ts'

test('the gamma function is the factorial', () => {
  let lnFactorial = 0
  for (let n = 1; n <= 170; n++) {
    lnFactorial += Math.log(n)
    expect(Math.abs(lnGamma(n + 1) - lnFactorial)).toBeLessThan(1e-13 * Math.max(1, lnFactorial))
  }
})

test.for([
  [0.5, Math.log(Math.PI) / 2],
  [1e-3, 6.907178885383854],
  [1.5, Math.log(Math.PI) / 2 - Math.LN2],
  [1e7, 151180949.3694739],
] as const)('ln gamma of %d', ([x, expected]) => {
  expect(Math.abs(lnGamma(x) - expected)).toBeLessThan(2e-15 * Math.max(5, expected))
})

test('the beta function is the gamma function put together', () => {
  const values = fc.double({ min: 0.01, max: 200, noNaN: true })
  fc.assert(
    fc.property(values, values, (a, b) => {
      const direct = lnGamma(a) + lnGamma(b) - lnGamma(a + b)
      expect(Math.abs(lnBeta(a, b) - direct)).toBeLessThan(1e-11)
    }),
  )
})

describe('the tails of the beta distribution', () => {
  test('are sums of binomial probabilities', () => {
    const shares = fc.double({ min: 0.001, max: 0.999, noNaN: true })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.nat(400), shares, (total, some, x) => {
        const k = 1 + (some % total)
        // P(Beta(k, n - k + 1) ≤ x) = P(Bin(n, x) ≥ k), Abramowitz and Stegun 26.5.24.
        let tail = 0
        for (let j = total; j >= k; j--) tail += binomialProbability(j, total, x)
        const found = Math.exp(lnBetaLower(x, { a: k, b: total - k + 1 }))
        expect(Math.abs(found - tail)).toBeLessThan(1e-12 + 1e-11 * tail)
      }),
    )
  })

  test('add up to one', () => {
    const values = fc.double({ min: 0.1, max: 1e6, noNaN: true })
    fc.assert(
      fc.property(values, values, fc.double({ min: 0, max: 1, noNaN: true }), (a, b, x) => {
        const both = Math.exp(lnBetaLower(x, { a, b })) + Math.exp(lnBetaUpper(x, { a, b }))
        expect(both).toBeCloseTo(1, 7)
      }),
    )
  })

  test('are told where they vanish', () => {
    // (1 - x)^b for a = 1.
    expect(lnBetaUpper(0.5, { a: 1, b: 4_000 })).toBeCloseTo(-4_000 * Math.LN2, 6)
    expect(lnBetaLower(0, { a: 1, b: 1 })).toBe(-Infinity)
    expect(lnBetaUpper(0, { a: 1, b: 1 })).toBe(0)
  })
})

describe('the interval of a share', () => {
  test.for([
    // Clopper and Pearson's exact limits, as R's binom.test gives them.
    [0, 10, 0, 0.3084971],
    [1, 10, 0.002528579, 0.4450161],
    [5, 10, 0.187086, 0.812914],
    [10, 10, 0.6915029, 1],
    [0, 2_000, 0, 0.001842755],
    [2, 2_000, 0.0001211143, 0.003607753],
  ] as const)('%d of %d', ([count, total, lower, upper]) => {
    const interval = shareInterval(count, total)
    expect(interval.lower).toBeCloseTo(lower, 6)
    expect(interval.upper).toBeCloseTo(upper, 6)
  })
})
