/**
 * Totals by weight: what the splitter's check on itself and the interval for display are made of.
 */

import { type CoinTotals } from '../coin/interval.ts'
import { lnMismatch } from '../ratio.ts'

/** Weight, the canary's count and failures, stable's count and failures. */
export type SavedWeight = readonly [number, number, number, number, number]

export interface SavedWeights {
  readonly lnCarried: number
  readonly weights: readonly SavedWeight[]
}

interface WeightTotals {
  readonly weightBp: number
  canaryCount: number
  canaryBadCount: number
  stableCount: number
  stableBadCount: number
}

/** Weights that are kept apart; when a plan has more, the oldest is closed and its evidence carried on. */
const WEIGHT_LIMIT = 64

export class Weights {
  readonly #totals = new Map<number, WeightTotals>()
  /** ln E against the splitter from weights that are closed. */
  #lnCarried = 0

  constructor(saved?: SavedWeights) {
    if (saved === undefined) return
    this.#lnCarried = saved.lnCarried
    for (const [
      weightBp,
      canaryCount,
      canaryBadCount,
      stableCount,
      stableBadCount,
    ] of saved.weights) {
      const totals = { weightBp, canaryCount, canaryBadCount, stableCount, stableBadCount }
      this.#totals.set(weightBp, totals)
    }
  }

  /** Adds tosses of the coin and what failed of them. Weights of 0 and 10 000 toss nothing and are left out. */
  add(added: WeightTotals): void {
    const { weightBp } = added
    if (weightBp === 0 || weightBp === 10_000) return
    const totals = this.#totals.get(weightBp)
    if (totals === undefined) {
      if (this.#totals.size >= WEIGHT_LIMIT) this.#closeOldest()
      this.#totals.set(weightBp, { ...added })
      return
    }
    totals.canaryCount += added.canaryCount
    totals.canaryBadCount += added.canaryBadCount
    totals.stableCount += added.stableCount
    totals.stableBadCount += added.stableBadCount
  }

  /** ln E against "the coin fell by its weights": the product over the weights. */
  get lnMismatch(): number {
    let ln = this.#lnCarried
    for (const totals of this.#totals.values()) ln += mismatchOf(totals)
    return ln
  }

  /** Counts of the weights that are kept, and how many would be the canary's. */
  get counts(): {
    readonly canaryCount: number
    readonly stableCount: number
    readonly expectedCanaryCount: number
  } {
    let canary = 0
    let stable = 0
    let expected = 0
    for (const { weightBp, canaryCount, stableCount } of this.#totals.values()) {
      canary += canaryCount
      stable += stableCount
      expected += ((canaryCount + stableCount) * weightBp) / 10_000
    }
    return { canaryCount: canary, stableCount: stable, expectedCanaryCount: expected }
  }

  /** The totals as the interval for display reads them. */
  get coinTotals(): readonly CoinTotals[] {
    return Array.from(this.#totals.values(), (totals) => ({
      odds: totals.weightBp / (10_000 - totals.weightBp),
      canaryBadCount: totals.canaryBadCount,
      canaryOkCount: totals.canaryCount - totals.canaryBadCount,
      stableBadCount: totals.stableBadCount,
    }))
  }

  save(): SavedWeights {
    return {
      lnCarried: this.#lnCarried,
      weights: Array.from(this.#totals.values(), (totals) => [
        totals.weightBp,
        totals.canaryCount,
        totals.canaryBadCount,
        totals.stableCount,
        totals.stableBadCount,
      ]),
    }
  }

  #closeOldest(): void {
    for (const [weightBp, totals] of this.#totals) {
      this.#lnCarried += mismatchOf(totals)
      this.#totals.delete(weightBp)
      return
    }
  }
}

function mismatchOf({ weightBp, canaryCount, stableCount }: WeightTotals): number {
  const share = weightBp / 10_000
  return lnMismatch([canaryCount, stableCount], [share, 1 - share])
}
