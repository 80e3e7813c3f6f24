import { describe, expect, test } from 'vitest'
import { lnMismatch } from '../../src/analyzer/ratio.ts'
import { stats } from '../vectors/stats.ts'

describe('evidence against the splitter', () => {
  test.for(stats.srm_dirichlet_multinomial.cases)('$n at $p', ({ n, p, k, logE }) => {
    expect(Math.abs(lnMismatch(n, p, k) - logE)).toBeLessThan(1e-9)
  })

  test('none is none', () => {
    expect(lnMismatch([0, 0], [0.05, 0.95])).toBeCloseTo(0, 12)
  })

  test('keeps its digits at a thousand million requests', () => {
    // Exactly as expected: what remains is -½ ln((k + n) / k) for two sides, and what Stirling leaves of the prior.
    const found = lnMismatch([5e7, 9.5e8], [0.05, 0.95])
    expect(found).toBeCloseTo(-6.909_426_81, 8)
  })

  test('grows with each request that should not be there', () => {
    expect(lnMismatch([600, 9_400], [0.05, 0.95])).toBeGreaterThan(
      lnMismatch([550, 9_450], [0.05, 0.95]),
    )
  })
})
