/**
 * Since when: the counts from the moment at which the present difference seems to have begun.
 *
 * After a healthy hour the totals hide a fault of the last ten seconds, so a sentence with totals would not convince
 * anybody. The moment is the last at which one bet of the middle had lost all it had won (Page's CUSUM, 1954). For words,
 * and to tell a fault that lasts from a pause; it never makes evidence.
 */

import { type Bets, FAULT_RATIOS } from '../coin/bets.ts'

/** Counts of both sides; `canaryCount` includes the bad ones. */
export interface SideCounts {
  readonly canaryCount: number
  readonly canaryBadCount: number
  readonly stableCount: number
  readonly stableBadCount: number
}

/** As JSON keeps it: the bet's logarithm, the tick, the four counts, and the ticks with bad ones. */
export type SavedOnset = readonly [number, number, number, number, number, number, number]

/** The bet on a canary three times as bad as it may be. */
const BET = FAULT_RATIOS.indexOf(3)

export class Onset {
  readonly #bets: Bets
  #lnWealth = 0
  /** The first tick that counts. */
  tickIndex = 0
  /** Ticks since then in which the canary had bad outcomes. */
  badTickCount = 0
  #lastBadTick = -1
  readonly #counts = { canaryCount: 0, canaryBadCount: 0, stableCount: 0, stableBadCount: 0 }

  constructor(bets: Bets, saved?: SavedOnset) {
    this.#bets = bets
    if (saved === undefined) return
    const [lnWealth, tickIndex, canaryCount, canaryBadCount, stableCount, stableBadCount] = saved
    this.badTickCount = saved[6]
    this.#lnWealth = lnWealth
    this.tickIndex = tickIndex
    this.#counts = { canaryCount, canaryBadCount, stableCount, stableBadCount }
  }

  get counts(): SideCounts {
    return this.#counts
  }

  /** Adds what settled at those odds in a tick, and begins anew where nothing speaks against the canary. `isBad`: it shows. */
  add(
    { index, isBad }: { readonly index: number; readonly isBad: boolean },
    odds: number,
    added: SideCounts,
  ): void {
    const factors = this.#bets.factors(odds)
    if (factors === null) return
    const counts = this.#counts
    counts.canaryCount += added.canaryCount
    counts.canaryBadCount += added.canaryBadCount
    counts.stableCount += added.stableCount
    counts.stableBadCount += added.stableBadCount
    if (isBad && index > this.#lastBadTick) {
      this.#lastBadTick = index
      this.badTickCount++
    }
    this.#lnWealth +=
      added.canaryBadCount * factors.canaryBad[BET]! +
      (added.canaryCount - added.canaryBadCount) * factors.canaryOk[BET]! +
      added.stableBadCount * factors.stableBad[BET]!
    if (this.#lnWealth > 0) return
    this.#lnWealth = 0
    this.tickIndex = index + 1
    this.badTickCount = 0
    counts.canaryCount = counts.canaryBadCount = counts.stableCount = counts.stableBadCount = 0
  }

  save(): SavedOnset {
    const { canaryCount, canaryBadCount, stableCount, stableBadCount } = this.#counts
    return [
      this.#lnWealth,
      this.tickIndex,
      canaryCount,
      canaryBadCount,
      stableCount,
      stableBadCount,
      this.badTickCount,
    ]
  }
}
