/**
 * The coin e-process: a bet on which side of the splitter's coin bad outcomes fall.
 *
 * The wealth of each bet is kept as its logarithm, so that a hundred failing requests in a row neither overflow nor
 * vanish for good. Under the null the mixture's wealth ever reaches 1 / alpha with probability at most alpha (Ville):
 * looks are free. Kernel after Lindon and Malek (arXiv 2011.03567), made one-sided, with a tolerance and restarts.
 *
 *     invest   M_k ← M_k + mass          at the start, at steps, at restarts
 *     bet      M_k ← M_k · L_k           L_k from the counts of a tick
 *     E        mean of M_k
 */

import type { Bets } from './bets.ts'

/** What requests of one weight came to; whole numbers of at least 0. */
export interface CoinCounts {
  readonly canaryBadCount: number
  readonly canaryOkCount: number
  readonly stableBadCount: number
}

/** The logarithm of each bet's wealth as JSON keeps it; null stands for no wealth at all. */
export type SavedCoin = readonly (number | null)[]

export class Coin {
  readonly #bets: Bets
  readonly #lnWealth: Float64Array
  #lnEvidence = -Infinity
  #isStale = false

  /** Goes on from `saved`, which must come from the same bets; else throws a RangeError. */
  constructor(bets: Bets, saved?: SavedCoin) {
    this.#bets = bets
    this.#lnWealth = new Float64Array(bets.count).fill(-Infinity)
    if (saved === undefined) return
    if (saved.length !== bets.count || !saved.every(isWealth)) {
      throw new RangeError(
        `Cannot go on with saved evidence: it must be ${bets.count} numbers, but is ${JSON.stringify(saved)}`,
      )
    }
    this.#lnWealth.set(saved.map((wealth) => wealth ?? -Infinity))
    this.#isStale = true
  }

  /** Adds capital to every bet, 0 to 1. All capital ever put in must not exceed 1. */
  invest(mass: number): void {
    if (mass <= 0) return
    const lnMass = Math.log(mass)
    for (let k = 0; k < this.#lnWealth.length; k++) {
      this.#lnWealth[k] = lnSum(this.#lnWealth[k]!, lnMass)
    }
    this.#isStale = true
  }

  /** Bets on what came in at those odds of the coin (canary to stable, when the requests were assigned). */
  bet(odds: number, counts: CoinCounts): void {
    const { canaryBadCount, canaryOkCount, stableBadCount } = counts
    if (canaryBadCount === 0 && canaryOkCount === 0 && stableBadCount === 0) return
    const factors = this.#bets.factors(odds)
    if (factors === null) return
    const { canaryBad, canaryOk, stableBad } = factors
    for (let k = 0; k < this.#lnWealth.length; k++) {
      this.#lnWealth[k]! +=
        canaryBadCount * canaryBad[k]! +
        canaryOkCount * canaryOk[k]! +
        stableBadCount * stableBad[k]!
    }
    this.#isStale = true
  }

  /** The natural logarithm of the evidence E, the mean wealth; -Infinity before any capital. */
  get lnEvidence(): number {
    if (this.#isStale) {
      this.#lnEvidence = lnMean(this.#lnWealth)
      this.#isStale = false
    }
    return this.#lnEvidence
  }

  /** ln E as it would be if those counts came next; they need not be whole. */
  lnEvidenceAfter(odds: number, counts: CoinCounts): number {
    const next = new Coin(this.#bets)
    next.#lnWealth.set(this.#lnWealth)
    next.#isStale = true
    next.bet(odds, counts)
    return next.lnEvidence
  }

  /** What `new Coin` goes on from, to the last bit. */
  save(): SavedCoin {
    return Array.from(this.#lnWealth, (wealth) => (wealth === -Infinity ? null : wealth))
  }
}

/** Returns ln(e^a + e^b). */
export function lnSum(a: number, b: number): number {
  const high = Math.max(a, b)
  if (high === -Infinity) return -Infinity
  return high + Math.log1p(Math.exp(Math.min(a, b) - high))
}

function lnMean(values: Float64Array): number {
  let high = -Infinity
  for (let k = 0; k < values.length; k++) high = Math.max(high, values[k]!)
  if (high === -Infinity) return -Infinity
  let total = 0
  for (let k = 0; k < values.length; k++) total += Math.exp(values[k]! - high)
  return high + Math.log(total / values.length)
}

function isWealth(wealth: number | null): boolean {
  return wealth === null || Number.isFinite(wealth)
}
