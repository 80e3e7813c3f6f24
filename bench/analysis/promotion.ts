/**
 * Evidence that the canary is good: how soon a healthy one has it, and how often one at the margin gets it all the same.
 */

import { STANDARD_GUARD } from '../../src/analyzer/guard/config.ts'
import { passBets } from '../../src/analyzer/coin/bets.ts'
import { Coin } from '../../src/analyzer/coin/coin.ts'
import { Random } from './random.ts'
import { type Share, type Times, shareOf, timesOf } from './share.ts'

const STABLE_RATIO = 0.001
const REQUESTS_PER_SECOND = 100
const WEIGHTS = [0.05, 0.25] as const

export interface PromotionResult {
  readonly weight: number
  /** Until a healthy canary passes. */
  readonly healthy: Times
  /** Canaries exactly at the margin that pass within the hour. */
  readonly falsePasses: Share
  /** The bound on that. */
  readonly beta: number
}

export function measurePromotion(options: {
  readonly seed: number
  readonly runCount: number
  readonly horizonS: number
}): readonly PromotionResult[] {
  const { seed, runCount, horizonS } = options
  const { rho, delta, beta } = STANDARD_GUARD.promotion!
  return WEIGHTS.map((weight) => {
    const runs = (canaryRatio: number) =>
      Array.from({ length: runCount }, (_, run) =>
        passedAfter(new Random(seed, `pass ${weight} ${canaryRatio} ${run}`), {
          weight,
          canaryRatio,
          horizonS,
        }),
      )
    const marginal = runs(rho * STABLE_RATIO + delta)
    return {
      weight,
      healthy: timesOf(runs(STABLE_RATIO)),
      falsePasses: shareOf(marginal.filter(Number.isFinite).length, runCount),
      beta,
    }
  })
}

/** Returns the seconds until the evidence is enough, Infinity if it never is. */
function passedAfter(
  random: Random,
  run: { readonly weight: number; readonly canaryRatio: number; readonly horizonS: number },
): number {
  const { weight, canaryRatio, horizonS } = run
  const { beta, ...margin } = STANDARD_GUARD.promotion!
  const coin = new Coin(passBets(margin))
  coin.invest(1)
  for (let atS = 1; atS <= horizonS; atS++) {
    const canary = REQUESTS_PER_SECOND * weight
    coin.bet(weight / (1 - weight), {
      canaryBadCount: random.poisson(canary * canaryRatio),
      canaryOkCount: random.poisson(canary * (1 - canaryRatio)),
      stableBadCount: random.poisson(REQUESTS_PER_SECOND * (1 - weight) * STABLE_RATIO),
    })
    if (coin.lnEvidence >= -Math.log(beta)) return atS
  }
  return Infinity
}
