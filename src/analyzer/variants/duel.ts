/**
 * Two variants of an A/B/n test against each other: which of them gets more conversions.
 *
 * The same coin as for canaries, with the odds of the two variants' weights. The weights may change with what was
 * seen (Thompson sampling), because each conversion is judged with the weights by which its unit was assigned.
 */

import { GAIN_RATIOS, faultBets } from '../coin/bets.ts'
import { Coin, type SavedCoin } from '../coin/coin.ts'

/** Conversions of units that were assigned while both had these weights (any unit of measure, at least 0). */
export interface DuelCounts {
  readonly weight: number
  readonly rivalWeight: number
  readonly conversionCount: number
  readonly rivalConversionCount: number
}

/** Evidence, after any number of counts and looks, that one variant converts more often than its rival. */
export class Duel {
  readonly #coin: Coin

  /** Goes on from `saved`; throws a RangeError when that is not a duel's. */
  constructor(saved?: SavedCoin) {
    this.#coin = new Coin(faultBets({ rho: 1, delta: 0 }, GAIN_RATIOS), saved)
    if (saved === undefined) this.#coin.invest(1)
  }

  add(counts: DuelCounts): void {
    this.#coin.bet(counts.weight / counts.rivalWeight, {
      canaryBadCount: counts.conversionCount,
      canaryOkCount: 0,
      stableBadCount: counts.rivalConversionCount,
    })
  }

  get lnEvidence(): number {
    return this.#coin.lnEvidence
  }

  save(): SavedCoin {
    return this.#coin.save()
  }
}
