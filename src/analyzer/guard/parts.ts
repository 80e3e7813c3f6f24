/**
 * What each check compares: which outcomes count as bad, and by which bets.
 */

import { type Bets, type Tolerance, faultBets, orAlone } from '../coin/bets.ts'
import { LATENCY_QUANTILES } from '../latency.ts'
import {
  type CheckConfig,
  type RelativeCheckConfig,
  type SloCheckConfig,
  effectiveTolerance,
} from './config.ts'
import type { EpochCounts, Outcomes, VariantOutcomes } from './counts.ts'
import type { SideCounts } from './onset.ts'

/** One comparison of a check. */
export interface Part {
  readonly bets: Bets
  /** Its part of the check's evidence, 0 to 1. */
  readonly share: number
  readonly tolerance: Tolerance
  /** Above 0, below 1; null unless it is about latency. */
  readonly quantile: number | null
  readonly countsOf: (epoch: EpochCounts) => SideCounts
}

/** Returns the comparisons of a check: one, for `slo` the limit and the blame, for `latency` one a quantile. */
export function partsOf(check: CheckConfig, isSticky: boolean): readonly Part[] {
  switch (check.type) {
    case 'failed':
    case 'clientErrors':
      return [relativePart(check, isSticky)]
    case 'slo':
      return sloParts(check, isSticky)
    case 'latency':
      return latencyParts(isSticky)
  }
}

function relativePart(check: RelativeCheckConfig, isSticky: boolean): Part {
  const tolerance = effectiveTolerance(check, isSticky)
  const bad = check.type === 'failed' ? failedOf : clientErrorsOf
  return {
    bets: faultBets(tolerance),
    share: 1,
    tolerance,
    quantile: null,
    countsOf: ({ canary, stable }) =>
      side(coinOf(canary, isSticky), coinOf(stable, isSticky), requestsOf, bad),
  }
}

/**
 * Evidence is the lesser of both: that the canary breaks the limit, and that it is worse than stable, which is judged by
 * the limit where stable has no traffic. The lesser of two is evidence against "either is fine".
 */
function sloParts({ limitRatio }: SloCheckConfig, isSticky: boolean): readonly Part[] {
  const limit = { rho: 0, delta: limitRatio }
  const blame = effectiveTolerance({ rho: 1, delta: 0 }, isSticky)
  const limitBets = faultBets(limit)
  return [
    {
      bets: limitBets,
      share: 1,
      tolerance: limit,
      quantile: null,
      countsOf: ({ canary, stable }) => side(canary, stable, requestsOf, failedOf),
    },
    {
      bets: orAlone(faultBets(blame), limitBets),
      share: 1,
      tolerance: blame,
      quantile: null,
      countsOf: ({ weightBp, canary, stable }) => {
        const byUnit = isSticky && weightBp < 10_000
        return side(coinOf(canary, byUnit), coinOf(stable, byUnit), requestsOf, failedOf)
      },
    },
  ]
}

function latencyParts(isSticky: boolean): readonly Part[] {
  const tolerance = effectiveTolerance({ rho: 1, delta: 0 }, isSticky)
  const bets = faultBets(tolerance)
  return LATENCY_QUANTILES.map(({ quantile, share }, index) => ({
    bets,
    share,
    tolerance,
    quantile,
    countsOf: ({ canary, stable }) =>
      side(
        coinOf(canary, isSticky),
        coinOf(stable, isSticky),
        timedOf,
        ({ slowCounts }) => slowCounts[index] ?? 0,
      ),
  }))
}

/** The outcomes that belong to one toss of the coin each. */
export function coinOf(variant: VariantOutcomes, isSticky: boolean): Outcomes {
  return isSticky ? variant.units! : variant
}

function side(
  canary: Outcomes,
  stable: Outcomes,
  count: (outcomes: Outcomes) => number,
  bad: (outcomes: Outcomes) => number,
): SideCounts {
  return {
    canaryCount: count(canary),
    canaryBadCount: bad(canary),
    stableCount: count(stable),
    stableBadCount: bad(stable),
  }
}

function requestsOf({ requestCount }: Outcomes): number {
  return requestCount
}

function timedOf({ timedCount }: Outcomes): number {
  return timedCount
}

function failedOf({ failedCount }: Outcomes): number {
  return failedCount
}

function clientErrorsOf({ clientErrorCount }: Outcomes): number {
  return clientErrorCount
}
