/**
 * The bets: what a bad outcome says, as the logarithm of a factor, about who is to blame for it.
 *
 * Null hypothesis, at every request given the past: `p_canary ≤ rho · p_stable + delta`. The splitter's coin came down
 * for the canary with odds that are known, `odds = w / (1 - w)`. A bet `theta` multiplies its wealth by
 *
 *     canary    bad: 1 + theta (1 - delta)         well: 1 - theta delta
 *     stable    bad: 1 - theta rho odds            well: 1
 *
 * whose mean is `1 + w theta (p_canary - delta - rho p_stable)`: at most 1 under the null, whatever the error rate does
 * over time. That line is the whole proof. Fixed bets in a mixture were taken over bets that learn (safestats): counts
 * can then be added up in any order and over any processes, and the test stays one-sided.
 */

/** What a canary may be worse by: `p_canary ≤ rho · p_stable + delta`. */
export interface Tolerance {
  /** Ratio to stable, at least 0; 0 compares with `delta` alone. */
  readonly rho: number
  /** Added share of requests, -1 to 1 (both exclusive). */
  readonly delta: number
}

/** Assumed ratios of the canary's rate to the worst that is allowed; each is one bet of the same prior weight. */
export const FAULT_RATIOS: readonly number[] = [1.25, 1.5, 2, 3, 5, 8, 13, 25, 60, 200, 1000]

/** The same for A/B tests, where a gain is small. */
export const GAIN_RATIOS: readonly number[] = [1.05, 1.1, 1.2, 1.35, 1.5, 2, 3]

/** Shares of the bet that would lose everything at the first bad outcome; for bets that a canary is good. */
export const PASS_SHARES: readonly number[] = [0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 0.95]

/** How much of the wealth a good outcome may cost at most. */
const CAP = 0.99

/** How many odds are remembered; a rollout has a handful. */
const KNOWN_ODDS_LIMIT = 256

/** Logarithms of a bet's factors, by outcome; `count` bets each. */
export interface Factors {
  readonly canaryBad: Float64Array
  readonly canaryOk: Float64Array
  readonly stableBad: Float64Array
}

/** A set of bets and their factors at any odds. */
export interface Bets {
  /** How many bets there are. */
  readonly count: number
  /**
   * Returns the factors at those odds (canary to stable, as the request was assigned), or null where the coin has only
   * one side and nothing can be learnt.
   */
  readonly factors: (odds: number) => Factors | null
}

/** A bet's stakes at one side's odds. */
type Stakes = (odds: number) => Factors

/** Bets that the canary is worse than the tolerance allows, one for each assumed ratio (above 1). */
export function faultBets(tolerance: Tolerance, ratios: readonly number[] = FAULT_RATIOS): Bets {
  return remembering(
    ratios.length,
    (odds) => isTwoSided(tolerance, odds),
    (odds) => {
      const { rho, delta } = tolerance
      const weighted = rho === 0 ? 0 : rho * odds
      const thetas = Float64Array.from(ratios, (ratio) => {
        const theta = (ratio - 1) / (1 + ratio * weighted)
        return delta > 0 ? Math.min(theta, CAP / delta) : theta
      })
      return {
        canaryBad: thetas.map((theta) => Math.log1p(theta * (1 - delta))),
        canaryOk: thetas.map((theta) => Math.log1p(-theta * delta)),
        stableBad: thetas.map((theta) => Math.log1p(-theta * weighted)),
      }
    },
  )
}

/**
 * Bets that the canary is better than the tolerance: the mirrored null `p_canary ≥ rho · p_stable + delta`, with
 * `theta = share / (1 - delta)`. They promote on evidence.
 */
export function passBets(tolerance: Tolerance, shares: readonly number[] = PASS_SHARES): Bets {
  return remembering(
    shares.length,
    (odds) => isTwoSided(tolerance, odds),
    (odds) => {
      const { rho, delta } = tolerance
      const weighted = rho === 0 ? 0 : rho * odds
      const thetas = Float64Array.from(shares, (share) => share / (1 - delta))
      return {
        canaryBad: thetas.map((theta) => Math.log1p(-theta * (1 - delta))),
        canaryOk: thetas.map((theta) => Math.log1p(theta * delta)),
        stableBad: thetas.map((theta) => Math.log1p(theta * weighted)),
      }
    },
  )
}

/** The same bets, but where stable has no traffic (endless odds) those of `alone`: a limit needs no stable. */
export function orAlone(bets: Bets, alone: Bets): Bets {
  return {
    count: bets.count,
    factors: (odds) => (odds === Infinity ? alone.factors(odds) : bets.factors(odds)),
  }
}

function isTwoSided({ rho }: Tolerance, odds: number): boolean {
  return odds > 0 && (rho === 0 || odds < Infinity)
}

function remembering(count: number, isPlayed: (odds: number) => boolean, stake: Stakes): Bets {
  const known = new Map<number, Factors>()
  return {
    count,
    factors(odds) {
      const found = known.get(odds)
      if (found !== undefined) return found
      if (!isPlayed(odds)) return null
      if (known.size >= KNOWN_ODDS_LIMIT) known.clear()
      const factors = stake(odds)
      known.set(odds, factors)
      return factors
    },
  }
}
