/**
 * How much worse the canary is, as an interval that may be looked at at any time.
 *
 * The bound on `p_canary - rho · p_stable` is the largest added share that the coin refutes: the test turned round, on the
 * totals of each weight. For display only: it has no restarts, so after a late fault it lags behind the evidence.
 */

import { Coin, type CoinCounts } from './coin.ts'
import { type Bets, faultBets, passBets } from './bets.ts'

/** All counts of one weight; `odds` as in `Bets.factors`. */
export interface CoinTotals extends CoinCounts {
  readonly odds: number
}

/** Shares of requests, -1 to 1; null where nothing is refuted yet. */
export interface ExcessInterval {
  readonly lower: number | null
  readonly upper: number | null
}

/** Halvings; the bounds are then exact to a millionth of a percentage point. */
const HALVINGS = 28

const EDGE = 1 - 1e-9

/**
 * Returns an interval for `p_canary - rho · p_stable` that covers it at all times with probability of at least
 * `1 - alpha`, if the rates do not change.
 */
export function excessInterval(
  totals: readonly CoinTotals[],
  rho: number,
  alpha = 0.05,
): ExcessInterval {
  const lnLimit = Math.log(2 / alpha)
  const isAbove = (delta: number) => lnEvidence(faultBets({ rho, delta }), totals) >= lnLimit
  const isBelow = (delta: number) => lnEvidence(passBets({ rho, delta }), totals) >= lnLimit
  return {
    lower: isAbove(-EDGE) ? search(-EDGE, EDGE, isAbove) : null,
    upper: isBelow(EDGE) ? search(EDGE, -EDGE, isBelow) : null,
  }
}

function lnEvidence(bets: Bets, totals: readonly CoinTotals[]): number {
  const coin = new Coin(bets)
  coin.invest(1)
  for (const one of totals) coin.bet(one.odds, one)
  return coin.lnEvidence
}

/** Returns the last delta on the way from one that is refuted to one that need not be. */
function search(from: number, to: number, isRefuted: (delta: number) => boolean): number {
  let refuted = from
  let open = to
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (refuted + open) / 2
    if (isRefuted(middle)) refuted = middle
    else open = middle
  }
  return refuted
}
