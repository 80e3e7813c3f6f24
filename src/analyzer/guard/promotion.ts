/**
 * Evidence that the canary is good: the mirrored bet, against "it is worse than the margin allows".
 *
 * Silence of the other checks says little on little traffic; this says that there was enough. It starts with all capital
 * at once and has no restarts, because it is about the whole attempt.
 */

import { passBets } from '../coin/bets.ts'
import { Coin, type CoinCounts, type SavedCoin } from '../coin/coin.ts'
import type { GuardConfig } from './config.ts'
import type { EpochCounts } from './counts.ts'
import { type PromotionEvidence, log10 } from './evidence.ts'

export interface SavedPromotion {
  readonly coin: SavedCoin
  readonly isReached: boolean
}

export class Promotion {
  readonly #coin: Coin
  readonly #lnLimit: number
  #isReached: boolean

  /** Goes on from `saved`; throws a RangeError when that is not of these bets. */
  constructor(config: NonNullable<GuardConfig['promotion']>, saved?: SavedPromotion) {
    this.#coin = new Coin(passBets(config), saved?.coin)
    if (saved === undefined) this.#coin.invest(1)
    this.#lnLimit = -Math.log(config.beta)
    this.#isReached = saved?.isReached ?? false
  }

  /** Returns what it bet on. */
  add(epoch: EpochCounts, isSticky: boolean): CoinCounts {
    const counts = isSticky ? unitCounts(epoch) : requestCounts(epoch)
    this.bet(epoch.weightBp, counts)
    return counts
  }

  /** The same of counts that have been told apart before. */
  bet(weightBp: number, counts: CoinCounts): void {
    this.#coin.bet(oddsOf(weightBp), counts)
  }

  /** Whether the evidence is enough, or ever was. */
  decide(): void {
    this.#isReached ||= this.#coin.lnEvidence >= this.#lnLimit
  }

  /** Whether it would be enough if those counts came next; they need not be whole. */
  isReachedAfter(weightBp: number, counts: CoinCounts): boolean {
    return this.#coin.lnEvidenceAfter(oddsOf(weightBp), counts) >= this.#lnLimit
  }

  evidence(): PromotionEvidence {
    return {
      log10: log10(this.#coin.lnEvidence),
      limitLog10: log10(this.#lnLimit),
      isReached: this.#isReached,
    }
  }

  save(): SavedPromotion {
    return { coin: this.#coin.save(), isReached: this.#isReached }
  }
}

/**
 * Returns how many requests of a canary that fails none are evidence enough where stable fails none either. Each of them
 * tells the same at any weight.
 */
export function leastGoodCount(config: NonNullable<GuardConfig['promotion']>): number {
  const coin = new Coin(passBets(config))
  coin.invest(1)
  const lnLimit = -Math.log(config.beta)
  const lnAfter = (count: number) =>
    coin.lnEvidenceAfter(1, { canaryBadCount: 0, canaryOkCount: count, stableBadCount: 0 })
  let [low, high] = [0, 1]
  while (lnAfter(high) < lnLimit) [low, high] = [high, high * 2]
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (lnAfter(middle) < lnLimit) low = middle
    else high = middle
  }
  return high
}

/** Canary to stable. */
function oddsOf(weightBp: number): number {
  return weightBp / (10_000 - weightBp)
}

function requestCounts({ canary, stable }: EpochCounts): CoinCounts {
  return {
    canaryBadCount: canary.failedCount,
    canaryOkCount: canary.requestCount - canary.failedCount,
    stableBadCount: stable.failedCount,
  }
}

/**
 * Of sticky units only the first request speaks for the canary, because only that is a toss of its own; what they fail
 * later speaks against it alone. The evidence is then never more than that of the first requests.
 */
function unitCounts({ canary, stable }: EpochCounts): CoinCounts {
  return {
    canaryBadCount: canary.units!.failedCount,
    canaryOkCount: canary.units!.requestCount - canary.units!.firstFailedCount,
    stableBadCount: stable.units!.firstFailedCount,
  }
}
