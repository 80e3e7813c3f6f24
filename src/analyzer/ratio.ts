/**
 * The splitter's check on itself: does the coin fall as often as its weights say (sample ratio mismatch)?
 *
 * A splitter that is off makes every other number here wrong: a coin of 6 % that is believed to be 5 % takes back a
 * quarter of the healthy canaries at a nominal 5 %. So it has evidence of its own and is never blamed on the canary. Sequential
 * Dirichlet-multinomial test after Lindon and Malek (arXiv 2011.03567): exact at every look.
 */

import { stirlingRemainder } from './distribution/gamma.ts'

/** How sure the prior is of the weights: 1000 finds 6 % in place of 5 % after about 10 000 assignments. */
const CONCENTRATION = 1_000

/**
 * Returns ln E against "these counts were drawn with these shares".
 *
 * `shares` lie above 0 and add up to 1; `counts` has as many entries, each at least 0. `concentration` is above 0.
 */
export function lnMismatch(
  counts: readonly number[],
  shares: readonly number[],
  concentration: number = CONCENTRATION,
): number {
  // ln B(kp + n) - ln B(kp) - Σ n ln p, in which Stirling's large terms have been put together by hand.
  let total = concentration
  for (const count of counts) total += count
  let lnEvidence =
    0.5 * Math.log(total / concentration) -
    stirlingRemainder(total) +
    stirlingRemainder(concentration)
  for (let j = 0; j < counts.length; j++) {
    const prior = concentration * shares[j]!
    const posterior = prior + counts[j]!
    lnEvidence +=
      posterior * Math.log(posterior / (total * shares[j]!)) -
      0.5 * Math.log(posterior / prior) +
      stirlingRemainder(posterior) -
      stirlingRemainder(prior)
  }
  return lnEvidence
}
