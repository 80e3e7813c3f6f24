/** A z-test that is looked at every second: what happens when a test for one look is asked again and again. */

import { normalQuantile } from '../normal.ts'
import type { Candidate, Totals } from './judge.ts'

const ALPHA = 0.001

export const PEEK: Candidate = {
  name: 'z-test at 0.001, every second',
  isModel: false,
  make: () => {
    const limit = normalQuantile(1 - ALPHA)
    let nextS = 1
    return {
      delayS: 0,
      look: ({ atS }, totals) => {
        if (atS < nextS) return false
        nextS = Math.floor(atS) + 1
        return zOf(totals) > limit
      },
    }
  },
}

/** The pooled two-proportion statistic, one-sided: how much more of the canary fails. */
function zOf({ canaryCount, canaryFailed, stableCount, stableFailed }: Totals): number {
  if (canaryCount === 0 || stableCount === 0) return 0
  const pooled = (canaryFailed + stableFailed) / (canaryCount + stableCount)
  const variance = pooled * (1 - pooled) * (1 / canaryCount + 1 / stableCount)
  if (variance <= 0) return 0
  return (canaryFailed / canaryCount - stableFailed / stableCount) / Math.sqrt(variance)
}
