/**
 * The coin's evidence in closed form, where one fixed weight and no added tolerance allow it.
 *
 * Of `badCount` bad outcomes `canaryCount` fell to the canary. Under the null each does so with probability at most
 * `nullShare`; the alternative is a Beta prior over the shares above it. A check on the mixture of bets from another
 * side, and the cheapest test for a report of totals.
 */

import { type Beta, lnBetaUpper } from '../distribution/beta.ts'
import { lnBeta } from '../distribution/gamma.ts'

/** Returns the share of bad outcomes that a canary `rho` times as bad as stable gets at a weight of 0 to 1. */
export function nullShare(weight: number, rho: number): number {
  return (weight * rho) / (weight * rho + 1 - weight)
}

/** Returns ln E for counts of at least 0 and a null share between 0 and 1, both exclusive. */
export function lnBetaMixture(
  counts: { readonly canaryCount: number; readonly badCount: number },
  share: number,
  prior: Beta = { a: 1, b: 1 },
): number {
  const { canaryCount, badCount } = counts
  const posterior = { a: prior.a + canaryCount, b: prior.b + badCount - canaryCount }
  const lnAlternative =
    lnBeta(posterior.a, posterior.b) +
    lnBetaUpper(share, posterior) -
    lnBeta(prior.a, prior.b) -
    lnBetaUpper(share, prior)
  const lnNull = canaryCount * Math.log(share) + (badCount - canaryCount) * Math.log1p(-share)
  return lnAlternative - lnNull
}
