/**
 * One comparison: a coin, the counts it has seen and since when they look bad. A check is made of one or several.
 */

import type { Bets } from '../coin/bets.ts'
import { Coin, type SavedCoin } from '../coin/coin.ts'
import { Onset, type SavedOnset, type SideCounts } from './onset.ts'

export interface SavedComparison {
  readonly coin: SavedCoin
  /** Canary and its bad ones, stable and its bad ones. */
  readonly counts: readonly [number, number, number, number]
  readonly onset: SavedOnset
}

export class Comparison {
  readonly #bets: Bets
  readonly #coin: Coin
  readonly #onset: Onset
  readonly #totals = { canaryCount: 0, canaryBadCount: 0, stableCount: 0, stableBadCount: 0 }

  /** Goes on from `saved`; throws a RangeError when that is not of these bets. */
  constructor(bets: Bets, saved?: SavedComparison) {
    this.#bets = bets
    this.#coin = new Coin(bets, saved?.coin)
    this.#onset = new Onset(bets, saved?.onset)
    if (saved === undefined) return
    const [canaryCount, canaryBadCount, stableCount, stableBadCount] = saved.counts
    this.#totals = { canaryCount, canaryBadCount, stableCount, stableBadCount }
  }

  invest(mass: number): void {
    this.#coin.invest(mass)
  }

  /**
   * Adds what settled at those odds in a tick, unless they allow no comparison. A unit may turn bad in a later tick than
   * it was counted in. `isBad`: the canary was bad in this tick, whether or not a unit's first time.
   */
  add(
    tick: { readonly index: number; readonly isBad: boolean },
    odds: number,
    added: SideCounts,
  ): void {
    if (this.#bets.factors(odds) === null) return
    this.#totals.canaryCount += added.canaryCount
    this.#totals.canaryBadCount += added.canaryBadCount
    this.#totals.stableCount += added.stableCount
    this.#totals.stableBadCount += added.stableBadCount
    this.#onset.add(tick, odds, added)
    this.#coin.bet(odds, {
      canaryBadCount: added.canaryBadCount,
      canaryOkCount: added.canaryCount - added.canaryBadCount,
      stableBadCount: added.stableBadCount,
    })
  }

  get lnEvidence(): number {
    return this.#coin.lnEvidence
  }

  get totals(): SideCounts {
    return this.#totals
  }

  get onset(): {
    readonly tickIndex: number
    readonly badTickCount: number
    readonly counts: SideCounts
  } {
    return this.#onset
  }

  save(): SavedComparison {
    const { canaryCount, canaryBadCount, stableCount, stableBadCount } = this.#totals
    return {
      coin: this.#coin.save(),
      counts: [canaryCount, canaryBadCount, stableCount, stableBadCount],
      onset: this.#onset.save(),
    }
  }
}
